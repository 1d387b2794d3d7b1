"""Grafana's classic dashboard schema, version 42, as far as mlspec writes it: what is not listed is refused.

Grafana ignores keys that it does not know and values that it does not understand, and so does its SDK. These models
are written from the SDK's types (grafana/grafana-foundation-sdk 0.0.21: models/dashboard.py, timeseries.py, stat.py,
statetimeline.py, prometheus.py, common.py). A field without a default there is required here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Mapping as Texts
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, TypeAdapter
from pydantic.alias_generators import to_camel

from .support import loaded

__all__ = ["Dashboard", "Panel", "dashboards", "parsed", "shown", "substituted"]

Color = Literal["green", "orange", "red", "blue"]


class Strict(BaseModel):
    """No key besides those listed, and no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class Source(Strict):
    type: Literal["prometheus"]
    uid: Literal["${datasource}"]


class Link(Strict):
    title: str
    type: Literal["link"]
    icon: Literal["external link"]
    tooltip: str
    url: Annotated[HttpUrl, Field(strict=False)]
    tags: list[str]
    as_dropdown: bool
    target_blank: bool
    include_vars: bool
    keep_time: bool


class Place(Strict):
    h: int = Field(ge=1)
    w: int = Field(ge=1, le=24)
    x: int = Field(ge=0, le=23)
    y: int = Field(ge=0)


class Target(Strict):
    ref_id: str = Field(pattern="^[A-Z]$")
    expr: str = Field(min_length=1)
    legend_format: str
    interval: str = Field(pattern=r"^[0-9]+(ms|[smh])$")
    instant: bool
    range: bool


class Step(Strict):
    color: Color
    value: float | None


class Thresholds(Strict):
    mode: Literal["absolute"]
    steps: list[Step] = Field(min_length=1)


class ColorMode(Strict):
    mode: Literal["thresholds", "palette-classic"]


class Mapped(Strict):
    text: str
    color: Color
    index: int


class Mapping(Strict):
    type: Literal["value"]
    options: dict[str, Mapped]


class ThresholdsStyle(Strict):
    mode: Literal["off", "line", "dashed", "area", "line+area", "dashed+area", "series"]


class GraphField(Strict):
    draw_style: Literal["line", "bars", "points"]
    fill_opacity: int = Field(ge=0, le=100)
    line_width: int = Field(ge=0, le=10)
    show_points: Literal["auto", "never", "always"]
    span_nulls: bool
    thresholds_style: ThresholdsStyle


class StatesField(Strict):
    fill_opacity: int = Field(ge=0, le=100)
    line_width: int = Field(ge=0, le=10)


class Defaults(Strict):
    unit: Literal["none", "short", "percentunit", "percent", "reqps", "s", "ms", "µs", "bytes"]
    no_value: str = Field(min_length=1)
    color: ColorMode
    thresholds: Thresholds


class GraphDefaults(Defaults):
    min: float
    custom: GraphField


class StatesDefaults(Defaults):
    mappings: list[Mapping]
    custom: StatesField


class Legend(Strict):
    display_mode: Literal["list", "table", "hidden"]
    placement: Literal["bottom", "right"]
    show_legend: bool
    calcs: list[str]


class Tooltip(Strict):
    mode: Literal["single", "multi", "none"]
    sort: Literal["asc", "desc", "none"]


class GraphOptions(Strict):
    legend: Legend
    tooltip: Tooltip


class StatesOptions(GraphOptions):
    merge_values: bool
    row_height: float = Field(gt=0, le=1)
    show_value: Literal["auto", "never", "always"]


class Reduced(Strict):
    calcs: list[Literal["lastNotNull"]] = Field(min_length=1)
    fields: str
    values: bool


class StatOptions(Strict):
    color_mode: Literal["value", "background", "background_solid", "none"]
    graph_mode: Literal["none", "line", "area"]
    justify_mode: Literal["auto", "center"]
    orientation: Literal["auto", "vertical", "horizontal"]
    text_mode: Literal["auto", "value", "value_and_name", "name", "none"]
    wide_layout: bool
    show_percent_change: bool
    percent_change_color_mode: Literal["standard", "inverted", "same_as_value"]
    reduce_options: Reduced


class GraphConfig(Strict):
    defaults: GraphDefaults
    overrides: list[Any] = Field(max_length=0)


class StatConfig(Strict):
    defaults: Defaults
    overrides: list[Any] = Field(max_length=0)


class StatesConfig(Strict):
    defaults: StatesDefaults
    overrides: list[Any] = Field(max_length=0)


class Panel(Strict):
    id: int = Field(ge=1, lt=2**31)
    title: str = Field(min_length=1)
    description: str = Field(min_length=20)
    grid_pos: Place
    datasource: Source
    targets: list[Target] = Field(min_length=1)
    field_config: GraphConfig | StatConfig | StatesConfig
    links: list[Link] = []


class Graph(Panel):
    type: Literal["timeseries"]
    field_config: GraphConfig
    options: GraphOptions


class Stat(Panel):
    type: Literal["stat"]
    field_config: StatConfig
    options: StatOptions


class States(Panel):
    type: Literal["state-timeline"]
    field_config: StatesConfig
    options: StatesOptions


AnyPanel = Annotated[Graph | Stat | States, Field(discriminator="type")]


class Row(Strict):
    id: int = Field(ge=1, lt=2**31)
    type: Literal["row"]
    title: str = Field(min_length=1)
    collapsed: bool
    grid_pos: Place
    panels: list[AnyPanel]


class Choice(Strict):
    text: str | list[str]
    value: str | list[str]


class SourceVariable(Strict):
    name: Literal["datasource"]
    label: str
    type: Literal["datasource"]
    query: Literal["prometheus"]
    refresh: Literal[1, 2]
    current: Choice


class Asked(Strict):
    query: str
    ref_id: str


class QueryVariable(Strict):
    name: Literal["version"]
    label: str
    type: Literal["query"]
    datasource: Source
    definition: str
    query: Asked
    refresh: Literal[1, 2]
    sort: int = Field(ge=0, le=8)
    multi: bool
    include_all: bool
    all_value: str
    current: Choice


class Templating(Strict):
    list: list[Annotated[SourceVariable | QueryVariable, Field(discriminator="type")]]


class OwnSource(Strict):
    type: Literal["grafana"]
    uid: Literal["-- Grafana --"]


class OwnAnnotation(Strict):
    built_in: Literal[1]
    name: str
    type: Literal["dashboard"]
    datasource: OwnSource
    enable: bool
    hide: bool
    icon_color: str


class AnnotationTarget(Strict):
    ref_id: str
    expr: str
    interval: str


class Annotation(Strict):
    name: str
    datasource: Source
    enable: bool
    icon_color: str
    target: AnnotationTarget
    title_format: str
    text_format: str
    tag_keys: str


class Annotations(Strict):
    list: list[OwnAnnotation | Annotation]


class Time(Strict):
    from_: str = Field(alias="from")
    to: Literal["now"]


class Dashboard(Strict):
    uid: str = Field(pattern="^[a-zA-Z0-9_-]{1,40}$")
    title: str = Field(min_length=1)
    description: str
    tags: list[str]
    editable: bool
    graph_tooltip: Literal[0, 1, 2]
    schema_version: Literal[42]
    time: Time
    timezone: Literal["browser", "utc"]
    refresh: str
    links: list[Link]
    templating: Templating
    annotations: Annotations
    panels: list[Annotated[Row | AnyPanel, Field(discriminator="type")]]

    @property
    def shown(self) -> list[Panel]:
        """All panels, also those in collapsed rows, without the rows."""
        inside = [panel for row in self.panels if isinstance(row, Row) for panel in row.panels]
        return [*(panel for panel in self.panels if isinstance(panel, Panel)), *inside]


def dashboards(files: Texts[str, str]) -> Iterator[dict[str, Any]]:
    """The dashboards in the files of a bundle, whatever brings them to Grafana."""
    for path, text in files.items():
        if path.endswith(".json") and not path.endswith("index.json"):
            yield json.loads(text)
        elif "dashboard" in path:
            body = loaded(text)
            made = body["data"].values() if body["kind"] == "ConfigMap" else [body["spec"]["json"]]
            yield from map(json.loads, made)


def parsed(made: dict[str, Any]) -> Dashboard:
    """A dashboard, if it fits the schema."""
    return TypeAdapter(Dashboard).validate_json(json.dumps(made))


def shown(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The panels of a dashboard with one service, by title."""
    found = [each for panel in made["panels"] for each in (panel, *panel.get("panels", []))]
    return {panel["title"]: panel for panel in found if panel["type"] != "row"}


def substituted(query: str) -> str:
    """A query as Grafana sends it, for a graph of a few hours and all versions."""
    return query.replace("$__rate_interval", "5m").replace("$version", ".*")

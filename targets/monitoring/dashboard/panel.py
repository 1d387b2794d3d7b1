"""What a dashboard consists of, without Grafana's format: rows of panels, their queries, and lines at limits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from ....compiler.because import Because, fixed
from ....compiler.record import Record
from ....schema.units import Duration, Percent

__all__ = [
    "EACH_VERSION",
    "WINDOW",
    "Line",
    "Panel",
    "Query",
    "Row",
    "number",
    "seconds",
    "share",
]

WINDOW = fixed("$__rate_interval", "Grafana replaces it with the time between two points, at least four scrapes")

EACH_VERSION = "{{app_kubernetes_io_version}}"
"""The legend of one line for each version."""

Color = Literal["green", "orange", "red", "blue"]


class Query(Record):
    """One query of a panel, and how its lines are called: text with `{{label}}`."""

    asks: Because[str]
    legend: str | Because[str] = ""


class Line(Record):
    """A limit: a line across a graph, and for a single value, from where it has this color."""

    at: Because[Any]
    """An int or a float, in the panel's unit."""
    color: Color


class Panel(Record):
    """One panel."""

    key: str
    """Identifies it within its row."""
    kind: Literal["graph", "value", "states"]
    title: str
    about: Because[str]
    """What it shows, and what to do about it."""
    unit: str
    """The unit as Grafana names it, such as `percentunit` for a share from 0 to 1."""
    queries: tuple[Query, ...]
    why: Because[Any]
    """Why the panel exists."""
    lines: tuple[Line, ...] = ()
    base: Color = "green"
    """The color of a single value below all lines."""
    empty: str = "No data"
    """What it says without data."""
    runbook: bool = False
    """Whether the runbook says what to do about it."""
    names: bool = False
    """Whether a single value shows the legend instead of the value."""


class Row(Record):
    """A row: a title that readers can collapse, and the panels below it."""

    key: Because[str]
    """Identifies it within the dashboard."""
    title: Because[str]
    panels: tuple[Panel, ...]
    open: bool = True


def number(value: Decimal | float) -> int | float:
    """A number as JSON, without a fraction of zero."""
    return int(value) if value == int(value) else float(value)


def share(percent: Percent) -> int | float:
    """A percentage as a number from 0 to 1."""
    return number(percent.amount)


def seconds(length: Duration) -> int | float:
    """A duration as a number of seconds."""
    return number(length.amount)

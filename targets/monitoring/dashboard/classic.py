"""Grafana's classic dashboard JSON, at its last version. Newer Grafanas convert it when they load it.

Written from the types of grafana/grafana-foundation-sdk 0.0.21 (dashboard, timeseries, stat, statetimeline, prometheus,
common). Traps handled here: Grafana ignores unknown keys, so a misspelled one does nothing. Without `interval`,
the window of a rate follows the data source's setting, which may be shorter than two scrapes. Without `noValue`, a
panel without data looks like one that is broken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ....compiler.because import Because, because, fixed
from ....compiler.emit.artifact import Body
from .grid import Numbers, Placed, placed
from .panel import Panel, Query, Row

__all__ = ["SCHEMA", "SOURCE", "panels"]

SCHEMA = fixed(42, "the last version of the classic schema")

SOURCE: Body = {"type": "prometheus", "uid": "${datasource}"}
"""The data source that the reader chooses."""

STYLE = "how the dashboard looks"
TYPES = {"graph": "timeseries", "value": "stat", "states": "state-timeline"}


def panels(rows: Iterable[Row], interval: Because[str], links: list[Body]) -> Iterator[Body | Because[Body]]:
    """All rows and panels. `interval` is the time between two scrapes, and `links` lead to the runbook."""
    numbers, top = Numbers(), fixed(0, "the top of the dashboard")
    for row in rows:
        found, bottom = placed(row, top)
        inside = [_panel(numbers.of(row.key, each[0].key), each, interval, links) for each in found]
        yield _row(numbers.of(row.key), row, top, [] if row.open else inside)
        if row.open:
            yield from inside
        top = bottom


def _row(number: Because[int], row: Row, top: Because[int], inside: list[Any]) -> Body:
    place = {"h": fixed(1, STYLE), "w": fixed(24, STYLE), "x": fixed(0, STYLE), "y": top}
    return {
        "id": number,
        "type": "row",
        "title": row.title,
        "collapsed": fixed(not row.open, "the rows of the first service are open"),
        "gridPos": place,
        "panels": inside,
    }


def _panel(number: Because[int], at: Placed, interval: Because[str], links: list[Body]) -> Because[Body]:
    panel, place = at
    body: Body = {
        "id": number,
        "type": TYPES[panel.kind],
        "title": panel.title,
        "description": panel.about,
        "gridPos": place,
        "datasource": SOURCE,
        "targets": [_target(index, query, panel, interval) for index, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "options": _OPTIONS[panel.kind](panel),
        "links": links if panel.runbook and links else None,
    }
    return because(body, panel.why.reason, panel.why)


def _target(index: int, query: Query, panel: Panel, interval: Because[str]) -> Body:
    """A single value asks for the present only."""
    now = panel.kind == "value"
    return {
        "refId": chr(ord("A") + index),
        "expr": query.asks,
        "legendFormat": query.legend,
        "interval": interval,
        "instant": fixed(now, STYLE),
        "range": fixed(not now, STYLE),
    }


def _field(panel: Panel) -> Body:
    graph = panel.kind == "graph"
    return {
        "unit": panel.unit,
        "min": fixed(0, "a share of the graph's height is a share of the value") if graph else None,
        "noValue": panel.empty,
        "color": {"mode": "palette-classic" if graph else "thresholds"},
        "thresholds": {"mode": "absolute", "steps": list(_steps(panel))},
        "mappings": _MAPPINGS if panel.kind == "states" else None,
        "custom": _CUSTOM.get(panel.kind),
    }


def _steps(panel: Panel) -> Iterator[Body]:
    """From the lowest line to the highest; the first step begins at minus infinity, which is null."""
    yield {"color": panel.base, "value": because(None, "below all limits", panel.why)}
    for line in sorted(panel.lines, key=lambda line: float(line.at.value)):
        yield {"color": line.color, "value": line.at.also(panel.why)}


_CUSTOM: dict[str, Body] = {
    "graph": {
        "drawStyle": "line",
        "fillOpacity": fixed(5, STYLE),
        "lineWidth": fixed(2, STYLE),
        "showPoints": "auto",
        "spanNulls": fixed(False, "a gap in the data is a gap in the line"),
        "thresholdsStyle": {"mode": "dashed"},
    },
    "states": {"fillOpacity": fixed(80, STYLE), "lineWidth": fixed(0, STYLE)},
}

_MAPPINGS = [{"type": "value", "options": {"1": {"text": "firing", "color": "red", "index": fixed(0, STYLE)}}}]


def _graph(_: Panel) -> Body:
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": fixed(True, STYLE), "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _value(panel: Panel) -> Body:
    return {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "name" if panel.names else "value",
        "wideLayout": fixed(True, STYLE),
        "showPercentChange": fixed(False, STYLE),
        "percentChangeColorMode": "standard",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": fixed(False, STYLE)},
    }


def _states(_: Panel) -> Body:
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": fixed(False, STYLE), "calcs": []},
        "mergeValues": fixed(True, STYLE),
        "rowHeight": fixed(0.8, STYLE),
        "showValue": "never",
        "tooltip": {"mode": "single", "sort": "none"},
    }


_OPTIONS = {"graph": _graph, "value": _value, "states": _states}

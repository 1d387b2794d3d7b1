"""A dashboard as a picture: each panel at its place of Grafana's grid, with what Prometheus answers to its queries.

This is no Grafana. It shows what the dashboard itself decides: places, titles, units, legends, and lines of limits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from html import escape
from typing import Any

from ...grafana import Dashboard, Graph, Panel, Row, Stat, substituted

__all__ = ["Ask", "page"]

Ask = Callable[[str], list[Any]]
"""The series of a query over the time that is shown, each with its labels and its values."""

CELL, GAP, WIDTH = 30, 8, 1424
"""Grafana's grid in pixels: the height of a row of cells, the space between panels, and the width of a page."""

COLORS = ("#0550ae", "#953800", "#116329", "#6e5494", "#0a6c74", "#8a5a00", "#a40e26", "#57606a")
LIMITS = {"red": "#a40e26", "orange": "#b35900", "green": "#116329", "blue": "#0550ae"}

STYLE = """
body { margin: 8px; font: 12px/1.3 system-ui, sans-serif; background: #f4f5f5; color: #1b1f24; }
main { position: relative; }
section { position: absolute; box-sizing: border-box; background: #fff; border: 1px solid #d8dee4; border-radius: 2px; }
h1 { font-size: 16px; margin: 0 0 8px; } h2 { font-size: 13px; margin: 5px 8px; font-weight: 600; }
h3 { position: absolute; font-size: 14px; margin: 6px 0; }
p { margin: 0; padding: 8px; text-align: center; font-size: 26px; font-weight: 600; }
ul { list-style: none; display: flex; flex-wrap: wrap; gap: 0 12px; margin: 0 8px; padding: 0; }
svg { display: block; } text { font-size: 11px; fill: #57606a; }
"""


def page(made: Dashboard, ask: Ask) -> str:
    """The dashboard with all rows open."""
    parts, bottom, shift = [], 0, 0
    for item in made.panels:
        top = item.grid_pos.y + shift
        if not isinstance(item, Row):
            parts.append(_panel(item, top, ask))
            bottom = max(bottom, top + item.grid_pos.h)
            continue
        parts.append(f'<h3 style="top:{top * (CELL + GAP)}px">{escape(item.title)}</h3>')
        for panel in item.panels:
            parts.append(_panel(panel, panel.grid_pos.y + shift, ask))
            bottom = max(bottom, panel.grid_pos.y + shift + panel.grid_pos.h)
        if item.panels:  # a closed row takes one line of the grid, and its panels are below it once it is open
            shift += max(panel.grid_pos.y + panel.grid_pos.h for panel in item.panels) - item.grid_pos.y - 1
    body = f'<main style="height:{bottom * (CELL + GAP)}px;width:{WIDTH}px">{"".join(parts)}</main>'
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(made.title)}</title>'
        f"<style>{STYLE}</style><h1>{escape(made.title)}</h1>{body}</html>"
    )


def _panel(panel: Panel, top: int, ask: Ask) -> str:
    place, column = panel.grid_pos, WIDTH / 24
    wide, high = place.w * column - GAP, place.h * (CELL + GAP) - GAP
    at = f"left:{place.x * column:.0f}px;top:{top * (CELL + GAP)}px;width:{wide:.0f}px;height:{high}px"
    series = [
        (_legend(target.legend_format, one["metric"]), [(int(at), float(value)) for at, value in one["values"]])
        for target in panel.targets
        for one in ask(substituted(target.expr))
    ]
    defaults = panel.field_config.defaults
    if not series:
        inside = f"<p>{escape(defaults.no_value)}</p>"
    elif isinstance(panel, Stat):
        name, points = series[0]
        named = panel.options.text_mode == "name"
        inside = f"<p>{escape(name if named else _shown(points[-1][1], defaults.unit))}</p>"
    elif isinstance(panel, Graph):
        inside = "".join(_graph(panel, series, wide, high - 64))
    else:
        inside = f"<ul>{''.join(f'<li>{escape(name)}</li>' for name, _ in series)}</ul>"
    return f'<section style="{at}"><h2>{escape(panel.title)}</h2>{inside}</section>'


def _graph(panel: Graph, series: list[Any], wide: float, high: float) -> Iterator[str]:
    steps = panel.field_config.defaults.thresholds.steps
    drawn = panel.field_config.defaults.custom.thresholds_style.mode != "off"
    limits = [(step.value, LIMITS[step.color]) for step in steps if step.value is not None and drawn]
    values = [value for _, points in series for _, value in points if math.isfinite(value)]
    top = max([*values, 0.0]) * 1.1 or 1.0
    limits = [(at, color) for at, color in limits if at <= 3 * top]
    top = max([top, *(at * 1.05 for at, _ in limits)])
    times = [at for _, points in series for at, _ in points]
    first, last = min(times), max(times)
    left, unit = 70.0, panel.field_config.defaults.unit

    def spot(at: float, value: float) -> str:
        right = left + (wide - left - 10) * (at - first) / max(last - first, 1)
        return f"{right:.1f},{high - 12 - (high - 24) * value / top:.1f}"

    yield f'<svg width="{wide:.0f}" height="{high:.0f}" role="img" aria-label="{escape(panel.title)}">'
    for share in (0.0, 0.5, 1.0):
        y = high - 12 - (high - 24) * share
        yield f'<path d="M{left} {y:.1f}H{wide - 10:.0f}" stroke="#d8dee4"/>'
        yield f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(_shown(top * share, unit))}</text>'
    for at, color in limits:
        yield f'<path d="M{spot(first, at)}L{spot(last, at)}" stroke="{color}" stroke-dasharray="6 3"/>'
    for index, (_, points) in enumerate(series):
        line = " ".join(spot(at, value) for at, value in points if math.isfinite(value))
        yield f'<polyline points="{line}" fill="none" stroke="{COLORS[index % len(COLORS)]}" stroke-width="1.5"/>'
    names = "".join(
        f'<li style="color:{COLORS[index % len(COLORS)]}">{escape(name)}</li>' for index, (name, _) in enumerate(series)
    )
    yield f"</svg><ul>{names}</ul>"


def _legend(format_: str, labels: dict[str, str]) -> str:
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda name: labels.get(name[1], ""), format_) or "value"


def _shown(value: float, unit: str) -> str:
    """A value as Grafana writes it, to three digits."""
    if unit == "percentunit":
        return f"{value * 100:.3g}%"
    if unit in ("s", "ms", "µs"):
        seconds = value * {"s": 1, "ms": 1e-3, "µs": 1e-6}[unit]
        for size, name in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms")):
            if seconds >= size:
                return f"{seconds / size:.3g} {name}"
        return f"{seconds * 1e3:.3g} ms"
    if unit == "bytes":
        power = min(int(math.log(value, 1024)), 4) if value >= 1 else 0
        return f"{value / 1024**power:.3g} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"
    return f"{value:.3g}{' req/s' if unit == 'reqps' else ''}"

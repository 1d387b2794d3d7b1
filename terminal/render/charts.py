"""Line charts as inline SVG, without scripts or files from elsewhere: they follow the colors of the page.

The drawing is 340 units wide, so that its text is readable on a telephone of 360 pixels. A wide page places several
next to each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import NamedTuple

from ...compiler.plan.choose import number

__all__ = ["Line", "Mark", "chart"]

WIDTH, HEIGHT = 340, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 8, 40


class Line(NamedTuple):
    """A series."""

    name: str
    points: Sequence[tuple[float, float]]
    kind: str
    """Its class on the page: `one`, `two`, or `limit`."""
    steps: bool = False
    """Whether values stay until the next point."""


class Mark(NamedTuple):
    """A dot."""

    x: float
    y: float
    kind: str
    """Its class on the page: `good`, `bad`, or `few`."""


def chart(
    title: str, unit: str, until: float, lines: Sequence[Line], marks: Sequence[Mark] = (), *, whole: bool = False
) -> str:
    """A chart over `until` minutes; `unit` is that of its values, which are `whole` numbers if they count something."""
    points = [point for line in lines for point in line.points] + [(mark.x, mark.y) for mark in marks]
    highest = max((y for _, y in points), default=1.0)
    plot = _Plot(until or 1.0, 4.0 * max(1, math.ceil(highest / 4)) if whole else _round_up(highest))
    drawn = "\n".join(
        (
            *_grid(plot, unit),
            *(_line(plot, line) for line in lines if line.points),
            *(f'<circle class="{mark.kind}" cx="{plot.x(mark.x)}" cy="{plot.y(mark.y)}" r="3"/>' for mark in marks),
        )
    )
    keys = "".join(f'<span class="{line.kind}">{escape(line.name)}</span>' for line in lines if line.points)
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">\n{drawn}\n</svg><p class="keys">{keys}</p></figure>'
    )


class _Plot:
    """The scales of a chart."""

    def __init__(self, right: float, top: float) -> None:
        self.right, self.top = right, top

    def x(self, value: float) -> str:
        return f"{LEFT + (WIDTH - LEFT - RIGHT) * value / self.right:.1f}"

    def y(self, value: float) -> str:
        return f"{HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * min(1.0, value / self.top):.1f}"


def _round_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5, and 10 times a power of ten."""
    if value <= 0:
        return 1.0
    power = float(10 ** math.floor(math.log10(value)))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * (1 - 1e-9))


def _grid(plot: _Plot, unit: str) -> Iterator[str]:
    for part in range(5):
        value = plot.top * part / 4
        y = plot.y(value)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
        yield f'<text x="{LEFT - 4}" y="{y}" class="end">{number(value)}</text>'
    for part in range(5):
        value = plot.right * part / 4
        anchor = ("start", "middle", "middle", "middle", "end")[part]
        yield f'<text x="{plot.x(value)}" y="{HEIGHT - BOTTOM + 14}" class="{anchor}">{number(value)}</text>'
    yield f'<text x="{LEFT}" y="{HEIGHT - 6}" class="start">{escape(unit)}, over minutes</text>'


def _line(plot: _Plot, line: Line) -> str:
    return f'<path class="{line.kind}" d="{_path(plot, _stepped(line.points) if line.steps else line.points)}"/>'


def _stepped(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    found = [points[0]]
    for x, y in points[1:]:
        found += [(x, found[-1][1]), (x, y)]
    return found


def _path(plot: _Plot, points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{'L' if at else 'M'}{plot.x(x)} {plot.y(y)}" for at, (x, y) in enumerate(points))

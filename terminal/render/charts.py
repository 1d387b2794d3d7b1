"""Line charts as inline SVG, without scripts or files from elsewhere: they follow the colors of the page.

The drawing is 340 units wide, so that its text is readable on a phone of 360 pixels. A wide page places several
next to each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from ...compiler.plan.choose import number
from ...compiler.row import Row
from .page import Html, joined, tag

__all__ = ["Line", "Mark", "chart"]

WIDTH, HEIGHT = 340, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 8, 40


class Line(Row):
    """A series."""

    name: str
    points: Sequence[tuple[float, float]]
    kind: str
    """Its class on the page: `one`, `two`, or `limit`."""
    steps: bool = False
    """Whether values stay until the next point."""


class Mark(Row):
    """A dot."""

    x: float
    y: float
    kind: str
    """Its class on the page: `good`, `bad`, or `few`."""


def chart(
    title: str,
    unit: str,
    until: float,
    lines: Sequence[Line],
    marks: Sequence[Mark] = (),
    *,
    whole: bool = False,
    over: str = "minutes",
) -> Html:
    """A chart over `until` minutes or hours (`over`). `unit` is that of its values, which are `whole` numbers if they
    count something.
    """
    points = [point for line in lines for point in line.points] + [(mark.x, mark.y) for mark in marks]
    highest = max((y for _, y in points), default=1.0)
    plot = _Plot(until or 1.0, 4.0 * max(1, math.ceil(highest / 4)) if whole else _round_up(highest))
    drawn = joined(
        (
            *_grid(plot, f"{unit}, over {over}"),
            *(_line(plot, line) for line in lines if line.points),
            *(tag("circle", class_=mark.kind, cx=plot.x(mark.x), cy=plot.y(mark.y), r="3") for mark in marks),
        ),
        "\n",
    )
    described = tag("title", title), tag("desc", _described(f"{unit} over {number(until)} {over}", lines))
    picture = tag("svg", *described, drawn, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img")
    keys = tag("p", *(tag("span", line.name, class_=line.kind) for line in lines if line.points), class_="keys")
    return tag("figure", tag("figcaption", title), picture, keys)


def _described(what: str, lines: Iterable[Line]) -> str:
    """The range of each line in words."""
    ranges = (
        f"{line.name} from {number(min(y for _, y in line.points))} to {number(max(y for _, y in line.points))}"
        for line in lines
        if line.points
    )
    return f"{what}: {', '.join(ranges)}"


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


def _grid(plot: _Plot, axes: str) -> Iterator[Html]:
    for part in range(5):
        value = plot.top * part / 4
        y = plot.y(value)
        yield tag("line", class_="grid", x1=f"{LEFT}", x2=f"{WIDTH - RIGHT}", y1=y, y2=y)
        yield tag("text", number(value), x=f"{LEFT - 4}", y=y, class_="end")
    for part in range(5):
        value = plot.right * part / 4
        anchor = ("start", "middle", "middle", "middle", "end")[part]
        yield tag("text", number(value), x=plot.x(value), y=f"{HEIGHT - BOTTOM + 14}", class_=anchor)
    yield tag("text", axes, x=f"{LEFT}", y=f"{HEIGHT - 6}", class_="start")


def _line(plot: _Plot, line: Line) -> Html:
    return tag("path", class_=line.kind, d=_path(plot, _stepped(line.points) if line.steps else line.points))


def _stepped(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    found = [points[0]]
    for x, y in points[1:]:
        found += [(x, found[-1][1]), (x, y)]
    return found


def _path(plot: _Plot, points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{'L' if at else 'M'}{plot.x(x)} {plot.y(y)}" for at, (x, y) in enumerate(points))

"""Values with their intervals as inline SVG: a dot for each value, a line for its interval, and a mark for its bar.

Like `bars`, the drawing is 340 units wide, so that its text is readable on a phone of 360 pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ...compiler.plan.choose import significant
from ...compiler.row import Row
from .page import Html, joined, tag

__all__ = ["Range", "ranges"]

WIDTH, ROW, TOP, SIDE = 340, 40, 9, 6
LONGEST = 26
"""The letters of a name that fit next to a value."""


class Range(Row):
    """One value."""

    name: str
    said: str
    """The value in words."""
    value: float
    low: float | None
    high: float | None
    bar: float | None = None
    """The bound that it is compared with."""
    kind: str = "good"
    """Its class on the page: `good`, `bad`, `few`, or `one` for a value without a verdict."""


def ranges(title: str, description: str, rows: Sequence[Range], keys: tuple[str, str]) -> Html:
    """A chart of values of one unit, whose axis goes from the lowest end to the highest. `keys` names the intervals and
    the bars.
    """
    ends = [end for row in rows for end in (row.value, row.low, row.high, row.bar) if end is not None]
    least, most = min(ends), max(ends)
    room = (most - least) or 1.0

    def x(value: float) -> float:
        return SIDE + (WIDTH - 2 * SIDE) * (value - least) / room

    drawn = joined((one for at, row in enumerate(rows) for one in _row(row, TOP + at * ROW, x)), "\n")
    bottom = len(rows) * ROW
    axis = [
        tag("text", significant(end, 3), x=f"{x(end):.1f}", y=f"{bottom + 4}", class_=anchor)
        for end, anchor in ((least, "start"), (most, "end"))[: 1 if least == most else 2]
    ]
    described = tag("title", title), tag("desc", description)
    picture = tag("svg", *described, drawn, *axis, viewBox=f"0 0 {WIDTH} {bottom + 12}", role="img")
    shown = (any(row.low is not None for row in rows), any(row.bar is not None for row in rows))
    kinds = (("span", keys[0], shown[0]), ("limit", keys[1], shown[1]))
    named = [tag("span", said, class_=kind) for kind, said, is_shown in kinds if is_shown]
    return tag("figure", tag("figcaption", title), picture, tag("p", *named, class_="keys"))


def _row(row: Range, y: int, x: Callable[[float], float]) -> Iterator[Html]:
    name = row.name if len(row.name) <= LONGEST else f"{row.name[: LONGEST - 1]}…"
    yield tag("text", name, x="0", y=f"{y}", class_="name")
    yield tag("text", row.said, x=f"{WIDTH}", y=f"{y}", class_="end")
    line = y + 14
    yield tag("line", class_="grid", x1="0", x2=f"{WIDTH}", y1=f"{line}", y2=f"{line}")
    if row.low is not None and row.high is not None:
        ends = "".join(f"M{x(end):.1f} {line - 4}V{line + 4}" for end in (row.low, row.high))
        yield tag("path", d=f"M{x(row.low):.1f} {line}H{x(row.high):.1f}{ends}", class_="span")
    if row.bar is not None:
        yield tag("path", d=f"M{x(row.bar):.1f} {line - 8}V{line + 8}", class_="limit")
    yield tag("circle", class_=row.kind, cx=f"{x(row.value):.1f}", cy=f"{line}", r="3.5")

"""Values with their intervals as inline SVG: a dot for each value, and a line for where it may be.

Like `bars` and `charts`, the drawing is 340 units wide, so that its text is readable on a telephone of 360 pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from .page import Html, joined, tag

__all__ = ["Span", "spans"]

WIDTH, ROW, TOP, EDGE = 340, 34, 9, 6
LONGEST = 34
"""The letters of a name that fit next to a value."""


class Span(NamedTuple):
    """One value; all of a picture have the same unit."""

    name: str
    value: float
    low: float | None
    high: float | None
    said: str
    """The value in words."""


def spans(title: str, parts: Sequence[Span], limit: float | None = None) -> Html:
    """A picture of values. `limit` is a line that they are compared with."""
    known = [end for part in parts for end in (part.value, part.low, part.high) if end is not None]
    known += [0.0, limit] if limit is not None else []
    least, most = min(known), max(known)
    room = (most - least) or abs(most) or 1.0
    low, scale = least - room / 20, (WIDTH - 2 * EDGE) / (room * 1.1)

    def at(value: float) -> float:
        return EDGE + (value - low) * scale

    drawn = [one for row, part in enumerate(parts) for one in _span(part, TOP + row * ROW, at)]
    height = len(parts) * ROW
    if limit is not None:
        drawn.append(tag("path", d=f"M{at(limit):.1f} 0V{height}", class_="limit"))
    described = "; ".join(f"{part.name}: {part.said}" for part in parts)
    inside = tag("title", title), tag("desc", described)
    picture = tag("svg", *inside, joined(drawn, "\n"), viewBox=f"0 0 {WIDTH} {height}", role="img")
    keys = [tag("span", "value", class_="dot"), *_keys(parts, limit)]
    return tag("figure", tag("figcaption", title), picture, tag("p", *keys, class_="keys"))


def _keys(parts: Sequence[Span], limit: float | None) -> Iterator[Html]:
    if any(part.low is not None for part in parts):
        yield tag("span", "95% interval", class_="span")
    if limit is not None:
        yield tag("span", "threshold", class_="limit")


def _span(part: Span, y: int, at: Callable[[float], float]) -> Iterator[Html]:
    name = part.name if len(part.name) <= LONGEST else f"{part.name[: LONGEST - 1]}…"
    yield tag("text", name, x="0", y=f"{y}", class_="name")
    yield tag("text", part.said, x=f"{WIDTH}", y=f"{y}", class_="end")
    line = y + 14
    if part.low is not None and part.high is not None:
        left, right = at(part.low), at(part.high)
        ends = "".join(f"M{x:.1f} {line - 3}V{line + 3}" for x in (left, right))
        yield tag("path", d=f"M{left:.1f} {line}H{right:.1f}{ends}", class_="span")
    yield tag("circle", cx=f"{at(part.value):.1f}", cy=f"{line}", r="3.5", class_="dot")

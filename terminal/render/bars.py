"""Bar charts as inline SVG: an amount for each part, and the range that it moves in. They follow the page's colors.

Like `charts`, the drawing is 340 units wide, so that its text is readable on a phone of 360 pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...compiler.row import Row
from .page import Html, joined, tag

__all__ = ["Bar", "bars"]

WIDTH, ROW, TOP, THICK = 340, 40, 9, 10
SEEN = 1.0
"""The least width that is visible."""
LONGEST = 34
"""The letters of a name that fit next to an amount."""


class Bar(Row):
    """One part; all of its amounts have the same unit."""

    name: str
    amount: float
    said: str
    """The amount in words."""
    least: float
    most: float


def bars(title: str, description: str, parts: Sequence[Bar], keys: tuple[str, str]) -> Html:
    """A chart of amounts that are zero or more. `keys` names the bars and the ranges."""
    scale = WIDTH / (max((part.most for part in parts), default=0.0) or 1.0)
    drawn = joined((one for row, part in enumerate(parts) for one in _bar(part, TOP + row * ROW, scale)), "\n")
    described = tag("title", title), tag("desc", description)
    picture = tag("svg", *described, drawn, viewBox=f"0 0 {WIDTH} {len(parts) * ROW}", role="img")
    ranges = any(part.least < part.most for part in parts)
    named = [tag("span", keys[0], class_="bar"), *([tag("span", keys[1], class_="span")] if ranges else [])]
    return tag("figure", tag("figcaption", title), picture, tag("p", *named, class_="keys"))


def _bar(part: Bar, y: int, scale: float) -> Iterator[Html]:
    name = part.name if len(part.name) <= LONGEST else f"{part.name[: LONGEST - 1]}…"
    yield tag("text", name, x="0", y=f"{y}", class_="name")
    yield tag("text", part.said, x=f"{WIDTH}", y=f"{y}", class_="end")
    top, width = y + 8, part.amount * scale
    yield tag("rect", x="0", y=f"{top}", width=f"{max(SEEN, width) if width else 0:.1f}", height=f"{THICK}")
    if part.least < part.most:
        low, high, line = max(SEEN, part.least * scale), part.most * scale - SEEN, top + THICK + 5
        ends = "".join(f"M{x:.1f} {line - 3}V{line + 3}" for x in (low, high))
        yield tag("path", d=f"M{low:.1f} {line}H{high:.1f}{ends}", class_="span")

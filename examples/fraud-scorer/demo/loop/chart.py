"""Pictures of a story: lines, bands, bars, and numbered marks over days, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from mlspec.terminal.render.page import Html, joined, tag

__all__ = ["WIDTH", "Band", "Line", "Picture"]

WIDTH, LEFT, RIGHT = 1080, 190, 24

Point = tuple[float, float]


class Line:
    """A series. `kind` is its class on the page."""

    def __init__(self, name: str, points: Sequence[Point], kind: str, *, dots: bool = True) -> None:
        self.name, self.points, self.kind, self.dots = name, points, kind, dots


class Band:
    """An interval: days with their low and high ends."""

    def __init__(self, points: Sequence[tuple[float, float, float]], kind: str) -> None:
        self.points, self.kind = points, kind


class Picture:
    """Panels below each other, over the same days. Each method adds one."""

    def __init__(self, begin: float, end: float) -> None:
        self._begin, self._end, self._y = begin, max(end, begin + 0.01), 8.0
        self._parts: list[Html] = []

    def x(self, day: float) -> float:
        """Where a day is."""
        share = (min(max(day, self._begin), self._end) - self._begin) / (self._end - self._begin)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def marks(self, days: Iterable[float], kinds: Iterable[str]) -> None:
        """Numbered dots from 1 on. Dots that would overlap go below each other."""
        rows: list[float] = []
        for number, (day, kind) in enumerate(zip(days, kinds, strict=True), 1):
            x = self.x(day)
            row = next((index for index, last in enumerate(rows) if x - last > 21), len(rows))
            rows[row : row + 1] = [x]
            y = self._y + 12 + 22 * row
            self._parts += [
                tag("circle", cx=_n(x), cy=_n(y), r="9", class_=f"mark {kind}"),
                tag("text", str(number), x=_n(x), y=_n(y + 0.5), class_="middle number"),
            ]
        self._label("what happens", self._y + 12)
        self._y += 22 * max(1, len(rows)) + 14

    def bars(self, name: str, spans: Iterable[tuple[float, float, str]]) -> None:
        """A row of bars, each with its class."""
        top = self._y
        self._parts.append(
            tag("line", x1=str(LEFT), x2=str(WIDTH - RIGHT), y1=_n(top + 10), y2=_n(top + 10), class_="grid")
        )
        for begin, end, kind in spans:
            if end < self._begin or begin > self._end:
                continue
            x = self.x(begin)
            width = max(3.0, self.x(end) - x)
            self._parts.append(tag("rect", x=_n(x), y=_n(top + 3), width=_n(width), height="14", rx="3", class_=kind))
        self._label(name, top + 10)
        self._y += 22

    def panel(
        self,
        name: str,
        lines: Sequence[Line],
        low: float,
        high: float,
        bands: Sequence[Band] = (),
        *,
        logarithmic: bool = False,
    ) -> None:
        """A chart with values from `low` to `high`."""
        top, height = self._y + 6, 132.0

        def y(value: float) -> float:
            value = min(max(value, low), high)
            if logarithmic:
                return top + height * (1 - math.log(value / low) / math.log(high / low))
            return top + height * (1 - (value - low) / (high - low))

        for value in _ticks(low, high, logarithmic=logarithmic):
            self._parts += [
                tag("line", x1=str(LEFT), x2=str(WIDTH - RIGHT), y1=_n(y(value)), y2=_n(y(value)), class_="grid"),
                tag("text", f"{value:g}", x=str(LEFT - 8), y=_n(y(value)), class_="end"),
            ]
        for band in bands:
            ends = [(self.x(day), y(first), y(last)) for day, first, last in band.points]
            if ends:
                there = [f"{_n(x)},{_n(b)}" for x, _, b in ends] + [f"{_n(x)},{_n(a)}" for x, a, _ in reversed(ends)]
                self._parts.append(tag("polygon", points=" ".join(there), class_=band.kind))
        for line in lines:
            places = [
                (self.x(day), y(value)) for day, value in line.points if self._begin - 0.3 <= day <= self._end + 0.01
            ]
            if not places:
                continue
            drawn = "M" + " L".join(f"{_n(x)} {_n(at)}" for x, at in places)
            self._parts.append(tag("path", d=drawn, class_=line.kind))
            if line.dots:
                self._parts += [tag("circle", cx=_n(x), cy=_n(at), r="2.6", class_=line.kind) for x, at in places]
        for index, words in enumerate(name.split("\n")):
            self._label(words, top + 14 + 15 * index)
        self._y += height + 22

    def drawn(self, title: str) -> Html:
        """The picture, with its axis."""
        bottom = self._y
        days = range(math.ceil(self._begin), math.floor(self._end) + 1)
        step = 1 if len(days) <= 16 else 2
        axis = [tag("line", x1=str(LEFT), x2=str(WIDTH - RIGHT), y1=_n(bottom), y2=_n(bottom), class_="axis")]
        for day in days[::step]:
            x = _n(self.x(day))
            axis += [
                tag("line", x1=x, x2=x, y1="4", y2=_n(bottom), class_="day"),
                tag("text", f"day {day}", x=x, y=_n(bottom + 14), class_="middle"),
            ]
        box = f"0 0 {WIDTH} {_n(bottom + 28)}"
        return tag("svg", tag("title", title), joined(axis), joined(self._parts), viewBox=box, role="img")

    def _label(self, text: str, y: float) -> None:
        self._parts.append(tag("text", text, x="0", y=_n(y), class_="name"))


def _ticks(low: float, high: float, *, logarithmic: bool) -> list[float]:
    if logarithmic:
        return [10.0**power for power in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]
    return [low + (high - low) * part / 4 for part in range(5)]


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")

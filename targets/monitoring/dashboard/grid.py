"""Where each panel is, and the number that identifies it.

Grafana's grid has 24 columns. The number is from the names of the row and the panel, so a link to a panel still works
when another panel is added. The panels of a collapsed row are inside it, and take no room below it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from itertools import groupby

from ....compiler.because import Because, because, roots
from ....compiler.emit.artifact import Body
from .panel import Panel, Row

__all__ = ["Numbers", "Placed", "placed"]

ACROSS = 24
"""The columns of the grid."""

HEIGHTS = {"graph": 8, "value": 4, "states": 6}
"""In units of the grid, 30 pixels each."""

MOST = 10**9
"""Numbers are below this, so that they fit in 32 bits."""

Placed = tuple[Panel, Body]
"""A panel and its place."""


class Numbers:
    """The numbers of a dashboard's panels, each given once."""

    def __init__(self) -> None:
        self._given: set[int] = set()

    def of(self, row: Because[str], panel: str = "") -> Because[int]:
        """The number of a row or of a panel in it. The same for the same names, unless another one already has it."""
        number = zlib.crc32(f"{row.value}/{panel}".encode()) % MOST + 1
        while number in self._given:
            number += 1
        self._given.add(number)
        return because(number, "from the names of the row and the panel, so that links to it keep working", row)


def placed(row: Row, top: Because[int]) -> tuple[list[Placed], Because[int]]:
    """The panels of a row below its title at `top`, and where the next row begins."""
    found: list[Placed] = []
    bottom = _below(top, 1, row.title)
    for line in _lines(row.panels):
        height, width = HEIGHTS[line[0].kind], _width(line)
        for index, panel in enumerate(line):
            place = {"h": height, "w": width, "x": index * width}
            found.append((panel, {**_next_to(line, place), "y": bottom}))
        bottom = _below(bottom, height, *(panel.why for panel in line))
    return found, bottom if row.open else _below(top, 1, row.title)


def _next_to(line: list[Panel], place: dict[str, int]) -> Body:
    whys = roots([panel.why for panel in line])
    return {key: because(value, "next to the other panels of its row", whys) for key, value in place.items()}


def _below(top: Because[int], height: int, *above: Because[object]) -> Because[int]:
    return because(top.value + height, "below what is above it", roots(top, *above))


def _lines(panels: Iterable[Panel]) -> Iterator[list[Panel]]:
    """The panels that are next to each other, all of one kind."""
    for kind, same in groupby(panels, lambda panel: panel.kind):
        found = list(same)
        many = 6 if kind == "value" else 1 if kind == "states" else 2 if len(found) == 4 else 3
        yield from (found[start : start + many] for start in range(0, len(found), many))


def _width(line: list[Panel]) -> int:
    """Graphs fill the line."""
    return 4 if line[0].kind == "value" else ACROSS // len(line)

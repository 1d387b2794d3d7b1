"""One decision of a memo."""

from __future__ import annotations

from typing import Any

from ..because import Because
from ..record import Record
from ..tree import Node

__all__ = ["Line", "shown"]


class Line(Record):
    """A decision in words: what was decided, to which value, and in which unit."""

    title: str
    value: Because[Any]
    unit: str = ""

    @property
    def text(self) -> str:
        """The value as people read it, with its unit."""
        value = shown(self.value.value)
        unit = self.unit.removesuffix("s") if value == "1" and self.unit != "s" else self.unit
        return f"{value} {unit}".rstrip()

    @property
    def why(self) -> str:
        """Its own words, else those of the value that it only passes on, else where somebody gave it."""
        value = self.value
        while not value.why and len(value.sources) == 1 and isinstance(value.sources[0], Because):
            value = value.sources[0]
        if value.why:
            return value.why
        places = [f"{at.file.name}:{at.line + 1}" for at in value.sources if isinstance(at, Node)]
        return f"given at {places[0]}" if places else "given"


def shown(value: object) -> str:
    """A value of any type on one line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)

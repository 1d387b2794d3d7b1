"""One decision of a memo."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ....schema.units import Duration, plain
from ...because import Because
from ...plan.choose import plural, spelt
from ...record import Record
from ...tree import Node

__all__ = ["Line", "shown"]


class Line(Record):
    """A decision in words: what was decided, to which value, and in which unit."""

    title: str
    value: Because[Any]
    count_of: str = ""
    """What a whole number counts, in the singular."""
    share_of: str = ""
    """What a number from 0 to 1 is a share of, in the plural."""
    unit: str = ""
    """What follows the number as it is, such as a unit of measurement."""
    field: str = ""
    """The path of the language at which an author decides it otherwise; empty where it follows from other decisions."""

    @property
    def text(self) -> str:
        """The value as people read it, with its unit."""
        value = self.value.value
        if self.share_of:
            return f"{plain(Decimal(str(value)) * 100)} % of {self.share_of}"
        said = shown(value)
        unit = plural(self.count_of, one=said == "1") if self.count_of else self.unit
        return f"{said} {unit}".rstrip()

    @property
    def why(self) -> str:
        """Its own words, else those of the value that it only passes on, else where somebody gave it."""
        value = self.value
        while not value.reason and value.sources and isinstance(value.sources[0], Because):
            value = value.sources[0]
        if value.reason:
            return value.reason
        places = [f"{at.file.name}:{at.line + 1}" for at in value.sources if isinstance(at, Node)]
        return f"given at {places[0]}" if places else "given"


def shown(value: object) -> str:
    """A value of any type on one line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return spelt(value) if isinstance(value, Duration) else str(value)

"""One decision of a memo."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ....schema.units import Duration, plain
from ...because import Because
from ...plan.choose import number, plural, readable, significant
from ...record import Record
from ...tree import Node

__all__ = ["Line", "percent", "shown"]


class Line(Record):
    """A decision in words: its title, its value, and its unit."""

    title: str
    value: Because[Any]
    count_of: str = ""
    """The noun that a whole number counts, in the singular."""
    share_of: str = ""
    """The noun that a number from 0 to 1 is a share of, in the plural."""
    unit: str = ""
    """The unit of measurement that follows the number."""
    field: str = ""
    """The path in the spec that overrides the decision; empty if it follows from other decisions."""

    @property
    def text(self) -> str:
        """The value in readable form, with its unit."""
        value = self.value.value
        if self.share_of:
            return f"{plain(Decimal(str(value)) * 100)}% of {self.share_of}"
        said = shown(value)
        unit = plural(self.count_of, one=said == "1") if self.count_of else self.unit
        return f"{said} {unit}".rstrip()

    @property
    def why(self) -> str:
        """The reason of the value, else that of the value it passes on, else its place in the spec."""
        value = self.value
        while not value.reason and value.sources and isinstance(value.sources[0], Because):
            value = value.sources[0]
        if value.reason:
            return value.reason
        places = [f"{at.file.name}:{at.line + 1}" for at in value.sources if isinstance(at, Node)]
        return f"set at {places[0]}" if places else "set in the spec"


def percent(share: object) -> str:
    """A share, from 0 to 1, in percent."""
    return f"{number(float(str(share)) * 100)}%"


def shown(value: object) -> str:
    """A value of any type, on one line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return significant(value, 4) if abs(value) < 10**4 else f"{value:,.0f}"
    if isinstance(value, int):
        return f"{value:,}"
    return readable(value) if isinstance(value, Duration) else str(value)

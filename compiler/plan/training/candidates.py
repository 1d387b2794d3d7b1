"""What comparing candidates finds: bounds that they meet or miss, and those that could replace the selected one."""

from __future__ import annotations

from decimal import Decimal

from ...because import Because
from ...record import Record
from ...row import Row
from ...system import Candidate
from .comparison import COMPLEXITY

__all__ = ["NEARLY", "Beaten", "Check", "Rival", "expense", "simplicity"]

NEARLY = Decimal("0.9")
"""The share of the gain that is as good as all of it."""


class Check(Record):
    """A candidate compared with one bound that it declares a number for."""

    subject: str
    """The bounded quantity, in words."""
    asked: Because[object]
    """Where the spec sets the bound."""
    reached: Because[object]
    """The number that the candidate declares."""
    limit: Because[object]
    kept: Because[bool]
    """Whether the candidate meets the bound; the reason has both numbers."""
    of_champion: bool = False
    """Whether the bound is the result of the live version, which applies to its successors, not to other candidates."""


class Rival(Record):
    """A candidate that is simpler or cheaper than the selected one and meets all bounds of the system."""

    candidate: Candidate
    simpler: Because[bool]
    gain: Because[Decimal]
    """Its gain over the naive baseline as a share of the selected candidate's gain."""
    cost: Because[Decimal] | None
    """Its cost as a share of the selected candidate's cost; None if the two cannot be compared."""


class Beaten(Row):
    """A metric in which the selected candidate is not better than the naive baseline."""

    metric: str
    reached: Because[float]
    naive: Because[float]


def simplicity(rival: Rival) -> tuple[int, Decimal, Decimal]:
    """The order of rivals by complexity, then by cost, then by gain."""
    return COMPLEXITY.index(rival.candidate.complexity.value), *expense(rival)


def expense(rival: Rival) -> tuple[Decimal, Decimal]:
    """The order of rivals by cost, then by gain."""
    return rival.cost.value if rival.cost is not None else Decimal("Infinity"), -rival.gain.value

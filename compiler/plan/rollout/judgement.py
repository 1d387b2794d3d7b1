"""The parts of a rollout's plan: its steps, how each objective is judged, and what may be supposed of them."""

from __future__ import annotations

from decimal import Decimal

from ....schema.units import Duration, Percent
from ...because import Because
from ...record import Record
from ..objectives import Objective
from .odds import Verdict

__all__ = ["Change", "Judgement", "Step"]


class Step(Record):
    """One share of the traffic and how long it is kept."""

    share: Because[int]
    """Per cent."""
    lasts: Because[Duration]


class Judgement(Record):
    """How one objective is judged while a version is rolled out."""

    objective: Objective
    window: Because[str]
    limit: Because[str]
    """The share of bad requests above which a window has failed, as an expression compares it."""
    failures: Because[int]
    windows: Because[int]
    """How many windows are judged; without meaning for the analysis that runs beside the steps."""
    volume: Because[str]
    """Below this many requests in a window there is no verdict."""
    verdict: Because[Verdict]
    """What all of these were chosen by, with its odds."""


class Change(Record):
    """What another rollout would do otherwise, to see whether it would be better."""

    first: Percent | None = None
    """The share of the first step; smaller ones are left out."""
    harm: Decimal | None = None
    """The share of failures that must not be missed."""
    derived: bool = False
    """Whether steps last as long as they need, and analyses choose their limit, also where the spec says it."""

"""Data structures of a rollout plan: its steps, and how the analysis judges each objective."""

from __future__ import annotations

from decimal import Decimal

from ....schema.units import Duration, Percent
from ...because import Because
from ...record import Record
from ..objectives import Objective
from .odds import Verdict

__all__ = ["Change", "Judgment", "Step"]


class Step(Record):
    """One step: a share of the traffic and its duration."""

    share: Because[int]
    """In percent."""
    lasts: Because[Duration]


class Judgment(Record):
    """How the analysis judges one objective during a rollout."""

    objective: Objective
    window: Because[str]
    limit: Because[str]
    """The share of bad requests above which a window fails, as a PromQL number."""
    failures: Because[int]
    windows: Because[int]
    """The number of windows; unused by the background analysis, which runs as long as the steps."""
    volume: Because[str]
    """The minimum number of requests in a window; below it, the window has no verdict."""
    verdict: Because[Verdict]
    """The verdict that the other values are from, with its error probabilities."""


class Change(Record):
    """A hypothetical change to a rollout, to see whether it would be better."""

    first: Percent | None = None
    """The share of the first step; smaller steps are dropped."""
    harm: Decimal | None = None
    """The share of failures that the analysis must detect."""
    derived: bool = False
    """Whether to derive the duration of steps and the limits of analyses even if the spec sets them."""

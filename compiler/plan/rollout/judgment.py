"""Data structures of a rollout plan: its steps, and how the analysis of each step judges each objective."""

from __future__ import annotations

from decimal import Decimal

from ....schema.units import Duration, Percent
from ...because import Because
from ...record import Record
from ..objectives import Objective
from .comparison import Comparison
from .guards import Answers, Failing
from .verdict import Verdict

__all__ = ["Change", "Judgment", "Step"]


class Judgment(Record):
    """How the analysis of a step judges one objective."""

    objective: Objective
    window: Because[str]
    """The length of a window, the same for all objectives of a step, so that none holds before another fails."""
    shortest: Because[str]
    """The shortest window that shows the regression of a page; the window is longer where that shows a smaller one."""
    limit: Because[str]
    """The share of bad requests above which a window fails, as a PromQL number."""
    failures: Because[int]
    """The windows that may fail; one more, and the version is rolled back."""
    held: Because[int]
    """The windows that may have too few requests; one more, and the rollout waits for an engineer."""
    windows: Because[int]
    volume: Because[str]
    """The minimum number of requests in a window; below it, the window has no verdict."""
    verdict: Because[Verdict]
    """The verdict that the other values are from, with its error probabilities."""
    usual: Because[Decimal]
    """The share of bad requests of a version that is as good as promised."""
    harm: Because[Decimal]
    """The share of bad requests that the step detects."""
    versus: Comparison | None
    """How the version is compared with the live one; None if nothing compares them."""


class Step(Record):
    """One step: a share of the traffic, how the new version is judged with it, and its duration."""

    share: Because[int]
    """In percent."""
    judgments: tuple[Judgment, ...]
    """Empty if the rollout provider cannot judge, or if there is no objective."""
    lasts: Because[Duration]
    failing: Failing | None
    """The guard against a version that fails most requests; None if nothing judges the step."""
    answers: Answers | None
    """The guard against a version that never answers; None if nothing can tell."""


class Change(Record):
    """A hypothetical change to a rollout, to see whether it would be better."""

    steps: tuple[Because[Percent], ...] | None = None
    """The shares of all steps, even if the spec sets them."""
    first: Percent | None = None
    """The share of the first step; smaller steps are dropped."""
    harm: Decimal | None = None
    """The share of failures that the analysis must detect."""
    window: int | None = None
    """The length of a window in minutes, unless the spec sets it."""
    derived: bool = False
    """Whether to derive the duration of steps and the limits of analyses even if the spec sets them."""

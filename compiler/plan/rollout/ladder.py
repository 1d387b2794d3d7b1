"""The steps of a rollout, if the spec leaves them out: the smallest shares that judge in time.

A larger share needs less time for the same number of requests, so about as many users see a bad version. But a version
that fails everything hurts more of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ....schema.units import Duration, Percent
from ...because import Because, Source, because
from ...record import Record
from ..choose import seconds
from .judgment import Step
from .spent import Spent

__all__ = ["LADDERS", "LONGEST", "PART", "Tried", "chosen_ladder", "default_steps", "gross"]

LONGEST = Duration.parse("2h")
"""How long a rollout may take: no one watches a longer one."""

PART = Percent.parse("25%")
"""How much of the error budget a version that fails every request may spend: with one release per week, four spend all
of a month."""

LADDERS = tuple(
    tuple(Percent.parse(share) for share in steps.split())
    for steps in (
        *("5% 25% 50%", "10% 25% 50%", "10% 50%", "25% 50%", "50%"),
        *("5% 25%", "10% 25%", "5% 10%", "25%", "10%", "1% 3%"),
    )
)
"""The steps to choose from, in order: few users first, then enough to expose load problems."""

USUAL = "the default shares: few users first, then enough to expose load problems"


class Tried(Record):
    """How a rollout with some steps would do."""

    steps: tuple[Step, ...]
    shares: tuple[Because[Percent], ...]
    """The shares of the steps."""
    length: Because[Duration]
    spent: tuple[Spent, ...]

    @property
    def judged_surely(self) -> bool:
        """Whether every verdict is sure enough."""
        return all(judgment.verdict.value.sure for step in self.steps for judgment in step.judgments)

    @property
    def sure(self) -> bool:
        """Whether the verdicts are sure enough, and in time."""
        return self.length.value <= LONGEST and self.judged_surely

    @property
    def worst(self) -> Percent:
        """What a version that fails every request spends of the error budget."""
        worst = gross(self.spent)
        return worst.budget.value if worst is not None else Percent(0)

    @property
    def mild(self) -> bool:
        """Whether that is little enough."""
        return self.worst <= PART

    @property
    def fault(self) -> str:
        """Why other steps are better."""
        if not self.judged_surely:
            return "could not judge a version reliably enough"
        if self.length.value > LONGEST:
            return f"would take {seconds(float(self.length.value))}"
        return f"would let a version that fails every request spend {self.worst} of the error budget"


def gross(spent: Iterable[Spent]) -> Spent | None:
    """The step at which a version that fails every request spends most."""
    return max(spent, key=lambda each: each.budget.value, default=None)


def default_steps() -> tuple[Because[Percent], ...]:
    """The steps of a rollout that nothing is known about."""
    return tuple(because(share, USUAL) for share in LADDERS[0])


def chosen_ladder(attempt: Callable[[tuple[Because[Percent], ...]], Tried], causes: tuple[Source, ...]) -> Tried:
    """The first steps whose verdicts are sure, in time, and before much of the error budget is gone.

    If there are none, of those that are sure in time the ones that spend least; if there are none either, the default.
    Lint reports both. `causes` is everything that an attempt depends on.
    """
    usual = attempt(tuple(because(share, USUAL, causes) for share in LADDERS[0]))
    if usual.sure and usual.mild:
        return usual
    why = f"the default steps of {_listed(LADDERS[0])} {usual.fault}"
    tried = [usual]
    for ladder in LADDERS[1:]:
        tried.append(attempt(tuple(because(share, why, causes) for share in ladder)))
        if tried[-1].sure and tried[-1].mild:
            return tried[-1]
    return min((one for one in tried if one.sure), key=lambda one: one.worst, default=usual)


def _listed(steps: tuple[Percent, ...]) -> str:
    *before, last = (str(share) for share in steps)
    return f"{', '.join(before)}, and {last}"

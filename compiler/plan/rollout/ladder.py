"""The steps of a rollout, if the spec leaves them out: the smallest shares that judge in time.

A larger share needs less time for the same number of requests, so about as many users see a bad version. But a version
that fails everything hurts more of them at once.
"""

from __future__ import annotations

from collections.abc import Iterable

from ....schema.units import Duration, Percent
from ...because import Because, because, roots
from ...record import Record
from ..choose import seconds
from .spent import Spent
from .verdict import Verdict

__all__ = ["LADDERS", "LONGEST", "PART", "Tried", "chosen_steps", "default_steps", "gross"]

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

    steps: tuple[Percent, ...]
    verdicts: tuple[Because[Verdict], ...]
    length: Because[Duration]
    spent: tuple[Spent, ...]

    @property
    def sure(self) -> bool:
        """Whether the verdicts are sure enough, and in time."""
        return self.length.value <= LONGEST and all(verdict.value.sure for verdict in self.verdicts)

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
        if not all(verdict.value.sure for verdict in self.verdicts):
            return "could not judge a version surely enough"
        if self.length.value > LONGEST:
            return f"would take {seconds(float(self.length.value))}"
        return f"would let a version that fails every request spend {self.worst} of the error budget"


def gross(spent: Iterable[Spent]) -> Spent | None:
    """The step at which a version that fails every request spends most."""
    return max(spent, key=lambda each: each.budget.value, default=None)


def default_steps() -> tuple[Because[Percent], ...]:
    """The steps of a rollout that nothing is known about."""
    return tuple(because(share, USUAL) for share in LADDERS[0])


def chosen_steps(ladders: Iterable[Tried]) -> tuple[Because[Percent], ...]:
    """The first steps whose verdicts are sure, in time, and before much of the error budget is gone.

    If there are none, of those that are sure in time the ones that spend least; if there are none either, the default.
    Lint reports both.
    """
    tried: list[Tried] = []
    for ladder in ladders:
        tried.append(ladder)
        if ladder.sure and ladder.mild:
            break
    usual = tried[0]
    best = tried[-1]
    if not (best.sure and best.mild):
        best = min((one for one in tried if one.sure), key=lambda one: one.worst, default=usual)
    why = USUAL if best is usual else f"the default steps of {_listed(usual.steps)} {usual.fault}"
    causes = roots([(one.verdicts, one.length, [each.budget for each in one.spent]) for one in tried])
    return tuple(because(share, why, causes) for share in best.steps)


def _listed(steps: tuple[Percent, ...]) -> str:
    *before, last = (str(share) for share in steps)
    return f"{', '.join(before)}, and {last}"

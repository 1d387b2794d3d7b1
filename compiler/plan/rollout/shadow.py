"""How a version in the shadow stage is judged before it gets any traffic.

The answers of a shadow are discarded, so its failures hurt no caller, and no one notices them. The judgment looks back
on the stage when the version is promoted: it ran, it met the objectives, and, if a job compares the answers, it agreed
with the live version. Whether there are enough requests follows from the same statistics as for a canary, over one
window that is as long as the stage.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property

from ....schema.units import Duration, Percent, plain
from ...because import Because, decision, fixed
from ...record import Record
from ...system import ShadowStage
from ..choose import readable
from ..objectives import Objective
from ..serving.version import VersionPlan
from .asking import UNKNOWN_RATE
from .canary import CanaryPlan
from .odds import Question, judged, volume
from .rollback import least_volume, limit

__all__ = ["ShadowJudgment", "ShadowPlan"]

RUNS = fixed(Percent.parse("90%"), "a node may be drained")
"""The share of the stage, after the replica has started, during which one must answer."""


class ShadowJudgment(Record):
    """How the judgment of a shadow treats one objective."""

    objective: Objective
    limit: Because[str]
    """The share of bad requests above which the version is rolled back, as a PromQL number."""
    volume: Because[str]
    """The minimum number of mirrored requests; with fewer, the rollout waits."""


class ShadowPlan:
    """The judgment of one service's shadow."""

    def __init__(self, canary: CanaryPlan, stage: ShadowStage, version: VersionPlan) -> None:
        self.canary = canary
        self.stage = stage
        self.version = version

    @cached_property
    def window(self) -> Because[int]:
        """How far the judgment looks back, in minutes: a version may be promoted until then."""
        return _window(self.stage.duration)

    @cached_property
    def least(self) -> Because[int]:
        """The minutes in which a replica must have answered."""
        return _least(self.answering, RUNS)

    @cached_property
    def answering(self) -> Because[Duration]:
        """The rest of the stage after a replica is ready; negative if the stage ends before that."""
        return _answering(self.stage.duration, self.version.until_ready)

    @cached_property
    def judgments(self) -> tuple[ShadowJudgment, ...]:
        """One for each objective that the canary is judged by."""
        return tuple(self._judgment(objective) for objective in self.canary.judged)

    def _judgment(self, objective: Objective) -> ShadowJudgment:
        rate, duration = self.canary.rate, self.stage.duration
        trough = self.canary.trough
        before, after = self.canary.harms(objective)
        question = Question(
            rate=rate if rate is not None else UNKNOWN_RATE,
            share=self.stage.percent,
            before=before,
            after=after,
            limit=limit(objective, self.canary.objectives),
            shortest=self.canary.service.rate_window,
            length=duration,
            exactly=True,
            minutes=(max(1, int(duration.value.amount / 60)),),
            risk=self.canary.doubt.risk,
            failures=fixed(0, "there is only one window"),
            windows=fixed(1, "the whole stage"),
            trough=trough,
            least=least_volume(objective, self.canary.objectives),
            known=rate is not None,
        )
        chosen = judged(question)
        return ShadowJudgment(
            objective=objective,
            limit=chosen.map(lambda verdict: plain(Decimal(str(verdict.limit)))),
            volume=volume(rate, trough, chosen),
        )


@decision
def _window(duration: Because[Duration]) -> tuple[int, str]:
    minutes = max(2, int(2 * duration.value.amount / 60))
    return minutes, f"twice the {duration.value} of the stage, so that a version may be promoted a while later"


@decision
def _least(answering: Because[Duration], share: Because[Percent]) -> tuple[int, str]:
    minutes = max(1, int(answering.value.amount / 60 * share.value.amount))
    return minutes, f"{share.value} of {readable(answering.value)}: {share.reason}"


@decision
def _answering(duration: Because[Duration], until_ready: Because[Duration]) -> tuple[Duration, str]:
    """The stage begins when a version is promoted to it, so a replica first has to be scheduled and to start."""
    rest = Duration(duration.value.amount - until_ready.value.amount)
    return rest, f"{duration.value} minus the {readable(until_ready.value)} until a replica is ready"

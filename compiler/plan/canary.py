"""How a new version reaches its users: stages, steps and their lengths, and how it is judged meanwhile."""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cached_property

from ...schema.units import Duration, Percent, Rate, plain
from ..because import Because, because, decision, first
from ..finding import refusal
from ..record import Record
from ..system import CanaryStage, Condition, ShadowStage
from .choose import count, number, or_else
from .facts import ServiceFacts
from .objectives import Objective, Objectives, burn_pairs
from .odds import Verdict, sample, verdict
from .timing import Timing

__all__ = ["CanaryPlan", "Judgement", "Step"]

DEFAULT_STEPS = ("5%", "25%", "50%")
FAILURES = 1
"""Windows that may fail: one bad minute is no trend, two are."""

FINAL_WINDOWS = 3
"""Windows that are judged before all traffic changes over."""

UNKNOWN_STEP = Duration(600)
"""A step's length while nobody has said how many requests arrive."""

UNKNOWN_VOLUME = 50


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


class CanaryPlan:
    """The rollout of one online service."""

    def __init__(self, service: ServiceFacts, timing: Timing, objectives: Objectives) -> None:
        self.service = service
        self.timing = timing
        self.objectives = objectives

    # Stages

    @cached_property
    def stage(self) -> CanaryStage | None:
        """The canary stage that the spec asks for."""
        return next((stage.canary for stage in self._stages if stage.canary is not None), None)

    @cached_property
    def shadow_stage(self) -> ShadowStage | None:
        """The shadow stage that the spec asks for."""
        return next((stage.shadow for stage in self._stages if stage.shadow is not None), None)

    @property
    def _stages(self):  # type: ignore[no-untyped-def]
        return self.service.scope.system.rollout.stages

    @cached_property
    def progressive(self) -> Because[bool]:
        """Whether new versions get their traffic step by step."""
        provider = self.service.scope.platform.rollout.provider
        if provider.value == "none":
            if self.stage is not None:
                raise refusal(
                    "MLS012",
                    "this platform shifts no traffic",
                    self.stage,
                    provider,
                    others=((provider, "nothing that could do it"),),
                    help="set `platform.rollout.provider: argo-rollouts`, or leave the stage out",
                )
            return because(False, "the platform has nothing that shifts traffic", provider)
        if self._stages and self.stage is None:
            return because(
                False, "the spec's stages have no canary", *(stage.node for stage in self._stages if stage.node)
            )
        if self.stage is None:
            return because(True, "online serving gets a canary unless the spec says otherwise", provider)
        return because(True, "the spec asks for a canary", provider, *([self.stage.node] if self.stage.node else []))

    # Steps

    @cached_property
    def shares(self) -> tuple[Because[Percent], ...]:
        """The share of each step."""
        if self.stage is not None and self.stage.steps:
            return self.stage.steps
        why = "the usual shares: few users first, then enough to see load"
        return tuple(because(Percent.parse(share), why) for share in DEFAULT_STEPS)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Shares with their lengths."""
        return tuple(Step(share=_weight(share), lasts=self._length(share)) for share in self.shares)

    def _length(self, share: Because[Percent]) -> Because[Duration]:
        if self.stage is not None and self.stage.step_duration.given is not None:
            return self.stage.step_duration.given
        rate = first(self.service.traffic("mean"), self.service.traffic("peak"))
        if rate is None:
            return because(
                UNKNOWN_STEP, "unproven: no throughput is given, so nobody knows how many requests a step sees"
            )
        background = self.background
        needed = [_step_length(rate, share, *self._harm(j.objective)) for j in background] or [
            because(UNKNOWN_STEP, "nothing is judged")
        ]
        longest = max(needed, key=lambda length: length.value)
        return _at_least(longest, self.delay, *(j.window for j in background), failures=FAILURES)

    def _harm(self, objective: Objective) -> tuple[Because[Decimal], Because[Decimal]]:
        """The share of bad requests without and with the harm that must not be missed."""
        usual = because(objective.budget.value, "what the objective allows", objective.target)
        for asked in self.stage.detect if self.stage is not None else ():
            if asked.metric.value == "error-rate" and objective.kind == "availability":
                before = asked.from_.given.map(lambda m: m.amount) if asked.from_.given is not None else usual
                return before, because(
                    asked.to.value.amount, "the harm that must not be missed", asked.to, asked.metric
                )
        pairs = burn_pairs(objective, self.objectives.period)
        if pairs:
            return usual, because(Decimal(pairs[0].threshold.value), "what would wake somebody", pairs[0].threshold)
        return usual, because(
            min(Decimal("0.95"), 3 * usual.value), "three times what the objective allows", objective.target
        )

    @cached_property
    def delay(self) -> Because[Duration]:
        """How long the analysis waits before its first verdict: until the model is loaded."""
        return self.timing.start

    # Judgement

    @cached_property
    def background(self) -> tuple[Judgement, ...]:
        """How objectives are judged from the first step on."""
        return tuple(self._judge(objective, self.shares[0], windows=30.0) for objective in self.objectives.all)

    @cached_property
    def final(self) -> tuple[Judgement, ...]:
        """How objectives are judged once more at the last step, before all traffic changes over."""
        return tuple(
            self._judge(objective, self.shares[-1], windows=FINAL_WINDOWS) for objective in self.objectives.all
        )

    def _judge(self, objective: Objective, share: Because[Percent], windows: int | float) -> Judgement:
        rate = first(self.service.traffic("mean"), self.service.traffic("peak"))
        before, after = self._harm(objective)
        fixed_limit = self._limit(objective)
        chosen = _verdict(rate, share, before, after, fixed_limit, self.service.rate_window, windows)
        return Judgement(
            objective=objective,
            window=chosen.map(lambda v: f"{v.minutes}m"),
            limit=chosen.map(lambda v: plain(Decimal(str(v.limit)))),
            failures=chosen.map(lambda v: v.failures),
            windows=chosen.map(lambda v: v.windows),
            volume=_volume(rate, self.service.traffic("trough"), chosen),
        )

    def _limit(self, objective: Objective) -> Because[Decimal] | None:
        """The limit that `rollbackWhen` gives an objective."""
        for condition in self.service.scope.system.rollout.rollback_when:
            if _concerns(condition, objective) and condition.max is not None:
                return condition.max.map(lambda m: m.amount)
        return None

    # The shadow

    @cached_property
    def shadow_replicas(self) -> Because[int]:
        """How many replicas the shadow has."""
        stage = self.shadow_stage
        assert stage is not None
        return or_else(stage.replicas, lambda: _shadow_replicas(self.service.for_mean, stage.percent))


def _concerns(condition: Condition, objective: Objective) -> bool:
    return condition.metric.value == "error-rate" and objective.kind == "availability"


def _weight(share: Because[Percent]) -> Because[int]:
    percent = share.value.amount * 100
    if percent != percent.to_integral_value() or not 0 < percent < 100:
        raise refusal(
            "MLS008",
            f"a step of {share.value} cannot be set",
            share,
            note="traffic is shifted in whole per cent, and the last step, all of it, follows by itself",
            help="write a whole number of per cent from 1 % to 99 %",
        )
    return share.map(lambda value: int(value.amount * 100))


@decision
def _step_length(
    rate: Because[Rate], share: Because[Percent], before: Because[Decimal], after: Because[Decimal]
) -> tuple[Duration, str]:
    """The time in which a step sees as many requests as its arm needs."""
    n = sample(float(before.value), float(after.value))
    took = n / (float(rate.value) * float(share.value))
    rounded = Duration(math.ceil(took / 30) * 30)
    return rounded, (
        f"{count(n, 'request')} show {plain(before.value * 100)} % become {plain(after.value * 100)} % "
        f"(two-sided 5 %, power 80 %), and {share.value} of {rate.value} brings them in {took / 60:.1f} min"
    )


@decision
def _at_least(
    length: Because[Duration], delay: Because[Duration], *windows: Because[str], failures: int
) -> tuple[Duration, str]:
    longest = max((Duration.parse(window.value) for window in windows), default=Duration(0))
    least = delay.value.amount + longest.amount * (failures + 1)
    if length.value.amount >= least:
        return length.value, length.why
    rounded = Duration(math.ceil(least / 30) * 30)
    return (
        rounded,
        f"{delay.value} until the model is loaded and {failures + 1} windows of {longest}, so that it can fail",
    )


@decision
def _verdict(
    rate: Because[Rate] | None,
    share: Because[Percent],
    before: Because[Decimal],
    after: Because[Decimal],
    limit: Because[Decimal] | None,
    shortest: Because[Duration],
    windows: int | float,
) -> tuple[Verdict, str]:
    arriving = float(rate.value) * float(share.value) if rate is not None else 1.0
    chosen = verdict(
        arriving,
        float(before.value),
        float(after.value),
        windows,
        FAILURES,
        float(limit.value) if limit is not None else None,
        float(shortest.value) / 60,
    )
    odds = f"aborts without cause {chosen.false_abort:.1%}, misses {plain(after.value * 100)} % {chosen.missed:.1%}"
    guess = "" if rate is not None else "; one request a second is assumed, as no throughput is given"
    return chosen, (
        f"at {share.value} a window of {chosen.minutes} min has {number(chosen.requests)} requests; with a limit of "
        f"{chosen.limit * 100:.3g} % and {count(chosen.failures, 'failed window')} allowed it {odds}{guess}"
    )


@decision
def _volume(rate: Because[Rate] | None, trough: Because[Rate] | None, chosen: Because[Verdict]) -> tuple[str, str]:
    if rate is None:
        return str(UNKNOWN_VOLUME), "no throughput is given; a ratio of fewer requests says nothing"
    expected, when = float(chosen.value.requests), "a window is expected to have"
    if trough is not None and trough.value.amount:
        expected *= float(trough.value) / float(rate.value)
        when = f"a window has at the trough of {trough.value}"
    least = max(1, int(expected / 4))
    return str(least), f"a quarter of the {number(expected)} requests that {when}"


@decision
def _shadow_replicas(mean: Because[int], percent: Because[Percent]) -> tuple[int, str]:
    needed = max(1, math.ceil(mean.value * percent.value.amount))
    return needed, f"{percent.value} of the {count(mean.value, 'replica')} for the mean rate"

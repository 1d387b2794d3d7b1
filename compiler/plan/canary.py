"""How a new version reaches its users: stages, steps and their lengths, and how it is judged meanwhile."""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cached_property
from itertools import pairwise

from ...schema.units import Duration, Percent, plain
from ..because import Because, because, decision, first
from ..finding import refusal
from ..record import Record
from ..system import CanaryStage, ShadowStage, Stage
from .choose import count, or_else
from .facts import ServiceFacts
from .objectives import Objective, Objectives
from .odds import FAILURES, judged, step_length, volume
from .rollback import harm, judged_objectives, limit
from .timing import Timing

__all__ = ["CanaryPlan", "Judgement", "Step"]

DEFAULT_STEPS = ("5%", "25%", "50%")
UNKNOWN_STEP = Duration(600)
"""A step's length while nobody has said how many requests arrive."""


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
    def _stages(self) -> tuple[Stage, ...]:
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
            return _ascending(self.stage.steps)
        why = "the usual shares: few users first, then enough to see load"
        return tuple(because(Percent.parse(share), why) for share in DEFAULT_STEPS)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Shares with their lengths."""
        _, lengths = self._beside
        return tuple(Step(share=_weight(share), lasts=lasts) for share, lasts in zip(self.shares, lengths, strict=True))

    @cached_property
    def _beside(self) -> tuple[tuple[Judgement, ...], tuple[Because[Duration], ...]]:
        """The judgements beside the steps, and the steps' lengths.

        They rest on each other: longer steps have more windows, and longer windows need longer steps. Steps only grow
        and the longest window is an hour, so this ends.
        """
        given = self.stage.step_duration.given if self.stage is not None else None
        lengths = tuple(self._arm(share) if given is None else given for share in self.shares)
        while True:
            judged = tuple(self._judge(objective, self.shares[0], lengths) for objective in self.judged)
            windows = tuple(judgement.window for judgement in judged)
            if given is not None:
                _long_enough(given, len(lengths), self.delay, windows)
                return judged, lengths
            padded = tuple(_at_least(length, self.delay, *windows, failures=FAILURES) for length in lengths)
            if all(new.value == old.value for new, old in zip(padded, lengths, strict=True)):
                return judged, lengths
            lengths = padded

    def _arm(self, share: Because[Percent]) -> Because[Duration]:
        """The time in which a step sees enough requests for the smallest harm that each objective must show."""
        rate = first(self.service.traffic("mean"), self.service.traffic("peak"))
        if rate is None:
            return because(
                UNKNOWN_STEP, "unproven: no throughput is given, so nobody knows how many requests a step sees"
            )
        if not rate.value.amount or not share.value.amount:
            return because(UNKNOWN_STEP, "unproven: a step is expected to see no requests", rate, share)
        needed = [
            step_length(rate, share, *harm(objective, self.stage, self.objectives.period)) for objective in self.judged
        ]
        return max(needed, key=lambda length: length.value, default=because(UNKNOWN_STEP, "nothing is judged"))

    @cached_property
    def delay(self) -> Because[Duration]:
        """How long the analysis waits before its first verdict: until the model is loaded."""
        return self.timing.start

    # Judgement

    @cached_property
    def judged(self) -> tuple[Objective, ...]:
        """What a new version is judged by."""
        return judged_objectives(self.service.scope.system, self.stage, self.objectives)

    @cached_property
    def background(self) -> tuple[Judgement, ...]:
        """How objectives are judged from the first step on."""
        return self._beside[0]

    @cached_property
    def final(self) -> tuple[Judgement, ...]:
        """How objectives are judged once more at the last step, before all traffic changes over."""
        return tuple(self._judge(objective, self.shares[-1]) for objective in self.judged)

    def _judge(
        self, objective: Objective, share: Because[Percent], steps: tuple[Because[Duration], ...] = ()
    ) -> Judgement:
        """How an objective is judged beside `steps`, or for a fixed number of windows after them."""
        rate = first(self.service.traffic("mean"), self.service.traffic("peak"))
        before, after = harm(objective, self.stage, self.objectives.period)
        asked = limit(objective, self.service.scope.system)
        chosen = judged(rate, share, before, after, asked, self.service.rate_window, self.delay, steps)
        return Judgement(
            objective=objective,
            window=chosen.map(lambda v: f"{v.minutes}m"),
            limit=chosen.map(lambda v: plain(Decimal(str(v.limit)))),
            failures=chosen.map(lambda v: v.failures),
            windows=chosen.map(lambda v: v.windows),
            volume=volume(rate, self.service.traffic("trough"), chosen),
        )

    # The shadow

    @cached_property
    def shadow_replicas(self) -> Because[int]:
        """How many replicas the shadow has."""
        stage = self.shadow_stage
        assert stage is not None
        return or_else(stage.replicas, lambda: _shadow_replicas(self.service.for_mean, stage.percent))


def _ascending(shares: tuple[Because[Percent], ...]) -> tuple[Because[Percent], ...]:
    for before, after in pairwise(shares):
        if after.value <= before.value:
            raise refusal(
                "MLS008",
                f"a step of {after.value} does not follow one of {before.value}",
                after,
                others=((before, "the step before"),),
                note="the last step is judged once more before all traffic changes over, so it must be the largest",
                help="write the shares in ascending order",
            )
    return shares


def _long_enough(
    given: Because[Duration], steps: int, delay: Because[Duration], windows: tuple[Because[str], ...]
) -> None:
    """Refuse steps that are over before the analysis beside them could fail."""
    longest = max((Duration.parse(window.value) for window in windows), default=Duration(0))
    least = delay.value.amount + longest.amount * (FAILURES + 1)
    if windows and steps * given.value.amount < least:
        each = Duration(math.ceil(least / steps / 30) * 30)
        raise refusal(
            "MLS008",
            f"{count(steps, 'step')} of {given.value} would be over before the analysis beside them could fail",
            given,
            note=f"it waits {delay.value} until the model is loaded, and then for {FAILURES + 1} windows of {longest}",
            help=f"leave `stepDuration` out, or write at least `{each}`",
        )


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
def _shadow_replicas(mean: Because[int], percent: Because[Percent]) -> tuple[int, str]:
    needed = max(1, math.ceil(mean.value * percent.value.amount))
    return needed, f"{percent.value} of the {count(mean.value, 'replica')} for the mean rate"

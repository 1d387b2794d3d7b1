"""How a new version rolls out: stages, steps, their durations, and the analysis that judges it."""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cached_property

from ....schema.units import Duration, Percent, Rate, plain
from ...because import Because, because, decision, first, fixed
from ...system import CanaryStage, RolloutCapability, ShadowStage, Stage
from ..choose import assumed, count, or_else, readable
from ..objectives import Objective, Objectives
from ..serving.facts import ServiceFacts
from ..serving.timing import Timing
from ..workload import cannot_run
from .judgment import Change, Judgment, Step
from .odds import MINUTES, Doubt, arm_size, doubt, judged, step_length, volume
from .rollback import harm, judged_objectives, least_volume, limit
from .steps import ascending, at_least, long_enough, weight, whole_minutes

__all__ = ["CanaryPlan"]

DEFAULT_STEPS = ("5%", "25%", "50%")
UNKNOWN_STEP = Duration(600)
"""The duration of a step if the traffic is unknown."""

UNKNOWN_RATE = assumed("constraints.throughput.mean", Rate.parse("1/s"), "a guess, because the throughput is unknown")


class CanaryPlan:
    """The rollout of one online service."""

    def __init__(
        self, service: ServiceFacts, timing: Timing, objectives: Objectives, change: Change | None = None
    ) -> None:
        self.service = service
        self.timing = timing
        self.objectives = objectives
        self.change = change if change is not None else Change()

    def changed(self, change: Change) -> CanaryPlan:
        """The same rollout with a change."""
        return CanaryPlan(self.service, self.timing, self.objectives, change)

    # Stages

    @cached_property
    def stage(self) -> CanaryStage | None:
        """The canary stage in the spec."""
        return next((stage.canary for stage in self._stages if stage.canary is not None), None)

    @cached_property
    def shadow_stage(self) -> ShadowStage | None:
        """The shadow stage in the spec."""
        asked = next((stage.shadow for stage in self._stages if stage.shadow is not None), None)
        if asked is not None and not self._can("shadow"):
            raise cannot_run("shadow", asked, self.service.scope.platform)
        return asked

    @cached_property
    def capability(self) -> RolloutCapability:
        """The capabilities of the platform's rollout provider."""
        platform = self.service.scope.platform
        return platform.providers.rollout[platform.rollout.provider.value]

    def _can(self, stage: str) -> bool:
        return any(able.value == stage for able in self.capability.stages)

    @property
    def _stages(self) -> tuple[Stage, ...]:
        return self.service.scope.system.rollout.stages

    @cached_property
    def progressive(self) -> Because[bool]:
        """Whether new versions get traffic step by step."""
        provider = self.service.scope.platform.rollout.provider
        if not self._can("canary"):
            if self.stage is not None:
                raise cannot_run("canary", self.stage, self.service.scope.platform)
            return because(
                False, "the platform's rollout provider cannot shift traffic", provider, self.capability.stages
            )
        if self._stages and self.stage is None:
            return because(
                False, "the spec has stages but no canary", *(stage.node for stage in self._stages if stage.node)
            )
        if self.stage is None:
            return because(True, "online services get a canary by default", provider)
        return because(True, "the spec has a canary stage", provider, *([self.stage.node] if self.stage.node else []))

    # Steps

    @cached_property
    def shares(self) -> tuple[Because[Percent], ...]:
        """The traffic share of each step."""
        first_ = self.change.first
        if first_ is None:
            return self._usual_shares
        return (fixed(first_, "hypothetical"), *(share for share in self._usual_shares if share.value > first_))

    @property
    def _usual_shares(self) -> tuple[Because[Percent], ...]:
        if self.stage is not None and self.stage.steps:
            return ascending(self.stage.steps)
        why = "the default shares: few users first, then enough to expose load problems"
        return tuple(because(Percent.parse(share), why) for share in DEFAULT_STEPS)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The steps: shares with their durations."""
        _, lengths = self._during
        return tuple(
            Step(share=weight(share, self.capability.weights), lasts=lasts)
            for share, lasts in zip(self.shares, lengths, strict=True)
        )

    @cached_property
    def _during(self) -> tuple[tuple[Judgment, ...], tuple[Because[Duration], ...]]:
        """The background analysis during the steps, and the durations of the steps.

        The two depend on each other: longer steps have more windows, and longer windows need longer steps. So the
        search makes the steps long enough for windows of one minute, then of more, until both error probabilities of
        every judgment are small enough.
        """
        given = self.given_duration
        if given is not None:
            lengths = tuple(given for _ in self.shares)
            judged = self._judged_during(lengths)
            windows = tuple(judgment.window for judgment in judged)
            long_enough(given, len(lengths), self.delay, self.doubt.failures, windows)
            return judged, lengths
        arms = tuple(self.arm(share) for share in self.shares)
        for minutes in self._minutes:
            lengths = self._padded(arms, fixed(f"{minutes}m", "the window length to try"))
            judged = self._judged_during(lengths, minutes)
            exact = self._padded(arms, *(judgment.window for judgment in judged))
            again = self._judged_during(exact, minutes)
            if all(judgment.verdict.value.sure for judgment in again) or minutes == self._minutes[-1]:
                return again, exact
        raise AssertionError("the longest window is the last")

    def _judged_during(
        self, lengths: tuple[Because[Duration], ...], most_minutes: int = MINUTES[-1]
    ) -> tuple[Judgment, ...]:
        return tuple(self._judge(objective, self.shares[0], lengths, most_minutes) for objective in self.judged)

    def _padded(self, arms: tuple[Because[Duration], ...], *windows: Because[str]) -> tuple[Because[Duration], ...]:
        return tuple(at_least(arm, self.delay, self.doubt.failures, *windows) for arm in arms)

    @property
    def given_duration(self) -> Because[Duration] | None:
        """The duration of a step, if the spec sets it."""
        return self.stage.step_duration.given if self.stage is not None and not self.change.derived else None

    @cached_property
    def rate(self) -> Because[Rate] | None:
        """The expected traffic."""
        return first(self.service.traffic("mean"), self.service.traffic("peak"))

    def arm(self, share: Because[Percent]) -> Because[Duration]:
        """How long a step needs to get enough requests to detect the smallest regression of each objective."""
        rate = self.rate
        if rate is None:
            return because(UNKNOWN_STEP, "a guess, because the throughput, and so the requests per step, is unknown")
        if not rate.value.amount or not share.value.amount:
            return because(UNKNOWN_STEP, "a guess, because the step is expected to get no requests", rate, share)
        needed = [step_length(rate, share, size) for size in self.sizes.values()]
        unjudged = because(UNKNOWN_STEP, "a guess, because there is no objective to judge")
        return max(needed, key=lambda length: length.value, default=unjudged)

    @cached_property
    def sizes(self) -> dict[str, Because[int]]:
        """The requests that a step needs to detect a regression of each objective, by the name of the objective."""
        sure = self.doubt.significance, self.doubt.power
        return {objective.name: arm_size(*self.harms(objective), *sure) for objective in self.judged}

    def harms(self, objective: Objective) -> tuple[Because[Decimal], Because[Decimal]]:
        """The share of bad requests without and with the regression that the analysis must detect."""
        before, after = harm(objective, self.stage, self.objectives)
        if self.stage is not None:  # a regression of another metric would leave the default
            metrics = [asked.metric for asked in self.stage.detect]
            before = before.also(metrics)
            after = after.also(metrics)
        if self.change.harm is not None and objective.kind == "availability":
            return before, fixed(self.change.harm, "hypothetical")
        return before, after

    @cached_property
    def length(self) -> Because[Duration]:
        """The duration of a rollout: all steps plus the final analysis."""
        final = tuple((judgment.windows, judgment.window) for judgment in self.final)
        return _length(tuple(step.lasts for step in self.steps), final)

    @cached_property
    def delay(self) -> Because[Duration]:
        """How long the analysis waits before its first verdict, which is until the model is loaded."""
        return self.timing.start

    # Judgment

    @cached_property
    def judged(self) -> tuple[Objective, ...]:
        """The objectives that the analysis judges, if the rollout provider supports analyses."""
        if not self.capability.judges:
            return ()
        return judged_objectives(self.service.scope.system, self.stage, self.objectives)

    @cached_property
    def background(self) -> tuple[Judgment, ...]:
        """The background analysis, from the first step on."""
        return self._during[0]

    @cached_property
    def final(self) -> tuple[Judgment, ...]:
        """The final analysis at the last step, before the new version gets all traffic."""
        return tuple(self._judge(objective, self.shares[-1]) for objective in self.judged)

    def _judge(
        self,
        objective: Objective,
        share: Because[Percent],
        steps: tuple[Because[Duration], ...] = (),
        most_minutes: int = MINUTES[-1],
    ) -> Judgment:
        """How the analysis judges an objective during `steps`, or for a fixed number of windows after them."""
        rate = self.rate
        before, after = self.harms(objective)
        asked = limit(objective, self.objectives) if not self.change.derived else None
        chosen = judged(
            rate if rate is not None else UNKNOWN_RATE,
            share,
            before,
            after,
            asked,
            self.service.rate_window,
            self.delay,
            steps,
            self.given_window,
            self.doubt.risk,
            self.doubt.failures,
            self.doubt.last,
            most_minutes,
        )
        guards = [(one.metric, one.of) for one in self.service.scope.system.rollout.rollback_when]
        chosen = chosen.also(guards)  # a condition on another metric would leave the default limit
        least = least_volume(objective, self.objectives)
        return Judgment(
            objective=objective,
            window=chosen.map(lambda v: f"{v.minutes}m"),
            limit=chosen.map(lambda v: plain(Decimal(str(v.limit)))),
            failures=chosen.map(lambda v: v.failures),
            windows=chosen.map(lambda v: v.windows),
            volume=least if least is not None else volume(rate, self.service.traffic("trough"), chosen),
            verdict=chosen,
        )

    @property
    def doubt(self) -> Doubt:
        """The accepted uncertainty of a verdict."""
        return doubt(self.service.scope.platform.planning)

    @property
    def given_window(self) -> Because[Duration] | None:
        """The window of one verdict, if the spec sets it."""
        given = self.stage.window.given if self.stage is not None and not self.change.derived else None
        return whole_minutes(given, self.service.rate_window) if given is not None else None

    @property
    def _minutes(self) -> tuple[int, ...]:
        """The possible lengths of a window."""
        given = self.given_window
        return MINUTES if given is None else (int(given.value.amount / 60),)

    # The shadow

    @cached_property
    def shadow_replicas(self) -> Because[int]:
        """The number of replicas of the shadow."""
        stage = self.shadow_stage
        assert stage is not None
        return or_else(stage.replicas, lambda: _shadow_replicas(self.service.for_mean, stage.percent))


@decision
def _length(
    steps: tuple[Because[Duration], ...], final: tuple[tuple[Because[int], Because[str]], ...]
) -> tuple[Duration, str]:
    last = max((Duration(Duration.parse(each.value).amount * many.value) for many, each in final), default=Duration(0))
    took = sum((step.value.amount for step in steps), last.amount)
    said = " + ".join(readable(step.value) for step in steps)
    return Duration(took), f"steps of {said}, plus {readable(last)} for the final analysis"


@decision
def _shadow_replicas(mean: Because[int], percent: Because[Percent]) -> tuple[int, str]:
    needed = max(1, math.ceil(mean.value * percent.value.amount))
    return needed, f"{percent.value} of the {count(mean.value, 'replica')} for the mean rate"

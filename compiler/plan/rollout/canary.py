"""How a new version rolls out: stages, steps, their durations, and the analysis that judges it."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property

from ....schema.units import Duration, Percent, Rate, plain
from ...because import Because, because, first, fixed
from ...system import CanaryStage, RolloutCapability, ShadowStage, Stage
from ..choose import assumed, or_else
from ..objectives import Objective, Objectives
from ..serving.facts import ServiceFacts
from ..serving.timing import Timing
from ..workload import cannot_run
from .comparison import Comparison, comparison
from .guards import Answers, answers
from .judgment import Change, Judgment, Step
from .night import Idle, idle
from .odds import Doubt, arm_size, doubt, judged, step_length, volume
from .rollback import harm, judged_objectives, least_volume, limit
from .steps import ascending, held, lasting, length_of, long_enough, shadow_replicas, weight, whole_minutes
from .verdict import MINUTES, Verdict

__all__ = ["CanaryPlan"]

DEFAULT_STEPS = ("5%", "25%", "50%")
UNKNOWN_STEP = Duration(600)
"""The duration of a step if the traffic is unknown."""

THROUGH = fixed(Percent(1), "all requests pass the gateway")
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
        self._harms: dict[str, tuple[Because[Decimal], Because[Decimal]]] = {}

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
        if asked is None or self.service.arrival.direct.value:
            return None
        if not self.can("shadow"):
            raise cannot_run("shadow", asked, self.service.scope.platform)
        return asked

    @cached_property
    def capability(self) -> RolloutCapability:
        """The capabilities of the platform's rollout provider."""
        platform = self.service.scope.platform
        return platform.providers.rollout[platform.rollout.provider.value]

    def can(self, stage: str) -> bool:
        """Whether the rollout provider supports a stage."""
        return any(able.value == stage for able in self.capability.stages)

    @property
    def _stages(self) -> tuple[Stage, ...]:
        return self.service.scope.system.rollout.stages

    @cached_property
    def progressive(self) -> Because[bool]:
        """Whether new versions get traffic step by step."""
        provider = self.service.scope.platform.rollout.provider
        if not self.can("canary"):
            if self.stage is not None:
                raise cannot_run("canary", self.stage, self.service.scope.platform)
            return because(
                False, "the platform's rollout provider cannot shift traffic", provider, self.capability.stages
            )
        direct = self.service.arrival.direct
        if direct.value:
            return because(False, direct.reason, direct)
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
        """The steps. Each is judged by itself and lasts as long as its analysis, so none ends before its verdict."""
        return tuple(self._step(share) for share in self.shares)

    def _step(self, share: Because[Percent]) -> Step:
        given, shortest = self.given_duration, first(self.given_window, self.service.rate_window)
        assert shortest is not None
        length = long_enough(given, self.doubt.windows, shortest) if given is not None else self.arm(share)
        judgments, whole = self._judged(share, length), weight(share, self.capability.weights)
        return Step(
            share=whole,
            judgments=judgments,
            lasts=lasting(length, judgments[0].windows, judgments[0].window) if judgments else length,
            answers=self._answers(whole, judgments[0]) if judgments else None,
        )

    def _answers(self, share: Because[int], judgment: Judgment) -> Answers | None:
        """The guard against a version that never answers, if something tells the other versions' requests."""
        if self.capability.new_pods.others is None or not self.through.value.amount:
            return None
        found = answers(self._all, share, self.through, self.service.rate_window, judgment.window, self.timing.timeout)
        return found if found.in_time(judgment.window, judgment.held, self.service.scrape_interval) else None

    @property
    def through(self) -> Because[Percent]:
        """The share of all requests that pass the gateway, and so can reach a new version."""
        share = self.service.arrival.routed_share
        return THROUGH if share is None else share

    def _judged(self, share: Because[Percent], length: Because[Duration]) -> tuple[Judgment, ...]:
        """One judgment for each objective, all with the shortest windows that are long enough for every objective.

        Windows that are long enough for one objective may suit another that had enough with shorter ones less well, so
        they are judged again.
        """
        minutes = self._minutes
        while self.judged:
            alone = tuple(self._verdict(objective, share, length, minutes) for objective in self.judged)
            longest = max(verdict.value.minutes for verdict in alone)
            same = tuple(self._verdict(objective, share, length, (longest,)) for objective in self.judged)
            minutes = tuple(each for each in minutes if each > longest and self._fits(each, length))
            if all(verdict.value.sure for verdict in same) or not minutes:
                pairs = zip(self.judged, same, strict=True)
                return tuple(self._judgment(objective, verdict.also(alone)) for objective, verdict in pairs)
        return ()

    def _fits(self, minutes: int, length: Because[Duration]) -> bool:
        """Whether a step can have enough windows of this length: one whose duration is derived can."""
        return self.given_duration is None or minutes * 60 * self.doubt.windows.value <= length.value.amount

    @property
    def given_duration(self) -> Because[Duration] | None:
        """The duration of a step, if the spec sets it."""
        return self.stage.step_duration.given if self.stage is not None and not self.change.derived else None

    @cached_property
    def rate(self) -> Because[Rate] | None:
        """The expected traffic that passes the route, and so can reach a new version."""
        return self.service.arrival.passing(self._all)

    @property
    def _all(self) -> Because[Rate] | None:
        """The expected traffic, with that of callers who bypass the route."""
        return first(self.service.traffic("mean"), self.service.traffic("peak"))

    @property
    def trough(self) -> Because[Rate] | None:
        """The lowest traffic that passes the route, if the spec sets it."""
        return self.service.arrival.passing(self.service.traffic("trough"))

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
        if objective.name not in self._harms:
            self._harms[objective.name] = self._harms_of(objective)
        return self._harms[objective.name]

    def _harms_of(self, objective: Objective) -> tuple[Because[Decimal], Because[Decimal]]:
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
        """The duration of a rollout: all steps."""
        return length_of(tuple(step.lasts for step in self.steps))

    # Judgment

    @cached_property
    def judged(self) -> tuple[Objective, ...]:
        """The objectives that the analysis judges, if the rollout provider supports analyses."""
        if not self.capability.judges:
            return ()
        return judged_objectives(self.service.scope.system, self.stage, self.objectives)

    def _verdict(
        self, objective: Objective, share: Because[Percent], length: Because[Duration], minutes: tuple[int, ...]
    ) -> Because[Verdict]:
        """How the analysis judges an objective at a share of the traffic, with windows of one of these lengths."""
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
            length,
            self.given_duration is not None,
            minutes,
            self.doubt.risk,
            self.doubt.failures,
            self.doubt.windows,
            self.trough,
            least_volume(objective, self.objectives),
            rate is not None,
        )
        if self.given_window is not None:
            chosen = chosen.also(self.given_window)
        # a condition on another metric would leave the default limit
        return chosen.also([(one.metric, one.of) for one in self.service.scope.system.rollout.rollback_when])

    def _judgment(self, objective: Objective, chosen: Because[Verdict]) -> Judgment:
        least = least_volume(objective, self.objectives)
        return Judgment(
            objective=objective,
            window=chosen.map(lambda v: f"{v.minutes}m"),
            limit=chosen.map(lambda v: plain(Decimal(str(v.limit)))),
            failures=chosen.map(lambda v: v.failures),
            held=held(self.doubt.failures),
            windows=chosen.map(lambda v: v.windows),
            volume=least.map(str) if least is not None else volume(self.rate, self.trough, chosen),
            verdict=chosen,
            versus=self._versus(objective, chosen),
        )

    def _versus(self, objective: Objective, chosen: Because[Verdict]) -> Comparison | None:
        """The comparison with the live version, of failures only: new pods are slower while their caches are cold."""
        if objective.kind != "availability" or self.capability.new_pods.others is None:
            return None
        return comparison(self.rate, chosen, self.harms(objective)[0], objective.budget)

    @cached_property
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
        if given is None:
            return MINUTES if self.change.window is None else (self.change.window,)
        return (int(given.value.amount / 60),)

    @cached_property
    def idle(self) -> Idle | None:
        """What a rollout at the trough most probably waits for."""
        return idle(self.steps, self.trough) if self.trough is not None else None

    # The shadow

    @cached_property
    def shadow_replicas(self) -> Because[int]:
        """The number of replicas of the shadow."""
        stage = self.shadow_stage
        assert stage is not None
        share = self.service.arrival.routed_share
        return or_else(stage.replicas, lambda: shadow_replicas(self.service.for_mean, stage.percent, share))

"""How a new version rolls out: stages, steps, their durations, and the analysis that judges it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from ....schema.units import Duration, Percent
from ...because import Because, because, first, fixed, roots
from ...system import ShadowStage
from ..choose import or_else
from ..workload import cannot_run
from .guards import Answers, Failing, answers, failing, part_of
from .judging import Judging
from .judgment import Change, Judgment, Step
from .ladder import Tried, chosen_ladder, default_steps
from .night import Idle, half, idle
from .spent import Spent, spent
from .steps import ascending, lasting, length_of, long_enough, shadow_replicas, weight

if TYPE_CHECKING:
    from .run import Odds

__all__ = ["CanaryPlan"]

THROUGH = fixed(Percent(1), "all requests pass the gateway")


class CanaryPlan(Judging):
    """The rollout of one online service."""

    def changed(self, change: Change) -> CanaryPlan:
        """The same rollout with a change; its steps stay what they are, unless the change is to them."""
        if change.steps is None and not (self.stage is not None and self.stage.steps):
            change = change.but(steps=self._usual_shares)
        return CanaryPlan(self.service, self.timing, self.objectives, change)

    # Stages

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

    @cached_property
    def _usual_shares(self) -> tuple[Because[Percent], ...]:
        if self.change.steps is not None:
            return self.change.steps
        if self.stage is not None and self.stage.steps:
            return ascending(self.stage.steps)
        return self._ladder.shares if self._ladder is not None else default_steps()

    @cached_property
    def _ladder(self) -> Tried | None:
        """The steps if neither the spec nor the change sets them; None if nothing is known to choose them by."""
        if self.change.steps is not None or (self.stage is not None and self.stage.steps):
            return None
        if self.rate is None or not self.rate.value.amount or not self.judged:
            return None
        return chosen_ladder(self._with, roots(self.inputs, self._all, self.through))

    def with_steps(self, steps: tuple[Percent, ...]) -> Tried:
        """How a rollout with these steps would do."""
        return self._with(tuple(fixed(share, "hypothetical") for share in steps))

    def _with(self, shares: tuple[Because[Percent], ...]) -> Tried:
        return CanaryPlan(self.service, self.timing, self.objectives, self.change.but(steps=shares, first=None)).tried

    @cached_property
    def tried(self) -> Tried:
        """How the rollout does."""
        return Tried(steps=self.steps, shares=self.shares, length=self.length, spent=self.spent)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The steps. Each is judged by itself and lasts as long as its analysis, so none ends before its verdict."""
        if self._ladder is not None and self.shares is self._ladder.shares:
            return self._ladder.steps
        return tuple(self.planned())

    def planned(self) -> Iterator[Step]:
        """The steps, each planned when a caller asks for it: the first ones may rule out a hypothetical rollout."""
        return (self._step(share) for share in self.shares)

    def _step(self, share: Because[Percent]) -> Step:
        given, shortest = self.given_duration, first(self.given_window, self.service.rate_window)
        assert shortest is not None
        length = long_enough(given, self.doubt.windows, shortest) if given is not None else self.arm(share)
        judgments, whole = self.judgments(share, length, self.shares), weight(share, self.capability.weights)
        return Step(
            share=whole,
            judgments=judgments,
            lasts=lasting(length, judgments[0].windows, judgments[0].window, judgments[0].shortest)
            if judgments
            else length,
            failing=self._failing(whole, judgments[0]) if judgments else None,
            answers=self._answers(whole, judgments[0]) if judgments else None,
        )

    def _failing(self, share: Because[int], judgment: Judgment) -> Failing:
        part = part_of(share, self.through)
        return failing(self._all, part, self.service.rate_window, judgment.window)

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

    @cached_property
    def length(self) -> Because[Duration]:
        """The duration of a rollout: all steps."""
        return length_of(tuple(step.lasts for step in self.steps))

    @cached_property
    def spent(self) -> tuple[Spent, ...]:
        """What a version that fails every request costs if it begins at a step, if that step can tell."""
        rate, scrape, period = self._all, self.service.scrape_interval, self.objectives.slo.window
        if rate is None:
            return ()
        return tuple(
            spent(rate, step, part_of(step.share, self.through), judgment, scrape, period)
            for step in self.steps
            for judgment in step.judgments
            if judgment.objective.kind == "availability" and self.objectives.pairs(judgment.objective)
        )

    @cached_property
    def odds(self) -> Odds | None:
        """The odds of the whole rollout at the expected traffic; None if they are unknown."""
        if self.rate is None:
            return None
        from .run import odds  # lint never asks for them

        return odds(self.steps, self.rate)

    @cached_property
    def idle(self) -> Idle | None:
        """What a rollout most probably waits for at the trough, or else at half of the expected traffic."""
        quiet = first(self.trough, half(self.rate) if self.rate is not None else None)
        return idle(self.steps, quiet) if quiet is not None else None

    # The shadow

    @cached_property
    def shadow_replicas(self) -> Because[int]:
        """The number of replicas of the shadow."""
        stage = self.shadow_stage
        assert stage is not None
        share = self.service.arrival.routed_share
        return or_else(stage.replicas, lambda: shadow_replicas(self.service.for_mean, stage.percent, share))

"""The canary of one online service, as plain numbers: what `canary` runs."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..plan.rollout.guards import EACH, FEW, HALF, Failing, missed
from ..plan.rollout.judgment import Judgment, Step
from ..plan.service import ServicePlan
from ..record import Record
from .canary import Analysis, Guard, Stage, Versus

__all__ = ["Judged", "Rollout", "rollout"]


class Judged(Record):
    """An objective that the canary judges."""

    name: str
    kind: str
    """`availability`, or a kind of latency: `latency`, `first_token`, `inter_token`."""
    usual: float
    """The share of bad requests of a good version that the plan assumes."""
    harm: float
    """The share of bad requests that the canary must detect."""
    bound: float | None
    """The bound in seconds that a request must keep, for a latency objective."""


class Rollout(Record):
    """The canary of one service."""

    stages: tuple[Stage, ...]
    judged: tuple[Judged, ...]
    each: float
    """The seconds between two looks of a guard."""
    passing: float
    """The share of all requests that pass the route."""
    false_abort: float
    """The probability that the plan states for rolling back a good version, over all steps."""
    held: float
    """The probability that the plan states for holding a rollout, over all steps."""
    missed: float
    """The probability that the plan accepts for missing the regression."""

    @property
    def looks(self) -> int:
        """The looks of a guard in all steps."""
        return sum(math.ceil(stage.seconds / self.each) for stage in self.stages)


def rollout(service: ServicePlan) -> Rollout | None:
    """Read the canary of a service; None if no analysis judges new versions."""
    canary = service.canary
    if not canary.progressive.value or not all(step.judgments for step in canary.steps) or not canary.steps:
        return None
    verdicts = [[judgment.verdict.value for judgment in step.judgments] for step in canary.steps]
    return Rollout(
        stages=tuple(_stage(service, step) for step in canary.steps),
        judged=tuple(_judged(service)),
        each=float(EACH),
        passing=float(canary.through.value),
        false_abort=1 - _none(one.false_abort for step in verdicts for one in step),
        held=1 - _none(max(one.held for one in step) for step in verdicts),
        missed=float(canary.doubt.risk.value),
    )


def _none(odds: Iterator[float]) -> float:
    """The probability that none of some independent events happens."""
    left = 1.0
    for one in odds:
        left *= 1 - one
    return left


def _judged(service: ServicePlan) -> Iterator[Judged]:
    for objective in service.canary.judged:
        before, after = service.canary.harms(objective)
        series, metrics = objective.series, service.metrics
        kind = next(
            (
                name
                for name, known in (
                    ("latency", metrics.latency),
                    ("first_token", metrics.first_token),
                    ("inter_token", metrics.inter_token),
                )
                if series is not None and known is series
            ),
            "availability",
        )
        yield Judged(
            name=objective.name,
            kind=kind,
            usual=float(before.value),
            harm=float(after.value),
            bound=float(objective.bucket.holds.value) if objective.bucket is not None else None,
        )


def _stage(service: ServicePlan, step: Step) -> Stage:
    return Stage(
        share=step.share.value / 100,
        seconds=float(step.lasts.value),
        analyses=tuple(_analysis(judgment) for judgment in step.judgments),
        guard=None if step.failing is None or _may_fail_mostly(step) else _guard(service, step.failing),
    )


def _may_fail_mostly(step: Step) -> bool:
    """Whether the spec promises so little that half of all requests may fail; then nothing guards against that."""
    limits = (float(one.limit.value) for one in step.judgments if one.objective.kind == "availability")
    return any(limit >= float(HALF.value) for limit in limits)


def _guard(service: ServicePlan, failing: Failing) -> Guard:
    return Guard(
        window=int(failing.delay.value.amount),
        share=float(HALF.value),
        few=FEW,
        misses=missed(service.scrape_interval).value,
    )


def _analysis(judgment: Judgment) -> Analysis:
    versus, series = judgment.versus, judgment.objective.series
    compared = versus is not None and versus.sure.value
    return Analysis(
        name=judgment.objective.name,
        window=judgment.verdict.value.minutes * 60,
        limit=float(judgment.limit.value),
        failures=judgment.failures.value,
        held=judgment.held.value,
        windows=judgment.windows.value,
        least=float(judgment.volume.value),
        successes=series is not None and series.covers.value == "successes",
        versus=Versus(margin=float(versus.margin.value), deviations=float(versus.deviations.value))
        if compared and versus is not None
        else None,
    )

"""Rules on what a version that fails every request costs before it is rolled back."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.rollout.canary import CanaryPlan
from ...plan.rollout.ladder import LADDERS, PART, gross
from ...system import MLSystem
from ..lint import rule

__all__ = ["gross_failure"]


@rule(
    "MLS618",
    "warning",
    "constraints.availability",
    "services.*.constraints.availability",
    "rollout.stages.*.canary.steps",
)
def gross_failure(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Canary in which one bad version spends much of the error budget.

    Why: a version that fails every request is rolled back within minutes. At a strict objective, half of all requests
    for that long is much of what may fail in a month. The finding is for more than 25%: with one release per week, four
    bad ones spend it all. Smaller steps cost less.

    Bad:
        constraints: {availability: 99.99%, throughput: {mean: 50/s, peak: 150/s}}
        rollout: {stages: [{canary: {steps: [10%, 50%]}}]}
    Good:
        constraints: {availability: 99.99%, throughput: {mean: 50/s, peak: 150/s}}
        rollout: {stages: [{canary: {steps: [10%, 25%]}}]}
    """
    for service in plan.online.values():
        canary = service.canary
        if not canary.progressive.value or not canary.tried.sure:
            continue  # that is MLS602
        worst = gross(canary.spent)
        if worst is None or worst.budget.value <= PART:
            continue
        availability = next(each for each in canary.judged if each.kind == "availability")
        yield finding(
            "MLS618",
            f"a version that fails every request spends {worst.budget.value} of the error budget before it is rolled "
            "back",
            worst.share if canary.stage is not None and canary.stage.steps else availability.target,
            others=((availability.target, "the objective"), (canary.rate, "the traffic")),
            note=f"at {worst.share.value}%, {worst.budget.reason}",
            help=_milder(canary),
        )


def _milder(canary: CanaryPlan) -> str:
    """The first steps that judge as reliably, and spend little enough."""
    for steps in LADDERS:
        other = canary.with_steps(steps)
        if other.sure and other.mild:
            return f"write `steps: [{', '.join(map(str, steps))}]`"
    return "shorten `monitoring.scrapeInterval`, so that the guards look back less far, or lower the objective"

"""How a new version reaches its users, and how sure the verdict on it is."""

from __future__ import annotations

from collections.abc import Iterator

from ...plan.rollout.judgement import Judgement
from ...plan.service import ServicePlan
from .line import Line

__all__ = ["stages"]

STAGES = "rollout.stages"


def stages(service: ServicePlan) -> Iterator[Line]:
    """The steps of a new version, and the odds of the judgement on it."""
    canary = service.canary
    if canary.shadow_stage is not None:
        yield Line(title="the shadow lasts", value=canary.shadow_stage.duration, field=STAGES)
        yield Line(title="replicas of the shadow", value=canary.shadow_replicas, count_of="replica", field=STAGES)
    if not canary.progressive.value:
        yield Line(title="step by step", value=canary.progressive, field="platform.rollout.provider")
        return
    for name, size in canary.sizes.items():
        yield Line(title=f"{name}, requests to show harm", value=size, count_of="request", field=STAGES)
    for step in canary.steps:
        yield Line(title=f"step of {step.share.value} %", value=step.lasts, field=STAGES)
    yield Line(title="the whole rollout", value=canary.length)
    for judgement in canary.background:
        yield from _judged("meanwhile", judgement)
    for judgement in canary.final:
        yield from _judged("at the end", judgement)


def _judged(when: str, judgement: Judgement) -> Iterator[Line]:
    name = judgement.objective.name
    yield Line(
        title=f"{name} {when}, fails above", value=judgement.limit, share_of="requests", field="rollout.rollbackWhen"
    )
    yield Line(
        title=f"{name} {when}, verdict from", value=judgement.volume, count_of="request", field="rollout.rollbackWhen"
    )

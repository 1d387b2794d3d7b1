"""How a new version rolls out, and how the analysis judges it."""

from __future__ import annotations

from collections.abc import Iterator

from ....schema.units import Duration
from ...plan.rollout.canary import CanaryPlan
from ...plan.rollout.judgment import Judgment
from ...plan.rollout.shadow import ShadowPlan
from ...plan.service import ServicePlan
from .line import Line

__all__ = ["stages"]

STAGES = "rollout.stages"
LIMIT = "rollout.rollbackWhen"
SHARE = "endpoint.throughGateway"


def stages(service: ServicePlan) -> Iterator[Line]:
    """The shadow stage, the steps, and the analyses with their error probabilities."""
    canary = service.canary
    yield from _arriving(service)
    if canary.shadow_stage is not None:
        yield Line(title="shadow duration", value=canary.shadow_stage.duration, field=STAGES)
        yield Line(title="shadow replicas", value=canary.shadow_replicas, count_of="replica", field=STAGES)
    if service.shadow is not None:
        yield Line(title="memory per shadow replica", value=service.latest.memory)
        yield Line(title="disk per shadow replica", value=service.latest.disk)
        yield Line(title="startup time of the shadow", value=service.latest.start)
    if service.shadow_plan is not None:
        yield Line(title="judgment of the shadow stage", value=service.after_shadow)
        yield from _shadow(service.shadow_plan)
    if not canary.progressive.value:
        field = f"{service.part.spec_path}.{SHARE}" if service.arrival.direct.value else "platform.rollout.provider"
        yield Line(title="progressive rollout", value=canary.progressive, field=field)
        return
    for name, size in canary.sizes.items():
        yield Line(title=f"{name}, requests to detect a regression", value=size, count_of="request", field=STAGES)
    for step in canary.steps:
        yield Line(title=f"duration of the {step.share.value}% step", value=step.lasts, field=STAGES)
        for judgment in step.judgments:
            yield from _judged(step.share.value, judgment)
    for spent in canary.spent:
        title = f"error budget spent at {spent.share.value}% by a version that fails every request"
        yield Line(title=title, value=spent.budget)
    yield Line(title="rollout duration", value=canary.length)
    yield from _odds(canary)


def _odds(canary: CanaryPlan) -> Iterator[Line]:
    """The odds of the whole rollout, and those of waiting at the trough."""
    if canary.odds is not None:
        yield Line(title="probability of rolling back a good version", value=canary.odds.false_abort)
        yield Line(title="probability of waiting with a good version", value=canary.odds.held)
        for name, missed in canary.odds.missed.items():
            yield Line(title=f"probability that {name} misses a bad version", value=missed)
    if canary.idle is not None:
        share = canary.idle.step.share.value
        when = "at the trough" if canary.trough is not None else "at half of the expected traffic"
        yield Line(title=f"probability of waiting at {share}% {when}", value=canary.idle.odds)


def _shadow(shadow: ShadowPlan) -> Iterator[Line]:
    yield Line(title="the judgment looks back", value=shadow.window.map(_minutes))
    yield Line(title="shadow duration after startup", value=shadow.answering)
    yield Line(title="required uptime of a shadow", value=shadow.least.map(_minutes))
    for judgment in shadow.judgments:
        name = judgment.objective.name
        yield Line(title=f"{name} limit in the shadow", value=judgment.limit, share_of="requests", field=LIMIT)
        yield Line(
            title=f"{name} minimum in the shadow", value=judgment.volume.map(int), count_of="request", field=LIMIT
        )


def _minutes(many: int) -> Duration:
    return Duration(60 * many)


def _arriving(service: ServicePlan) -> Iterator[Line]:
    """The derived host, and the share of the requests that pass the route, where callers may bypass it."""
    path, endpoint, arrival = service.part.spec_path, service.part.endpoint, service.arrival
    if arrival.hosts and not endpoint.hosts:
        yield Line(title="host", value=arrival.hosts[0], field=f"{path}.endpoint.hosts")
    if arrival.callers and arrival.routed_share is not None:
        yield Line(title="requests that pass the route", value=arrival.routed_share, field=f"{path}.{SHARE}")


def _judged(share: int, judgment: Judgment) -> Iterator[Line]:
    name = judgment.objective.name
    yield Line(title=f"{name} to detect at {share}%", value=judgment.harm, share_of="requests")
    yield Line(
        title=f"{name} limit at {share}%",
        value=judgment.limit,
        share_of="requests",
        field=LIMIT,
    )
    yield Line(
        title=f"{name} minimum at {share}%",
        value=judgment.volume.map(int),
        count_of="request",
        field=LIMIT,
    )
    if judgment.versus is not None:
        compared = judgment.versus.sure.map(lambda sure: "compared" if sure else "not compared: too few requests")
        yield Line(title=f"{name} against the live version at {share}%", value=compared)

"""Rules on spot nodes: what is lost when the cloud reclaims one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal

from ....schema.units import Duration, Percent
from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.choose import count, readable
from ...plan.service import ServicePlan
from ...system import MLSystem
from ..lint import rule

__all__ = ["availability_on_spot_nodes", "run_lost_with_a_node"]

RECLAIMED = 0.1
"""The assumed share of spot nodes that a cloud reclaims per day. Rates differ by machine type and zone, and change."""

LOST = 0.05
"""The share of runs that may lose their work. It is reached at 12 hours on one node, or 3 hours on four."""

DAY = Decimal(86400)


@rule(
    "MLS441",
    "warning",
    "training.scheduling.spot",
    "platform.scheduling.spot",
    "training.fit",
    "training.tuning",
    "training.checkpoints",
)
def run_lost_with_a_node(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Long training run on spot nodes.

    Why: when the cloud reclaims a node, the run starts from the beginning with an empty volume, and all nodes of a
    distributed run start again with it. If a cloud reclaimed a tenth of the nodes per day, more than 5% of these runs
    would be interrupted: those of 12 hours on one node, or of 3 hours on four. Training code that keeps its
    checkpoints in a store, and resumes from them, loses less: `training.checkpoints` says where.

    Bad:
        platform: {cloud: eks}
        training: {fit: 40h, scheduling: {spot: true}}
    Good:
        platform: {cloud: eks}
        training: {fit: 40h, scheduling: {spot: false}}
    """
    training = plan.training
    spot = plan.spot(training.part.scheduling) if training is not None else None
    if training is None or training.part.checkpoints is not None or training.work is None:
        return
    if spot is None or not spot.value:
        return
    work, nodes = training.work, training.nodes
    lost = _interrupted(work.value, nodes.value)
    if lost <= LOST:
        return
    yield finding(
        "MLS441",
        f"a training run of {readable(work.value)} is on spot nodes",
        spot,
        others=((training.part.fit, "the time of a fit"),),
        note=f"if the cloud reclaims a tenth of the nodes per day, {lost:.0%} of the runs on "
        f"{count(nodes.value, 'node')} lose all their work and start from the beginning",
        help="write `scheduling: {spot: false}` under `training`, or keep checkpoints: add `checkpoints: {to: "
        "s3://BUCKET/FOLDER}` under `training`, and resume from them in `train` (docs/training-contract.md)",
    )


def _interrupted(work: Duration, nodes: int) -> float:
    """The share of runs during which the cloud reclaims at least one of their nodes."""
    return -math.expm1(nodes * float(work.amount / DAY) * math.log1p(-RECLAIMED))


@rule(
    "MLS442",
    "warning",
    "services.*.scheduling.spot",
    "platform.scheduling.spot",
    "constraints.availability",
    "services.*.constraints.availability",
)
def availability_on_spot_nodes(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Online service with a strict availability and every replica on spot nodes.

    Why: a cloud reclaims nodes of one type and zone together, with a notice of 30 seconds to 2 minutes. New replicas
    then wait for nodes that the cloud is short of. The spare replica covers the loss of one node, not of several. The
    finding is for availabilities from which on the planner keeps a spare replica (`platform.planning.spareFrom`).

    Bad:
        platform: {cloud: eks}
        constraints: {availability: 99.9%}
        serving: {scheduling: {spot: true}}
    Good:
        platform: {cloud: eks}
        constraints: {availability: 99.9%}
        serving: {scheduling: {spot: false}}
    """
    for service in plan.online.values():
        spot, availability = plan.spot(service.part.scheduling), service.availability
        if spot is not None and spot.value and availability is not None and service.care.spares(availability):
            yield _all_at_once(service, spot, availability)


def _all_at_once(service: ServicePlan, spot: Because[bool], availability: Because[Percent]) -> Diagnostic:
    return finding(
        "MLS442",
        f"every replica of `{service.name.value}` is on spot nodes",
        spot,
        others=((availability, f"promises {availability.value}"),),
        note="the cloud reclaims several nodes at once, within minutes, and has none to replace them with at that time",
        help="write `spot: false` for this service, or promise less",
    )

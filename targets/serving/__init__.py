"""Serving: the workloads that answer, and everything they need to be reached, fed and stopped."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from ...compiler.artifact import Piece, Target
from ...compiler.plan import Plan
from ...compiler.system import MLSystem
from . import network, objects, workload

__all__ = ["TARGET"]


def emit(_: MLSystem, plan: Plan) -> Iterable[Piece]:
    """The pieces of each online service."""
    for service in plan.online.values():
        yield partial(workload.workload, service)
        yield partial(workload.shadow, service)
        yield partial(objects.services, service)
        yield partial(objects.configuration, service)
        yield partial(objects.service_account, service)
        yield partial(objects.disruption_budget, service)
        yield partial(network.policy, service)


TARGET = Target(name="serving", summary="workloads, Services and configuration of online services", emit=emit)

"""Rollout: the route to a service, and the objects that judge a new version, through the platform's providers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from ...compiler.emit.artifact import Artifact, Piece, Target
from ...compiler.plan import Plan
from ...compiler.plan.service import ServicePlan
from ...compiler.system import MLSystem
from ..providers import RolloutProvider, TrafficProvider

__all__ = ["TARGET"]


def emit(_: MLSystem, plan: Plan) -> Iterable[Piece]:
    """A route and the analyses for each online service."""
    for service in plan.online.values():
        yield partial(_route, service)
        yield partial(_judge, service)


def _route(service: ServicePlan) -> Iterable[Artifact]:
    return service.scope.providers.chosen(TrafficProvider, service.traffic_provider).route(service)


def _judge(service: ServicePlan) -> Iterable[Artifact]:
    return service.scope.providers.chosen(RolloutProvider, service.workload.provider).judge(service)


TARGET = Target(name="rollout", summary="routes and analyses of new versions", emit=emit, runs="serving")

"""Autoscaling: replicas follow the runtime's own load signal, through the platform's autoscaling provider."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from ...compiler.emit.artifact import Artifact, Piece, Target
from ...compiler.plan import Plan
from ...compiler.plan.service import ServicePlan
from ...compiler.system import MLSystem
from ..providers import AutoscalingProvider

__all__ = ["TARGET"]


def emit(_: MLSystem, plan: Plan) -> Iterable[Piece]:
    """One autoscaler for each online service."""
    return [partial(_scaler, service) for service in plan.online.values()]


def _scaler(service: ServicePlan) -> Iterable[Artifact]:
    return service.scope.providers.chosen(AutoscalingProvider, service.scaling.provider).scaler(service)


TARGET = Target(name="autoscaling", summary="replicas that follow the runtime's load", emit=emit, runs="serving")

"""What providers of each capability can make, as records of pure functions.

A product is one such record in a module of its own, listed in `targets/registry.py`, and one entry of the same name in
`compiler/catalog/providers/`. What it can do is said in the entry; here is only what it writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..compiler.emit.artifact import Artifact, Body
from ..compiler.plan.service import ServicePlan
from ..compiler.provider import Provider

__all__ = ["AutoscalingProvider", "RolloutProvider", "TrafficProvider", "no_artifacts"]


def no_artifacts(_: ServicePlan) -> Iterable[Artifact]:
    """For a provider that needs no object here."""
    return ()


class RolloutProvider(Provider):
    """How a new version of a service replaces the one in service."""

    workload: Callable[[ServicePlan, Body], Body]
    """The `spec` of the workload, given what every workload has: replicas, history, deadline, selector and template."""
    judge: Callable[[ServicePlan], Iterable[Artifact]] = staticmethod(no_artifacts)
    """The objects by which it judges a new version."""


class TrafficProvider(Provider):
    """How requests reach a service."""

    route: Callable[[ServicePlan], Iterable[Artifact]] = staticmethod(no_artifacts)
    """The route to the version in service, to a new one, and to a shadow."""


class AutoscalingProvider(Provider):
    """How replicas are added and removed."""

    scaler: Callable[[ServicePlan], Iterable[Artifact]] = staticmethod(no_artifacts)
    """What changes the replicas of the workload."""

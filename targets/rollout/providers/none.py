"""No rollout provider: a Deployment, whose pods Kubernetes replaces one at a time."""

from __future__ import annotations

from ....compiler.emit.artifact import Body
from ....compiler.plan.service import ServicePlan
from ...providers import RolloutProvider
from ...rolling import rolling_update

__all__ = ["PROVIDER"]


def workload(service: ServicePlan, common: Body) -> Body:
    """The common part of the spec, and a rolling update."""
    return {**common, "strategy": rolling_update(service.in_place)}


PROVIDER = RolloutProvider(name="none", workload=workload)

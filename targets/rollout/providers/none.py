"""No rollout provider: a Deployment, whose pods Kubernetes replaces one by one."""

from __future__ import annotations

from ....compiler.emit.artifact import Body
from ....compiler.plan.service import ServicePlan
from ...providers import RolloutProvider
from ...rolling import rolling_update

__all__ = ["PROVIDER"]


def workload(service: ServicePlan, common: Body) -> Body:
    """What every workload has, and a rolling update."""
    return {**common, "strategy": rolling_update(service.in_place)}


PROVIDER = RolloutProvider(name="none", workload=workload)

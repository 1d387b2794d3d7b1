"""No rollout provider: a Deployment, whose pods Kubernetes replaces one at a time."""

from __future__ import annotations

from ....compiler.because import Because
from ....compiler.emit.artifact import Body
from ....compiler.plan.service import ServicePlan
from ....compiler.promql import promql
from ...providers import Replicas, RolloutProvider, Sample
from ...rolling import rolling_update

__all__ = ["PROVIDER"]


def workload(service: ServicePlan, common: Body) -> Body:
    """The common part of the spec, and a rolling update."""
    return {**common, "strategy": rolling_update(service.in_place)}


def replicas(service: ServicePlan, over: Because[str]) -> Replicas:
    """The replicas of a Deployment, as kube-state-metrics sees them (docs/metrics/workload/deployment-metrics.md).

    An update in place lacks one replica at a time, and takes as long as all of them need to load their model.
    """

    def of(template: str) -> Because[str]:
        return promql(template, namespace=service.scope.namespace, name=service.name, over=over)

    def shown(what: str) -> Sample:
        return Sample(
            name=f"kube_deployment_{what}", labels={"namespace": service.scope.namespace, "deployment": service.name}
        )

    own = '{{namespace="{namespace}",deployment="{name}"}}'
    desired = f"kube_deployment_spec_replicas{own}"
    wanted = f"max(min_over_time({desired}[{{over}}]) and {desired} offset {{over}})"
    updating = f"(max(min_over_time(kube_deployment_status_replicas_updated{own}[{{over}}])) < bool max({desired}))"
    return Replicas(
        available=of(f"max(max_over_time(kube_deployment_status_replicas_available{own}[{{over}}]))"),
        wanted=of(f"{wanted}\n- {updating}" if service.in_place.value else wanted).also(service.in_place),
        counted=(shown("status_replicas_available"),),
        asked=(shown("spec_replicas"), shown("status_replicas_updated")),
    )


PROVIDER = RolloutProvider(name="none", workload=workload, replicas=replicas)

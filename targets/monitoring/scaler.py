"""Whether the autoscaler can add replicas, and whether it can read the load."""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Body
from ...compiler.plan.service import ServicePlan
from ...compiler.promql import promql
from ..providers import AutoscalingProvider, Scaler
from .alert import alert
from .proofs import controllers as proofs

__all__ = ["groups"]


def groups(service: ServicePlan) -> Iterator[Body]:
    """The alerts on the autoscaler, if there is one."""
    seen = service.scope.providers.chosen(AutoscalingProvider, service.scaling.provider).watched(service)
    if seen is None:
        return
    yield {
        "name": text("mlspec-{service}-autoscaler", service=service.name),
        "interval": fixed("1m", "the same as for objectives"),
        "rules": [*_limited(service, seen), _failing(service, seen)],
    }


def _limited(service: ServicePlan, seen: Scaler) -> Iterator[Body]:
    """The load asks for more replicas than the maximum. To be at the maximum is no problem: the peak may be there.

    kube-state-metrics exports both (docs/metrics/workload/horizontalpodautoscaler-metrics.md).
    """
    least, most = service.scaling.least, service.max_replicas
    if least.value >= most.value:
        return
    limited = alert(
        service,
        "ModelAutoscalerAtMaximum",
        "ticket",
        "saturation",
        text(
            "max({current}) >= max({most})\nand max({limited}) == 1",
            current=_series(service, seen, "status_current_replicas"),
            most=_series(service, seen, "spec_max_replicas"),
            limited=_series(service, seen, "status_condition", ',condition="ScalingLimited",status="true"'),
        ),
        because(
            f"{service.name.value}: the load asks for more than the maximum of {most.value} replicas",
            "the load is above the maximum",
            service.name,
            least,
            most,
        ),
        wait=fixed("30m", "longer than a spike that the headroom absorbs"),
    )
    yield proofs.at_maximum(service, limited, seen)


def _failing(service: ServicePlan, seen: Scaler) -> Body:
    """Without the load, the replicas stay as they are, or go to the fallback."""
    failing = alert(
        service,
        "ModelAutoscalerFailing",
        "ticket",
        "autoscaling",
        seen.failing,
        text("{service}: the autoscaler cannot read the load, so replicas no longer follow it", service=service.name),
        action=text(
            "`kubectl describe hpa {name} -n {namespace}` shows the error.",
            name=seen.name,
            namespace=service.scope.namespace,
        ),
        wait=fixed("5m", "longer than Prometheus takes to restart"),
    )
    return proofs.unread(failing, seen)


def _series(service: ServicePlan, seen: Scaler, what: str, more: str = "") -> Because[str]:
    return promql(
        f'kube_horizontalpodautoscaler_{what}{{{{namespace="{{namespace}}",horizontalpodautoscaler="{{name}}"{more}}}}}',
        namespace=service.scope.namespace,
        name=seen.name,
    )

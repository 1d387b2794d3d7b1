"""Kubernetes' HorizontalPodAutoscaler: scales on the recorded load behind a metrics adapter, or on CPU usage."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ....compiler import conventions
from ....compiler.because import Because, because
from ....compiler.emit.artifact import Artifact, Body
from ....compiler.finding import refusal
from ....compiler.plan.service import ServicePlan
from ....compiler.promql import promql
from ... import naming
from ...providers import AutoscalingProvider, Sample, Scaler
from ..common import behavior, no_signal, target

__all__ = ["PROVIDER"]


def scaler(service: ServicePlan) -> Iterator[Artifact]:
    """The HorizontalPodAutoscaler."""
    scope, adapter = service.scope, service.scaling.adapter
    if service.scaling.by_processors:
        _check_processors(service)
    body: Body = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": naming.metadata(scope, service.name, naming.labels(scope, "autoscaler", service.name)),
        "spec": {
            "scaleTargetRef": target(service),
            "minReplicas": service.scaling.least,
            "maxReplicas": service.max_replicas,
            "metrics": [_cpu(service) if adapter is None else _load(service, adapter)],
            "behavior": behavior(),
        },
    }
    why = because("HorizontalPodAutoscaler", "replicas follow the load", service.scaling.provider, service.runtime_name)
    yield Artifact(
        path=naming.path_of(scope, "autoscaling", "HorizontalPodAutoscaler", service.name), body=body, why=why
    )


def _check_processors(service: ServicePlan) -> None:
    """Refuse a signal that counts the pods of two versions together, or that the load does not move."""
    bound = service.runtime.cpu_bound
    unmoved = service.accelerated if service.accelerated.value else bound if not bound.value else None
    help_ = "set `platform.autoscaling.provider: keda`, or set `platform.autoscaling.adapter`"
    if service.workload.progressive.value:
        raise refusal(
            "MLS607",
            "an autoscaler that follows CPU usage would count the canary's pods along with the stable ones",
            service.scaling.provider,
            service.runtime_name,
            others=((service.canary.stage, "the canary"),),
            note="the sum would size the stable version alone, so the replica count would ratchet up to its maximum",
            help=f"{help_}, or set `platform.rollout.provider: none`" if unmoved is None else help_,
        )
    if unmoved is not None:
        raise refusal(
            "MLS440",
            "an autoscaler that follows CPU usage would not see the load of this server",
            service.scaling.provider,
            service.runtime_name,
            others=((unmoved, "something else does the work"),),
            note="its processors stay mostly idle while requests wait, so it would get no new replicas at the peak",
            help=help_,
        )


def _cpu(service: ServicePlan) -> Body:
    busy = service.scaling.processors
    return {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": busy}},
    }


def _load(service: ServicePlan, adapter: Because[str]) -> Body:
    """The recorded load. As with KEDA, its total is divided over the replicas, so a canary's pods do not count."""
    monitored = service.scope.runs("monitoring")
    if service.scaling.query is None:
        raise no_signal(service)
    if not monitored.value:
        raise refusal(
            "MLS012",
            "no rule records the load metric that the autoscaler queries",
            monitored,
            adapter,
            note="without the metric, the autoscaler neither adds nor removes replicas",
            help="add `monitoring` to the environment's `runs`, or set `platform.autoscaling.provider: none`",
        )
    external: Body = {
        "metric": {"name": conventions.LOAD_METRIC, "selector": {"matchLabels": {"service": service.name}}},
        "target": {"type": "AverageValue", "averageValue": service.scaling.threshold.map(_quantity)},
    }
    return {"type": "External", "external": because(external, "the load metric that the adapter serves", adapter)}


def _quantity(threshold: str) -> str:
    """The value as the API server writes it, such as 700m for 0.7. Otherwise, Git and the cluster differ forever."""
    return threshold if "." not in threshold else f"{int(Decimal(threshold) * 1000)}m"


def watched(service: ServicePlan) -> Scaler:
    """It says itself that it cannot compute a replica count, as kube-state-metrics sees it."""
    failing = promql(
        'kube_horizontalpodautoscaler_status_condition{{namespace="{namespace}",horizontalpodautoscaler="{name}",'
        'condition="ScalingActive",status="false"}} == 1',
        namespace=service.scope.namespace,
        name=service.name,
    )
    labels: dict[str, Because[str] | str] = {
        "namespace": service.scope.namespace,
        "horizontalpodautoscaler": service.name,
        "condition": "ScalingActive",
        "status": "false",
    }
    failed = Sample(name="kube_horizontalpodautoscaler_status_condition", labels=labels)
    return Scaler(name=service.name, failing=failing, failed=failed, kept=True)


PROVIDER = AutoscalingProvider(name="hpa", scaler=scaler, watched=watched)

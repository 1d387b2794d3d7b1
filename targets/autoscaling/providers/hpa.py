"""Kubernetes' HorizontalPodAutoscaler: the recorded load behind a metrics adapter, or processors."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ....compiler import conventions
from ....compiler.because import Because, because, fixed
from ....compiler.emit.artifact import Artifact, Body
from ....compiler.finding import refusal
from ....compiler.plan.service import ServicePlan
from ... import naming
from ...providers import AutoscalingProvider
from ..common import behavior, no_signal, target

__all__ = ["PROVIDER"]


def scaler(service: ServicePlan) -> Iterator[Artifact]:
    """The HorizontalPodAutoscaler."""
    scope, adapter = service.scope, service.scaling.adapter
    if service.workload.progressive.value and service.scaling.by_processors:
        raise refusal(
            "MLS607",
            "an autoscaler on processors would count the canary's pods with the stable ones",
            service.scaling.provider,
            service.runtime_name,
            others=((service.canary.stage, "the canary"),),
            note="the stable version alone is sized by the sum, and the number of replicas ratchets up to its maximum",
            help="set `platform.autoscaling.provider: keda`, name an `adapter` beside it, or set "
            "`platform.rollout.provider: none`",
        )
    body: Body = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": naming.metadata(scope, service.name, naming.labels(scope, "autoscaler", service.name)),
        "spec": {
            "scaleTargetRef": target(service),
            "minReplicas": service.scaling.least,
            "maxReplicas": service.max_replicas,
            "metrics": [_processors() if adapter is None else _load(service, adapter)],
            "behavior": behavior(),
        },
    }
    why = because("HorizontalPodAutoscaler", "replicas follow the load", service.scaling.provider, service.runtime_name)
    yield Artifact(
        path=naming.path_of(scope, "autoscaling", "HorizontalPodAutoscaler", service.name), body=body, why=why
    )


def _processors() -> Body:
    busy = fixed(70, "above it waiting grows faster than load")
    return {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": busy}},
    }


def _load(service: ServicePlan, adapter: Because[str]) -> Body:
    """What a rule records of the load. Its total is divided, as by KEDA, so that a canary's pods do not count."""
    monitored = service.scope.runs("monitoring")
    if service.scaling.query is None:
        raise no_signal(service)
    if not monitored.value:
        raise refusal(
            "MLS012",
            "no rule records the load that the autoscaler asks for",
            monitored,
            adapter,
            note="without the metric it neither adds replicas nor takes any away",
            help="add `monitoring` to what the environment runs, or set `platform.autoscaling.provider: keda`",
        )
    external: Body = {
        "metric": {"name": conventions.LOAD_METRIC, "selector": {"matchLabels": {"service": service.name}}},
        "target": {"type": "AverageValue", "averageValue": service.scaling.threshold.map(_quantity)},
    }
    return {"type": "External", "external": because(external, "the load, as the adapter serves it", adapter)}


def _quantity(threshold: str) -> str:
    """As an API server writes it: 0.7 is 700m, or Git and cluster differ for ever."""
    return threshold if "." not in threshold else f"{int(Decimal(threshold) * 1000)}m"


PROVIDER = AutoscalingProvider(name="hpa", scaler=scaler)

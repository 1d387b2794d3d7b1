"""Autoscaling: replicas follow the runtime's own signal.

Traps of KEDA that are handled here: the default minimum is zero and the default maximum 100; a query without an answer
counts as zero, so that a Prometheus that loses its target would scale everything down; a second autoscaler on one
target is refused. The signal is divided over replicas by its total (`AverageValue`), so that a canary's pods are not
counted twice. How often KEDA polls matters only between no replica and one, and a service at none has nobody to say
that requests wait: neither is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import partial

from ..compiler import conventions
from ..compiler.because import Because, because, fixed
from ..compiler.emit.artifact import Artifact, Body, Piece, Target
from ..compiler.finding import Refusal, refusal
from ..compiler.plan import Plan
from ..compiler.plan.service import ServicePlan
from ..compiler.system import MLSystem
from . import naming

__all__ = ["TARGET"]


def emit(_: MLSystem, plan: Plan) -> Iterable[Piece]:
    """One autoscaler for each online service."""
    for service in plan.online.values():
        yield partial(autoscaler, service)


def autoscaler(service: ServicePlan) -> Iterator[Artifact]:
    """What the platform scales with."""
    provider = service.scaling.provider
    if provider.value == "keda":
        yield _scaled_object(service)
    elif provider.value == "hpa":
        yield _horizontal(service)


def _target(service: ServicePlan) -> Body:
    progressive = service.canary.progressive
    api, kind = ("argoproj.io/v1alpha1", "Rollout") if progressive.value else ("apps/v1", "Deployment")
    why = "the workload"
    return {"apiVersion": because(api, why, progressive), "kind": because(kind, why, progressive), "name": service.name}


def _behavior() -> Body:
    """Up at once and by much; down slowly, as a replica that is gone must load its model again."""
    why = "a replica that was taken away too soon must load its model again"
    return {
        "scaleUp": {
            "stabilizationWindowSeconds": fixed(30, "a spike of a few seconds is over before a replica is there"),
            "policies": [
                {
                    "type": "Percent",
                    "value": fixed(100, "at most twice as many"),
                    "periodSeconds": fixed(60, "in a minute"),
                }
            ],
        },
        "scaleDown": {
            "stabilizationWindowSeconds": fixed(300, why),
            "policies": [{"type": "Pods", "value": fixed(1, why), "periodSeconds": fixed(120, why)}],
        },
    }


def _scaled_object(service: ServicePlan) -> Artifact:
    scope, scaling = service.scope, service.scaling
    if scaling.query is None:
        raise _no_signal(service)
    body: Body = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": naming.metadata(scope, service.name, naming.labels(scope, "autoscaler", service.name)),
        "spec": {
            "scaleTargetRef": _target(service),
            "minReplicaCount": scaling.least,
            "maxReplicaCount": service.max_replicas,
            "fallback": {
                "failureThreshold": fixed(3, "three looks without an answer"),
                "replicas": scaling.fallback,
                "behavior": "currentReplicasIfHigher",
            },
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": _behavior()}},
            "triggers": [_trigger(service, scaling.query)],
        },
    }
    why = because("ScaledObject", "replicas follow the load", scaling.provider, service.runtime_name)
    return Artifact(path=naming.path_of(scope, "autoscaling", "ScaledObject", service.name), body=body, why=why)


def _trigger(service: ServicePlan, query: Because[str]) -> Body:
    return {
        "type": "prometheus",
        "metricType": "AverageValue",
        "metadata": {
            "serverAddress": service.scope.platform.prometheus.url,
            "query": query,
            "threshold": service.scaling.threshold,
            "ignoreNullValues": fixed("false", "no answer is no load of zero: the fallback takes over"),
        },
    }


def _horizontal(service: ServicePlan) -> Artifact:
    scope, adapter = service.scope, service.scaling.adapter
    if service.canary.progressive.value and adapter is None:
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
            "scaleTargetRef": _target(service),
            "minReplicas": service.scaling.least,
            "maxReplicas": service.max_replicas,
            "metrics": [_processors() if adapter is None else _load(service, adapter)],
            "behavior": _behavior(),
        },
    }
    why = because("HorizontalPodAutoscaler", "replicas follow the load", service.scaling.provider, service.runtime_name)
    return Artifact(
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
        raise _no_signal(service)
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


def _no_signal(service: ServicePlan) -> Refusal:
    runtime = service.runtime_name
    return refusal(
        "MLS012",
        f"`{runtime.value}` exports nothing that says how busy it is",
        runtime,
        others=((service.scaling.provider, "KEDA scales on a query"),),
        note="replicas would follow processors, which say little of requests that wait, or nothing at all",
        help=f"describe `inFlight` or `queue` under `platform.runtimes.{runtime.value}.metrics`, or set "
        "`platform.autoscaling.provider: none`",
    )


TARGET = Target(name="autoscaling", summary="replicas that follow the runtime's own signal", emit=emit)

"""Autoscaling: replicas follow the runtime's own signal.

Traps of KEDA that are handled here: the default minimum is zero and the default maximum 100; a query without an answer
counts as zero, so that a Prometheus that loses its target would scale everything down; a second autoscaler on one
target is refused. The signal is divided over replicas by its total (`AverageValue`), so that a canary's pods are not
counted twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from ..compiler.artifact import Artifact, Body, Piece, Target
from ..compiler.because import Because, because, fixed
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
            "pollingInterval": fixed(15, "as often as the horizontal autoscaler looks"),
            "minReplicaCount": service.min_replicas,
            "maxReplicaCount": service.max_replicas,
            "fallback": {
                "failureThreshold": fixed(3, "three polls without an answer"),
                "replicas": scaling.fallback,
                "behavior": "currentReplicasIfHigher",
            },
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": _behavior()}},
            "triggers": [_trigger(service, scaling.query)],
        },
    }
    why = because("ScaledObject", "replicas follow the load", scaling.provider, service.part.runtime)
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
    scope = service.scope
    if service.canary.progressive.value:
        raise refusal(
            "MLS607",
            "an autoscaler on processors would count the canary's pods with the stable ones",
            service.scaling.provider,
            service.part.runtime,
            others=((service.canary.stage, "the canary"),),
            note="the stable version alone is sized by the sum, and the number of replicas ratchets up to its maximum",
            help="set `platform.autoscaling.provider: keda`, or `platform.rollout.provider: none`",
        )
    body: Body = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": naming.metadata(scope, service.name, naming.labels(scope, "autoscaler", service.name)),
        "spec": {
            "scaleTargetRef": _target(service),
            "minReplicas": service.min_replicas,
            "maxReplicas": service.max_replicas,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {
                            "type": "Utilization",
                            "averageUtilization": fixed(70, "above it waiting grows faster than load"),
                        },
                    },
                }
            ],
            "behavior": _behavior(),
        },
    }
    why = because("HorizontalPodAutoscaler", "replicas follow the load", service.scaling.provider, service.part.runtime)
    return Artifact(
        path=naming.path_of(scope, "autoscaling", "HorizontalPodAutoscaler", service.name), body=body, why=why
    )


def _no_signal(service: ServicePlan) -> Refusal:
    runtime = service.part.runtime
    return refusal(
        "MLS012",
        f"`{runtime.value}` exports nothing that says how busy it is",
        runtime,
        others=((service.scaling.provider, "KEDA scales on a query"),),
        help=f"describe `inFlight` or `queue` under `platform.runtimes.{runtime.value}.metrics`, or set "
        "`platform.autoscaling.provider: none`",
    )


TARGET = Target(name="autoscaling", summary="replicas that follow the runtime's own signal", emit=emit)

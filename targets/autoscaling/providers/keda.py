"""KEDA: a ScaledObject that follows the runtime's own signal.

Traps that are handled here: the default minimum is zero and the default maximum 100; a query without an answer counts
as zero, so that a Prometheus that loses its target would scale everything down; a second autoscaler on one target is
refused. The signal is divided over replicas by its total (`AverageValue`), so that a canary's pods are not counted
twice. How often KEDA polls matters only between no replica and one, and a service at none has nobody to say that
requests wait: neither is used.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....compiler.because import Because, because, fixed
from ....compiler.emit.artifact import Artifact, Body
from ....compiler.kinds import Kind, scales
from ....compiler.plan.service import ServicePlan
from ... import naming
from ...providers import AutoscalingProvider
from ..common import behavior, no_signal, target

__all__ = ["PROVIDER"]


def scaler(service: ServicePlan) -> Iterator[Artifact]:
    """The ScaledObject."""
    scope, scaling = service.scope, service.scaling
    if scaling.query is None:
        raise no_signal(service)
    body: Body = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": naming.metadata(scope, service.name, naming.labels(scope, "autoscaler", service.name)),
        "spec": {
            "scaleTargetRef": target(service),
            "minReplicaCount": scaling.least,
            "maxReplicaCount": service.max_replicas,
            "fallback": {
                "failureThreshold": fixed(3, "three looks without an answer"),
                "replicas": scaling.fallback,
                "behavior": "currentReplicasIfHigher",
            },
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior()}},
            "triggers": [_trigger(service, scaling.query)],
        },
    }
    why = because("ScaledObject", "replicas follow the load", scaling.provider, service.runtime_name)
    yield Artifact(path=naming.path_of(scope, "autoscaling", "ScaledObject", service.name), body=body, why=why)


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


PROVIDER = AutoscalingProvider(
    name="keda",
    scaler=scaler,
    kinds={
        "ScaledObject": Kind(
            check=scales,
            longest=54,
            adds="KEDA names its autoscaler `keda-hpa-<name>`",  # KEDA's webhook refuses longer ones
        )
    },
)

"""KEDA: a ScaledObject that follows the runtime's own load signal.

Traps handled here: the default minimum is 0, and the default maximum is 100. An empty query result counts as zero, so a
Prometheus that loses its target would scale everything down. A second autoscaler on the same target is rejected.

The total of the signal is divided over the replicas (`AverageValue`), so a canary's pods are not counted twice. The
polling interval matters only between zero replicas and one, and a service with zero replicas cannot report that
requests are waiting. So neither the interval nor scaling to zero is used.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....compiler.because import Because, because, fixed, text
from ....compiler.emit.artifact import Artifact, Body
from ....compiler.kinds import Kind, Known, Object, scales
from ....compiler.plan.prometheus import authentication
from ....compiler.plan.service import ServicePlan
from ....compiler.promql import exported
from ....compiler.system import PrometheusAuth
from ... import naming
from ...providers import AutoscalingProvider, Sample, Scaler
from ..common import behavior, no_signal, target
from . import keda_auth

__all__ = ["PROVIDER"]


def scaler(service: ServicePlan) -> Iterator[Artifact]:
    """The ScaledObject."""
    scope, scaling = service.scope, service.scaling
    if scaling.query is None:
        raise no_signal(service)
    auth = authentication(scope, scaling.provider, service.scaler)
    if auth is not None:
        yield keda_auth.trigger_authentication(service, auth)
    body: Body = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": naming.metadata(scope, service.name, naming.labels(scope, "autoscaler", service.name)),
        "spec": {
            "scaleTargetRef": target(service),
            "minReplicaCount": scaling.least,
            "maxReplicaCount": service.max_replicas,
            "fallback": {
                "failureThreshold": fixed(3, "three polls without an answer"),
                "replicas": scaling.fallback,
                "behavior": "currentReplicasIfHigher",
            },
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior()}},
            "triggers": [_trigger(service, scaling.query, auth)],
        },
    }
    why = because("ScaledObject", "replicas follow the load", scaling.provider, service.runtime_name)
    yield Artifact(path=naming.path_of(scope, "autoscaling", "ScaledObject", service.name), body=body, why=why)


def _trigger(service: ServicePlan, query: Because[str], auth: PrometheusAuth | None) -> Body:
    prometheus = service.scope.platform.prometheus
    return {
        "type": "prometheus",
        "metricType": "AverageValue",
        "metadata": {
            "serverAddress": prometheus.url,
            "query": query,
            "threshold": service.scaling.threshold,
            "ignoreNullValues": fixed("false", "a missing answer does not mean zero load: the fallback applies"),
            **keda_auth.metadata(auth),
            "customHeaders": keda_auth.headers(prometheus.headers),
        },
        "authenticationRef": {"name": service.name} if auth is not None else None,
    }


def watched(service: ServicePlan) -> Scaler:
    """KEDA counts the queries that fail, for its own polls and those of the HorizontalPodAutoscaler it creates.

    Before KEDA 2.14, the counter had another name (pkg/metricscollector/prommetrics.go).
    """
    failing = exported(
        'increase(keda_scaler_detail_errors_total{{{own},scaledObject="{name}"}}[15m])',
        service.scope.namespace,
        name=service.name,
    )
    few = fixed("10", "KEDA asks at least 30 times in this time; a restart of Prometheus fails a few of them")
    return Scaler(
        name=text("keda-hpa-{name}", name=service.name),
        failing=text("{failing} >= {few}", failing=failing, few=few),
        failed=Sample(
            name="keda_scaler_detail_errors_total",
            labels={"scaledObject": service.name, "scaler": "prometheus"},
            own=service.scope.namespace,
        ),
        counter=True,
    )


def _refers(body: Object, known: Known) -> Iterator[str]:
    """What a ScaledObject scales, and how its triggers authenticate."""
    yield from scales(body, known)
    for trigger in body["spec"]["triggers"]:
        name = trigger.get("authenticationRef", {}).get("name")
        if name is not None and not known.has("TriggerAuthentication", name):
            yield f"authenticates with a TriggerAuthentication `{name}` that does not exist"


PROVIDER = AutoscalingProvider(
    name="keda",
    scaler=scaler,
    watched=watched,
    kinds={
        "ScaledObject": Kind(
            check=_refers,
            longest=54,
            adds="KEDA names its autoscaler `keda-hpa-<name>`",  # KEDA's webhook refuses longer ones
        ),
        "TriggerAuthentication": Kind(),
    },
)

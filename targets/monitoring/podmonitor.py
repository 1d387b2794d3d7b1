"""Scraping, with a PodMonitor instead of a ServiceMonitor: between rollouts, the stable and the canary Service select
the same pods, so a ServiceMonitor would scrape them twice. The rollout's pod hash becomes a label, so that queries can
distinguish the versions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...compiler import conventions
from ...compiler.because import Because, because
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.kinds import Known, Object, port_names
from ...compiler.plan.service import ServicePlan
from .. import naming

__all__ = ["pod_monitors", "scraped"]


def pod_monitors(service: ServicePlan) -> Iterator[Artifact]:
    """One for the serving pods, and one for the shadow's pods, which get their own Prometheus job."""
    yield from _of_recorders(service)
    if service.runtime.ports.metrics is None:
        return
    scraped = because("PodMonitor", "the runtime exports metrics", service.runtime.ports.metrics, service.runtime_name)
    yield _monitor(service, service.name, "predictor", scraped)
    if service.shadow is not None:
        shadow = because(
            "PodMonitor", "the shadow is monitored separately", service.shadow.version, service.runtime_name
        )
        yield _monitor(service, service.shadow_name, conventions.SHADOW, shadow)


def _of_recorders(service: ServicePlan) -> Iterator[Artifact]:
    """The recorders of all versions. A second endpoint above would count each replica twice."""
    found = service.recorder
    if found is None:
        return
    why = because("PodMonitor", "the recorder counts what it does not record", found.part.by, found.metrics)
    endpoint = {"port": "capture-metrics", "interval": service.scrape_interval.map(str)}
    name, scope = service.named("capture"), service.scope
    body: Body = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": naming.metadata(
            scope, name, {**naming.labels(scope, "predictor", service.name), **scope.platform.prometheus.labels}
        ),
        "spec": {
            "selector": {"matchLabels": naming.shared(scope, service.name)},
            "podTargetLabels": ["app.kubernetes.io/version"],
            "podMetricsEndpoints": [endpoint],
        },
    }
    yield Artifact(path=naming.path_of(scope, "monitoring", "PodMonitor", name), body=body, why=why)


def _monitor(service: ServicePlan, name: Because[str], component: str, why: Because[Any]) -> Artifact:
    scope = service.scope
    prometheus = scope.platform.prometheus
    body: Body = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": naming.metadata(
            scope, name, {**naming.labels(scope, component, service.name), **prometheus.labels}
        ),
        "spec": {
            "selector": {"matchLabels": naming.selector(scope, component, service.name)},
            "podTargetLabels": ["app.kubernetes.io/version", *_version_labels(service)],
            "podMetricsEndpoints": [
                {
                    "port": _port(service),
                    "path": service.runtime.metrics.path,
                    "interval": service.scrape_interval.map(str),
                }
            ],
        },
    }
    return Artifact(path=naming.path_of(scope, "monitoring", "PodMonitor", name), body=body, why=why)


def _version_labels(service: ServicePlan) -> list[Because[str]]:
    """The label that distinguishes the series of one version from those of another."""
    label = service.workload.pod_label
    return [label] if label is not None else []


def scraped(body: Object, known: Known) -> Iterator[str]:
    """Check that a PodMonitor selects pods, and that the pods have its ports."""
    pods = known.selected(body["spec"].get("selector", {}).get("matchLabels", {}))
    if not pods:
        yield "selects no pods"
    for endpoint in body["spec"].get("podMetricsEndpoints", []):
        if pods and not any(endpoint.get("port") in port_names(pod) for pod in pods):
            yield f"scrapes port `{endpoint.get('port')}`, which its pods do not have"


def _port(service: ServicePlan) -> Because[str]:
    """The port's name in the pod. Metrics on the HTTP port use its name."""
    ports = service.runtime.ports
    shared = ports.http is not None and ports.metrics is not None and ports.http.value == ports.metrics.value
    http = "http" if service.recorder is None else "server"
    return because(http if shared else "metrics", "the container port that exports metrics", ports.http, ports.metrics)

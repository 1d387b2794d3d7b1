"""How Prometheus reaches the learner, and what the learner may connect to: its stores, and the diagnosis."""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import because, fixed
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan.learning import METRICS, LearningPlan
from ...compiler.plan.measuring import REQUESTS
from .. import naming
from ..pod.egress import egress, namespace, siblings, tcp
from .config import COMPONENT, labels
from .workload import grants

__all__ = ["pod_monitor", "policy"]


def policy(found: LearningPlan) -> Iterator[Artifact]:
    """Prometheus scrapes it, and it asks for the diagnosis, and reads and writes its stores."""
    scope = found.plan
    if not scope.platform.network.policies.value:
        return
    asked = tcp(fixed(REQUESTS, "the port of the diagnosis"))
    scraped = tcp(fixed(METRICS, "the port of the metrics"))
    body: Body = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": naming.metadata(scope, found.name, labels(found)),
        "spec": {
            "podSelector": {"matchLabels": naming.selector(scope, COMPONENT, found.name)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [namespace(scope.platform.prometheus.namespace)], "ports": scraped}],
            "egress": [
                *egress(scope, found.uris, grants(found)),
                {"to": [siblings(scope, found.measuring.name)], "ports": asked},
            ],
        },
    }
    why = because("NetworkPolicy", "limits what it connects to", scope.platform.network.policies, found.part.to)
    yield Artifact(path=naming.path_of(scope, "learning", "NetworkPolicy", found.name), body=body, why=why)


def pod_monitor(found: LearningPlan) -> Iterator[Artifact]:
    """How Prometheus scrapes it."""
    scope, prometheus = found.plan, found.plan.platform.prometheus
    body: Body = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": naming.metadata(scope, found.name, {**labels(found), **prometheus.labels}),
        "spec": {
            "selector": {"matchLabels": naming.selector(scope, COMPONENT, found.name)},
            "podMetricsEndpoints": [
                {
                    "port": "metrics",
                    "path": "/metrics",
                    "interval": fixed("1m", "checkpoints are minutes or hours apart"),
                    "honorLabels": fixed(True, "the series name the namespace and the service that they are about"),
                }
            ],
        },
    }
    why = because("PodMonitor", "the alerts read how far it is", found.part.checkpoint, found.part.frozen)
    yield Artifact(path=naming.path_of(scope, "learning", "PodMonitor", found.name), body=body, why=why)

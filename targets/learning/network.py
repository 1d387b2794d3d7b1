"""How Prometheus reaches the learner, and what the learner may connect to: its stores, and the diagnosis."""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import because, fixed
from ...compiler.emit.artifact import Artifact
from ...compiler.plan.learning import METRICS, LearningPlan
from ...compiler.plan.measuring import REQUESTS
from ...compiler.plan.mesh import tunnel
from .. import naming
from ..pod.egress import egress, namespace, siblings, tcp
from ..process import network_policy
from ..process import pod_monitor as pod_monitor_of
from .workload import grants, process

__all__ = ["pod_monitor", "policy"]


def policy(found: LearningPlan) -> Iterator[Artifact]:
    """Prometheus scrapes it, and it asks for the diagnosis, and reads and writes its stores."""
    scope = found.plan
    if not scope.platform.network.policies.value:
        return
    scraped, tunneled = fixed(METRICS, "the port of the metrics"), tunnel(scope)
    ingress = [{"from": [namespace(scope.platform.prometheus.namespace)], "ports": tcp(scraped, tunneled)}]
    asked = tcp(fixed(REQUESTS, "the port of the diagnosis"), tunneled)
    diagnosis = {"to": [siblings(scope, found.measuring.name)], "ports": asked}
    opened = [*egress(scope, found.uris, grants(found)), diagnosis]
    body = network_policy(process(found), ingress, opened, scraped)
    why = because("NetworkPolicy", "limits what it connects to", scope.platform.network.policies, found.part.to)
    yield Artifact(path=naming.path_of(scope, "learning", "NetworkPolicy", found.name), body=body, why=why)


def pod_monitor(found: LearningPlan) -> Iterator[Artifact]:
    """How Prometheus scrapes it."""
    why = because("PodMonitor", "the alerts read how far it is", found.part.checkpoint, found.part.frozen)
    yield Artifact(
        path=naming.path_of(found.plan, "learning", "PodMonitor", found.name),
        body=pod_monitor_of(process(found)),
        why=why,
    )

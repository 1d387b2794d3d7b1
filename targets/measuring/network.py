"""How Prometheus and Alertmanager reach the process, and what it may connect to.

Trap handled here: the API server has no pods that a policy can select, so its ports are open to any address.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan.measuring import METRICS, REQUESTS, MeasuringPlan
from ...compiler.plan.mesh import tunnel
from .. import naming
from ..pod.egress import api_server, egress, namespace, siblings, tcp
from ..process import network_policy
from ..process import pod_monitor as pod_monitor_of
from .config import COMPONENT, labels
from .workload import grants, process

__all__ = ["pod_monitor", "policy", "service"]

SCRAPED = fixed(METRICS, "the port of the metrics")


def service(found: MeasuringPlan) -> Iterator[Artifact]:
    """The Service that training runs and Alertmanager send requests to, if there are any."""
    scope = found.plan
    if not found.answers.value:
        return
    port = because(REQUESTS, "for training runs and for Alertmanager", found.answers)
    body: Body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": naming.metadata(scope, found.name, labels(found)),
        "spec": {
            "type": "ClusterIP",
            "ports": [{"name": "requests", "port": port, "targetPort": "requests"}],
            "selector": naming.selector(scope, COMPONENT, found.name),
        },
    }
    why = because("Service", "training runs ask for the diagnosis at this name", found.answers, found.part.to)
    yield Artifact(path=naming.path_of(scope, "measuring", "Service", found.name), body=body, why=why)


def policy(found: MeasuringPlan) -> Iterator[Artifact]:
    """Prometheus scrapes it, Alertmanager asks for runs, and it reads its stores."""
    scope = found.plan
    if not scope.platform.network.policies.value:
        return
    to = [*egress(scope, found.uris, grants(found)), *_api_server(found)]
    body = network_policy(process(found), list(_ingress(found)), to, SCRAPED)
    why = because(
        "NetworkPolicy", "limits what the process connects to", scope.platform.network.policies, found.part.to
    )
    yield Artifact(path=naming.path_of(scope, "measuring", "NetworkPolicy", found.name), body=body, why=why)


def _ingress(found: MeasuringPlan) -> Iterator[Body]:
    """Prometheus, and the senders of requests."""
    plan = found.plan
    tunneled = tunnel(plan)
    yield {"from": [namespace(plan.platform.prometheus.namespace)], "ports": tcp(SCRAPED, tunneled)}
    if plan.training is None:
        return
    asking = [siblings(plan, plan.training.name)]
    if plan.learning is not None:
        asking.append(siblings(plan, plan.learning.name))
    if found.starts.value:
        asking.append(namespace(plan.alerting.namespace.also(found.starts)))
    yield {"from": asking, "ports": tcp(because(REQUESTS, "the port of requests", found.answers), tunneled)}


def _api_server(found: MeasuringPlan) -> list[Because[Body]]:
    if not found.starts.value:
        return []
    return [because(api_server(), "the API server starts the runs", found.starts)]


def pod_monitor(found: MeasuringPlan) -> Iterator[Artifact]:
    """How Prometheus scrapes it."""
    why = because("PodMonitor", "the alerts read what it measures", found.part.to, found.asked)
    yield Artifact(
        path=naming.path_of(found.plan, "measuring", "PodMonitor", found.name),
        body=pod_monitor_of(process(found)),
        why=why,
    )

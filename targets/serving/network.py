"""Who may connect to the pods, and where the pods may connect to.

Traps handled here: a mesh that tunnels requests delivers them at its own port, so a policy that only names the ports of
the runtime drops them. The same mesh changes the source of the kubelet's probes, which otherwise need no rule.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.finding import Refusal, refusal
from ...compiler.plan.service import ServicePlan
from .. import naming
from ..pod.egress import egress, namespace, siblings, tcp
from .pod import accesses
from .workload import PREDICTOR

__all__ = ["policy"]


def policy(service: ServicePlan) -> Iterator[Artifact]:
    """One policy for all versions of a service, including a shadow."""
    scope = service.scope
    if not scope.platform.network.policies.value:
        return
    body: Body = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": naming.metadata(scope, service.name, naming.labels(scope, PREDICTOR, service.name)),
        "spec": {
            "podSelector": {"matchLabels": naming.shared(scope, service.name)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": _ingress(service),
            "egress": _egress(service),
        },
    }
    platform = scope.platform
    sources = (platform.network.policies, service.runtime_name, platform.mesh.provider)
    why = because("NetworkPolicy", "limits who may connect to the model", *sources)
    yield Artifact(path=naming.path_of(scope, "serving", "NetworkPolicy", service.name), body=body, why=why)


def _ingress(service: ServicePlan) -> list[Body]:
    """The gateway, the callers, and the system's own callers may connect to the service's ports, and Prometheus to the
    metrics port.
    """
    platform, ports = service.scope.platform, service.runtime.ports
    callers = [namespace(caller.namespace, caller.labels) for caller in service.part.endpoint.callers]
    gateway = [namespace(platform.gateway.namespace)] if service.routed.value else []
    own = [siblings(service.scope, sibling) for sibling in service.siblings]
    if not callers and not gateway and not own:
        raise _unreachable(service)
    mesh = service.mesh
    waypoint = [] if mesh.waypoint is None else [namespace(service.scope.namespace, mesh.waypoint)]
    return [
        {"from": [*gateway, *callers, *own, *waypoint], "ports": tcp(ports.http, ports.grpc, mesh.tunnel)},
        {"from": [namespace(platform.prometheus.namespace)], "ports": tcp(ports.metrics, mesh.tunnel)},
        *_probes(service),
    ]


def _probes(service: ServicePlan) -> Iterator[Body]:
    """The kubelet connects from the node, which every policy allows, unless a mesh changes the source."""
    source, ports = service.mesh.probes, service.runtime.ports
    if source is not None:
        yield {"from": [{"ipBlock": {"cidr": source}}], "ports": tcp(ports.http, ports.grpc, ports.metrics)}


def _unreachable(service: ServicePlan) -> Refusal:
    """Without callers there is no valid rule: an empty list of sources allows all callers, and no rule allows none."""
    return refusal(
        "MLS009",
        f"the callers of `{service.part.own_name.value}` are unknown",
        service.part.endpoint,
        service.part.mode,
        others=((service.traffic_provider, "no gateway routes to it"),),
        note="the network policy would block every caller in the cluster",
        help="list them under `endpoint.callers`, or set `platform.network.policies: false`",
    )


def _egress(service: ServicePlan) -> list[Body | Because[Body]]:
    """Pods may download the models of all versions, and use the accesses of the service."""
    fetched = [files.artifact.uri for files in service.versions if files.source.value != "image"]
    return egress(service.scope, fetched, accesses(service, *service.versions))

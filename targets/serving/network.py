"""Who may connect to the pods, and where the pods may connect to.

Traps handled here: a mesh that tunnels requests delivers them at its own port, so a policy that only names the ports of
the runtime drops them. The same mesh changes the source of the kubelet's probes, which otherwise need no rule.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.finding import Refusal, refusal
from ...compiler.plan.gateway import Source
from ...compiler.plan.service import ServicePlan
from ...compiler.plan.serving.recording import chosen, inbound, writes
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
            "ingress": because(_ingress(service), "who may connect", chosen(service.scope, service.part)),
            "egress": _egress(service),
        },
    }
    platform = scope.platform
    sources = (platform.network.policies, service.runtime_name, platform.mesh.provider, service.arrival.direct)
    why = because("NetworkPolicy", "limits who may connect to the model", *sources)
    yield Artifact(path=naming.path_of(scope, "serving", "NetworkPolicy", service.name), body=body, why=why)


def _ingress(service: ServicePlan) -> list[Body | Because[Body]]:
    """The gateway, the callers, and the system's own callers may connect to the service's ports, and Prometheus to the
    metrics port.
    """
    platform, ports, found = service.scope.platform, service.runtime.ports, service.recorder
    return [
        _served(service),
        {
            "from": [namespace(platform.prometheus.namespace)],
            "ports": tcp(ports.metrics, None if found is None else found.metrics, service.mesh.tunnel),
        },
        *_probes(service),
    ]


def _served(service: ServicePlan) -> Body | Because[Body]:
    """The rule for requests, and for the health checks that a gateway outside the cluster sends like requests."""
    mesh, callers = service.mesh, service.part.endpoint.callers
    ports = [*inbound(service.scope, service.part), mesh.tunnel]
    sources = [namespace(caller.namespace, caller.labels) for caller in callers]
    sources += [siblings(service.scope, sibling) for sibling in service.siblings]
    if mesh.waypoint is not None:
        sources.append(namespace(service.scope.namespace, mesh.waypoint))
    if service.routed.value:
        gateway, check = service.gateway.sources, service.gateway.check
        if gateway is None:
            why = "no network policy can select a gateway on the nodes, so the rule admits every source"
            return because({"ports": tcp(*ports)}, why, service.gateway.provider, callers, service.siblings)
        sources = [*map(_source, gateway), *sources]
        ports.append(None if check is None else check.port)
    if not sources:
        raise _unreachable(service)
    return {"from": sources, "ports": tcp(*ports)}


def _source(source: Source) -> Body:
    if source.namespace is not None:
        return namespace(source.namespace, dict(source.labels))
    return {"ipBlock": {"cidr": source.cidr}}


def _probes(service: ServicePlan) -> Iterator[Body]:
    """The kubelet connects from the node, which every policy allows, unless a mesh changes the source."""
    source, ports, found = service.mesh.probes, service.runtime.ports, service.recorder
    if source is not None:
        probed = tcp(ports.http, ports.grpc, ports.metrics, None if found is None else found.metrics)
        yield {"from": [{"ipBlock": {"cidr": source}}], "ports": probed}


def _unreachable(service: ServicePlan) -> Refusal:
    """Without callers there is no valid rule: an empty list of sources allows all callers, and no rule allows none."""
    return refusal(
        "MLS009",
        f"the callers of `{service.part.own_name.value}` are unknown",
        service.part.endpoint,
        service.part.mode,
        others=((service.routed, "no gateway routes to it"),),
        note="the network policy would block every caller in the cluster",
        help="list them under `endpoint.callers`, or set `platform.network.policies: false`",
    )


def _egress(service: ServicePlan) -> list[Body | Because[Body]]:
    """Pods may download the models of all versions, and use the accesses of the service."""
    files = [version.files for version in service.versions]
    fetched = [each.artifact.uri for each in files if each.fetched]
    capture = writes(service.scope, service.part)
    fetched += [capture.to] if capture is not None else []
    return egress(service.scope, fetched, accesses(service, *files))

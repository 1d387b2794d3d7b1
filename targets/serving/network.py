"""Who may talk to the pods, and whom the pods may talk to. Probes come from the node and need no rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...compiler.artifact import Artifact, Body
from ...compiler.because import Because, because, fixed
from ...compiler.plan.service import ServicePlan
from ...compiler.system import HuggingFaceAccess, S3Access
from .. import naming
from .pod import accesses
from .workload import PREDICTOR

__all__ = ["policy"]


def policy(service: ServicePlan) -> Iterator[Artifact]:
    """One policy for all versions of a service, a shadow among them."""
    scope = service.scope
    if not scope.platform.network.policies.value:
        return
    body: Body = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": naming.metadata(scope, service.name, naming.labels(scope, PREDICTOR, service.name)),
        "spec": {
            "podSelector": {"matchLabels": _all_versions(service)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": _ingress(service),
            "egress": _egress(service),
        },
    }
    why = because(
        "NetworkPolicy", "what may talk to a model is said", scope.platform.network.policies, service.part.runtime
    )
    yield Artifact(path=naming.path_of(scope, "serving", "NetworkPolicy", service.name), body=body, why=why)


def _all_versions(service: ServicePlan) -> Body:
    selector = naming.selector(service.scope, PREDICTOR, service.name)
    return {key: value for key, value in selector.items() if key != "app.kubernetes.io/component"}


def _namespace(name: Because[str], pods: dict[str, Any] | None = None) -> Body:
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
        "podSelector": {"matchLabels": pods} if pods else None,
    }


def _tcp(*ports: Because[int] | None) -> list[Body]:
    seen: dict[int, Because[int]] = {}
    for port in ports:
        if port is not None:
            seen.setdefault(port.value, port)
    return [{"protocol": "TCP", "port": port} for port in seen.values()]


def _ingress(service: ServicePlan) -> list[Body]:
    """The gateway and the callers reach the service's ports, Prometheus the metrics'."""
    platform, ports = service.scope.platform, service.runtime.ports
    callers = [_namespace(caller.namespace, caller.labels) for caller in service.part.endpoint.callers]
    return [
        {"from": [_namespace(platform.gateway.namespace), *callers], "ports": _tcp(ports.http, ports.grpc)},
        {"from": [_namespace(platform.prometheus.namespace)], "ports": _tcp(ports.metrics)},
    ]


# Where pods get the credentials of their identity, by cloud.
_IDENTITY_SERVERS = {
    "eks": (("169.254.170.23/32", 80),),
    "eks-auto": (("169.254.170.23/32", 80),),
    "gke": (("169.254.169.252/32", 988), ("169.254.169.254/32", 80)),
}  # fmt: skip


def _egress(service: ServicePlan) -> list[Body]:
    """Names are looked up, and models are fetched; nothing else leaves."""
    scope = service.scope
    dns = fixed(53, "DNS")
    rules: list[Body] = [
        {
            "to": [_namespace(scope.platform.network.dns)],
            "ports": [{"protocol": "UDP", "port": dns}, {"protocol": "TCP", "port": dns}],
        }
    ]
    stores = list(_stores(service))
    if stores:
        rules.append({"ports": _tcp(*stores)})
    rules += _identity(service)
    return rules


def _stores(service: ServicePlan) -> Iterator[Because[int]]:
    """The ports of what the pods fetch from; addresses of stores change, so only the port is named."""
    if service.files.source.value != "image":
        yield port_of(service.files.artifact.uri)
    for grant in accesses(service, service.files):
        if isinstance(grant.access, (S3Access, HuggingFaceAccess)) and grant.access.endpoint is not None:
            yield port_of(grant.access.endpoint)


def port_of(uri: Because[str]) -> Because[int]:
    """The TCP port that a URI is fetched from: its own, else its scheme's, and 443 for every object store."""

    def port(text: str) -> int:
        scheme, _, rest = text.partition("://")
        own = rest.partition("/")[0].rpartition(":")[2]
        return int(own) if own.isdecimal() else {"http": 80, "kafka": 9092}.get(scheme, 443)

    return uri.map(port)


def _identity(service: ServicePlan) -> Iterator[Body]:
    cloud = service.scope.platform.cloud
    by_account = [g.named for g in accesses(service, service.files) if g.access.service_account is not None]
    for address, port in _IDENTITY_SERVERS.get(cloud.value, ()) if by_account else ():
        why = "where the pod's identity gets its credentials"
        yield {
            "to": [{"ipBlock": {"cidr": because(address, why, cloud, by_account)}}],
            "ports": [{"protocol": "TCP", "port": because(port, why, cloud, by_account)}],
        }

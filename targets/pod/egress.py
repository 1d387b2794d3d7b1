"""Where pods may connect to: DNS, the stores that they have access to, and the servers that issue cloud credentials."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Body
from ...compiler.plan.scope import Scope
from ...compiler.system import HuggingFaceAccess, KafkaAccess, OciAccess, S3Access, TrackingAccess
from .access import Grant

__all__ = ["egress", "namespace", "port_of", "tcp"]

# Where pods get the credentials of their identity, by cloud.
_IDENTITY_SERVERS = {
    "eks": (("169.254.170.23/32", 80),),
    "eks-auto": (("169.254.170.23/32", 80),),
    "gke": (("169.254.169.252/32", 988), ("169.254.169.254/32", 80)),
}

_PORTS = {"http": 80, "kafka": 9092}


def egress(scope: Scope, uris: Iterable[Because[str]], grants: Iterable[Grant]) -> list[Body | Because[Body]]:
    """Allow DNS lookups and connections to stores, and nothing else. The addresses of stores change, so the rules list
    only ports.
    """
    uris, grants = tuple(uris), tuple(grants)
    dns = fixed(53, "DNS")
    rules: list[Body] = [
        {
            "to": [namespace(scope.platform.network.dns)],
            "ports": [{"protocol": "UDP", "port": dns}, {"protocol": "TCP", "port": dns}],
        }
    ]
    stores = tcp(*(port_of(uri) for uri in (*uris, *_addresses(grants, uris))))
    return [*rules, *([{"ports": stores}] if stores else []), *_identity(scope, grants)]


def namespace(name: Because[str], pods: dict[str, Any] | None = None) -> Body:
    """All pods of a namespace, or those with certain labels."""
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
        "podSelector": {"matchLabels": dict(pods)} if pods else None,
    }


def tcp(*ports: Because[int] | None) -> list[Because[Body]]:
    """TCP ports in order, each once, with all its sources."""
    reasons: dict[int, list[Because[int]]] = {}
    for port in ports:
        if port is not None:
            reasons.setdefault(port.value, []).append(port)
    return [_tcp(because(number, "the port it listens on", why)) for number, why in sorted(reasons.items())]


def _tcp(port: Because[int]) -> Because[Body]:
    return because({"protocol": "TCP", "port": port}, "the endpoint at this port", port)


def port_of(uri: Because[str]) -> Because[int]:
    """The TCP port of a URI: its own, otherwise the scheme's default, which is 443 for every object store."""

    def port(text: str) -> int:
        scheme, _, rest = text.partition("://")
        _, colon, own = rest.partition("/")[0].rpartition(":")
        return int(own) if colon and own.isdecimal() else _PORTS.get(scheme, 443)

    return uri.map(port)


def _addresses(grants: Iterable[Grant], uris: tuple[Because[str], ...]) -> Iterator[Because[str]]:
    """The addresses of accesses: the one that an access sets, otherwise the default of its kind. Registries are not
    included, because the node pulls images. Neither are tracking servers, because their address is not in the access.
    """
    brokers = any(uri.value.startswith("kafka://") for uri in uris)
    for grant in grants:
        access = grant.access
        if isinstance(access, (S3Access, HuggingFaceAccess)) and access.endpoint is not None:
            yield access.endpoint
        elif isinstance(access, KafkaAccess):
            if not brokers:
                yield because("kafka://", "the default port of brokers", access.kind, grant.named)
        elif not isinstance(access, (OciAccess, TrackingAccess)):
            yield because("https://", "the default port of stores", access.kind, grant.named)


def _identity(scope: Scope, grants: Iterable[Grant]) -> Iterator[Because[Body]]:
    cloud = scope.platform.cloud
    by_account = [grant.named for grant in grants if grant.access.service_account is not None]
    why = "the server that issues the credentials of the pod's identity"
    for address, port in _IDENTITY_SERVERS.get(cloud.value, ()) if by_account else ():
        rule = {
            "to": [{"ipBlock": {"cidr": because(address, why, cloud, by_account)}}],
            "ports": [{"protocol": "TCP", "port": because(port, why, cloud, by_account)}],
        }
        yield because(rule, why, cloud, by_account)

"""Where pods may connect to: DNS, the control plane of the mesh, the stores and services that they have access to, and
the servers that issue cloud credentials.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Body
from ...compiler.plan.mesh import tunnel, waypoint
from ...compiler.plan.network import Reach, control_plane, dns, issuers, port_of, reach
from ...compiler.plan.scope import Scope
from .. import naming
from .access import Grant

__all__ = ["api_server", "egress", "namespace", "siblings", "tcp"]


def egress(scope: Scope, uris: Iterable[Because[str]], grants: Iterable[Grant]) -> list[Body | Because[Body]]:
    """Allow DNS lookups and connections to the mesh's control plane, stores, and services, and nothing else."""
    uris, grants = tuple(uris), tuple(grants)
    accounts = [(grant.named, grant.identity) for grant in grants if grant.access.service_account is not None]
    used = [found for one in grants if (found := reach(scope, one.access, one.named, uris)) is not None]
    known = [*used, *issuers(scope, accounts)]
    anywhere = [port for one in known if one.anywhere for port in one.ports]
    stores = [*(port_of(uri) for uri in uris), *anywhere]
    open_ = tcp(*stores, tunnel(scope)) if stores else []
    return [
        _dns(scope),
        *(_direct(scope, one) for one in control_plane(scope)),
        *([{"ports": open_}] if open_ else []),
        *(_rule(scope, one) for one in known if not one.anywhere),
    ]


def _dns(scope: Scope) -> Body:
    """Lookups use UDP, and TCP if the answer is long."""
    resolvers = dns(scope)
    ports = [{"protocol": protocol, "port": port} for port in resolvers.ports for protocol in ("UDP", "TCP")]
    return {"to": list(_peers(scope, resolvers)) or None, "ports": ports}


def _rule(scope: Scope, servers: Reach) -> Because[Body]:
    """One rule for one access or one issuer of credentials. A mesh may tunnel what is for pods to its own port."""
    pods = servers.instance is not None or servers.namespace is not None
    body = {"to": list(_peers(scope, servers)), "ports": tcp(*servers.ports, tunnel(scope) if pods else None)}
    return because(body, servers.ports[0].reason, servers.ports)


def _direct(scope: Scope, servers: Reach) -> Because[Body]:
    """One rule for what the proxy itself connects to, which no mesh tunnels."""
    body = {"to": list(_peers(scope, servers)), "ports": tcp(*servers.ports)}
    return because(body, servers.ports[0].reason, servers.ports)


def _peers(scope: Scope, servers: Reach) -> Iterator[Body]:
    if servers.instance is not None:
        yield siblings(scope, servers.instance)
        forwarding = waypoint(scope)
        if forwarding is not None:
            yield namespace(scope.namespace, forwarding)
    elif servers.namespace is not None:
        yield namespace(servers.namespace, servers.pods)
    yield from ({"ipBlock": {"cidr": cidr}} for cidr in servers.cidrs)


def api_server() -> Body:
    """The API server. Its address is known only to the cluster, and no policy can select its pods."""
    ports = (443, "the port of its Service"), (6443, "the port of most API servers, after the Service")
    return {"ports": tcp(*(fixed(port, why) for port, why in ports))}


def siblings(scope: Scope, instance: Because[str]) -> Body:
    """The pods of another part of the same system, in all versions."""
    return {"podSelector": {"matchLabels": naming.shared(scope, instance)}}


def namespace(name: Because[str], pods: Mapping[str, Any] | None = None) -> Body:
    """All pods of a namespace, or those with certain labels."""
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
        "podSelector": {"matchLabels": dict(pods)} if pods else None,
    }


def tcp(*ports: Because[int] | None) -> list[Because[Body]]:
    """TCP ports in order, each once, with all its sources and reasons."""
    found: dict[int, list[Because[int]]] = {}
    for port in ports:
        if port is not None:
            found.setdefault(port.value, []).append(port)
    return [_tcp(because(number, _why(same), same)) for number, same in sorted(found.items())]


def _why(same: list[Because[int]]) -> str:
    return ", and ".join(dict.fromkeys(port.reason for port in same if port.reason)) or "the port it listens on"


def _tcp(port: Because[int]) -> Because[Body]:
    return because({"protocol": "TCP", "port": port}, "the endpoint at this port", port)

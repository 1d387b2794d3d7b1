"""Where pods may connect to, and which pods of the same system call a service.

Traps handled here: resolvers that run on the node match no selector, and cloud credentials come from servers that
depend on the cloud and on the kind of identity. A mesh's proxy in a pod is not ready until it has reached the control
plane, and its connections pass the same policy as the container's (istio/istio#32945). Most networks check a policy
after the translation of a Service's address, so ports are those of the pods.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from ..because import Because, because, first, fixed
from ..finding import Refusal, refusal
from ..record import Record
from ..system import (
    Access,
    BatchService,
    GitAccess,
    HuggingFaceAccess,
    KafkaAccess,
    OciAccess,
    OnlineService,
    S3Access,
    ServiceAccess,
    TcpAccess,
    TrackingAccess,
)
from .forges import forge_of
from .mesh import entry
from .scope import Scope
from .serving.identity import service_name
from .serving.recording import inbound
from .training import TrainingPlan

__all__ = [
    "Addressed",
    "Reach",
    "control_plane",
    "dns",
    "in_cluster",
    "issuers",
    "port_of",
    "reach",
    "siblings",
    "target_of",
]

_PORTS = {
    "http": 80, "kafka": 9092, "postgres": 5432, "postgresql": 5432, "mysql": 3306, "redis": 6379, "rediss": 6379,
    "mongodb": 27017, "hdfs": 8020,
}  # fmt: skip
"""The ports of URIs without one, by scheme, as their servers document them. Object stores and all others use 443."""

_IN_CLUSTER = r"(?:.+\.)?[a-z0-9-]+\.([a-z0-9-]+)\.svc(?:\.cluster\.local)?"
"""The host name of a Service, with its namespace as the group."""

Addressed = S3Access | HuggingFaceAccess | KafkaAccess | TrackingAccess | GitAccess
"""Accesses whose servers have addresses with ports, which are not always the ports of their pods."""

_IPV4 = r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}"


def in_cluster(host: str) -> bool:
    """Whether a host is a Service of this cluster."""
    return "." not in host or re.fullmatch(_IN_CLUSTER, host) is not None


class Reach(Record):
    """Servers that pods may connect to, and their ports. If nothing else is known, they may have any address."""

    ports: tuple[Because[int], ...]
    namespace: Because[str] | None = None
    pods: Mapping[str, Because[str]] = {}
    """The labels of the pods in that namespace; without any, all of its pods."""
    instance: Because[str] | None = None
    """The objects of this system whose pods these are, if they are its own."""
    cidrs: tuple[Because[str], ...] = ()

    @property
    def anywhere(self) -> bool:
        """Whether the servers may have any address."""
        return self.namespace is None and self.instance is None and not self.cidrs


def port_of(uri: Because[str]) -> Because[int]:
    """The TCP port of a URI: its own, otherwise the default of its scheme."""

    def port(text: str) -> int:
        scheme, _, rest = text.partition("://")
        _, colon, own = rest.partition("/")[0].rpartition(":")
        return int(own) if colon and own.isdecimal() else _PORTS.get(scheme, 443)

    return uri.map(port)


# What every pod needs


def dns(scope: Scope) -> Reach:
    """The resolvers. OpenShift's pods listen on 5353, and its network checks policies after the translation to it."""
    ports = (fixed(53, "DNS"), fixed(5353, "the port of the DNS pods on OpenShift"))
    where, cloud = scope.platform.network.dns, scope.platform.cloud
    if where is None:
        return Reach(ports=ports)
    if not scope.cloud.dns_pods.value:
        raise refusal(
            "MLS012",
            f"no pods answer DNS lookups on `{cloud.value}`",
            where,
            label="a rule for this namespace would match no resolver",
            others=((cloud, "the cloud"),),
            note="no pod could look up a name, so no model would be downloaded and no pod would start",
            help="remove `platform.network.dns`: pods may then look up names at any address",
        )
    nodes = tuple(because(one.value, "a resolver on the node", one, cloud) for one in scope.cloud.resolvers)
    return Reach(ports=ports, namespace=where, cidrs=nodes)


def issuers(scope: Scope, accounts: Iterable[tuple[Because[str], Because[str] | None]]) -> Iterator[Reach]:
    """The servers that issue the credentials of accounts, each given by its use and the identity that it is bound to.

    Without accounts, there are none.
    """
    uses, cloud = tuple(accounts), scope.platform.cloud
    for issuer in scope.cloud.issuers:
        _some(issuer.ports, f"an issuer of `{cloud.value}`", issuer, cloud)
        serves = issuer.accounts.value
        asked = [
            (use, identity)
            for use, identity in uses
            if serves == "all" or (serves == "with-identity") == (identity is not None)
        ]
        if asked:
            sources = (issuer.accounts, cloud, asked)
            why = "the server that issues the credentials of the pod's identity"
            yield Reach(
                ports=tuple(because(port.value, why, port, *sources) for port in issuer.ports),
                cidrs=tuple(because(cidr.value, why, cidr, *sources) for cidr in issuer.cidrs),
            )


def control_plane(scope: Scope) -> Iterator[Reach]:
    """Where the proxy in each pod gets its configuration and certificates, if the mesh has such proxies."""
    found, chosen = entry(scope).control_plane, scope.platform.mesh
    if found is None:
        return
    _some(found.ports, f"the control plane of `{chosen.provider.value}`", found, chosen.provider)
    why = "the mesh's proxy in the pod gets its configuration and certificates there"
    namespace = found.namespace if chosen.control_plane is None else chosen.control_plane
    yield Reach(
        ports=tuple(because(port.value, why, port, chosen.provider) for port in found.ports),
        namespace=because(namespace.value, why, namespace, chosen.provider),
    )


# Accesses


def reach(scope: Scope, access: Access, use: Because[str], uris: tuple[Because[str], ...]) -> Reach | None:
    """Where an access lets pods connect to; None if only the node connects. The pods also connect to the `uris`.

    The addresses of stores change, so only their ports are known.
    """
    if isinstance(access, ServiceAccess):
        return _service(scope, access, use)
    if isinstance(access, TcpAccess):
        return _tcp(scope, access, use)
    if isinstance(access, Addressed) and access.ports:
        why, address = "the port that the server itself listens on", _address_of(access)
        return Reach(ports=tuple(because(port.value, why, port, address, access.kind, use) for port in access.ports))
    if isinstance(access, KafkaAccess):
        return Reach(ports=_brokers(access, use, uris))
    if isinstance(access, TrackingAccess):
        return Reach(ports=(port_of(_tracker(scope, access, use)).also(access.kind, use),))
    if isinstance(access, GitAccess):
        where = forge_of(access)
        both = (where.url, where.api) if where.api is not None else (where.url,)
        return Reach(ports=tuple(port_of(url).also(access.kind, use) for url in both))
    if isinstance(access, OciAccess):
        return None
    own = access.endpoint if isinstance(access, (S3Access, HuggingFaceAccess)) else None
    default = because("https://", "the default port of stores", access.kind)
    return Reach(ports=(port_of(default if own is None else own).also(access.kind, use),))


def _address_of(access: Addressed) -> object:
    """Where clients find the server, if the access says it."""
    if isinstance(access, KafkaAccess):
        return access.brokers
    if isinstance(access, GitAccess):
        return first(access.url.given, access.host)
    return access.url if isinstance(access, TrackingAccess) else access.endpoint


def _brokers(access: KafkaAccess, use: Because[str], uris: tuple[Because[str], ...]) -> tuple[Because[int], ...]:
    if access.brokers:
        uris = tuple(broker.map(lambda address: f"kafka://{address}") for broker in access.brokers)
        return tuple(port_of(uri).also(access.kind, use) for uri in uris)
    if any(uri.value.startswith("kafka://") for uri in uris):
        return ()
    return (port_of(because("kafka://", "the default port of brokers", access.kind, use)),)


def _tracker(scope: Scope, access: TrackingAccess, use: Because[str]) -> Because[str]:
    """The access's own URL, else the address of the runs that training tracks."""
    training = scope.system.training
    if access.url is not None:
        return access.url
    if training is not None and training.tracking is not None:
        return training.tracking.uri
    raise refusal(
        "MLS009",
        f"the address of the tracking server `{access.own_name.value}` is unknown",
        use,
        others=((access.kind, "a tracking server"),),
        note="the network policy would not open its port, so every connection would time out",
        help="add `url` to the access, such as `url: http://mlflow.mlops:5000`",
    )


def _tcp(scope: Scope, access: TcpAccess, use: Because[str]) -> Reach:
    namespace = _namespace(scope, access)
    _some(access.ports, f"the access `{access.own_name.value}`", access.host)
    if access.pods and namespace is None:
        raise refusal(
            "MLS009",
            f"the namespace of `{access.host.value}` is unknown",
            *access.pods.values(),
            others=((access.host, "not a host like `redis.cache.svc`"),),
            note="labels only select pods of a known namespace",
            help="add `namespace` to the access, or write the host like `redis.cache.svc`",
        )
    why = f"the server `{access.host.value}`"
    return Reach(
        ports=tuple(because(port.value, why, port, access.host, access.kind, use) for port in access.ports),
        namespace=namespace,
        pods=dict(access.pods),
        cidrs=(*access.cidrs, *_address(access.host)),
    )


def _some(ports: Iterable[Because[int]], what: str, *at: object) -> None:
    """Refuse an empty list: a rule without ports allows all of them."""
    if not tuple(ports):
        raise refusal(
            "MLS009",
            f"{what} has no `ports`",
            *at,
            note="without a port, the network policy would let pods connect to every port",
            help="list the ports that the server listens on, such as `ports: [6379]`",
        )


def _namespace(scope: Scope, access: TcpAccess) -> Because[str] | None:
    """The namespace of the pods that answer: given, or derived from the host."""
    host, given = access.host, access.namespace.given
    if given is not None:
        return given
    named = re.fullmatch(_IN_CLUSTER, host.value)
    if named is not None:
        return because(named[1], "the namespace in the host name", host)
    if "." not in host.value:
        return because(scope.namespace.value, "a host without dots is a Service here", host, scope.namespace)
    return None


def _address(host: Because[str]) -> tuple[Because[str], ...]:
    """The host as a range, if it is an address."""
    return (host.map(lambda address: f"{address}/32"),) if re.fullmatch(_IPV4, host.value) else ()


# Services of the same system


def siblings(scope: Scope, service: Because[str]) -> tuple[Because[str], ...]:
    """The services, batch runs, and training runs with an access of kind `service` to a service.

    Each is given by the name of its objects, which is the `app.kubernetes.io/instance` of its pods.
    """
    own, found = service_name(scope, service), dict[str, list[object]]()
    for name, uses in _users(scope):
        for use in uses:
            access = scope.system.access[use.value]
            if isinstance(access, ServiceAccess) and access.service.value == service.value:
                if name.value == own.value:
                    raise _itself(access, use)
                found.setdefault(name.value, []).extend((name, use, access.kind, access.service))
    return tuple(because(name, f"it calls `{service.value}`", why) for name, why in found.items())


def _users(scope: Scope) -> Iterator[tuple[Because[str], tuple[Because[str], ...]]]:
    """What runs here, by the name of its objects, and the accesses that it lists."""
    if scope.runs("serving").value:
        for part in scope.system.services.values():
            if isinstance(part, (OnlineService, BatchService)):
                yield service_name(scope, part.own_name), part.access
    training = scope.system.training
    if training is not None and scope.runs("training").value:
        yield TrainingPlan(scope, training).name, training.access


def _itself(access: ServiceAccess, use: Because[str]) -> Refusal:
    return refusal(
        "MLS012",
        f"`{access.service.value}` would call itself",
        use,
        others=((access.service, "the service that is called"),),
        note="a request that waits for another request to the same replicas stops them all once they are busy",
        help=f"remove `{use.value}` from its `access`, or name another service in it",
    )


def target_of(scope: Scope, access: ServiceAccess, use: Because[str]) -> OnlineService:
    """The service that an access of kind `service` is for."""
    part = scope.system.services[access.service.value]
    if not isinstance(part, OnlineService):
        raise _no_server(scope, access, use, f"`{access.service.value}` accepts no requests", part.mode)
    if not scope.runs("serving").value:
        raise _no_server(scope, access, use, f"`{access.service.value}` does not run in `{scope.name}`", part.mode)
    return part


def _no_server(scope: Scope, access: ServiceAccess, use: Because[str], what: str, mode: Because[str]) -> Refusal:
    here = scope.runs("serving").value
    return refusal(
        "MLS012",
        what,
        access.service,
        others=((mode, "its mode"), (use, "used here")),
        note="there are no pods to connect to, so every call would fail",
        help="name a service with `mode: online`, or remove the access"
        if here
        else f"add `serving` to the `runs` of `{scope.name}`, or set `access: []` for its training",
    )


def _service(scope: Scope, access: ServiceAccess, use: Because[str]) -> Reach:
    """The pods of all versions of another service. They listen on the ports of its Service."""
    part = target_of(scope, access, use)
    why = f"the service `{access.service.value}`"
    name, listening = service_name(scope, part.own_name), inbound(scope, part)
    _some(listening, f"the container of `{access.service.value}`", part.container, access.service)
    return Reach(
        ports=tuple(because(port.value, why, port, access.service, access.kind, use) for port in listening),
        instance=because(name.value, why, name, access.service, access.kind, use),
    )

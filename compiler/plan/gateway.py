"""What the gateway's product means for a service: where requests come from, and what its route may say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from ...schema.units import Duration
from ..because import Because, because, fixed
from ..finding import Refusal, refusal
from ..record import Record
from ..system import Auth, Gateway, GatewayCapability
from ..words import listing
from .serving.facts import ServiceFacts
from .serving.probing import Checked, checked
from .serving.timing import Timing

__all__ = ["GatewayPlan", "Method", "Path", "Source"]

MOST_MATCHES = 64
"""The most matches of a rule (kubernetes-sigs/gateway-api, HTTPRouteRule and GRPCRouteRule)."""


class Source(Record):
    """Where requests come from: pods of a namespace, or an address range."""

    namespace: Because[str] | None = None
    labels: Mapping[str, Because[str]]
    cidr: Because[str] | None = None


class Path(Record):
    """An HTTP path that a route takes, alone or with everything below it."""

    type: Because[str]
    value: Because[str]


class Method(Record):
    """A gRPC method that a route takes, or all of a service."""

    service: Because[str]
    method: Because[str] | None


class GatewayPlan:
    """The gateway in front of one online service."""

    def __init__(self, service: ServiceFacts, timing: Timing) -> None:
        self._service = service
        self._timing = timing

    @property
    def _gateway(self) -> Gateway:
        return self._service.scope.platform.gateway

    @property
    def provider(self) -> Because[str]:
        """The product."""
        return self._gateway.provider

    @cached_property
    def entry(self) -> GatewayCapability:
        """What the product supports."""
        return self._service.scope.platform.providers.gateway[self.provider.value]

    # Where requests come from

    @cached_property
    def sources(self) -> tuple[Source, ...] | None:
        """Where the gateway's requests come from; None if no network policy can select it."""
        own, entry = self._gateway.data_plane, self.entry
        if own.namespace is not None or own.labels:
            place = self._namespace if own.namespace is None else own.namespace
            return (Source(namespace=place, labels=own.labels or entry.labels), *map(_range, own.cidrs))
        if entry.data_plane.value == "outside":
            if entry.missing is not None and not own.cidrs:
                raise self._unknown(entry.missing)
            return tuple(_range(cidr.also(self.provider)) for cidr in (*entry.cidrs, *own.cidrs))
        if own.cidrs:
            return tuple(map(_range, own.cidrs))
        return None if entry.data_plane.value == "node" else (Source(namespace=self._namespace, labels=entry.labels),)

    @cached_property
    def _namespace(self) -> Because[str]:
        entry, gateway = self.entry, self._gateway
        if entry.data_plane.value == "namespace" and entry.namespace is not None:
            why = "where this gateway provider runs its proxies"
            return because(entry.namespace.value, why, entry.namespace, self.provider)
        return gateway.namespace.also(self.provider)

    def _unknown(self, missing: Because[str]) -> Refusal:
        return refusal(
            "MLS009",
            f"the addresses of the gateway are unknown: {missing.value}",
            self.provider,
            others=((self._service.scope.platform.network.policies, "network policies are on"),),
            note="its proxies run outside the cluster, and the network policy would block every request",
            help="list them under `platform.gateway.dataPlane.cidrs`, or set `platform.network.policies: false`",
        )

    # What the route may say

    @cached_property
    def route_kind(self) -> Because[str]:
        """The kind of the service's route. Refuses gRPC if the gateway has no route for it."""
        protocol = self._service.part.protocol
        if protocol.value != "grpc":
            return because("HTTPRoute", "callers use HTTP", protocol)
        if self.entry.grpc.value == "none":
            raise refusal(
                "MLS012",
                f"`{self.provider.value}` is not known to support gRPC routes",
                protocol,
                self.provider,
                others=((self.provider, "the gateway provider"),),
                note="a gateway that ignores the route sends no requests to the service",
                help=f"write `protocol: http`, or use a gateway that does: {self._able(grpc=True)}",
            )
        return because("GRPCRoute", "callers use gRPC", protocol, self.entry.grpc)

    @cached_property
    def mirroring(self) -> Because[str]:
        """The request mirroring that the gateway supports."""
        given = self._gateway.mirroring.given
        return self.entry.mirroring.also(self.provider) if given is None else given

    @cached_property
    def enforces_timeout(self) -> Because[str]:
        """Where the gateway takes the request timeout from: the route, its own objects, or nowhere."""
        protocol, entry = self._service.part.protocol, self.entry
        if protocol.value == "grpc" and entry.timeouts.value == "route":
            return because("none", "a GRPCRoute has no timeouts", protocol)
        if entry.timeouts.value == "none":
            return because(
                "none", f"`{self.provider.value}` ignores the timeouts of routes", entry.timeouts, self.provider
            )
        return entry.timeouts.also(self.provider, protocol)

    @cached_property
    def timeout(self) -> Because[Duration] | None:
        """The request timeout that the gateway enforces. Refuses one in the spec that it would ignore."""
        given, where = self._service.part.endpoint.timeout.given, self.enforces_timeout
        if where.value != "none":
            return self._timing.timeout.also(where)
        if given is None:
            return None
        grpc = self._service.part.protocol.value == "grpc"
        raise refusal(
            "MLS012",
            f"the gateway would ignore `timeout: {given.value}`",
            given,
            others=((self._service.part.protocol if grpc else self.provider, where.why),),
            note="a request that hangs would occupy a replica until its caller gives up",
            help="leave it out, and set a deadline in the client"
            + ("" if grpc else f", or use a gateway that enforces it: {self._able(grpc=False)}"),
        )

    @cached_property
    def tokens(self) -> Auth | None:
        """What the tokens of requests must say; None if every request passes. Refuses what it ignores."""
        asked, provider = self._service.part.endpoint.auth, self.provider
        if asked is None or self.entry.tokens.value != "none":
            return asked
        known = self._service.scope.platform.providers.gateway
        raise refusal(
            "MLS012",
            f"mlspec cannot make `{provider.value}` check tokens",
            asked,
            label="requested here",
            others=((provider, "the gateway provider"),),
            note="the gateway would pass on every request, with or without a token",
            help=f"remove `auth` and {self._elsewhere}, or use a gateway for which mlspec writes the policy: "
            + listing(name for name, one in known.items() if one.tokens.value != "none"),
        )

    @property
    def _elsewhere(self) -> str:
        own = self.entry.tokens_by
        return "check tokens elsewhere" if own is None else f"write {own.value} yourself"

    def _able(self, *, grpc: bool) -> str:
        known = self._service.scope.platform.providers.gateway
        return listing(name for name, one in known.items() if (one.grpc if grpc else one.timeouts).value != "none")

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """The HTTP paths that the route takes."""
        given, model = self._service.runtime.routes.http, self._service.model
        if not given:
            everything = fixed("/", "the runtime does not say which paths its callers use")
            return (Path(type=fixed("PathPrefix", "every path"), value=everything),)
        return tuple(_path(one, model) for one in self._at_most(given))

    @cached_property
    def methods(self) -> tuple[Method, ...]:
        """The gRPC methods that the route takes; all if there are none."""
        return tuple(map(_method, self._at_most(self._service.runtime.routes.grpc)))

    def _at_most(self, given: Sequence[Because[str]]) -> Sequence[Because[str]]:
        if len(given) > MOST_MATCHES:
            raise refusal(
                "MLS008",
                f"a route cannot have {len(given)} matches",
                given[MOST_MATCHES],
                note=f"the Gateway API allows {MOST_MATCHES}, and an API server would refuse the route",
                help="combine paths below one that ends in `/*`",
            )
        return given

    # What it asks the pods

    @cached_property
    def check(self) -> Checked | None:
        """What the gateway's own health checks ask; None if it has none, or if the runtime has no readiness probe."""
        if self.entry.objects.value == "none":
            return None
        probe = self._service.runtime.probes.readiness
        return None if probe is None else checked(self._service, probe)


def _range(cidr: Because[str]) -> Source:
    return Source(labels={}, cidr=cidr)


def _path(written: Because[str], model: Because[str]) -> Path:
    path, below = written.value.removesuffix("/*"), written.value.endswith("/*")
    sources = (written, model) if "{model}" in path else (written,)
    value = because(path.replace("{model}", model.value) or "/", "a path of the runtime's inference API", *sources)
    why = "everything below it, too" if below else "this path only"
    return Path(type=because("PathPrefix" if below else "Exact", why, written), value=value)


def _method(written: Because[str]) -> Method:
    service, _, method = written.value.partition("/")
    why = "a method of the runtime's inference API"
    return Method(service=because(service, why, written), method=because(method, why, written) if method else None)

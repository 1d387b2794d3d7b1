"""How requests arrive at an online service: through the gateway, or directly from callers in the cluster.

A route has weights and a mirror; a Service has neither. So a canary and a shadow only get a share of the requests that
pass the route: those of the gateway and, if a mesh follows routes whose parent is a Service, those of callers.
"""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

from ....schema.units import Percent, Rate
from ...because import Because, because, decision, text
from ...finding import refusal
from ...system import Endpoint, OnlineService
from ..scope import Scope

__all__ = ["Arrival", "passing"]

NONE, ALL = Percent(0), Percent(1)

MOST_HOSTS = 16
"""The most host names of a route (Gateway API, `HTTPRouteSpec` and `GRPCRouteSpec`)."""

LONGEST_HOST = 253
"""The longest host name of a route (Gateway API, `Hostname`)."""


class Served(Protocol):
    """What must be known of a service."""

    scope: Scope
    part: OnlineService

    @property
    def name(self) -> Because[str]: ...

    @property
    def siblings(self) -> tuple[Because[str], ...]:
        """What else in the system calls it, past the gateway."""

    @property
    def meshed(self) -> Because[bool]:
        """Whether a mesh follows a route whose parent is the Service."""


class Arrival:
    """How requests arrive at one online service."""

    def __init__(self, service: Served) -> None:
        self.service = service

    @property
    def _endpoint(self) -> Endpoint:
        return self.service.part.endpoint

    @property
    def callers(self) -> tuple[object, ...]:
        """Who may call the Service past the gateway: the spec's callers, and other services of the system."""
        return (*self._endpoint.callers, *self.service.siblings)

    @cached_property
    def _able(self) -> Because[bool]:
        """Whether the platform's traffic provider creates routes."""
        platform = self.service.scope.platform
        return platform.providers.traffic[platform.traffic.provider.value].routes.also(platform.traffic.provider)

    @cached_property
    def share(self) -> Because[Percent] | None:
        """The share of the requests that arrive through the gateway; None if only the author can know it."""
        given, callers = self._endpoint.through_gateway.given, self.callers
        if given is not None:
            self._possible(given)
            return given
        if not self._able.value:
            return because(NONE, "the traffic provider creates no route", self._able)
        if not callers:
            return because(ALL, "no caller may bypass the gateway")
        staged = [one for one in self.service.scope.system.rollout.stages if one.canary or one.shadow]
        if not self._endpoint.hosts and not staged:
            return because(NONE, "its callers use the Service, and it has no `hosts`", callers)
        return None

    def _possible(self, given: Because[Percent]) -> None:
        """Refuse a share that contradicts the rest of the spec."""
        name, hosts = self.service.part.own_name.value, self._endpoint.hosts
        if given.value > ALL:
            raise refusal(
                "MLS008", f"{given.value} of the requests cannot arrive through the gateway", given, help="write a "
                "share from `0%` to `100%`",
            )  # fmt: skip
        if given.value > NONE and not self._able.value:
            raise refusal(
                "MLS017",
                f"`throughGateway: {given.value}` contradicts the platform, which has no routes",
                given,
                others=((self._able, "this traffic provider creates no route"),),
                note="requests cannot pass a route that does not exist, so a new version would get none of them",
                help="remove `throughGateway`, or set `platform.traffic.provider` to one that creates routes",
            )
        if given.value == NONE and hosts:
            raise refusal(
                "MLS017",
                f"`throughGateway: {given.value}` contradicts `hosts`",
                given,
                others=((hosts, "the gateway would route this host to the service"),),
                note="without a route, requests to the host would fail",
                help="remove `hosts`, or write the share of the requests that arrive through the gateway",
            )
        if given.value == NONE and not self.callers:
            raise refusal(
                "MLS017",
                f"no request can reach `{name}`: it has neither a route nor `callers`",
                given,
                note="the network policy would block every caller in the cluster",
                help="list the namespaces of its clients under `endpoint.callers`, or remove `throughGateway`",
            )

    @cached_property
    def by_gateway(self) -> Because[bool]:
        """Whether requests arrive through the gateway."""
        share = self.share
        if share is None:
            return because(True, "it has `hosts` or stages", self._able, self._endpoint.hosts)
        return because(share.value > NONE, share.reason, share, self._able)

    @cached_property
    def by_mesh(self) -> Because[bool]:
        """Whether the requests of callers follow the route, because the mesh does."""
        follows, callers = self.service.meshed, self.callers
        if follows.value and callers and self._able.value:
            return because(True, "the mesh routes the requests of callers", follows, callers)
        return because(False, "nothing routes the requests of callers", follows, callers)

    @cached_property
    def routed_share(self) -> Because[Percent] | None:
        """The share of the requests that pass the route, which can reach another version; None if unknown."""
        if self.by_mesh.value:
            why = "the mesh routes callers as the gateway routes all others"
            return because(ALL, why, self.by_mesh, self._endpoint.through_gateway)
        return self.share

    @cached_property
    def direct(self) -> Because[bool]:
        """Whether all callers reach the Service directly although the platform has routes."""
        share = self.routed_share
        if share is None or share.value > NONE or not self._able.value:
            return because(False, "a route leads to the service", share, self._able)
        why = "callers reach the Service directly, and only a route can shift traffic"
        return because(True, why, share, self.by_mesh)

    @cached_property
    def hosts(self) -> tuple[Because[str], ...]:
        """The host names that the gateway routes to the service; none for every host that no other route claims."""
        domain, given = self.service.scope.platform.gateway.domain, self._endpoint.hosts
        if len(given) > MOST_HOSTS:
            raise refusal(
                "MLS008",
                f"a route cannot have {len(given)} host names",
                given[MOST_HOSTS],
                note=f"the Gateway API allows {MOST_HOSTS}, and an API server would refuse the route",
                help="remove those that no caller uses",
            )
        if given or domain is None or not self.by_gateway.value:
            return given
        host = text(
            "{name}.{namespace}.{domain}",
            "it has no `hosts`, so it gets its name below the gateway's domain",
            name=self.service.name,
            namespace=self.service.scope.namespace,
            domain=domain,
        )
        if len(host.value) > LONGEST_HOST:
            raise refusal(
                "MLS032",
                f"the host name of `{self.service.part.own_name.value}` is too long: {len(host.value)} characters",
                domain,
                note=f"a host name has at most {LONGEST_HOST} characters",
                help="write a shorter domain, or a host under `endpoint.hosts`",
            )
        return (host,)

    def passing(self, rate: Because[Rate] | None) -> Because[Rate] | None:
        """The part of a rate that passes the route, or all of it as long as the share is unknown."""
        share = self.routed_share
        if rate is None or share is None or share.value == ALL or not self._able.value:
            return rate  # without routes there is no canary that could get a part of it
        return passing(rate, share)


@decision
def passing(rate: Because[Rate], share: Because[Percent]) -> tuple[Rate, str]:
    """The requests of a service that pass its route."""
    return Rate(rate.value.amount * share.value.amount), f"{share.value} of {rate.value}: the others bypass the route"

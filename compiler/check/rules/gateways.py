"""Rules on gateways: policies must admit its proxies wherever the product runs them, and it must wait for answers."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import Gateway, MLSystem
from ...words import listing
from ..lint import rule

__all__ = ["cut_off", "unknown_gateway"]


@rule("MLS608", "warning", "platform.clouds.*.gateways")
def unknown_gateway(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Gateway of an unknown product.

    Why: products run their proxies in different places: in the namespace of the Gateway, in their own, outside the
    cluster, or on each node. A network policy that admits the wrong place drops every request. They also differ in
    which fields of a route they ignore.

    Bad:
        platform:
          gateway: {name: eg, namespace: infra}
    Good:
        platform:
          gateway: {name: eg, namespace: infra, provider: envoy-gateway}
    """
    routed = any(service.routed.value for service in plan.online.values())
    if not routed or not system.platform.network.policies.value:
        return
    gateway = system.platform.gateway
    named = [one for one in (gateway.namespace, gateway.name) if one.kind != "default"]
    if named and gateway.provider.kind == "default" and not _placed(gateway):
        yield finding(
            "MLS608",
            f"the network policies admit only pods of the namespace `{gateway.namespace.value}`",
            *named,
            label="the Gateway, whose proxies may run elsewhere",
            note="other products run their proxies elsewhere, and the policies would drop every request; the load "
            "balancers of clouds also check pods at a path that no model server answers, unless an object tells them",
            help=f"set `platform.gateway.provider` to the product, such as {listing(_products(plan))}, or to `generic` "
            "if it runs its proxies in that namespace",
        )


@rule("MLS616", "warning", "constraints.latency", "services.*.constraints.latency")
def cut_off(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Latency bound beyond what the gateway allows.

    Why: some load balancers end a request after a fixed time, whatever its route says. Callers get an error for an
    answer that the objective allows, and the runtime counts it as a success.

    Bad:
        platform:
          gateway: {provider: agc, dataPlane: {cidrs: [10.0.8.0/24]}}
        constraints: {latency: {p99: 90s}}
    Good:
        platform:
          gateway: {provider: agc, dataPlane: {cidrs: [10.0.8.0/24]}}
        constraints: {latency: {p99: 30s}}
    """
    for service in plan.online.values():
        longest, bounds = service.gateway.entry.longest, service.latency_bounds
        if longest is None or not bounds or not service.routed.value:
            continue
        slowest = max(bounds, key=lambda bound: bound.value)
        if slowest.value >= longest.value:
            provider = service.gateway.provider
            yield finding(
                "MLS616",
                f"`{provider.value}` ends a request after {longest.value}, before the bound of {slowest.value}",
                slowest,
                others=((provider, "the gateway provider"),),
                note="callers would get an error, while the runtime counts a success",
                help=f"write a bound below `{longest.value}`, or use another gateway, or, if yours waits longer, set "
                f"`platform.providers.gateway.{provider.value}.longest`",
            )


def _products(plan: Plan) -> list[str]:
    """The cloud's own products first."""
    return [*(one.value for one in plan.cloud.gateways), "istio", "envoy-gateway"]


def _placed(gateway: Gateway) -> bool:
    place = gateway.data_plane
    return bool(place.namespace is not None or place.labels or place.cidrs)

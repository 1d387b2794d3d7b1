"""The rule on what requests spend before the model works on them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ....schema.units import Duration
from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.choose import percentiles
from ...plan.service import ServicePlan
from ...plan.serving.hops import BOUNDED
from ...plan.serving.identity import Measured
from ...system import MLSystem
from ..lint import rule

__all__ = ["spent_before_the_model"]


@rule(
    "MLS436",
    "warning",
    "constraints.latency",
    "constraints.firstToken",
    "services.*.constraints.latency",
    "services.*.constraints.firstToken",
    "services.*.batching.maxDelay",
    "services.*.serviceTime",
    "services.*.access",
    "features.lookup",
    "platform.gateway.hop",
    "platform.mesh.hop",
)
def spent_before_the_model(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Latency bound that is spent before the model works on a request.

    Why: a request passes the gateway, its features are looked up, its batch fills, and it waits for other services. If
    they may take as long as the bound, no model is fast enough to keep it, and more replicas do not help.

    Bad:
        constraints: {latency: {p99: 100ms}}
        access: {second: {kind: service, service: second}}
        services:
          base: {access: [second]}
          second: {mode: online, runtime: triton, model: base, constraints: {latency: {p99: 150ms}}}
    Good:
        constraints: {latency: {p99: 100ms}}
        access: {second: {kind: service, service: second}}
        services:
          base: {access: [second]}
          second: {mode: online, runtime: triton, model: base, constraints: {latency: {p99: 30ms}}}
    """
    for service in plan.online.values():
        for kind, what in BOUNDED.items():
            for percentile, bound in percentiles(service.bounds(kind)).items():
                delays = _delays(service, kind)
                calls = [call.time for call in service.hops.calls(kind, percentile) if call.time is not None]
                total = Duration(sum((part.value.amount for part in (*delays, *calls)), Decimal(0)))
                if total >= bound.value and not _told(service, kind, delays, calls, bound):
                    yield _spent(f"{percentile} {what}", bound, total, delays, calls)


def _delays(service: ServicePlan, kind: Measured) -> list[Because[Duration]]:
    """Hops, lookups, and the wait for a batch, which is only a part of the whole response."""
    batching = service.part.batching
    delay = batching.max_delay if batching is not None and kind == "latency" else None
    return [*service.hops.before, *([delay] if delay is not None else [])]


def _told(
    service: ServicePlan,
    kind: Measured,
    delays: list[Because[Duration]],
    calls: list[Because[Duration]],
    bound: Because[Duration],
) -> bool:
    """Whether there is nothing to say, or MLS403 or MLS422 says it: without the calls, no replica keeps the bound."""
    if not delays and not calls:
        return True
    estimated = service.demand is None and service.is_language_model and service.hardware.speed is not None
    known = estimated or (kind == "latency" and service.demand is not None)
    return known and sum(delay.value.amount for delay in delays) >= bound.value.amount


def _spent(
    what: str,
    bound: Because[Duration],
    total: Duration,
    delays: list[Because[Duration]],
    calls: list[Because[Duration]],
) -> Diagnostic:
    longest = max((*delays, *calls), key=lambda part: part.value)
    said = " + ".join(map(_named, (*delays, *calls)))
    shorter = f"shorten the largest part, {_named(longest)}"
    if any(longest is call for call in calls):
        shorter = "tighten the bounds of the services that it calls"
    return finding(
        "MLS436",
        f"the bound on {what} is {bound.value}, and {total} may be spent before the model works on a request",
        bound,
        others=((longest, "the largest part"),),
        note=f"{said}; a faster model or more replicas do not change that",
        help=f"write a bound above `{total}`, or {shorter}",
    )


def _named(part: Because[Duration]) -> str:
    return part.reason or f"{part.value} for the batch to fill"

"""Rules on how the autoscaler follows the load."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal

from ....schema.units import Duration
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.choose import count, number, readable
from ...plan.service import ServicePlan
from ...system import MLSystem
from ..lint import rule

__all__ = ["rises_too_fast", "scales_too_late"]


@rule(
    "MLS423",
    "warning",
    "constraints.throughput if services.*[mode=online]",
    "services.*.constraints.throughput",
    "services.*.replicas",
    "services.*.serviceTime",
    "monitoring.slo.window",
)
def rises_too_fast(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Load that rises faster than replicas start.

    Why: a new replica takes minutes: the autoscaler must see the load, and a node, the image, and the model must be
    there. What the replicas that are up cannot answer by then fails or comes too late, and one sale can spend the error
    budget of months.

    Bad:
        constraints: {throughput: {mean: 20/s, peak: 4000/s}, availability: 99.9%}
        serving: {serviceTime: {mean: 9ms, at: 4}}
    Good:
        constraints: {throughput: {mean: 20/s, peak: 4000/s, ramp: 2h}, availability: 99.9%}
        serving: {serviceTime: {mean: 9ms, at: 4}}
    """
    for service in plan.online.values():
        if service.scales.value:
            yield from _jump(service) if service.ramp is None else _ramp(service)


def _jump(service: ServicePlan) -> Iterator[Diagnostic]:
    peak, spent = service.traffic("peak"), service.reaction.jump
    if peak is None or spent is None or spent.value.amount <= 1:
        return
    yield finding(
        "MLS423",
        f"a sudden rise to {peak.value} would spend {number(float(spent.value.amount))} times the error budget",
        peak,
        others=((service.availability, "the promise"),),
        note=f"{spent.reason}: {service.reaction.time.reason}",
        help="set `ramp` to the shortest time in which traffic can reach the peak, such as `ramp: 2h`; mlspec derives "
        "the minimum replicas from it",
    )


def _ramp(service: ServicePlan) -> Iterator[Diagnostic]:
    given, needed, ramp = service.part.replicas.min.given, service.for_ramp, service.ramp
    if given is None or needed is None or ramp is None or given.value >= needed.value:
        return
    yield finding(
        "MLS423",
        f"{count(given.value, 'replica')} cannot answer a load that rises to the peak in {readable(ramp.value)}",
        given,
        others=((ramp, "how fast it rises"),),
        note=f"{needed.reason}; {service.reaction.time.reason}",
        help=f"write `min: {needed.value}`, or remove it",
    )


@rule(
    "MLS425",
    "warning",
    "services.*.replicas.target",
    "services.*.replicas.signal",
    "services.*.serviceTime",
    "services.*.constraints.latency",
    "constraints.latency",
    "platform.autoscaling",
)
def scales_too_late(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Autoscaling target that is reached only when requests already wait too long.

    Why: the autoscaler compares the requests per replica with the target. A replica answers only some of them at once,
    so the others wait, and no replica is added before they are as many as the target says.

    Bad:
        constraints: {latency: {p99: 100ms}}
        serving: {serviceTime: {mean: 9ms, at: 4}, replicas: {target: 200}}
    Good:
        constraints: {latency: {p99: 100ms}}
        serving: {serviceTime: {mean: 9ms, at: 4}, replicas: {target: 4}}
    """
    for service in plan.online.values():
        target, mean, signal = service.part.replicas.target.given, service.mean_time, service.scaling.signal
        if target is None or mean is None or not mean.value.amount or signal is None:
            continue
        if service.scaling.by_processors or not service.scales.value:
            continue
        bound = min(service.latency_bounds or (service.timing.timeout,), key=lambda one: one.value)
        queued = signal.value == "queue"
        wait, most = _wait(target.value, service.slots.value, mean.value, bound.value, queued=queued)
        if wait > bound.value:
            yield finding(
                "MLS425",
                f"requests wait {readable(wait)} before the autoscaler adds a replica",
                target,
                others=((bound, "the response must come within this time"), (service.slots, "requests at once")),
                note=f"a replica answers {count(service.slots.value, 'request')} at once, each in {mean.value}, and "
                f"with {number(target.value)} requests {'queued' if queued else 'in flight'}, the last one waits",
                help="remove it, and mlspec derives a target"
                + (f", or write `target: {most}` or less" if most else ""),
            )


def _wait(target: float, slots: int, mean: Duration, bound: Duration, *, queued: bool) -> tuple[Duration, int]:
    """How long a request waits for the others when the target is reached, and the largest target within the bound."""
    asked, busy = Decimal(str(target)), 0 if queued else slots
    wait = max(asked - busy, Decimal(0)) / slots * mean.amount
    return Duration(round(wait, 3)), busy + math.floor(bound.amount / mean.amount * slots)

"""Rules on load that rises faster than replicas start."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.choose import count, number, readable
from ...plan.service import ServicePlan
from ...system import MLSystem
from ..lint import rule

__all__ = ["rises_too_fast"]


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

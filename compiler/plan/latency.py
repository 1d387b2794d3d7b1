"""How the latency bounds of an online service are spent: hops, lookups, calls, batching, the model, waiting, the rest.

The parts of a percentile add up to its bound. Time at the model is the percentile of an idle replica, and waiting is
what the percentile grows by at the peak, on the replicas planned for it: percentiles of a sum are not sums of
percentiles. Hops, lookups and calls count in full, as each is declared for that percentile or as a mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from ...schema.units import Duration, Rate
from ..because import Because, decision, first
from ..row import Row
from .choose import count, percentiles, readable
from .serving.capacity import Demand
from .serving.hops import BOUNDED, Call
from .serving.identity import Measured
from .serving.promises import Promise
from .serving.queueing import late, queue

if TYPE_CHECKING:
    from .language_models.speed import Speed
    from .service import ServicePlan

__all__ = ["Unspent", "unspent"]

HALVINGS = 40
"""The steps of the search for a percentile; each halves the interval."""

Times = tuple[tuple[str, float], ...]
"""Parts of a response in words, with their seconds."""


class Unspent(Row):
    """One bounded percentile, what it is spent on, and what is left of it."""

    title: str
    bound: Because[Duration]
    parts: Because[Times]
    left: Because[Duration]


class Spent(Row):
    """The parts of a response in words, each with its seconds, and what they leave of the bound."""

    parts: Times
    left: Duration


def unspent(service: ServicePlan) -> Iterator[Unspent]:
    """What is left of each bound, if some part of it is known."""
    for kind, what in BOUNDED.items():
        for percentile, bound in percentiles(service.bounds(kind)).items():
            spent = _parts(service, kind, percentile, bound)
            if spent is not None:
                parts, left = spent.map(lambda found: found.parts), spent.map(lambda found: found.left)
                yield Unspent(f"headroom: {percentile} {what}", bound, parts, left)


def _parts(service: ServicePlan, kind: Measured, percentile: str, bound: Because[Duration]) -> Because[Spent] | None:
    hops, calls = service.hops, service.hops.calls(kind, percentile)
    peak = first(service.traffic("peak"), service.traffic("mean"))
    demand, speed = service.demand, service.hardware.speed if service.is_language_model else None
    if kind == "latency" and demand is not None:
        return _of_measured(percentile, bound, hops.before, calls, demand, peak, service.for_peak)
    if demand is None and speed is not None and service.generates.value:
        return _of_estimated(kind, percentile, bound, hops.before, calls, speed, peak, service.for_peak)
    if demand is None and (hops.before or calls):
        return _of_unknown(bound, hops.before, calls)
    return None


# Decisions


@decision
def _of_measured(
    percentile: str,
    bound: Because[Duration],
    before: tuple[Because[Duration], ...],
    calls: tuple[Call, ...],
    demand: Demand,
    peak: Because[Rate] | None,
    replicas: Because[int],
) -> tuple[Spent, str]:
    """Calls are a part of the service time, which was measured on a replica that makes them."""
    promise = Promise(percentile, bound)
    alone = demand.promises.work.value.within(promise.late)
    model = "the model" + (f", with {_called(calls)}" if calls else "")
    times: list[tuple[str, float]] = [(model, alone)]
    if peak is not None:
        took = _percentile(demand, replicas.value, float(peak.value), promise.late, alone)
        times.append((_waiting(peak, replicas), took - alone))
    waits = [f"{demand.promises.delay.value} for the batch to fill"] if demand.promises.delay is not None else []
    return _spent(bound, before, demand.promises.delay, waits, tuple(times))


@decision
def _of_estimated(
    kind: Measured,
    percentile: str,
    bound: Because[Duration],
    before: tuple[Because[Duration], ...],
    calls: tuple[Call, ...],
    speed: Speed,
    peak: Because[Rate] | None,
    replicas: Because[int],
) -> tuple[Spent, str]:
    """An estimate contains no calls, so they are added."""
    told = [("to process the prompt", speed.percentile("first_token", percentile, None))]
    if kind == "latency":
        told.append(("to generate the answer", speed.percentile(kind, percentile, None) - told[0][1]))
    alone = sum(time for _, time in told)
    if peak is not None:
        took = speed.percentile(kind, percentile, float(peak.value) / replicas.value)
        told.append((_waiting(peak, replicas), took - alone))
    return _spent(bound, (*before, *_times(calls)), None, [], tuple(told))


@decision
def _of_unknown(
    bound: Because[Duration], before: tuple[Because[Duration], ...], calls: tuple[Call, ...]
) -> tuple[Spent, str]:
    spent, why = _spent(bound, (*before, *_times(calls)), None, [], ())
    return spent, f"{why} for waiting and for the model, whose time is unknown"


def _times(calls: tuple[Call, ...]) -> tuple[Because[Duration], ...]:
    return tuple(call.time for call in calls if call.time is not None)


def _called(calls: tuple[Call, ...]) -> str:
    """The calls that a service time includes."""
    return " and ".join(
        f"a call of {call.time.reason}" if call.time is not None else f"a call of `{call.name}`" for call in calls
    )


def _waiting(peak: Because[Rate], replicas: Because[int]) -> str:
    return f"of waiting at {peak.value} on {count(replicas.value, 'replica')}"


def _percentile(demand: Demand, replicas: int, rate: float, share: float, least: float) -> float:
    """The time that wait and work together exceed with probability `share`; infinite if replicas are overloaded."""
    slots, load = queue(demand.queues.value, demand.slots.value, replicas, demand.load(rate))
    of = demand.promises.work.value
    if load >= slots:
        return math.inf
    low = high = least
    while late(slots, load, of, high) > share:
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if late(slots, load, of, middle) > share else (low, middle)
    return high


def _spent(
    bound: Because[Duration],
    before: tuple[Because[Duration], ...],
    delay: Because[Duration] | None,
    waits: list[str],
    times: Times,
) -> tuple[Spent, str]:
    """What is left, and the sum. Computed times are rounded to four digits of the bound, so that the sum is exact."""
    step = Decimal(10) ** (bound.value.amount.adjusted() - 3)
    rounded = [(what, Decimal(time).quantize(step)) for what, time in times if math.isfinite(time)]
    said = [*(time.reason for time in before), *waits]
    said += [f"{readable(Duration(time))} {_for(what)}" for what, time in rounded if time > 0]
    declared = [*before, *([delay] if delay is not None else [])]
    amounts = [*(float(time.value) for time in declared), *(float(time) for _, time in rounded if time > 0)]
    parts = tuple(zip(said, amounts, strict=True))
    total = sum((time.value.amount for time in declared), sum((time for _, time in rounded), Decimal(0)))
    if any(math.isinf(time) for _, time in times):
        return Spent(
            parts, Duration(0)
        ), f"{' + '.join(said)}; the replicas are overloaded, so requests wait without end"
    whole = f"{' + '.join(said)} = {readable(Duration(total))}" if len(said) > 1 else " + ".join(said) or "nothing"
    if total > bound.value.amount:
        over = readable(Duration(total - bound.value.amount))
        return Spent(parts, Duration(0)), f"{whole}; {over} above the bound of {bound.value}"
    left = Duration(bound.value.amount - total)
    return Spent(parts, left), f"{whole}; {readable(left)} of {bound.value} are left"


def _for(what: str) -> str:
    return f"for {what}" if what.startswith("the ") else what

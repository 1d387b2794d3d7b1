"""How many replicas online serving needs.

The load is a = λ · S Erlangs, where λ is the arrival rate and S is the mean service time. A proxy that picks a replica
at random creates N separate queues of c slots with load a/N each; only least-request routing creates one queue of N·c
slots, and a server that gives each worker its own queue creates N·c queues of one slot. N is the smallest number for
which utilization stays within its limit, and for which every promised percentile of the response time is kept: the wait
for a batch, the wait in the queue, and the work itself, together (`queueing.late`).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from decimal import Decimal
from functools import partial

from ....schema.units import Duration, Percent, Rate
from ...because import Because, decision
from ...row import Row
from ...system import Planning, ServiceTime
from ..choose import count, number
from .promises import Promise, Promises
from .queueing import late, mean_wait, queue

__all__ = ["Care", "Demand", "care", "carried", "carrying", "in_flight", "measured", "replicas", "survives_zones"]


class Care(Row):
    """The planner's safety margins, from the platform file (`platform.planning`)."""

    utilization: Because[Percent]
    """The maximum average utilization of replicas."""
    spare_from: Because[Percent]
    """The availability from which on the service must tolerate the loss of a replica."""
    zones_from: Because[Percent]
    """The availability from which on it must tolerate the loss of a zone."""
    zones: Because[int]
    """The zones that the nodes are in."""

    @property
    def busiest(self) -> float:
        """The utilization as a share."""
        return float(self.utilization.value.amount)

    def spares(self, availability: Because[Percent] | None) -> bool:
        """Whether the service must tolerate the loss of a replica."""
        return availability is not None and availability.value >= self.spare_from.value

    def spans_zones(self, availability: Because[Percent] | None) -> bool:
        """Whether the service must tolerate the loss of a zone."""
        return survives_zones(availability, self.zones_from, self.zones).value

    def lost(self, replicas: int, availability: Because[Percent] | None) -> int:
        """How many of some replicas may be lost at once: those of a zone, one, or none."""
        if self.spans_zones(availability):
            return -(-replicas // self.zones.value)
        return 1 if self.spares(availability) else 0

    def leaving(self, enough: int, availability: Because[Percent] | None) -> int:
        """The fewest replicas that leave enough when some are lost: N - ceil(N / zones) >= enough, solved for N."""
        if self.spans_zones(availability):
            return -(-enough * self.zones.value // (self.zones.value - 1))
        return enough + (1 if self.spares(availability) else 0)


def care(planning: Planning) -> Care:
    """The margins in a platform file."""
    return Care(planning.utilization, planning.spare_from, planning.zones_from, planning.zones)


@decision
def survives_zones(
    availability: Because[Percent] | None, zones_from: Because[Percent], zones: Because[int]
) -> tuple[bool, str]:
    """Whether a service must tolerate the loss of a zone."""
    if availability is None or availability.value < zones_from.value:
        return False, f"no availability of {zones_from.value} is promised"
    return (
        zones.value > 1,
        f"{availability.value} leaves no error budget for losing one of {count(zones.value, 'zone')}",
    )


class Demand(Row):
    """What one replica does with a request, and how requests reach it."""

    service: Because[Duration]
    """The mean service time."""
    slots: Because[int]
    """The requests that a replica handles concurrently."""
    queues: Because[str]
    """How requests queue: `random`, `least-request`, or `workers`."""
    promises: Promises

    def load(self, rate: float) -> float:
        """The Erlangs of a rate per second."""
        return rate * float(self.service.value)

    def busy(self, rate: float, replicas: int) -> float:
        """The share of the slots of replicas that a rate keeps busy."""
        return self.load(rate) / (replicas * self.slots.value)

    def late(self, replicas: int, rate: float, promise: Promise) -> float:
        """The share of requests that replicas answer too late."""
        one = queue(self.queues.value, self.slots.value, replicas, self.load(rate))
        return late(*one, self.promises.work.value, self.promises.left(promise))

    def keeps(self, replicas: int, promise: Promise, rate: float) -> bool:
        """Whether replicas keep a promise at a rate, or come as close to it as they can if it is impossible."""
        return self.late(replicas, rate, promise) <= promise.late


def measured(time: ServiceTime) -> Because[Duration]:
    """The measured mean service time."""
    return Because(time.mean.value, time.mean.why, (time.mean,), "measured", f"{time.spec_path}.mean")


MOST = 100_000
"""More replicas than any cluster runs."""

STEPS = 50
"""Bisection steps in the search for a rate, as precise as a float needs."""

IDLE = 0.15
"""The utilization below which a plan says what would lower the number of replicas."""

FEW = 4
"""Replicas that are worth no measurement."""


def _by_utilization(load: float, slots: int, care: Care) -> int:
    return max(1, math.ceil(load / (slots * care.busiest) - 1e-9))


def _by_promise(rate: float, demand: Demand, promise: Promise, care: Care) -> int:
    """The minimum replicas that keep a promise."""
    low = high = _by_utilization(demand.load(rate), demand.slots.value, care)
    while high <= MOST and not demand.keeps(high, promise, rate):  # waits never grow with more replicas
        low, high = high, high * 2
    return bisect_left(range(high), True, lo=low, key=lambda n: demand.keeps(n, promise, rate))


def _by_load(rate: Because[Rate], demand: Demand, care: Care) -> tuple[int, list[str]]:
    """The minimum replicas by utilization and by each promise, and the result of each rule in words."""
    load = demand.load(float(rate.value))
    needed = _by_utilization(load, demand.slots.value, care)
    busy = f"{rate.value} x {demand.service.value} = {number(load)} busy slots"
    said = [
        f"{busy}, with {count(demand.slots.value, 'slot')} per replica",
        f"{count(needed, 'replica')} for {care.utilization.value} utilization",
    ]
    for promise in demand.promises.bounds:
        by_promise = _by_promise(float(rate.value), demand, promise, care)
        said.append(f"{by_promise:,} for {_kept(demand.promises, promise)}")
        needed = max(needed, by_promise)
    return needed, said


def _kept(promises: Promises, promise: Promise) -> str:
    if promises.possible(promise):
        hops = " and ".join(hop.reason for hop in promises.hops)
        return f"{promise.words}, with {hops}" if hops else promise.words
    return f"the lowest bound that is possible, because an idle replica misses {promise.words}"


@decision
def carrying(rate: Because[Rate], demand: Demand, care: Care) -> tuple[int, str]:
    """The minimum replicas that sustain a rate while all of them are up: rules 1 and 2 of `replicas`."""
    needed, said = _by_load(rate, demand, care)
    return needed, "; ".join(said)


@decision
def replicas(rate: Because[Rate], demand: Demand, availability: Because[Percent] | None, care: Care) -> tuple[int, str]:
    """The minimum replicas that sustain a rate. The reason shows the result of each rule:

    1. Utilization stays within its limit.
    2. Every promised percentile of the response time is kept.
    3. There are at least two replicas. From one availability on, rules 1 and 2 hold even with a replica lost; from a
       higher one on, with a zone lost.
    """
    by_load, said = _by_load(rate, demand, care)
    chosen, why = _by_loss(by_load, availability, care)
    use = demand.busy(float(rate.value), chosen)
    busy = f"{use:.0%}" if use >= 0.005 else "less than 1%"
    what = f"{count(chosen, 'replica')}, {busy} busy"
    return chosen, f"{'; '.join(said)}; {why}: {what}{_idle(use, by_load, demand, chosen)}"


def _by_loss(by_load: int, availability: Because[Percent] | None, care: Care) -> tuple[int, str]:
    """The replicas that leave enough when some are lost, at least two, and why."""
    needed = care.leaving(by_load, availability)
    if care.spans_zones(availability):
        return max(2, needed), f"{max(2, needed)} so that one of {count(care.zones.value, 'zone')} can be lost"
    if care.spares(availability):
        return max(2, needed), f"{max(2, needed)} so that one can be lost"
    return max(2, needed), "2 so that one can be replaced"


def _idle(use: float, by_load: int, demand: Demand, chosen: int) -> str:
    """What would lower the number, if promises rather than the load require it."""
    if use >= IDLE or by_load <= 2 or chosen <= 2:
        return ""
    measure = "" if demand.promises.measured else "; a measured `serviceTime.p995` may lower this"
    return f" because of the bound: {demand.promises.work.reason}{measure}"


def for_a_guess(rate: float, demand: Demand, chosen: int) -> bool:
    """Whether replicas are mostly idle at a rate, for a tail of the service time that was never measured."""
    return chosen > FEW and demand.busy(rate, chosen) < IDLE and not demand.promises.measured


@decision
def carried(replicas: Because[int], demand: Demand, care: Care) -> tuple[Rate, str]:
    """The highest rate that replicas sustain: the inverse of rules 1 and 2."""
    most = replicas.value * demand.slots.value * care.busiest / float(demand.service.value)
    limit = f"{care.utilization.value} utilization"
    for promise in demand.promises.bounds:
        able = _highest(most, partial(demand.keeps, replicas.value, promise))
        most, limit = (able, promise.words) if able < most else (most, limit)
    return _rounded(most), f"{count(replicas.value, 'replica')} at {limit}"


def _highest(most: float, keeps: Callable[[float], bool]) -> float:
    """The highest rate up to `most` that keeps something that every lower rate keeps too."""
    if keeps(most):
        return most
    low, high = 0.0, most
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if keeps(middle) else (low, middle)
    return low


@decision
def in_flight(rate: Because[Rate], replicas: Because[int], demand: Demand, care: Care) -> tuple[float, str]:
    """The mean requests in flight on one of some replicas at a rate, by Little's law: λ · (wait + service) / N. An
    autoscaler that keeps it runs at least these replicas at this rate. It is below the utilization limit, too.
    """
    most = float(demand.slots.value * care.utilization.value.amount)
    load, of = demand.load(float(rate.value)), demand.promises.work.value
    wait = mean_wait(*queue(demand.queues.value, demand.slots.value, replicas.value, load), of)
    each = float(rate.value) * (wait + float(demand.service.value)) / replicas.value
    limit = f"{care.utilization.value} of {count(demand.slots.value, 'concurrent request')} per replica"
    if each >= most:
        return _down(most), limit
    why = f"in flight on each of {count(replicas.value, 'replica')} at {rate.value}, waiting or in progress"
    return _down(each), f"{why}; at most {limit}"


def _down(target: float) -> float:
    """Two digits, rounded down, so that an autoscaler never runs one replica too few."""
    step = 10 ** (1 - math.floor(math.log10(target))) if target > 0 else 1
    return math.floor(target * step + 1e-9) / step


def _rounded(rate: float) -> Rate:
    """A rate as people write it: two decimal places, or none from 10 per second on."""
    return Rate(Decimal(f"{rate:.0f}" if rate >= 10 else f"{rate:.2f}"))

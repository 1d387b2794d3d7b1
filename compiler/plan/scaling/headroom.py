"""Headroom: how far each decision is from its limit."""

from __future__ import annotations

from decimal import Decimal

from ....schema.units import Duration, Percent, Rate
from ...because import Because, decision
from ..choose import count, number, seconds
from ..serving.capacity import queue, waiting
from ..serving.facts import ServiceFacts

__all__ = ["headroom", "left"]

STEPS = 60
"""Bisection steps in the search for the rate, beyond the precision of a float."""


def headroom(service: ServiceFacts) -> Because[Rate] | None:
    """The rate that the maximum replicas of a service can sustain; None if the service time has not been measured."""
    if service.mean_time is None:
        return None
    planning, peak = service.scope.platform.planning, service.traffic("peak")
    able = _able(service.max_replicas, service.availability, planning.spare_from)
    by_use = _by_utilization(able, service.slots, service.mean_time, planning.utilization)
    patience = service.patience
    if patience is None or patience.value.amount <= 0:
        return _stricter(by_use, by_use, peak)
    by_wait = _by_waiting(by_use, able, service.slots, service.mean_time, patience, service.queues, planning.waiting)
    return _stricter(by_use, by_wait, peak)


@decision
def _able(
    replicas: Because[int], availability: Because[Percent] | None, spare_from: Because[Percent]
) -> tuple[int, str]:
    """The replicas that remain after losing one, if the availability target requires a spare."""
    if availability is not None and availability.value >= spare_from.value and replicas.value > 1:
        return replicas.value - 1, f"{replicas.value - 1} of {count(replicas.value, 'replica')}, with one lost"
    return replicas.value, count(replicas.value, "replica")


@decision
def _by_utilization(
    able: Because[int], slots: Because[int], service: Because[Duration], utilization: Because[Percent]
) -> tuple[Rate, str]:
    """N · c · u / S: the inverse of the first rule of `capacity.replicas`."""
    rate = able.value * slots.value * float(utilization.value.amount) / float(service.value)
    return _rate(rate), f"{able.reason}: {able.value} x {slots.value} x {utilization.value} / {service.value}"


@decision
def _by_waiting(
    most: Because[Rate],
    able: Because[int],
    slots: Because[int],
    service: Because[Duration],
    patience: Because[Duration],
    queues: Because[str],
    share: Because[Percent],
) -> tuple[Rate, str]:
    """The highest rate, up to `most`, at which long waits are rare enough: Erlang C, solved for the load."""

    def rare(rate: float) -> bool:
        one = queue(queues.value, slots.value, able.value, rate * float(service.value))
        return waiting(*one, float(service.value), float(patience.value)) <= float(share.value.amount)

    low, high = 0.0, float(most.value)
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if rare(middle) else (low, middle)
    rate = float(most.value) if rare(float(most.value)) else low
    return _rate(
        rate
    ), f"{able.reason}: all but {share.value} of requests start within {seconds(float(patience.value))}"


@decision
def _stricter(by_use: Because[Rate], by_wait: Because[Rate], peak: Because[Rate] | None) -> tuple[Rate, str]:
    least = min(by_use, by_wait, key=lambda rate: rate.value.amount)
    if peak is None or not peak.value.amount:
        return least.value, least.reason
    return (
        least.value,
        f"{least.reason}; {number(float(least.value) / float(peak.value))} times the peak of {peak.value}",
    )


def _rate(rate: float) -> Rate:
    return Rate(Decimal(f"{rate:.0f}" if rate >= 10 else f"{rate:.2f}"))


@decision
def left(room: Because[Duration], needed: Because[Duration]) -> tuple[Duration, str]:
    """The time left."""
    return Duration(max(Decimal(0), room.value.amount - needed.value.amount)), f"{room.value} minus {needed.value}"

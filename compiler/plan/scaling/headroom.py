"""Headroom: how far each decision is from its limit."""

from __future__ import annotations

from decimal import Decimal

from ....schema.units import Duration, Percent, Rate
from ...because import Because, decision
from ..choose import count, number, readable
from ..serving.capacity import Care, carried
from ..serving.facts import ServiceFacts

__all__ = ["headroom", "left"]


def headroom(service: ServiceFacts) -> Because[Rate] | None:
    """The rate that the maximum replicas of a service can sustain; None if the service time has not been measured."""
    if service.demand is None:
        return None
    able = _able(service.max_replicas, service.availability, service.care)
    return _compared(carried(able, service.demand, service.care), service.traffic("peak"), able, service.max_replicas)


@decision
def _able(replicas: Because[int], availability: Because[Percent] | None, care: Care) -> tuple[int, str]:
    """The replicas that remain after the loss that the availability target requires to survive."""
    lost = min(care.lost(replicas.value, availability), replicas.value - 1)
    if not lost:
        return replicas.value, count(replicas.value, "replica")
    return replicas.value - lost, f"{replicas.value - lost} of {count(replicas.value, 'replica')}, with {lost} lost"


@decision
def _compared(
    most: Because[Rate], peak: Because[Rate] | None, able: Because[int], maximum: Because[int]
) -> tuple[Rate, str]:
    lost = maximum.value - able.value
    why = f"{most.reason}, with {lost} of {maximum.value} lost" if lost else most.reason
    if peak is None or not peak.value.amount:
        return most.value, why
    return most.value, f"{why}; {number(float(most.value) / float(peak.value))} times the peak of {peak.value}"


@decision
def left(room: Because[Duration], needed: Because[Duration]) -> tuple[Duration, str]:
    """The time left."""
    return Duration(
        max(Decimal(0), room.value.amount - needed.value.amount)
    ), f"{readable(room.value)} minus {readable(needed.value)}"

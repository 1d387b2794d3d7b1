"""The replicas that an autoscaler runs over a day."""

from __future__ import annotations

from decimal import Decimal

from ....schema.units import Rate
from ...because import Because, because, decision
from ..choose import count
from ..serving.day import HOURS, Day, Stretch, follow
from ..serving.facts import ServiceFacts

__all__ = ["replicas", "within"]


def replicas(service: ServiceFacts) -> tuple[Because[Day], tuple[Because[int], ...]]:
    """A service's day, and its replicas in each stretch: what the rate needs, between the minimum and the maximum.

    Without an autoscaler, it is always the minimum. Without a service time, the planner assumes the replicas.
    """
    limits, whole = (service.min_replicas, service.max_replicas), service.day
    if whole is None:
        return because((Stretch(Decimal(HOURS), Rate(0)),), "the rate is unknown"), (within(service.for_mean, *limits),)
    if not service.scales.value:
        return whole, (service.min_replicas,) * len(whole.value)

    def needed(rate: Because[Rate]) -> Because[int]:
        found = service.needed(rate) if rate.value.amount else service.min_replicas
        return within(found if found is not None else service.for_mean, *limits)

    return whole, follow(whole, needed)


@decision
def within(needed: Because[int], least: Because[int], most: Because[int]) -> tuple[int, str]:
    """The replicas that an autoscaler runs."""
    chosen = min(max(needed.value, least.value), most.value)
    bound = "" if chosen == needed.value else f", limited to between {least.value:,} and {most.value:,}"
    return chosen, f"{count(needed.value, 'replica')}{bound}"

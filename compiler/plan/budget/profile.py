"""The request rate over a day, and the replicas that an autoscaler runs for it.

A day has one rate per hour: r(h) = trough + (peak - trough) · ((1 + cos(2πh / 24)) / 2)^k for h = 0 to 23. Hour 0 has
the peak, hour 12 has the trough, and k is such that the 24 rates have the given mean. With the mean in the middle, k is
1, a plain cosine. With a mean near the trough, k is larger, and the peak is shorter.

- If the mean is so close to the trough that the peak lasts less than an hour, or so close to the peak that the trough
  does, the day has only these two rates, for as long as the mean requires.
- Without a trough, it is as far below the mean as the peak is above it, and at least 0.
- Without a mean or a peak, the rate is constant, as the planner sizes replicas for one rate.

The mean of a day does not change with its peak: a higher peak is a shorter one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from ....schema.units import Rate
from ...because import Because, because, decision, first
from ..choose import count, number
from ..serving.facts import ServiceFacts

__all__ = ["Day", "Stretch", "average", "day", "follow", "replicas"]

HOURS = 24

BISECTIONS = 60
"""Steps in the search for the exponent; each halves the interval, so the result is exact for a float."""

LISTED = 4
"""How many numbers of replicas a reason lists."""


class Stretch(NamedTuple):
    """A part of a day with one rate."""

    hours: Decimal
    """How many of the 24 hours; they need not be consecutive."""
    rate: Rate


Day = tuple[Stretch, ...]
"""The parts of a day, in ascending order of their rates; their hours add up to 24."""


@decision
def day(mean: Because[Rate], peak: Because[Rate], trough: Because[Rate] | None) -> tuple[Day, str]:
    """A day with a mean, a peak, and a trough. The reason describes its shape."""
    middle = float(mean.value)
    most = max(middle, float(peak.value))
    least = min(middle, float(trough.value) if trough is not None else max(0.0, 2 * middle - most))
    if _rate(most) == _rate(least):
        return (Stretch(Decimal(HOURS), mean.value),), f"a constant {mean.value}"
    said = f"a day from {_rate(least)} to {peak.value} with a mean of {mean.value}"
    share = (middle - least) / (most - least)
    if not 1 / HOURS < share < 1 - 1 / HOURS:
        at_peak = Decimal(HOURS * share).quantize(Decimal("1e-9"))
        ends = (Stretch(HOURS - at_peak, _rate(least)), Stretch(at_peak, _rate(most)))
        return tuple(part for part in ends if part.hours), f"{said}, {number(float(at_peak))} h of it at the peak"
    power = _power(share)
    rates = [least + (most - least) * _cosine(hour) ** power for hour in range(HOURS // 2, -1, -1)]
    hours = [1, *[2] * (HOURS // 2 - 1), 1]  # the day is symmetric
    return tuple(Stretch(Decimal(h), _rate(rate)) for h, rate in zip(hours, rates, strict=True)), said


def _cosine(hour: int) -> float:
    """From 1 at hour 0 to 0 at hour 12."""
    return (1 + math.cos(2 * math.pi * hour / HOURS)) / 2


def _power(share: float) -> float:
    """The exponent with which the mean of the cosines is `share`, from 1/24 to 23/24; the mean falls as it grows."""
    cosines = [_cosine(hour) for hour in range(HOURS)]
    low, high = -20.0, 20.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        mean = sum(cosine ** math.exp(middle) for cosine in cosines) / HOURS
        low, high = (middle, high) if mean > share else (low, middle)
    return math.exp(high)


def _rate(rate: float) -> Rate:
    """A rate with six significant digits, so that it is the same with any implementation of the cosine."""
    return Rate(Decimal(f"{rate:.6g}"))


def follow(day: Because[Day], needed: Callable[[Because[Rate]], Because[int]]) -> tuple[Because[int], ...]:
    """The replicas for each stretch of a day. As a higher rate never needs fewer, stretches between two with the same
    number of replicas have that number too, and `needed` is not called for them.
    """
    rates = [because(part.rate, "the rate of an hour", day) for part in day.value]
    found: dict[int, Because[int]] = {}

    def fill(low: int, high: int) -> None:
        for at in (low, high):
            if at not in found:
                found[at] = needed(rates[at])
        if high - low < 2:
            return
        if found[low].value == found[high].value:
            found.update((between, found[low]) for between in range(low + 1, high))
            return
        middle = (low + high) // 2
        fill(low, middle)
        fill(middle, high)

    fill(0, len(rates) - 1)
    return tuple(found[at] for at in range(len(rates)))


def replicas(service: ServiceFacts) -> tuple[Because[Day], tuple[Because[int], ...]]:
    """A service's day, and its replicas in each stretch: what the rate needs, between the minimum and the maximum.

    Without an autoscaler, it is always the minimum. Without a service time, the planner assumes the replicas.
    """
    mean = first(service.traffic("mean"), service.traffic("peak"))
    peak = first(service.traffic("peak"), mean)
    limits = service.min_replicas, service.max_replicas
    if mean is None or peak is None:
        return because((Stretch(Decimal(HOURS), Rate(0)),), "the rate is unknown"), (within(service.for_mean, *limits),)
    whole = day(mean, peak, service.traffic("trough"))
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


@decision
def average(day: Because[Day], counts: tuple[Because[int], ...]) -> tuple[Decimal, str]:
    """The mean replicas over a day, to the thousandth."""
    hours: dict[int, Decimal] = defaultdict(Decimal)
    for part, many in zip(day.value, counts, strict=True):
        hours[many.value] += part.hours
    mean = sum((many * long for many, long in hours.items()), Decimal(0)) / HOURS
    return round(mean, 3).normalize() + 0, f"{_listed(hours)}: {day.reason}"


def _listed(hours: dict[int, Decimal]) -> str:
    if len(hours) == 1:
        return f"{count(next(iter(hours)), 'replica')} at every hour"
    if len(hours) > LISTED:
        return f"from {min(hours):,} to {count(max(hours), 'replica')}, hour by hour"
    each = [f"{count(many, 'replica')} for {number(float(long))} h" for many, long in sorted(hours.items())]
    return f"{', '.join(each[:-1])} and {each[-1]} of a day"

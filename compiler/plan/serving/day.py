"""The request rate of a service over a day, hour by hour, and the replicas that the hours need.

Without a trough, the day has the one that `compiler.day.lowest` assumes. Without a mean or a peak, the rate is
constant, as the planner sizes replicas for one rate. The mean of a day does not change with its peak: a higher peak is
a shorter one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from ....schema.units import Rate
from ...because import Because, because, decision
from ...day import HOURS, Shape, lowest, shape
from ..choose import count, number

__all__ = ["HOURS", "Day", "Stretch", "average", "day", "follow", "through"]

LISTED = 4
"""How many numbers of replicas a reason lists."""


class Stretch(NamedTuple):
    """A part of a day with one rate."""

    hours: Decimal
    """How many of the 24 hours; they need not be consecutive."""
    rate: Rate


Day = tuple[Stretch, ...]
"""The parts of a day, in ascending order of their rates; their hours add up to 24."""


def through(mean: Because[Rate], peak: Because[Rate], trough: Because[Rate] | None) -> Shape:
    """The shape of the day with these rates."""
    middle = float(mean.value)
    most = max(middle, float(peak.value))
    least = min(middle, float(trough.value) if trough is not None else lowest(middle, most))
    return shape(middle, middle, middle) if _rate(most) == _rate(least) else shape(least, middle, most)


@decision
def day(mean: Because[Rate], peak: Because[Rate], trough: Because[Rate] | None) -> tuple[Day, str]:
    """A day with a mean, a peak, and a trough. The reason describes its shape."""
    found = through(mean, peak, trough)
    if len(found.rates) == 1:
        return (Stretch(Decimal(HOURS), mean.value),), f"a constant {mean.value}"
    said = f"a day from {_rate(found.rates[0])} to {peak.value} with a mean of {mean.value}"
    if len(found.rates) > 2:
        return tuple(Stretch(Decimal(hours), _rate(rate)) for hours, rate in found.stretches), said
    at_peak = Decimal(found.noon).quantize(Decimal("1e-9"))
    ends = zip((HOURS - at_peak, at_peak), found.rates, strict=True)
    parts = tuple(Stretch(hours, _rate(rate)) for hours, rate in ends if hours)
    return parts, f"{said}, {number(float(at_peak))} h of it at the peak"


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

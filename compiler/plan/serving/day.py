"""The request rate of a service over a day, hour by hour, and the replicas that the hours need.

Without a trough, the day has the one that `compiler.day.lowest` assumes. Without a mean or a peak, the rate is
constant, as the planner sizes replicas for one rate. The mean of a day does not change with its peak: a higher peak is
a shorter one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal

from ....schema.units import Rate
from ...because import Because, because, decision
from ...day import HOURS, Shape, lowest, shape
from ...finding import refusal
from ...row import Row
from ...system import Throughput
from ..choose import count, number

__all__ = ["HOURS", "Day", "Hours", "Stretch", "average", "day", "follow", "hours_of", "of_hours", "through"]

Hours = tuple[Because[Rate], ...]
"""The mean rate of each hour from midnight on; empty if the spec does not give them."""

NEARLY = 0.05
"""How far a declared rate may be from that of the hours, as people round both."""

LISTED = 4
"""How many numbers of replicas a reason lists."""


class Stretch(Row):
    """A part of a day with one rate."""

    hours: Decimal
    """How many of the 24 hours; they need not be consecutive."""
    rate: Rate


Day = tuple[Stretch, ...]
"""The parts of a day, in ascending order of their rates; their hours add up to 24."""


def hours_of(throughput: Throughput) -> Hours:
    """The hours that a spec gives. Raises `Refusal` (MLS008) if they are not 24, or contradict its other rates."""
    given = throughput.profile
    if not given:
        return ()
    if len(given) != HOURS:
        raise refusal(
            "MLS008",
            f"a day has 24 hours, and the profile has {count(len(given), 'rate')}",
            given[-1],
            note="each rate is for one hour, from midnight on",
            help="write 24 rates",
        )
    for name, rate in (("mean", throughput.mean), ("peak", throughput.peak), ("trough", throughput.trough)):
        found = of_hours(name, given)
        if rate is not None and _contradicts(name, float(rate.value), float(found.value)):
            raise refusal(
                "MLS008",
                f"the {name} is {rate.value}, and {found.reason} is {found.value}",
                rate,
                others=((given[0], "the profile"),),
                note="capacity would be planned for another day than the bill",
                help=f"write `{name}: {found.value}`, or remove it",
            )
    return given


def _contradicts(name: str, said: float, found: float) -> bool:
    """Whether a rate cannot be that of the hours. Within an hour, the rate may be higher or lower than its mean."""
    if name == "mean":
        return abs(said - found) > NEARLY * max(said, found)
    return said < found * (1 - NEARLY) if name == "peak" else said > found * (1 + NEARLY)


@decision
def of_hours(name: str, hours: Hours) -> tuple[Rate, str]:
    """The mean, the peak, or the trough of the hours."""
    rates = [float(rate.value) for rate in hours]
    found = {"mean": sum(rates) / len(rates), "peak": max(rates), "trough": min(rates)}[name]
    word = {"mean": "mean", "peak": "highest", "trough": "lowest"}[name]
    return _rate(found), f"the {word} of the {len(hours)} rates of `profile`"


def through(mean: Because[Rate], peak: Because[Rate], trough: Because[Rate] | None, hours: Hours = ()) -> Shape:
    """The shape of the day with these rates, or with these hours."""
    if hours:
        return Shape(tuple(float(rate.value) for rate in hours))
    middle = float(mean.value)
    most = max(middle, float(peak.value))
    least = min(middle, float(trough.value) if trough is not None else lowest(middle, most))
    return shape(middle, middle, middle) if _rate(most) == _rate(least) else shape(least, middle, most)


@decision
def day(mean: Because[Rate], peak: Because[Rate], trough: Because[Rate] | None, hours: Hours = ()) -> tuple[Day, str]:
    """A day with a mean, a peak, and a trough, or with given hours. The reason describes its shape."""
    found = through(mean, peak, trough, hours)
    if hours:
        low, high = _rate(min(found.rates)), _rate(max(found.rates))
        parts = tuple(Stretch(Decimal(many), _rate(rate)) for many, rate in found.stretches)
        return parts, f"the 24 hours of `profile`, from {low} to {high}"
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

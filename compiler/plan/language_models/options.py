"""The accelerators that a replica could have, and which of them costs least."""

from __future__ import annotations

import math
from decimal import Decimal

from ....schema.money import HourlyPrice
from ...because import Because, decision
from ...day import MONTH
from ...row import Row
from ..accelerators import called
from ..choose import count, plural

__all__ = ["Option", "against", "cheaper", "cost", "picked", "proposed", "too_many"]


class Option(Row):
    """A number of accelerators of one type for each replica."""

    name: Because[str]
    devices: Because[int]
    cost: Because[float] | None
    """The mean hourly cost of all replicas over a day; None without a price."""
    at_peak: float
    """The hourly cost of those for the peak, which decides between options of the same cost."""
    busy: Because[float] | None
    """Seconds of replica time per request; None if they cannot be estimated."""
    unfit: Because[str]
    """Why the accelerators cannot run the model; empty if they can."""
    late: Because[str]
    """Why the replicas would be too slow or too many; empty if they are neither."""


@decision
def cost(price: Because[HourlyPrice], devices: Because[int], replicas: Because[Decimal]) -> tuple[float, str]:
    """The accelerators of the mean replicas over a day; the CPUs and the memory next to them cost little."""
    cost, many = float(price.value) * devices.value * float(replicas.value), replicas.value
    times = f"{devices.value} x " if devices.value > 1 else ""
    said = f"{many:,} {plural('replica', one=many == 1)}"
    if many != many.to_integral_value():
        said += " on average over a day"
    return cost, f"{said} x {times}{price.value} = {cost:,.2f} {price.value.currency}/h"


@decision
def too_many(needed: Because[int], most: Because[int] | None) -> tuple[str, str]:
    """Why the replicas for the peak exceed the limit; empty if they do not."""
    if most is None or needed.value <= most.value:
        return "", "within the replica limit"
    why = f"the peak needs {count(needed.value, 'replica')}, but `maxReplicas` allows only {most.value:,}"
    return why, "more replicas than the limit"


@decision
def picked(options: tuple[Option, ...]) -> tuple[tuple[str, int], str]:
    """The cheapest option that meets the bounds; if none does, the fastest one."""
    timely = any(keeps(option) for option in options)
    ranked = sorted(options, key=_price if timely else _time)
    best = ranked[0]
    first_of = "the cheapest that fits and meets the bounds" if timely else "the fastest, because none meets the bounds"
    others = {option.name.value: option for option in reversed(ranked)}  # the best number of each type
    others.pop(best.name.value)
    lost = "".join(f"; {against(option)}" for option in others.values())
    paid = f": {best.cost.reason}" if best.cost is not None else ", but its price is unknown"
    chosen = (best.name.value, best.devices.value)
    return chosen, (
        f"{called(best.devices.value, best.name.value)} is {first_of}{paid}{lost}; "
        f"set `resources.accelerator` to override the choice"
    )


def keeps(option: Option) -> bool:
    """Whether an option can run the model and meets the bounds."""
    return not option.unfit.value and not option.late.value


def _price(option: Option) -> tuple[bool, float, float]:
    return not keeps(option), option.cost.value if option.cost is not None else math.inf, option.at_peak


def _time(option: Option) -> tuple[bool, float]:
    return bool(option.unfit.value), option.busy.value if option.busy is not None else math.inf


def against(option: Option) -> str:
    """Why an option was not chosen."""
    name = called(option.devices.value, option.name.value)
    if option.unfit.value:
        return f"{name}: {option.unfit.value}"
    if option.late.value:
        return f"{name}: {option.late.value}"
    return f"{name}: {option.cost.reason if option.cost is not None else 'its price is unknown'}"


def cheaper(now: Option, options: tuple[Option, ...]) -> Option | None:
    """The cheapest option that meets the bounds, if it costs less than another one."""
    best = min(options, key=_price, default=now)
    if not keeps(best) or best.cost is None or now.cost is None or best.cost.value >= now.cost.value:
        return None
    return best


@decision
def proposed(now: Option, best: Option, way: str, advice: str, price: Because[HourlyPrice]) -> tuple[str, str]:
    """What the accelerators would cost per month in another way, at a price with the currency of both."""
    assert best.cost is not None
    assert now.cost is not None

    def month(option: Option, cost: float) -> str:
        each = called(option.devices.value, option.name.value)
        return f"{cost * MONTH:,.0f} {price.value.currency}/month for {each} per replica"

    return month(best, best.cost.value), (
        f"{way}: {best.cost.reason}, instead of {month(now, now.cost.value)}: {now.cost.reason}; {advice}"
    )

"""How two models are compared, and a model with a bound.

- A percentile bounds its neighbours: whoever takes 60 ms at p99 takes no less at p99.9, and no more at p95.
- Numbers are decimals as they were written, so that 90 % is reached at 90 % and not beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from ....schema.money import Budget, UnitPrice
from ....schema.units import Duration, Margin, Percent, Rate, plain
from ...because import Because, decision
from ...system import Latency

__all__ = [
    "against",
    "at_least",
    "at_least_takes",
    "at_most",
    "at_most_takes",
    "cost_share",
    "gain_of",
    "in_time",
    "percentiles",
    "simpler_than",
    "within_budget",
]

PERCENTILES = ("p50", "p90", "p95", "p99", "p995", "p999")
"""From the lowest to the highest."""

COMPLEXITY = ("low", "medium", "high")

MONTH = 730 * 3600
"""Seconds of the month that budgets are given for."""


def percentiles(latency: Latency) -> dict[str, Because[Duration]]:
    """What is said of a latency, by percentile."""
    return {name: value for name in latency.fields if (value := getattr(latency, name)) is not None}


def at_least_takes(known: Mapping[str, Because[Duration]], percentile: str) -> Because[Duration] | None:
    """What a percentile surely takes at least: the slowest of what is known of it and of lower ones."""
    lower = PERCENTILES[: PERCENTILES.index(percentile) + 1]
    return max((known[p] for p in lower if p in known), key=lambda time: time.value, default=None)


def at_most_takes(known: Mapping[str, Because[Duration]], percentile: str) -> Because[Duration] | None:
    """What a percentile surely takes at most: the fastest of what is known of it and of higher ones."""
    higher = PERCENTILES[PERCENTILES.index(percentile) :]
    return min((known[p] for p in higher if p in known), key=lambda time: time.value, default=None)


# Decisions


def _exact(value: float) -> Decimal:
    return Decimal(str(value))


def _told(limit: Because[Decimal]) -> str:
    """A limit, and where it comes from unless the spec gives it."""
    return f"{plain(limit.value)} ({limit.reason})" if limit.reason else plain(limit.value)


@decision
def in_time(reached: Because[Duration], bound: Because[Duration]) -> tuple[bool, str]:
    return reached.value <= bound.value, f"{reached.value} of at most {bound.value}"


@decision
def within_budget(price: Because[UnitPrice], budget: Because[Budget], *rates: Because[Rate]) -> tuple[bool, str]:
    """A month of predictions at the mean rate, by the candidate's own price, against the budget of all."""
    predictions = sum((rate.value.amount for rate in rates), Decimal(0)) * MONTH
    cost = predictions * price.value.amount
    why = (
        f"{predictions / 10**6:,.1f}M predictions a month at {price.value} are "
        f"{cost:,.0f} {budget.value.currency} of {budget.value}"
    )
    return cost <= budget.value.amount, why


@decision
def at_least(reached: Because[float], limit: Because[Decimal]) -> tuple[bool, str]:
    return _exact(reached.value) >= limit.value, f"{reached.value:g} of at least {_told(limit)}"


@decision
def at_most(reached: Because[float], limit: Because[Decimal]) -> tuple[bool, str]:
    return _exact(reached.value) <= limit.value, f"{reached.value:g} of at most {_told(limit)}"


@decision
def against(
    rival: Because[float], margin: Because[Margin] | None, maximized: Because[bool], versus: Because[str]
) -> tuple[Decimal, str]:
    """The limit that a rival sets. A margin above zero asks successors to be better than the champion; the candidate
    that is in service cannot be better than itself, so only how much worse it may be counts here.
    """
    told = margin.value.amount if margin is not None else Decimal(0)
    asked = min(told, Decimal(0)) if versus.value == "champion" else told
    value = _exact(rival.value)
    step = asked * abs(value) if margin is not None and margin.value.relative else asked
    limit = value + step if maximized.value else value - step
    by = f", {plain(abs(step))} {'better' if step > 0 else 'worse'}" if step else ""
    return limit, f"{rival.value:g} of {versus.value}{by}"


@decision
def gain_of(
    reached: Because[float], naive: Because[float], best: Because[float], metric: Because[str]
) -> tuple[Decimal, str]:
    """(q - q0) / (q* - q0); the metric's direction cancels out, as both differences have its sign."""
    q, q0, most = _exact(reached.value), _exact(naive.value), _exact(best.value)
    share = (q - q0) / (most - q0)
    return share, f"({plain(q)} - {plain(q0)}) / ({plain(most)} - {plain(q0)}) of {metric.value} = {share:.0%}"


@decision
def simpler_than(theirs: Because[str], selected: Because[str]) -> tuple[bool, str]:
    simpler = COMPLEXITY.index(theirs.value) < COMPLEXITY.index(selected.value)
    return simpler, f"its complexity is {theirs.value}, the selected one's {selected.value}"


def cost_share(theirs: Because[UnitPrice] | None, selected: Because[UnitPrice] | None) -> Because[Decimal] | None:
    if theirs is None or selected is None or not selected.value.amount:
        return None
    if (theirs.value.currency, theirs.value.per) != (selected.value.currency, selected.value.per):
        return None
    return _share(theirs, selected)


@decision
def _share(theirs: Because[UnitPrice], selected: Because[UnitPrice]) -> tuple[Decimal, str]:
    share = theirs.value.amount / selected.value.amount
    return share, f"{theirs.value} of {selected.value} = {Percent(share.quantize(Decimal('0.01')))}"

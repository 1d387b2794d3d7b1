"""How to compare two models, and a model with a bound.

- A percentile bounds its neighbors: a model with a p99 of 60 ms has a p99.9 of at least 60 ms, and a p95 of at most
  60 ms.
- Numbers are the exact decimals from the spec, so that a bound of 90% includes 90%.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from ....schema.money import Budget, UnitPrice
from ....schema.units import Duration, Margin, Measure, Percent, Rate, plain
from ...because import Because, decision

__all__ = [
    "COMPLEXITY",
    "against",
    "at_least",
    "at_least_takes",
    "at_most",
    "at_most_takes",
    "cost_share",
    "gain_of",
    "in_time",
    "named_by",
    "no_wider",
    "simpler_than",
    "within_budget",
]

PERCENTILES = ("p50", "p90", "p95", "p99", "p995", "p999")
"""In ascending order."""

COMPLEXITY = ("low", "medium", "high")
"""In ascending order."""

MONTH = 730 * 3600
"""Seconds per month of a budget."""


def at_least_takes(known: Mapping[str, Because[Duration]], percentile: str) -> Because[Duration] | None:
    """A lower bound for a percentile: the highest known value of it and of lower percentiles."""
    lower = PERCENTILES[: PERCENTILES.index(percentile) + 1]
    return max((known[p] for p in lower if p in known), key=lambda time: time.value, default=None)


def at_most_takes(known: Mapping[str, Because[Duration]], percentile: str) -> Because[Duration] | None:
    """An upper bound for a percentile: the lowest known value of it and of higher percentiles."""
    higher = PERCENTILES[PERCENTILES.index(percentile) :]
    return min((known[p] for p in higher if p in known), key=lambda time: time.value, default=None)


# Decisions


def _exact(value: float) -> Decimal:
    return Decimal(str(value))


def _sourced(limit: Because[Decimal]) -> str:
    """A limit, followed by its reason unless it is from the spec."""
    return f"{plain(limit.value)} ({limit.reason})" if limit.reason else plain(limit.value)


@decision
def in_time(reached: Because[Duration], bound: Because[Duration]) -> tuple[bool, str]:
    return reached.value <= bound.value, f"{reached.value} against a maximum of {bound.value}"


@decision
def no_wider(gap: Because[Measure], bound: Because[Measure]) -> tuple[bool, str]:
    return gap.value.amount <= bound.value.amount, f"{gap.value} against a maximum of {bound.value}"


@decision
def within_budget(price: Because[UnitPrice], budget: Because[Budget], *rates: Because[Rate]) -> tuple[bool, str]:
    """The monthly cost of predictions at the mean rate and the candidate's price, compared with the system's budget."""
    predictions = sum((rate.value.amount for rate in rates), Decimal(0)) * MONTH
    cost = predictions * price.value.amount
    why = (
        f"{predictions / 10**6:,.1f}M predictions per month at {price.value} cost "
        f"{cost:,.0f} {budget.value.currency} of the budget of {budget.value}"
    )
    return cost <= budget.value.amount, why


@decision
def at_least(reached: Because[float], limit: Because[Decimal]) -> tuple[bool, str]:
    return _exact(
        reached.value
    ) >= limit.value, f"{plain(_exact(reached.value))} against a minimum of {_sourced(limit)}"


@decision
def at_most(reached: Because[float], limit: Because[Decimal]) -> tuple[bool, str]:
    return _exact(
        reached.value
    ) <= limit.value, f"{plain(_exact(reached.value))} against a maximum of {_sourced(limit)}"


@decision
def against(
    rival: Because[float], margin: Because[Margin] | None, maximized: Because[bool], versus: Because[str]
) -> tuple[Decimal, str]:
    """The limit that a rival sets. A positive margin requires successors to be better than the champion. The live
    candidate cannot be better than itself, so only a negative margin applies to it.
    """
    given = margin.value.amount if margin is not None else Decimal(0)
    asked = min(given, Decimal(0)) if versus.value == "champion" else given
    value = _exact(rival.value)
    step = asked * abs(value) if margin is not None and margin.value.relative else asked
    limit = value + step if maximized.value else value - step
    required = f"; {plain(abs(step))} better is required" if step > 0 else f"; {plain(abs(step))} worse is allowed"
    return limit, f"{versus.value} reaches {plain(value)}{required if step else ''}"


@decision
def gain_of(
    reached: Because[float], naive: Because[float], best: Because[float], metric: Because[str]
) -> tuple[Decimal, str]:
    """(q - q0) / (q* - q0); the metric's direction cancels out, because both differences have its sign."""
    q, q0, most = _exact(reached.value), _exact(naive.value), _exact(best.value)
    share = (q - q0) / (most - q0)
    return share, f"({plain(q)} - {plain(q0)}) / ({plain(most)} - {plain(q0)}) = {share:.0%} in {metric.value}"


@decision
def simpler_than(theirs: Because[str], selected: Because[str]) -> tuple[bool, str]:
    simpler = COMPLEXITY.index(theirs.value) < COMPLEXITY.index(selected.value)
    return simpler, f"its complexity is {theirs.value}; that of the selected candidate is {selected.value}"


def cost_share(theirs: Because[UnitPrice] | None, selected: Because[UnitPrice] | None) -> Because[Decimal] | None:
    if theirs is None or selected is None or not selected.value.amount:
        return None
    if (theirs.value.currency, theirs.value.per) != (selected.value.currency, selected.value.per):
        return None
    return _share(theirs, selected)


@decision
def named_by(
    name: Because[str], gain: Because[Decimal], cost: Because[Decimal] | None, *_: dict[str, Because[object]]
) -> tuple[str, str]:
    """A candidate that could replace the selected one, with its shares of the gain and of the cost."""
    whole = f"{_percent(gain.value)} of the gain"
    return name.value, whole if cost is None else f"{whole} at {_percent(cost.value)} of the cost"


def _percent(share: Decimal) -> Percent:
    return Percent(share.quantize(Decimal("0.01")))


@decision
def _share(theirs: Because[UnitPrice], selected: Because[UnitPrice]) -> tuple[Decimal, str]:
    share = theirs.value.amount / selected.value.amount
    return share, f"{theirs.value} / {selected.value} = {Percent(share.quantize(Decimal('0.01')))}"

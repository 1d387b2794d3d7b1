"""Whether the traffic of a step is enough to compare the new version with the live one over the same windows.

The limit of an objective lets a version pass that is much worse than the live one, if it is still within the limit. A
comparison finds it: the window fails if the new version's share of failures is higher by more than the error budget,
and by more than chance explains.

Failures are rare, so the common test of two proportions finds differences where there are none: one failure in 120
requests, and none in 2,280, would be 4.4 standard deviations. The square root of a count has nearly the same variance
whatever its mean (M. S. Bartlett, The square root transformation in analysis of variance, 1936), so

    2 (sqrt(new) - sqrt(old)) / sqrt(1 / requests of new + 1 / requests of old)

is close to standard normal if both shares are the same. Here it is 1.95. The odds below are sums over all Poisson
counts, not that approximation.
"""

from __future__ import annotations

import math
from decimal import Decimal
from functools import lru_cache

from ....schema.units import Rate, plain
from ...because import Because, because, decision, fixed
from ...record import Record
from ..choose import number
from ..distributions import MANY, exceeds, normal_below
from .odds import chance
from .verdict import Verdict

__all__ = ["Comparison", "comparison", "differs"]

DEVIATIONS = Decimal("2.5")
"""A single failure never fails a window: 2 sqrt(1) is less. And chance explains more in one of 160 windows."""


class Comparison(Record):
    """How the windows of a step compare a version with the live one."""

    sure: Because[bool]
    """Whether there are enough requests."""
    margin: Because[str]
    """How much higher the share of failures may be, as a PromQL number."""
    deviations: Because[str]
    """How many standard deviations are more than chance."""
    false_abort: float
    """The probability that it rolls back a version that is as good as the live one."""


def comparison(
    rate: Because[Rate] | None, verdict: Because[Verdict], before: Because[Decimal], budget: Because[Decimal]
) -> Comparison:
    """The comparison with the live version, whose usual share of failures is `before`."""
    margin = because(plain(budget.value), "the error budget: less is within the objective", budget)
    return Comparison(
        sure=_sure(rate, verdict, before, budget),
        margin=margin,
        deviations=fixed(plain(DEVIATIONS), "chance explains more in one of 160 windows"),
        false_abort=_false_abort(rate, verdict.value, float(before.value), float(budget.value)),
    )


def _false_abort(rate: Because[Rate] | None, judged: Verdict, usual: float, margin: float) -> float:
    old = float(rate.value) * judged.minutes * 60 - judged.requests if rate is not None else 0.0
    if old < 1:
        return 0.0
    return exceeds(judged.windows, differs(judged.requests, old, usual, usual, margin), judged.failures)


@decision
def _sure(
    rate: Because[Rate] | None, verdict: Because[Verdict], before: Because[Decimal], budget: Because[Decimal]
) -> tuple[bool, str]:
    """Whether it rolls back a version that is at the limit, where the limit itself decides nothing, and no other."""
    judged = verdict.value
    if rate is None:
        return False, "the throughput is unknown"
    new, usual = judged.requests, float(before.value)
    old = float(rate.value) * judged.minutes * 60 - new
    if old < 1:
        return False, "the live version gets no requests"
    worse = differs(new, old, judged.limit, usual, float(budget.value))
    false_abort = _false_abort(rate, judged, usual, float(budget.value))
    missed = 1 - exceeds(judged.windows, worse, judged.failures)
    said = (
        f"with {number(new)} and {number(old)} requests per window, the probability of missing a version with "
        f"{judged.limit * 100:.3g}% failures is {chance(missed)}, and that of a false abort {chance(false_abort)}"
    )
    return max(false_abort, missed) < judged.risk, said


@lru_cache(maxsize=1024)  # a comparison and its odds ask for the same, and so do steps with the same windows
def differs(new: float, old: float, p_new: float, p_old: float, margin: float) -> float:
    """The probability that a window fails, with so many requests of each version, and their shares of failures."""
    chance_explains = float(DEVIATIONS) * math.sqrt(1 / new + 1 / old)
    if max(new * p_new, old * p_old) > MANY:
        apart = 2 * (math.sqrt(p_new) - math.sqrt(p_old))
        significant = normal_below((apart - chance_explains) / math.sqrt(1 / new + 1 / old))
        error = math.sqrt(p_new / new + p_old / old)
        return min(significant, normal_below((p_new - p_old - margin) / error))

    def fails(bad_new: int, bad_old: int) -> bool:
        ours, theirs = bad_new / new, bad_old / old
        return ours - theirs > margin and 2 * (math.sqrt(ours) - math.sqrt(theirs)) > chance_explains

    least, tail, term = 0, 1.0, math.exp(-new * p_new)
    whole, weight = 0.0, math.exp(-old * p_old)
    for bad_old in range(math.ceil(old * p_old + 10 * math.sqrt(old * p_old) + 10)):
        while not fails(least, bad_old):
            if tail < 1e-12:
                return whole  # no count of the new version is so high
            tail -= term
            least += 1
            term *= new * p_new / least
        whole += weight * max(0.0, tail)
        weight *= old * p_old / (bad_old + 1)
    return whole

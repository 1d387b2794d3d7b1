"""What a bound on the gap between groups can show, by the observations that each group has.

The gate passes a model if the upper confidence limit of every difference between two groups is within the bound
(`runtime/gaps.py`). So even a model that treats all groups alike passes only if they have enough observations. The
values of k groups of n observations have a standard error of s = sqrt(p (1 - p) / n), and the model passes if their
range is at most gap - z sqrt(2) s. All samples are normal, and all groups are equally large.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

from ....schema.units import Measure
from ...because import Because, decision
from ...system import Evaluation, FairnessBound
from ..choose import count, number
from ..distributions import normal_quantile, range_below, range_quantile
from .observed import SHARES, Known, Sample
from .precision import ALPHA, POWER

if TYPE_CHECKING:
    from .. import Plan

__all__ = ["GapSample", "gap_needs", "gap_shown", "passes_by_chance"]


def gap_shown(share: float, events: int, groups: int) -> float:
    """The smallest bound that a model without a gap meets with a probability of 80%."""
    return _deviations(groups) * math.sqrt(share * (1 - share) / events)


def gap_needs(share: float, gap: float, groups: int) -> int:
    """The observations per group for that, with a bound of `gap`."""
    return math.ceil(share * (1 - share) * (_deviations(groups) / gap) ** 2)


def passes_by_chance(share: float, gap: float, events: int, groups: int) -> float:
    """The probability that a model without a gap passes a bound of `gap`."""
    error = math.sqrt(share * (1 - share) / events)
    return range_below(gap / error - normal_quantile(1 - ALPHA) * math.sqrt(2), groups)


def _deviations(groups: int) -> float:
    return range_quantile(POWER, groups) + normal_quantile(1 - ALPHA) * math.sqrt(2)


class GapSample(Sample):
    """One bound on a gap, and what its sample can show."""

    def __init__(self, plan: Plan, evaluation: Evaluation, bound: FairnessBound) -> None:
        super().__init__(plan, evaluation, bound.metric, bound.between)
        self.bound = bound

    @property
    def name(self) -> str:
        """What is bounded, in words: `recall gap by gender`."""
        return f"{self.metric.value} gap by {self.bound.between.value}"

    @cached_property
    def limit(self) -> Because[Measure]:
        """The largest gap that the gate accepts."""
        return _limit(self.bound.max_gap, self.bound.between)

    @cached_property
    def needed(self) -> Because[int] | None:
        """The observations per group with which a model without a gap passes; None if the metric is not a share."""
        asked = self._asked
        return _needed(self.bound.max_gap, self.values, *asked) if asked and self.values is not None else None

    @cached_property
    def shown(self) -> Because[float] | None:
        """The smallest bound that the expected observations can show."""
        asked, each = self._asked, self.each
        if not asked or each is None or not each.value or self.values is None:
            return None
        return _shown(each, self.values, *asked)

    @cached_property
    def odds(self) -> Because[float] | None:
        """The probability that the gate rejects a model without a gap; None if the metric's value is unknown."""
        asked, each = self._asked, self.each
        if self.known is None or not asked or each is None or not each.value or self.values is None:
            return None
        return _odds(self.bound.max_gap, each, self.values, *asked)

    @property
    def _asked(self) -> tuple[Because[float] | None, str] | None:
        """The known value with its owner; None if the metric has no sample size that we can state."""
        gap = float(self.bound.max_gap.value.amount)
        if self.base not in SHARES or not 0 < gap < 1 or (self.values is not None and self.values.value < 2):
            return None
        known: Known | None = self.known
        if known is None:
            return None, ""
        return (known.value, known.of) if 0 < known.value.value < 1 else None


@decision
def _limit(gap: Because[Measure], between: Because[str]) -> tuple[Measure, str]:
    return gap.value, (
        f"every pair of values of `{between.value}` differs by no more, by the upper limit of its interval with "
        f"{1 - ALPHA:.0%} confidence"
    )


@decision
def _needed(gap: Because[Measure], values: Because[int], known: Because[float] | None, of: str) -> tuple[int, str]:
    share, said = _share(known, of)
    found = gap_needs(share, float(gap.value.amount), values.value)
    return found, f"a model without a gap passes {gap.value} with {POWER:.0%} probability, {said}: {values.reason}"


@decision
def _shown(each: Because[int], values: Because[int], known: Because[float] | None, of: str) -> tuple[float, str]:
    share, said = _share(known, of)
    found = gap_shown(share, each.value, values.value)
    return found, f"a model without a gap passes it with {POWER:.0%} probability, {said}: {each.reason}"


@decision
def _odds(
    gap: Because[Measure], each: Because[int], values: Because[int], known: Because[float] | None, of: str
) -> tuple[float, str]:
    share, said = _share(known, of)
    passes = passes_by_chance(share, float(gap.value.amount), each.value, values.value)
    many = f"{count(values.value, 'value')} with {number(each.value)} observations each"
    return 1 - passes, f"{many}, {said}, and a gap of at most {gap.value}"


def _share(known: Because[float] | None, of: str) -> tuple[float, str]:
    if known is None:
        return 0.5, "at 0.5, the worst case"
    return known.value, f"at {known.value:g}, that of the {of}"

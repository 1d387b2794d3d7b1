"""Confidence intervals and tests of the difference between two models on the same rows. `z` is as in `intervals`.

- Two shares: T. Tango, Equivalence test and confidence interval for the difference in proportions for the paired-sample
  design, Statistics in Medicine 17, 1998. The mid-p version of Q. McNemar's test: M. W. Fagerland and others, BMC
  Medical Research Methodology 13, 2013.
- Many tests at once: S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
  Statistics 6, 1979.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import NamedTuple

__all__ = ["Paired", "holm", "mcnemar", "tango"]


MANY = 10_000
"""The rows that only one model got right above which the normal approximation replaces a sum."""


class Paired(NamedTuple):
    """How often two models were right on the same rows."""

    both: int
    model: int
    """Only the model was right."""
    rival: int
    """Only the rival was right."""
    neither: int

    @property
    def rows(self) -> int:
        return sum(self)

    @property
    def difference(self) -> float:
        """The share of the model minus that of the rival."""
        return (self.model - self.rival) / self.rows


def tango(counts: Paired, z: float) -> tuple[float, float]:
    """The score interval of the difference between two shares of the same rows, by bisection of its score."""

    def score(difference: float) -> float:
        """(b - c - n d) / sqrt(n (2 q + d (1 - d))), with q the likeliest P(only the rival) for this difference."""
        n = counts.rows
        b = -counts.model - counts.rival + (2 * n - counts.model + counts.rival) * difference
        c = -counts.rival * difference * (1 - difference)
        q = (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
        spread = n * (2 * q + difference * (1 - difference))
        found = counts.model - counts.rival - n * difference
        return found / math.sqrt(spread) if spread > 0 else math.copysign(math.inf, found) if found else 0.0

    def end(low: float, high: float, limit: float) -> float:
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if score(middle) > limit else (low, middle)
        return (low + high) / 2

    return end(-1.0, counts.difference, z), end(counts.difference, 1.0, -z)


def mcnemar(counts: Paired) -> float:
    """The two-sided mid-p value of no difference between two models on the same rows."""
    fewer, many = min(counts.model, counts.rival), counts.model + counts.rival
    if not many:
        return 1.0
    if many > MANY:
        return 2 * NormalDist().cdf((fewer - many / 2) / math.sqrt(many / 4))
    below = sum(_half(many, k) for k in range(fewer))
    return min(1.0, 2 * below + _half(many, fewer)) if counts.model != counts.rival else 1 - _half(many, fewer)


def _half(many: int, k: int) -> float:
    """P(X = k) of a binomial variable with probability 1/2."""
    return math.exp(math.lgamma(many + 1) - math.lgamma(k + 1) - math.lgamma(many - k + 1) - many * math.log(2))


def holm(found: Mapping[str, float]) -> dict[str, float]:
    """The p-values of several tests, adjusted so that the probability of any wrong rejection is at most the level."""
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, (name, p) in enumerate(sorted(found.items(), key=lambda pair: pair[1])):
        largest = max(largest, min(1.0, (len(found) - rank) * p))
        adjusted[name] = largest
    return {name: adjusted[name] for name in found}

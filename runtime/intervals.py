"""Confidence intervals of one measured value. All functions are pure, and `z` is the distance of each end from the
value in standard errors: 1.96 for a two-sided interval of 95%.

- A share: the score interval of E. B. Wilson (1927), in `conditions`, because the gate uses it as well.
- The area under the ROC curve: E. R. DeLong, D. M. DeLong, and D. L. Clarke-Pearson, Comparing the areas under two or
  more correlated receiver operating characteristic curves, Biometrics 44, 1988, for its variance, on the logit scale,
  which keeps the ends between 0 and 1 (M. S. Pepe, The Statistical Evaluation of Medical Tests, 2003, section 5.2.5).
- A mean: Student's interval. A root mean square of few errors: B. Efron, Better bootstrap confidence intervals, Journal
  of the American Statistical Association 82, 1987 (BCa).
- A percentile: the ranks of the ordered sample that a binomial distribution gives (W. J. Conover, Practical
  Nonparametric Statistics, 1999, section 3.2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random
from statistics import NormalDist

__all__ = ["FEW", "Ends", "bca", "mean", "of_auc", "quantile_ranks", "root_mean_square", "student", "t_quantile"]

Ends = Callable[[float], tuple[float, float]]
"""The ends of an interval that are `z` standard errors away."""

NORMAL = NormalDist()

RESAMPLES = 9999
"""Bootstrap samples; an odd number keeps percentiles on sample points."""

FEW = 100
"""Above so many errors, the root of Student's interval of the mean square replaces the bootstrap."""


def of_auc(auc: float, variance: float, z: float) -> tuple[float, float]:
    """The interval of an area strictly between 0 and 1, on the logit scale. The variance is that of the area."""
    middle = math.log(auc / (1 - auc))
    spread = z * math.sqrt(variance) / (auc * (1 - auc))
    return _logistic(middle - spread), _logistic(middle + spread)


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def mean(values: Sequence[float]) -> tuple[float, float]:
    """The mean of at least two values, and its standard error."""
    middle = math.fsum(values) / len(values)
    variance = math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1)
    return middle, math.sqrt(variance / len(values))


def student(values: Sequence[float], z: float) -> tuple[float, float]:
    """Student's interval of the mean of at least two values."""
    middle, error = mean(values)
    half = t_quantile(NORMAL.cdf(z), len(values) - 1) * error
    return middle - half, middle + half


def root_mean_square(errors: Sequence[float]) -> Ends:
    """The interval of the root mean square of errors, by `z`: BCa for few of them, otherwise the root of Student's
    interval of the mean square.
    """
    squares = [error * error for error in errors]
    if len(squares) <= FEW:
        return bca(squares, lambda total: math.sqrt(total / len(squares)))

    def ends(z: float) -> tuple[float, float]:
        low, high = student(squares, z)
        return math.sqrt(max(0.0, low)), math.sqrt(high)

    return ends


def bca(values: Sequence[float], of_total: Callable[[float], float]) -> Ends:
    """The bias-corrected and accelerated bootstrap interval of a statistic that depends on the sum of the values only.
    The seed is fixed, so the same values give the same interval.
    """
    total, many = math.fsum(values), len(values)
    found = of_total(total)
    random = Random(0)
    drawn = sorted(of_total(math.fsum(random.choices(values, k=many))) for _ in range(RESAMPLES))
    below = sum(one < found for one in drawn) + sum(one == found for one in drawn) / 2
    bias = NORMAL.inv_cdf(min(1 - 1 / RESAMPLES, max(1 / RESAMPLES, below / RESAMPLES)))
    pull = _acceleration([of_total(max(0.0, total - value) * many / (many - 1)) for value in values])

    def end(deviations: float) -> float:
        moved = bias + (bias + deviations) / (1 - pull * (bias + deviations))
        return drawn[min(RESAMPLES - 1, max(0, round(NORMAL.cdf(moved) * (RESAMPLES + 1)) - 1))]

    return lambda z: (end(-z), end(z))


def _acceleration(without: Sequence[float]) -> float:
    """Efron's acceleration, from the statistic without each one of the values."""
    middle = math.fsum(without) / len(without)
    cubes = math.fsum((middle - one) ** 3 for one in without)
    squares = math.fsum((middle - one) ** 2 for one in without)
    return cubes / (6 * squares**1.5) if squares else 0.0


def quantile_ranks(many: int, quantile: float, z: float) -> tuple[int | None, int | None]:
    """The ranks, from 1, of the sorted sample between which its quantile is; None for an end that `many` values do not
    have. Each end holds with the probability of `z` one-sided.
    """
    error = 1 - NORMAL.cdf(z)

    def below(rank: int) -> float:
        """P(at least `rank` of the values are below the quantile), which a beta distribution gives."""
        return _beta_below(quantile, rank, many - rank + 1)

    low = _largest(many, lambda rank: 1 - below(rank) <= error)
    above = _largest(many, lambda rank: below(rank) > error) or 0
    return low, above + 1 if above < many else None


def _largest(many: int, holds: Callable[[int], bool]) -> int | None:
    """The largest rank for which something holds that holds for all ranks below it."""
    low, high = 0, many
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low or None


# Distributions


def t_quantile(probability: float, degrees: int) -> float:
    """The quantile of Student's distribution above its median, by the beta distribution of d / (d + t²)."""
    if probability <= 0.5:
        return 0.0
    share = _beta_quantile(2 * (1 - probability), degrees / 2, 0.5)
    return math.sqrt(degrees * (1 - share) / share) if share > 0 else math.inf


def _beta_quantile(probability: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if _beta_below(middle, a, b) < probability else (low, middle)
    return (low + high) / 2


def _beta_below(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function (DLMF, 8.17), by its continued fraction (8.17.22)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta_below(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    c, d = 1.0, 1 / _nonzero(1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, 10_000):
        for part in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _nonzero(1 + part * d)
            c = _nonzero(1 + part / c)
            found *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return front * found / a


def _nonzero(value: float) -> float:
    return value if abs(value) > 1e-300 else 1e-300

"""The distributions behind waits, samples, and verdicts: normal, binomial, and Poisson."""

from __future__ import annotations

import math
from functools import cache, lru_cache

__all__ = ["MANY", "exceeds", "falls_below", "normal_below", "normal_quantile", "range_below", "range_quantile"]

MANY = 700
"""A sum that would begin below e^-MANY is replaced with the normal approximation: a float cannot hold much less."""


@cache
def normal_quantile(probability: float) -> float:
    """The quantile of the standard normal distribution, by bisection of its distribution function."""
    low, high = -40.0, 40.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (middle, high) if normal_below(middle) < probability else (low, middle)
    return (low + high) / 2


def normal_below(deviations: float) -> float:
    """P(Z < deviations) for standard normal Z."""
    return 0.5 * math.erfc(-deviations / math.sqrt(2))


@lru_cache(maxsize=1024)  # objectives and windows that are compared ask for the same odds
def exceeds(n: int, p: float, most: int) -> float:
    """P(X > most) for binomial X with n trials of probability p."""
    if most >= n or p <= 0:
        return 0.0
    if most < 0 or p >= 1:
        return 1.0
    if p > 0.5:  # the other way round, the sum begins with a larger term
        return 1.0 - exceeds(n, 1 - p, n - most - 1)
    none = n * math.log1p(-p)
    if none < -MANY:
        return normal_below((n * p - most - 0.5) / math.sqrt(n * p * (1 - p)))
    term = math.exp(none)
    below = term
    for k in range(most):
        term *= (n - k) / (k + 1) * p / (1 - p)
        below += term
        if k > n * p and term < 1e-15:
            break
    return max(0.0, 1.0 - below)


@lru_cache(maxsize=1024)
def falls_below(mean: float, least: int) -> float:
    """P(X < least) for Poisson X: how likely so few requests arrive, if `mean` are expected."""
    if mean > MANY:
        return normal_below((least - 0.5 - mean) / math.sqrt(mean))
    term = math.exp(-mean)
    below = 0.0
    for k in range(least):
        below += term
        term *= mean / (k + 1)
        if k > mean and term < 1e-15:
            break
    return min(1.0, below)


FAR = 8.0
"""The standard deviations beyond which a normal variable is never found."""

STEPS = 400
"""The even number of intervals of an integral between them, which makes its error less than 1e-6."""


@lru_cache(maxsize=1024)
def range_below(width: float, many: int) -> float:
    """P(max - min < width) of `many` independent standard normal variables.

    It is many · ∫ φ(x) [Φ(x + width) - Φ(x)]^(many - 1) dx, here by Simpson's rule (L. H. C. Tippett,
    On the extreme individuals and the range of samples taken from a normal population, Biometrika 17, 1925).
    """
    if width <= 0:
        return 0.0
    total, root, power, erfc = 0.0, math.sqrt(2), many - 1, math.erfc
    for x, weight, below in _grid():
        total += weight * (0.5 * erfc(-(x + width) / root) - below) ** power
    return min(1.0, many * total * (2 * FAR / STEPS) / 3)


@cache
def _grid() -> tuple[tuple[float, float, float], ...]:
    """Where that integral is evaluated: each x with its weight in Simpson's rule times φ(x), and with Φ(x)."""
    points = [-FAR + i * (2 * FAR / STEPS) for i in range(STEPS + 1)]
    weights = [1 if i in (0, STEPS) else 4 if i % 2 else 2 for i in range(STEPS + 1)]
    return tuple(
        (x, weight * (math.exp(-x * x / 2) / math.sqrt(2 * math.pi)), normal_below(x))
        for x, weight in zip(points, weights, strict=True)
    )


@cache
def range_quantile(probability: float, many: int) -> float:
    """The quantile of that range, by bisection of its distribution function."""
    low, high = 0.0, 4 * FAR
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if range_below(middle, many) < probability else (low, middle)
    return (low + high) / 2

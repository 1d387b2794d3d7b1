"""How far apart two samples of the same distribution are by chance, for each measure of drift. All functions are pure.

For n rows in a window and m in the reference, each measure exceeds its floor in a share alpha of windows without drift.
With several columns, each gets alpha / columns (Bonferroni), and B is the number of bins:

- `psi`: (1/n + 1/m) times a chi-square quantile with B - 1 degrees of freedom (B. Yurdakul, Statistical properties of
  population stability index, dissertation, Western Michigan University, 2018).
- `jensen-shannon`, the distance with natural logarithms: the root of (1/n + 1/m) / 8 times the same quantile, because
  8nm / (n + m) times the divergence is asymptotically the statistic of a likelihood-ratio test.
- `ks`: the root of (1/n + 1/m) times -ln(alpha / 2) / 2 (N. Smirnov, 1948). It is conservative for tied values.
- `wasserstein`, in standard deviations of the reference: 2.9 times the root of (1/n + 1/m) at alpha = 1%, from
  simulations of the normal, uniform, exponential, and lognormal distribution. Heavier tails need more, so a job should
  export its own floor.
"""

from __future__ import annotations

import math
from functools import cache

__all__ = ["chi_square_quantile", "enough", "enough_within", "floor_of", "noise_floor"]

WASSERSTEIN = 2.9
"""The 1% quantile of the distance times the root of nm / (n + m), for tails no heavier than lognormal ones."""


def noise_floor(sample: int, reference: int, columns: int = 1, bins: int = 10, alpha: float = 0.01) -> float:
    """The PSI that only a share `alpha` of windows without drift exceeds in any column."""
    return floor_of("psi", sample, reference, columns, bins, alpha)


def floor_of(method: str, sample: int, reference: int, columns: int, bins: int, alpha: float) -> float:
    """The distance that only a share `alpha` of windows without drift exceeds in any column."""
    scale, power = _scale(method, columns, bins, alpha)
    return float((scale * (1 / sample + 1 / reference)) ** (1 / power))


def enough(method: str, threshold: float, reference: int | None, columns: int, bins: int, alpha: float) -> int | None:
    """The fewest rows of a window for which the floor is at most the threshold; None if no number is enough.

    Without a number of rows of the reference, it is taken to have as many as the window.
    """
    scale, power = _scale(method, columns, bins, alpha)
    both = float(threshold**power) / scale
    left = both / 2 if reference is None else both - 1 / reference
    return math.ceil(1 / left - 1e-9) if left > 1e-12 else None


def enough_within(method: str, threshold: float, share: float, comparisons: int, bins: int, alpha: float) -> int:
    """The fewest rows of a part for which the floor is at most the threshold.

    `share` is the number of its rows for each of its rows in the reference, so the floor to the power of p is
    k (1 + share) / n.
    """
    scale, power = _scale(method, comparisons, bins, alpha)
    return max(1, math.ceil(scale * (1 + share) / threshold**power - 1e-9))


def _scale(method: str, columns: int, bins: int, alpha: float) -> tuple[float, int]:
    """k and p, so that the floor to the power of p is k times (1/n + 1/m)."""
    each = alpha / columns
    match method:
        case "psi":
            return chi_square_quantile(1 - each, bins - 1), 1
        case "jensen-shannon":
            return chi_square_quantile(1 - each, bins - 1) / 8, 2
        case "ks":
            return -math.log(each / 2) / 2, 2
    return WASSERSTEIN**2, 2


@cache
def chi_square_quantile(probability: float, degrees: float) -> float:
    """The quantile of the chi-square distribution, by bisection of its distribution function P(k/2, x/2), the
    regularized lower incomplete gamma function (Abramowitz and Stegun, 26.4.19).
    """
    low, high = 0.0, float(degrees)
    while _gamma(degrees / 2, high / 2) < probability:
        low, high = high, 2 * high
    while high - low > 1e-10 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if _gamma(degrees / 2, middle / 2) < probability else (low, middle)
    return high


def _gamma(a: float, x: float) -> float:
    """P(a, x): for small x, its series (Abramowitz and Stegun, 6.5.29); otherwise Legendre's continued fraction for the
    complement (6.5.31), evaluated by Lentz's method, as in Numerical Recipes, section 6.2.
    """
    if x <= 0:
        return 0.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        step = a
        while term > total * 1e-16:
            step += 1
            term *= x / step
            total += term
        return scale * total
    b = x + 1 - a
    c, d = 1e300, 1 / b
    fraction = d
    for i in range(1, 500):
        b += 2
        d = 1 / (b - i * (i - a) * d)
        c = b - i * (i - a) / c
        fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return 1 - scale * fraction

"""How far a window without drift is from its reference by chance: the distance that a share `alpha` of them exceeds.

With many rows, the formulas of the planner (`compiler/noise.py`) apply, with the number of bins that hold rows. With
few rows, and for the Wasserstein distance, rows are redistributed at random:

- `psi`, `jensen-shannon`, `ks`: the rows of both sides are pooled and divided again (a permutation test). The floor is
  the order statistic for which (1 + draws above) / (1 + draws) is at most alpha, so that its level is exact.
- `wasserstein`: rows are drawn from the pooled bins, with the mean and the spread of each bin (a parametric bootstrap).

If alpha needs more than `MOST` draws, the tail is that of a scaled chi-square distribution with the mean and the
variance of the draws (Satterthwaite, 1946), for the square of distances. The seed is fixed: the same rows, the same
floor.
"""

from __future__ import annotations

import math

import numpy as np

from ...compiler.noise import chi_square_quantile, floor_of
from .distances import jensen_shannon, ks, psi, wasserstein

__all__ = ["Spread", "floor"]

SEED = 20_251_124
FEW = 200
"""The formulas apply if each bin expects at least this many rows on both sides. They are within 5% then."""

MOST = 20_000
SMALLEST = 1_000

ABOVE = 100
"""The draws above the floor: the rate of false alarms is then within a tenth of the stated one."""

LARGEST = 10**9
"""The most rows that NumPy draws from without replacement. Of more, drawing with replacement is the same."""

STATISTICS = {"psi": psi, "jensen-shannon": jensen_shannon, "ks": ks}


class Spread:
    """The edges, and the mean and standard deviation within each bin, of the pooled rows."""

    def __init__(self, edges: np.ndarray, reference: tuple[np.ndarray, ...], window: tuple[np.ndarray, ...]) -> None:
        self.edges = edges
        both = np.stack([reference[0], window[0]]).astype(float)
        means, stds = np.stack([reference[1], window[1]]), np.stack([reference[2], window[2]])
        share = both / np.maximum(both.sum(0), 1)
        self.means = (share * means).sum(0)
        self.stds = np.sqrt((share * (stds**2 + (means - self.means) ** 2)).sum(0))


def floor(
    method: str, reference: np.ndarray, window: np.ndarray, alpha: float, spread: Spread | None = None
) -> float | None:
    """The floor of a distance between these counts, for one comparison; None without rows.

    `wasserstein` needs the spread, and its floor is in the unit of the values.
    """
    n, m = int(window.sum()), int(reference.sum())
    pooled = reference + window
    cells = int(np.count_nonzero(pooled))
    if not n or not m:
        return None
    if cells < 2 and method != "wasserstein":
        return 0.0
    rng = np.random.default_rng(SEED)
    draws = min(MOST, max(SMALLEST, math.ceil(ABOVE / alpha)))
    if method == "wasserstein":
        assert spread is not None
        return _tail(_bootstrap(rng, pooled, n, m, spread, draws), alpha, 2)
    if pooled[pooled > 0].min() / (n + m) * min(n, m) >= FEW:
        return floor_of(method, n, m, 1, cells, alpha)
    drawn = _divided(rng, pooled, n, draws)
    return _tail(STATISTICS[method](pooled - drawn, drawn), alpha, 1 if method == "psi" else 2)


def _divided(rng: np.random.Generator, pooled: np.ndarray, n: int, draws: int) -> np.ndarray:
    if pooled.sum() < LARGEST:
        return rng.multivariate_hypergeometric(pooled, n, draws, method="marginals")
    return np.asarray(np.minimum(rng.multinomial(n, pooled / pooled.sum(), draws), pooled))


def _bootstrap(rng: np.random.Generator, pooled: np.ndarray, n: int, m: int, spread: Spread, draws: int) -> np.ndarray:
    shares = pooled / pooled.sum()
    sides = []
    for rows in (m, n):
        counts = rng.multinomial(rows, shares, draws)
        error = spread.stds / np.sqrt(np.maximum(counts, 1))
        sides += [counts, spread.means + error * rng.standard_normal(counts.shape)]
    return wasserstein(spread.edges, *sides)


def _tail(found: np.ndarray, alpha: float, power: int) -> float:
    """The value that a share alpha exceeds."""
    draws = len(found)
    above = math.floor(alpha * (draws + 1))
    if above >= 10:
        return float(np.partition(found, draws - above)[draws - above])
    raised = found**power
    mean, variance = float(raised.mean()), float(raised.var())
    if not variance:
        return float(mean ** (1 / power))
    degrees, scale = 2 * mean * mean / variance, variance / (2 * mean)
    return float((scale * chi_square_quantile(1 - alpha, degrees)) ** (1 / power))

"""How far apart two distributions are, from counts of the same bins or categories. All functions are pure.

They take counts of the reference and of the window, and broadcast: with many rows of counts, they return many
distances. Logarithms are natural.
"""

from __future__ import annotations

import numpy as np

__all__ = ["jensen_shannon", "ks", "psi", "wasserstein"]


def psi(reference: np.ndarray, window: np.ndarray) -> np.ndarray:
    """The population stability index: the sum of (q - p) ln(q / p) over bins.

    If a bin is empty on one side, every bin gets 1/2 more on both, because the logarithm of nothing is infinite. Bins
    that are empty on both sides are left out.
    """
    there = (reference > 0) | (window > 0)
    empty = (there & ((reference == 0) | (window == 0))).any(-1, keepdims=True)
    p, q = (_shares(np.where(there, counts + 0.5 * empty, 0)) for counts in (reference, window))
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = (q - p) * np.log(q / p)
    return np.asarray(np.where(there, terms, 0).sum(-1))


def jensen_shannon(reference: np.ndarray, window: np.ndarray) -> np.ndarray:
    """The Jensen-Shannon distance: the root of the divergence, from 0 to the root of ln 2 (0.833). Always finite."""
    p, q = _shares(reference), _shares(window)
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(p > 0, p * np.log(p / middle), 0)
        right = np.where(q > 0, q * np.log(q / middle), 0)
    return np.asarray(np.sqrt(np.maximum((left + right).sum(-1) / 2, 0)))


def ks(reference: np.ndarray, window: np.ndarray) -> np.ndarray:
    """The largest difference of the distribution functions at the edges of the bins, from 0 to 1.

    Between two edges it can be larger, by at most the share of a bin.
    """
    return np.asarray(np.abs(np.cumsum(_shares(reference) - _shares(window), -1)).max(-1))


def wasserstein(
    edges: np.ndarray, reference: np.ndarray, reference_means: np.ndarray, window: np.ndarray, window_means: np.ndarray
) -> np.ndarray:
    """The area between the distribution functions (the first Wasserstein distance), in the unit of the values.

    The mean of each bin gives the integral of the difference in it, by parts: from a to b, it is b D(b) - a D(a) less
    the integral of x dD. So the area is exact in each bin in which the functions do not cross, however wide it is and
    however long the tails are. In a bin in which they cross, it is a lower bound.
    """
    p, q = _shares(reference), _shares(window)
    if not len(edges):
        return np.asarray(np.abs(p * reference_means - q * window_means).sum(-1))
    # differences from one point keep the digits of large values
    origin = edges[len(edges) // 2]
    difference = np.cumsum(p - q, -1)[..., :-1] * (edges - origin)
    zero = np.zeros((*difference.shape[:-1], 1))
    ends = np.diff(np.concatenate((zero, difference, zero), -1))
    inside = p * (reference_means - origin) - q * (window_means - origin)
    return np.asarray(np.abs(ends - inside).sum(-1))


def _shares(counts: np.ndarray) -> np.ndarray:
    return np.asarray(counts / np.maximum(counts.sum(-1, keepdims=True), 1e-300))

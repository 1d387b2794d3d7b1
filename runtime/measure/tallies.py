"""Counting: how many values of a column are in each bin, or in each category. Batches add up to the whole."""

from __future__ import annotations

import numpy as np

from .columns import LARGEST, Reading

__all__ = ["MOST", "CategoryTally", "NumericTally", "edges_of"]

MOST = 10_000
"""The most distinct values of a category. A column with more is an identifier or free text."""


class NumericTally:
    """Counts of bins: bin k has the values from edge k - 1, inclusive, to edge k, exclusive.

    With `moments`, also the mean and the spread of each bin. They are sums of differences from the middle edge, so that
    large numbers that are close together, such as times, keep their digits.
    """

    def __init__(self, edges: np.ndarray, kind: str = "number", *, moments: bool = False) -> None:
        self.kind = kind
        self.edges = edges
        self.above = np.zeros(len(edges), np.int64)
        self.present = self.nulls = self.nans = self.infinite = 0
        self.moments = moments
        self.center = float(edges[len(edges) // 2]) if len(edges) else 0.0
        self.finite = np.zeros(len(edges) + 1, np.int64)
        self.sums = np.zeros(len(edges) + 1)
        self.squares = np.zeros(len(edges) + 1)
        self.low, self.high = np.inf, -np.inf

    def add(self, read: Reading) -> None:
        """The values of some more rows."""
        x, nulls = read.values, read.null_count
        missing = int(np.count_nonzero(np.isnan(x)))
        self.nulls += nulls
        self.nans += missing - nulls
        self.present += len(x) - missing
        if len(x) > 512:
            # one pass per edge is ten times as fast as a binary search per value, and NaN is above no edge
            self.above += [np.count_nonzero(x >= edge) for edge in self.edges]
        else:
            at = np.searchsorted(self.edges, x if not missing else x[~np.isnan(x)], side="right")
            self.above += np.bincount(at, minlength=len(self.edges) + 1)[::-1].cumsum()[::-1][1:]
        if self.moments:
            self._moments(x)

    def _moments(self, x: np.ndarray) -> None:
        usable = x[np.abs(x) <= LARGEST]  # neither NaN nor infinite
        self.infinite = self.present - int(self.finite.sum()) - len(usable)
        if not len(usable):
            return
        bins = np.zeros(len(usable), np.int64)
        for edge in self.edges:
            bins += usable >= edge
        off = usable - self.center
        size = len(self.sums)
        self.finite += np.bincount(bins, minlength=size)
        self.sums += np.bincount(bins, off, size)
        self.squares += np.bincount(bins, off * off, size)
        self.low, self.high = min(self.low, float(usable.min())), max(self.high, float(usable.max()))

    @property
    def counts(self) -> np.ndarray:
        """The values in each bin."""
        return -np.diff(np.concatenate(([self.present], self.above, [0])))

    @property
    def means(self) -> np.ndarray:
        """The mean of each bin; the center where it is empty."""
        return self.center + self.sums / np.maximum(self.finite, 1)

    @property
    def stds(self) -> np.ndarray:
        """The standard deviation within each bin; 0 where it is empty."""
        size = np.maximum(self.finite, 1)
        return np.sqrt(np.maximum(self.squares / size - (self.sums / size) ** 2, 0))

    @property
    def mean(self) -> float | None:
        """The mean of all finite values; None without any."""
        total = int(self.finite.sum())
        return self.center + float(self.sums.sum()) / total if total else None

    @property
    def std(self) -> float | None:
        """The standard deviation of all finite values (divided by n); None without any."""
        total = int(self.finite.sum())
        if not total:
            return None
        mean = float(self.sums.sum()) / total
        return float(max(float(self.squares.sum()) / total - mean * mean, 0.0) ** 0.5)


class CategoryTally:
    """Counts of categories: of the `known` ones, and of others up to a bound on how many are distinguished."""

    def __init__(self, kind: str, known: frozenset[str] = frozenset(), most: int = MOST) -> None:
        self.kind = kind
        self.known, self.most = known, most
        self.counts: dict[str, int] = {}
        self.others: dict[str, int] | None = {}
        """Categories that are not known; None if they are more than the bound, whatever their order."""
        self.present = self.nulls = 0

    def add(self, read: Reading) -> None:
        """The values of some more rows."""
        nulls = read.null_count
        self.nulls += nulls
        self.present += len(read.values) - nulls
        if self.others is None and not self.known:
            return
        for name, count in read.counted().items():
            if name in self.known:
                self.counts[name] = self.counts.get(name, 0) + count
            elif self.others is not None:
                self.others[name] = self.others.get(name, 0) + count
                if len(self.others) > self.most:
                    self.others = None

    @property
    def unknown(self) -> int:
        """The rows with a category that is not known."""
        return self.present - sum(self.counts.values())


def edges_of(sample: np.ndarray, bins: int) -> np.ndarray:
    """The inner edges of `bins` bins with equal numbers of values, strictly increasing.

    A value that several quantiles share is a bin of its own, such as the zeros of a column in which half of the rows
    are 0: otherwise a shift from it to its neighbors would be invisible. So there can be a few more bins. A quantile is
    a value of the sample (the inverse of the distribution function), so that whole numbers have whole edges.
    """
    values = np.sort(sample[np.isfinite(sample)])
    if not len(values):
        return np.zeros(0)
    ranks = np.ceil(np.arange(1, bins) * len(values) / bins).astype(np.int64)
    quantiles = values[np.minimum(ranks, len(values) - 1)]
    found, times = np.unique(quantiles, return_counts=True)
    # with one or two bins, a quantile cannot repeat: then a value that is more than a bin of the sample is its own bin
    heavy = found[(times > 1) | (_share(values, found) > 1 / bins)]
    after = np.nextafter(heavy, np.inf)
    light = np.setdiff1d(found, heavy)
    # the next quantile after such a value can be so close that few rows are between them: it is left out
    before = np.concatenate(([-np.inf], after))[np.searchsorted(after, light, side="right")]
    between = np.searchsorted(values, light, side="left") - np.searchsorted(values, before, side="left")
    return np.unique(np.concatenate((light[between >= len(values) / bins / 4], heavy, after)))


def _share(values: np.ndarray, each: np.ndarray) -> np.ndarray:
    count = np.searchsorted(values, each, side="right") - np.searchsorted(values, each, side="left")
    return np.asarray(count / len(values))

"""Quality before labels arrive: what calibrated probabilities expect (confidence-based performance estimation).

- Each row is a positive with its calibrated probability, so the expected counts give each metric (documentation of
  NannyML, Confidence-based performance estimation).
- The calibration is isotonic (R. E. Barlow and others, Statistical inference under order restrictions, 1972), fitted on
  the newest rows whose labels are complete.
- The interval has the spread of a bootstrap of both uncertainties: the rows of the calibration, and the labels to come.

Scores are collected in cells of equal frequency, with a cell edge at the threshold, so that the cost does not grow with
the rows.

Trap that this module handles: an estimate assumes that the same scores still mean the same. So it may raise an alarm,
and never clear one.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ...compiler.computed import DECISIONS
from .classes import SMALLEST, Counts
from .found import SEED, Floats, Found, Unmeasured, Z

__all__ = ["LEAST", "Cells", "Expected", "cell_edges", "isotonic"]

LEAST = 30
"""The fewest positives, and the fewest negatives, that a calibration is fitted on."""

CELLS = 1000

RESAMPLES = 199


class Cells:
    """Scores by cells: the mean score of each cell, and its rows."""

    def __init__(self, edges: Floats, score: Floats) -> None:
        place = np.searchsorted(edges, score, side="right")
        rows = np.bincount(place, minlength=len(edges) + 1)
        total = np.bincount(place, weights=score, minlength=len(edges) + 1)
        self.place = place
        self.rows = rows.astype(np.float64)
        self.score = np.divide(total, rows, out=np.zeros(len(rows)), where=rows > 0)


def cell_edges(score: Floats, threshold: float | None) -> Floats:
    """The inner edges of cells; each distinct score has its own cell if there are few."""
    distinct = np.unique(score)
    if len(distinct) > CELLS:
        distinct = np.unique(np.quantile(score, np.linspace(0, 1, CELLS + 1)[1:-1]))
    return np.unique(np.append(distinct, threshold)) if threshold is not None else distinct


def isotonic(share: Floats, weight: Floats) -> Floats:
    """The nondecreasing values that are nearest to `share`, by weighted squares: pool adjacent violators."""
    values: list[float] = []
    weights: list[float] = []
    lengths: list[int] = []
    for value, heavy in zip(share.tolist(), weight.tolist(), strict=True):
        values.append(value)
        weights.append(heavy)
        lengths.append(1)
        while len(values) > 1 and values[-2] >= values[-1]:
            total = weights[-2] + weights[-1]
            mean = (values[-2] * weights[-2] + values[-1] * weights[-1]) / total if total else values[-1]
            values[-2:], weights[-2:], lengths[-2:] = [mean], [total], [lengths[-2] + lengths[-1]]
    return np.repeat(values, lengths)


def _calibrated(score: Floats, positive: Floats, rows: Floats, at: Floats) -> Floats:
    """The probability at each score, between the means of the cells that the calibration was fitted on."""
    used = rows > 0
    fitted = isotonic(positive[used] / rows[used], rows[used])
    return np.interp(at, score[used], fitted)


class Expected:
    """What the newest scores expect, calibrated on labels and scores whose labels are complete. All metrics share it.

    Raises Unmeasured if there are too few rows for a calibration.
    """

    def __init__(self, known: tuple[Floats, Floats], newest: Floats, threshold: float | None) -> None:
        label, score = known
        positives = int(label.sum())
        rarer = min(positives, len(label) - positives)
        if rarer < LEAST:
            raise Unmeasured(f"a calibration needs {LEAST} rows of both classes with labels, and has {rarer}", rarer)
        if not len(newest):
            raise Unmeasured("there are no new predictions")
        self.threshold = threshold
        edges = cell_edges(score, threshold)
        self.old, self.new = Cells(edges, score), Cells(edges, newest)
        self.hits = np.bincount(self.old.place, weights=label, minlength=len(self.old.rows)).astype(np.float64)
        self.samples = len(newest)

    def found(self, metric: str) -> Found:
        """The estimate of a metric, with its interval. Raises Unmeasured."""
        if metric in DECISIONS and self.threshold is None:
            raise Unmeasured("no `threshold` in `monitoring.prediction` decides", self.samples)
        expected = self.new.rows * _calibrated(self.old.score, self.hits, self.old.rows, self.new.score)
        value = _of_cells(metric, expected, self.new, self.threshold)
        drawn = [_of_cells(metric, labels, self.new, self.threshold) for labels in self.drawn]
        defined = np.array([one for one in drawn if one is not None])
        if value is None or len(defined) < RESAMPLES / 2:
            raise Unmeasured("it is undefined for what the scores expect", self.samples)
        # around the value: isotonic regressions of resampled rows are steeper, so that their percentiles are biased
        half = Z * float(defined.std(ddof=1))
        least, most = -1.0 if metric == "matthews_corrcoef" else 0.0, np.inf if metric == "log_loss" else 1.0
        return Found(value=value, low=max(least, value - half), high=min(most, value + half), samples=self.samples)

    @cached_property
    def drawn(self) -> list[Floats]:
        """The positives in each cell, with other rows of the calibration, and with labels drawn by probability."""
        random = np.random.default_rng(SEED)
        found = []
        for _ in range(RESAMPLES):
            positive, negative = random.poisson(self.hits), random.poisson(self.old.rows - self.hits)
            rows = (positive + negative).astype(np.float64)
            chance = _calibrated(self.old.score, positive.astype(np.float64), rows, self.new.score)
            labels = random.binomial(self.new.rows.astype(np.int64), np.clip(chance, 0, 1))
            found.append(labels.astype(np.float64))
        return found


def _of_cells(metric: str, positive: Floats, cells: Cells, threshold: float | None) -> float | None:
    """A metric of cells with (expected) positives; None if it is undefined."""
    negative = cells.rows - positive
    if metric in DECISIONS:
        called = cells.score >= (threshold or 0.0)
        counts = (
            float(each.sum()) for each in (positive[called], negative[called], positive[~called], negative[~called])
        )
        return Counts(*counts).value(metric)
    if metric in ("brier_score", "log_loss"):
        return _loss(metric, positive, negative, cells)
    return _ranking(metric, positive, negative)


def _loss(metric: str, positive: Floats, negative: Floats, cells: Cells) -> float:
    total = float(cells.rows.sum())
    if metric == "brier_score":
        return float((positive * (1 - cells.score) ** 2 + negative * cells.score**2).sum()) / total
    sure = np.clip(cells.score, SMALLEST, 1 - SMALLEST)
    return float(-(positive * np.log(sure) + negative * np.log1p(-sure)).sum()) / total


def _ranking(metric: str, positive: Floats, negative: Floats) -> float | None:
    """Rows of one cell share a threshold."""
    ours, theirs = float(positive.sum()), float(negative.sum())
    if ours <= 0 or theirs <= 0:
        return None
    if metric == "roc_auc":
        below = np.cumsum(negative) - negative
        return float((positive * (below + negative / 2)).sum()) / (ours * theirs)
    hits, seen = np.cumsum(positive[::-1]), np.cumsum((positive + negative)[::-1])
    step: Any = positive[::-1]
    return float((step * np.divide(hits, seen, out=np.zeros(len(seen)), where=seen > 0)).sum()) / ours

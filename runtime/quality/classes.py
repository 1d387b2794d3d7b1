"""Metrics of two classes: of decisions (label and decision are 0 or 1), and of probabilities (scores from 0 to 1).

- A share, such as recall: Wilson's score interval. Its observations are the rows that can be right: of a recall the
  positives, of a precision the predicted positives, of a false positive rate the negatives.
- F1 is 2q / (1 + q) with q = TP / (TP + FP + FN), a share of the rows that are positive or called so. So the ends of
  Wilson's interval of q give those of F1.
- Balanced accuracy: the ends of recall and specificity combined (G. Y. Zou and A. Donner, Statistics in Medicine 27,
  2008), as they are measured on different rows.
- Matthews' correlation: Fisher's z with the spread of the multinomial distribution of the four counts (delta method).
- Calibration error: bins of equal width, closed on the right, 15 of them (C. Guo and others, On calibration of modern
  neural networks, 2017). The ends use an interval for each bin that all hold together (Bonferroni), so it is wide. A
  bootstrap would be wrong: noise makes the error larger, never smaller.
- Differences on the same rows: Tango for shares of the same rows, and the influence of each row for the others.
"""

from __future__ import annotations

from collections.abc import Callable
from math import atanh, hypot, sqrt, tanh
from statistics import NormalDist
from typing import Any

import numpy as np

from ..conditions import wilson
from ..differences import Paired, tango
from .found import Floats, Found, Unmeasured, Z, mean_of, student_ends

__all__ = ["BINS", "BY_NAME", "Counts", "calibration_error", "decided", "decided_apart", "losses"]

BINS = 15

SMALLEST = float(np.finfo(np.float64).eps)
"""The probability that a log loss counts for 0 and 1, as in scikit-learn: an infinite mean says nothing."""


class Counts:
    """The rows by label and decision."""

    def __init__(self, tp: float, fp: float, fn: float, tn: float) -> None:
        self.tp, self.fp, self.fn, self.tn = tp, fp, fn, tn

    @classmethod
    def of(cls, label: Floats, decision: Floats) -> Counts:
        """The counts of rows."""
        both = float((label * decision).sum())
        called, positive = float(decision.sum()), float(label.sum())
        return cls(both, called - both, positive - both, len(label) - called - positive + both)

    @property
    def share(self) -> dict[str, tuple[float, float]]:
        """Each metric that is a share, as successes of observations."""
        return {
            "accuracy": (self.tp + self.tn, self.tp + self.fp + self.fn + self.tn),
            "precision": (self.tp, self.tp + self.fp),
            "recall": (self.tp, self.tp + self.fn),
            "false_positive_rate": (self.fp, self.fp + self.tn),
            "selection_rate": (self.tp + self.fp, self.tp + self.fp + self.fn + self.tn),
            "f1": (self.tp, self.tp + self.fp + self.fn),
        }

    def value(self, metric: str) -> float | None:
        """The metric; None if it is undefined."""
        if metric == "balanced_accuracy":
            recall, wrong = self.value("recall"), self.value("false_positive_rate")
            return (recall + 1 - wrong) / 2 if recall is not None and wrong is not None else None
        if metric == "matthews_corrcoef":
            around = (self.tp + self.fp) * (self.tp + self.fn) * (self.tn + self.fp) * (self.tn + self.fn)
            return (self.tp * self.tn - self.fp * self.fn) / sqrt(around) if around > 0 else None
        some, of = self.share[metric]
        if of <= 0:
            return None
        return 2 * some / (some + of) if metric == "f1" else some / of

    def samples(self, metric: str) -> int:
        """The observations behind the metric."""
        if metric in ("balanced_accuracy", "matthews_corrcoef"):
            return round(min(self.tp + self.fn, self.fp + self.tn))
        return round(self.share[metric][1])


def decided(metric: str, label: Floats, decision: Floats) -> Found:
    """A metric of decisions. Raises Unmeasured where it is undefined."""
    counts = Counts.of(label, decision)
    value, samples = counts.value(metric), counts.samples(metric)
    if value is None:
        raise Unmeasured("it is undefined: no row is of a class that it needs", samples)
    low, high = _ends(metric, counts, value)
    return Found(value=value, low=min(low, value), high=max(high, value), samples=samples)


def _ends(metric: str, counts: Counts, value: float) -> tuple[float, float]:
    if metric == "matthews_corrcoef":
        return _of_correlation(counts, value)
    if metric == "balanced_accuracy":
        (hits, positives), (wrong, negatives) = counts.share["recall"], counts.share["false_positive_rate"]
        (low, high), (bottom, top) = wilson(hits / positives, round(positives), Z), _right(wrong, negatives)
        recall, right = hits / positives, 1 - wrong / negatives
        return value - hypot(recall - low, right - bottom) / 2, value + hypot(high - recall, top - right) / 2
    some, of = counts.share[metric]
    low, high = wilson(some / of, round(of), Z)
    return (2 * low / (1 + low), 2 * high / (1 + high)) if metric == "f1" else (low, high)


def _right(wrong: float, negatives: float) -> tuple[float, float]:
    return wilson(1 - wrong / negatives, round(negatives), Z)


def _of_correlation(counts: Counts, value: float) -> tuple[float, float]:
    cells = np.array([counts.tp, counts.fp, counts.fn, counts.tn])
    slopes = _slopes("matthews_corrcoef", cells)
    shares = cells / cells.sum()
    variance = float((shares * slopes**2).sum() - (shares * slopes).sum() ** 2) / float(cells.sum())
    if abs(value) >= 1 or variance <= 0:
        low, _ = wilson(abs(value), counts.samples("matthews_corrcoef"), Z)
        return (low, 1.0) if value > 0 else (-1.0, -low)
    half = Z * sqrt(variance) / (1 - value**2)
    return tanh(atanh(value) - half), tanh(atanh(value) + half)


def _slopes(metric: str, cells: Floats) -> Floats:
    """How the metric changes with the share of each of the four counts."""
    total, step = float(cells.sum()), 1e-6
    found = np.empty(4)
    for index in range(4):
        ends = []
        for sign in (1, -1):
            moved = cells / total
            moved[index] += sign * step
            ends.append(Counts(*moved).value(metric) or 0.0)
        found[index] = (ends[0] - ends[1]) / (2 * step)
    return found


def decided_apart(metric: str, label: Floats, decision: Floats, other: Floats) -> Found:
    """How much larger a metric of one decision is than that of another, on the same rows."""
    mine, rival = Counts.of(label, decision), Counts.of(label, other)
    value, its, samples = mine.value(metric), rival.value(metric), mine.samples(metric)
    if value is None or its is None:
        raise Unmeasured("it is undefined for one of the two", samples)
    if metric in _SAME_ROWS:
        kept = _SAME_ROWS[metric](label)
        right = [one[kept] if metric != "accuracy" else one == label for one in (decision, other)]
        ours, theirs = (each.astype(bool) for each in right)
        counts = (ours & theirs, ours & ~theirs, ~ours & theirs, ~ours & ~theirs)
        low, high = tango(Paired(*(int(each.sum()) for each in counts)), Z)
        return Found(value=value - its, low=low, high=high, samples=samples)
    influence = _influence(metric, mine, label, decision) - _influence(metric, rival, label, other)
    low, high = student_ends(value - its, float(influence.std(ddof=1)) / sqrt(len(label)), max(1, samples - 1))
    return Found(value=value - its, low=low, high=high, samples=samples)


_SAME_ROWS: dict[str, Callable[[Floats], Any]] = {
    "accuracy": lambda label: label > -1,
    "selection_rate": lambda label: label > -1,
    "recall": lambda label: label > 0.5,
    "false_positive_rate": lambda label: label < 0.5,
}
"""The shares that two models have on exactly the same rows, with these rows."""


def _influence(metric: str, counts: Counts, label: Floats, decision: Floats) -> Floats:
    """How much each row moves the metric: the slope of its cell, around the mean."""
    cells = np.array([counts.tp, counts.fp, counts.fn, counts.tn])
    slopes = _slopes(metric, cells)
    cell = np.where(label > 0.5, np.where(decision > 0.5, 0, 2), np.where(decision > 0.5, 1, 3))
    return slopes[cell] - float((cells / cells.sum() * slopes).sum())


# Probabilities


def losses(metric: str, label: Floats, score: Floats) -> Floats:
    """The loss of each row. The mean of these is `brier_score` or `log_loss`."""
    if metric == "brier_score":
        return np.asarray((score - label) ** 2)
    sure = np.clip(score, SMALLEST, 1 - SMALLEST)
    return np.asarray(-(label * np.log(sure) + (1 - label) * np.log1p(-sure)))


def calibration_error(label: Floats, score: Floats, bins: int = BINS) -> Found:
    """The mean distance between score and observed share, over bins of equal width that are closed on the right."""
    place = np.clip(np.ceil(score * bins).astype(np.int64) - 1, 0, bins - 1)
    rows = np.bincount(place, minlength=bins)
    used = rows > 0
    many = rows[used]
    seen = np.bincount(place, weights=label, minlength=bins)[used] / many
    said = np.bincount(place, weights=score, minlength=bins)[used] / many
    z = NormalDist().inv_cdf(1 - 0.025 / len(many))
    ends = [wilson(float(share), int(n), z) for share, n in zip(seen, many, strict=True)]
    nearest = [max(0.0, low - at, at - high) for (low, high), at in zip(ends, said, strict=True)]
    farthest = [max(high - at, at - low) for (low, high), at in zip(ends, said, strict=True)]
    weight = many / len(label)
    value = float((weight * abs(seen - said)).sum())
    low, high = float((weight * nearest).sum()), min(1.0, float((weight * farthest).sum()))
    return Found(value=value, low=min(low, value), high=max(high, value), samples=len(label))


def _mean_loss(metric: str) -> Callable[[Floats, Floats], Found]:
    def found(label: Floats, score: Floats) -> Found:
        mean = mean_of(losses(metric, label, score))
        return mean.but(low=max(0.0, mean.low), high=min(1.0, mean.high) if metric == "brier_score" else mean.high)

    return found


BY_NAME: dict[str, Callable[[Floats, Floats], Found]] = {
    "brier_score": _mean_loss("brier_score"),
    "log_loss": _mean_loss("log_loss"),
    "expected_calibration_error": calibration_error,
}
"""The metrics of probabilities."""

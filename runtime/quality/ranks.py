"""Metrics of how a score ranks the positives above the negatives: the area under the ROC curve, and average precision.

- X. Sun and W. Xu, Fast implementation of DeLong's algorithm for comparing the areas under correlated receiver
  operating characteristic curves, IEEE Signal Processing Letters 21, 2014: the components of E. R. DeLong and others
  (1988) from ranks, in O(n log n). Its interval is on the logit scale, as in `runtime/intervals.py`.
- Average precision: the sum over thresholds of the precision times the step of the recall, without interpolation, as in
  scikit-learn. Its interval is a bootstrap over rows: it is no mean, so it has no simple variance.

Traps that this module handles: the variance of a perfect ranking is 0, which is no certainty; rows with equal scores
have one threshold, whatever their order in the file.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..conditions import wilson
from ..intervals import of_auc
from .found import SEED, Floats, Found, Unmeasured, Z, student_ends

__all__ = [
    "auc_components",
    "auc_difference",
    "average_precision",
    "precision_difference",
    "precision_found",
    "roc_auc",
]

RESAMPLES = 499
"""The samples of the bootstrap. Its ends then have a standard error of about 5% of the interval."""

ROWS = 50_000
"""The most rows that each of them draws. The spread of more rows follows, as it falls with the root of their number."""


def midranks(values: Floats) -> Floats:
    """The ranks from 1, with the mean rank for equal values."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    ends = np.append(starts[1:], len(values))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((starts + ends + 1) / 2, ends - starts)
    return ranks


def auc_components(label: Floats, score: Floats) -> tuple[float, Floats, Floats]:
    """The area, and for each row the share of the other class that it is ranked right against, by class."""
    positive = label > 0.5
    ours, theirs = score[positive], score[~positive]
    least = min(len(ours), len(theirs))
    if least < 2:
        raise Unmeasured(f"{len(ours)} positives and {len(theirs)} negatives: both classes need at least 2", least)
    both = midranks(np.concatenate((ours, theirs)))
    of_ours = (both[: len(ours)] - midranks(ours)) / len(theirs)
    of_theirs = 1 - (both[len(ours) :] - midranks(theirs)) / len(ours)
    return float(of_ours.mean()), of_ours, of_theirs


def roc_auc(label: Floats, score: Floats) -> Found:
    """The area under the ROC curve, with DeLong's interval on the logit scale."""
    area, ours, theirs = auc_components(label, score)
    rarer = min(len(ours), len(theirs))
    variance = float(ours.var(ddof=1)) / len(ours) + float(theirs.var(ddof=1)) / len(theirs)
    if variance <= 0 or not 0 < area < 1:
        # all pairs are ranked alike, so that the only bound is what so few observations can show
        low, high = wilson(min(1.0, max(0.0, area)), rarer, Z)
    else:
        low, high = of_auc(area, variance, Z)
    return Found(value=area, low=low, high=high, samples=rarer)


def auc_difference(label: Floats, score: Floats, other: Floats) -> Found:
    """How much larger the area of one score is than that of another on the same rows, with DeLong's paired interval."""
    area, ours, theirs = auc_components(label, score)
    rival, its_ours, its_theirs = auc_components(label, other)
    error = (
        float((ours - its_ours).var(ddof=1)) / len(ours) + float((theirs - its_theirs).var(ddof=1)) / len(theirs)
    ) ** 0.5
    low, high = area - rival - Z * error, area - rival + Z * error
    return Found(value=area - rival, low=max(-1.0, low), high=min(1.0, high), samples=min(len(ours), len(theirs)))


class _Ranking:
    """Rows in the order of their score, highest first, as thresholds."""

    def __init__(self, label: Floats, score: Floats) -> None:
        self.order = np.argsort(-score, kind="stable")
        ordered = score[self.order]
        self.label = (label[self.order] > 0.5).astype(np.float64)
        self.ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)

    def precision(self, weight: np.ndarray[Any, Any] | None = None) -> float:
        """The average precision, if each row counts `weight` times."""
        counted = self.label if weight is None else self.label * weight[self.order]
        rows = np.arange(1, len(self.label) + 1) if weight is None else np.cumsum(weight[self.order])
        hits = np.cumsum(counted)[self.ends]
        if not hits[-1]:
            return 0.0
        seen = np.maximum(rows[self.ends], 1)
        return float(np.sum(np.diff(hits, prepend=0.0) * (hits / seen)) / hits[-1])


def average_precision(label: Floats, score: Floats) -> float:
    """The area under the curve of precision by recall, by steps."""
    return _Ranking(label, score).precision()


def _resampled(label: Floats, *scores: Floats) -> tuple[np.ndarray[Any, Any], float]:
    """The average precision of each score in bootstrap samples of the same rows, and the factor of their spread."""
    random = np.random.default_rng(SEED)
    factor = 1.0
    if len(label) > ROWS:
        kept = random.choice(len(label), ROWS, replace=False)
        factor, label, scores = (ROWS / len(label)) ** 0.5, label[kept], tuple(score[kept] for score in scores)
    rankings = [_Ranking(label, score) for score in scores]
    drawn = np.empty((RESAMPLES, len(scores)))
    for index in range(RESAMPLES):
        weight = np.bincount(random.integers(0, len(label), len(label)), minlength=len(label))
        drawn[index] = [ranking.precision(weight) for ranking in rankings]
    return drawn, factor


def _positives(label: Floats) -> int:
    many = int((label > 0.5).sum())
    if many < 2 or many == len(label):
        raise Unmeasured(f"{many} of {len(label)} rows are positive: both classes need rows, and 2 be positive", many)
    return many


def precision_found(label: Floats, score: Floats) -> Found:
    """The average precision, with a bootstrap interval over rows. Its observations are the positives."""
    many, value = _positives(label), average_precision(label, score)
    drawn, factor = _resampled(label, score)
    # sampled rows have a value of their own, so only the spread around its middle applies to all rows
    middle = value if factor == 1 else float(np.median(drawn[:, 0]))
    low, high = (value + factor * (float(end) - middle) for end in np.quantile(drawn[:, 0], (0.025, 0.975)))
    return Found(value=value, low=max(0.0, min(low, value)), high=min(1.0, max(high, value)), samples=many)


def precision_difference(label: Floats, score: Floats, other: Floats) -> Found:
    """The difference of two average precisions on the same rows, with the spread of paired bootstrap samples."""
    many = _positives(label)
    value = average_precision(label, score) - average_precision(label, other)
    drawn, factor = _resampled(label, score, other)
    error = factor * float((drawn[:, 0] - drawn[:, 1]).std(ddof=1))
    low, high = student_ends(value, error, many - 1)
    return Found(value=value, low=max(-1.0, low), high=min(1.0, high), samples=many)

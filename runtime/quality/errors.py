"""Metrics of numbers: a prediction in the unit of the label.

Means of a loss per row have Student's interval. The others are smooth functions of such means, so that the influence of
each row gives their standard error (delta method): the mean of `influence` is 0, and its standard deviation divided by
the root of the rows is the error. Two models on the same rows differ by the difference of their influences.

Traps that this module handles: one label of 0 makes MAPE infinite, and scikit-learn's is then 4.5e15; with few heavy
tailed errors, every interval of RMSE is optimistic, so that up to 100 rows use a bootstrap (BCa).
"""

from __future__ import annotations

import numpy as np

from ..intervals import FEW, root_mean_square
from .found import Floats, Found, Unmeasured, Z, mean_of, student_ends

__all__ = ["error_difference", "error_found"]

MEANS = ("mae", "mse", "mape", "smape", "pinball_loss")


def _losses(metric: str, label: Floats, output: Floats, cut: float | None) -> Floats:
    error = label - output
    if metric == "mae":
        return np.asarray(np.abs(error))
    if metric == "mse":
        return np.asarray(error**2)
    if metric == "pinball_loss":
        if cut is None or not 0 < cut < 1:
            raise Unmeasured("it needs its quantile: write `pinball_loss@0.9`", len(label))
        return np.asarray(np.maximum(cut * error, (cut - 1) * error))
    if metric == "mape":
        zeros = int((label == 0).sum())
        if zeros:
            raise Unmeasured(f"{zeros:,} labels are 0, which a relative error divides by: use `wape`", len(label))
        return np.asarray(np.abs(error / label))
    size = np.abs(label) + np.abs(output)
    return np.asarray(np.divide(2 * np.abs(error), size, out=np.zeros(len(label)), where=size > 0))


def _value(metric: str, label: Floats, output: Floats, cut: float | None) -> tuple[float, Floats]:
    """The metric, and the influence of each row."""
    error = label - output
    if metric in MEANS:
        losses = _losses(metric, label, output, cut)
        return float(losses.mean()), losses - losses.mean()
    if metric == "rmse":
        mean = float((error**2).mean())
        root = mean**0.5
        return root, (error**2 - mean) / (2 * root) if root else np.zeros(len(label))
    if metric == "wape":
        size = float(np.abs(label).mean())
        if not size:
            raise Unmeasured("all labels are 0, which a relative error divides by", len(label))
        ratio = float(np.abs(error).mean()) / size
        return ratio, (np.abs(error) - ratio * np.abs(label)) / size
    around = (label - label.mean()) ** 2
    spread = float(around.mean())
    if not spread:
        raise Unmeasured("all labels are equal, so that there is nothing to explain", len(label))
    value = 1 - float((error**2).mean()) / spread
    return value, ((1 - value) * around - error**2) / spread


def error_found(metric: str, label: Floats, output: Floats, cut: float | None = None) -> Found:
    """A metric of numbers, with its interval. Raises Unmeasured."""
    if len(label) < 2:
        raise Unmeasured(f"{len(label)} rows have no spread, and at least 2 are needed", len(label))
    value, influence = _value(metric, label, output, cut)
    if metric in MEANS:
        found = mean_of(influence + value)
        return found.but(low=max(0.0, found.low))
    if metric == "rmse" and len(label) <= FEW:
        low, high = root_mean_square([float(each) for each in label - output])(Z)
    elif metric == "rmse":
        square = mean_of((label - output) ** 2)
        low, high = max(0.0, square.low) ** 0.5, square.high**0.5
    else:
        low, high = student_ends(value, float(influence.std(ddof=1)) / len(label) ** 0.5, len(label) - 1)
    low, high = (low, min(1.0, high)) if metric == "r2" else (max(0.0, low), high)
    return Found(value=value, low=min(low, value), high=max(high, value), samples=len(label))


def error_difference(metric: str, label: Floats, output: Floats, other: Floats, cut: float | None = None) -> Found:
    """How much larger a metric of one prediction is than that of another, on the same rows."""
    if len(label) < 2:
        raise Unmeasured(f"{len(label)} rows have no spread, and at least 2 are needed", len(label))
    (value, influence), (its, others) = (_value(metric, label, one, cut) for one in (output, other))
    error = float((influence - others).std(ddof=1)) / len(label) ** 0.5
    low, high = student_ends(value - its, error, len(label) - 1)
    return Found(value=value - its, low=low, high=high, samples=len(label))

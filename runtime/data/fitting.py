"""What each preprocessing step learns from its rows.

Means and variances are sums without rounding (`math.fsum`), so they do not depend on the order of the rows, and a
second run writes the same bytes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from .columns import Column, words
from .contract import shown
from .parts import hashed
from .prepared import BUCKETS, word

__all__ = ["FOLDS", "SMOOTHING", "fit_step", "out_of_fold"]

FOLDS = 5
"""The folds of the target encoding of training rows: each row is encoded by the labels of four fifths of the others."""

SMOOTHING = 20.0
"""A category with this many rows has a target encoding halfway between its own mean and that of all rows (D.
Micci-Barreca, A preprocessing scheme for high-cardinality categorical attributes, 2001). With 20 rows, the standard
error of a rate is already about 0.1, and a smaller constant would let rare categories memorize their labels."""

Doubles = npt.NDArray[np.float64]


def fit_step(
    step: dict[str, Any], columns: dict[str, Column], rows: npt.NDArray[np.bool_], outcome: Doubles | None
) -> dict[str, Any]:
    """One step with what it learned, by column. Raises ValueError if a column cannot be fitted."""
    kind, method = step["step"], None
    fitted: dict[str, Any] = {}
    for name in step["columns"]:
        if name not in columns:
            raise ValueError(f"`{kind}` needs the column {shown(name)}, which an earlier step replaced")
        values = columns[name][rows]
        if kind == "impute":
            fitted[name] = {"fill": _fill(step, name, values)}
        elif kind == "clip":
            fitted[name] = _ends(step, _finite(kind, name, values))
        elif kind == "scale":
            method = step.get("method", "standard")
            fitted[name] = {} if method == "log" and _numeric(kind, name, values) else _scaled(method, name, values)
        else:
            method = step.get("method", "one-hot")
            fitted[name] = _encoded(method, name, values, outcome[rows] if outcome is not None else None)
    return {"step": kind, **({"method": method} if method is not None else {}), "columns": fitted}


def out_of_fold(
    made: dict[str, Any], columns: dict[str, Column], rows: npt.NDArray[np.bool_], outcome: Doubles | None, seed: int
) -> dict[str, Doubles]:
    """The target encodings of the fitted rows, each from rows of other folds. Empty for any other step."""
    if made.get("method") != "target" or outcome is None:
        return {}
    encoded: dict[str, Doubles] = {}
    numbers = hashed([str(index).encode() for index in range(len(rows))], seed, "target encoding")
    fold = np.minimum((numbers * FOLDS).astype(np.int64), FOLDS - 1)
    for name in made["columns"]:
        known, at = words(columns[name])
        values = np.full(len(rows), made["columns"][name]["mean"], dtype=np.float64)
        for index in range(FOLDS):
            others, own = rows & (fold != index), rows & (fold == index)
            if others.any() and own.any():
                means, mean = _means(known, at[others], outcome[others])
                answers = [mean if text is None else means.get(text, mean) for text in known]
                values[own] = np.array(answers, dtype=np.float64)[at[own]]
        encoded[name] = values
    return encoded


def _numeric(kind: str, name: str, values: Column) -> bool:
    if values.dtype == object:
        raise ValueError(f"`{kind}` needs numbers, and the column {shown(name)} is text")
    return True


def _finite(kind: str, name: str, values: Column) -> Doubles:
    _numeric(kind, name, values)
    found: Doubles = values[np.isfinite(values)]
    if not len(found):
        raise ValueError(f"`{kind}` cannot be fitted: the column {shown(name)} has no finite value in its rows")
    return found


def _fill(step: dict[str, Any], name: str, values: Column) -> float | str:
    strategy = step.get("strategy", "median")
    if strategy == "constant":
        _numeric("impute", name, values)
        if step.get("value") is None:
            raise ValueError(f"`impute` of {shown(name)} has the strategy `constant`, and no `value`")
        return float(step["value"])
    if strategy == "mode":
        return _mode(name, values)
    found = _finite("impute", name, values)
    with np.errstate(over="ignore", invalid="ignore"):
        fill = _mean(found) if strategy == "mean" else float(np.median(found))
    if not math.isfinite(fill):
        raise ValueError(f"`impute` cannot be fitted: the values of {shown(name)} are too large for a double")
    return fill


def _mode(name: str, values: Column) -> float | str:
    """The most frequent value; of several, the smallest one, as scikit-learn chooses."""
    text = values.dtype == object
    present = [v for v in values.tolist() if v is not None] if text else _finite("impute", name, values).tolist()
    if not present:
        raise ValueError(f"`impute` cannot be fitted: the column {shown(name)} has no value in its rows")
    found, counts = np.unique(np.array(present, dtype=object if text else np.float64), return_counts=True)
    best = found[int(np.argmax(counts))]
    return str(best) if text else float(best) + 0.0


def _mean(values: Doubles) -> float:
    """The mean; that of equal values is exactly the value."""
    try:
        return float(values[0]) if _constant(values) else math.fsum(values.tolist()) / len(values)
    except OverflowError:
        raise ValueError("the mean of a column is too large for a double") from None


def _constant(values: Doubles) -> bool:
    return bool((values == values[0]).all())


def _deviation(values: Doubles, center: float) -> float:
    """The standard deviation of the rows themselves, without Bessel's correction, as in scikit-learn."""
    try:
        return math.sqrt(math.fsum(((values - center) ** 2).tolist()) / len(values))
    except OverflowError:
        return math.inf


def _ends(step: dict[str, Any], values: Doubles) -> dict[str, float | None]:
    """The bounds: fixed ones, or quantiles by linear interpolation, as numpy's default."""
    low, high = step.get("min"), step.get("max")
    quantiles = step.get("quantiles") or []
    if quantiles:
        if len(quantiles) != 2 or not 0 <= quantiles[0] <= quantiles[1] <= 1:
            raise ValueError(f"`quantiles` of `clip` must be a lower and an upper one, and are {shown(quantiles)}")
        with np.errstate(over="ignore", invalid="ignore"):
            lower, upper = (float(value) for value in np.quantile(values, quantiles))
        if not math.isfinite(lower) or not math.isfinite(upper):
            raise ValueError("`clip` cannot be fitted: the values of a column are too large for a double")
        low, high = lower if low is None else max(low, lower), upper if high is None else min(high, upper)
    return {"low": None if low is None else float(low), "high": None if high is None else float(high)}


def _scaled(method: str, name: str, values: Column) -> dict[str, float]:
    """`center` and `scale`: the result is (x - center) / scale. A constant column has the scale 1, and becomes 0."""
    found = _finite("scale", name, values)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
        if method == "standard":
            center = _mean(found)
            scale = _deviation(found, center)
        elif method == "min-max":
            center = float(found.min())
            scale = float(found.max()) - center
        else:
            lower, center, upper = (float(value) for value in np.quantile(found, [0.25, 0.5, 0.75]))
            scale = upper - lower
    if not math.isfinite(scale) or not math.isfinite(center):
        raise ValueError(f"`scale` cannot be fitted: the values of {shown(name)} are too large for a double")
    return {"center": center, "scale": 1.0 if scale == 0 or _constant(found) else scale}


def _encoded(method: str, name: str, values: Column, outcome: Doubles | None) -> dict[str, Any]:
    if method == "hash":
        return {"buckets": BUCKETS}
    known, at = words(values)
    if method == "target":
        if outcome is None:
            raise ValueError(f"the target encoding of {shown(name)} needs `labels`")
        means, mean = _means(known, at, outcome)
        return {"mean": mean, "means": means}
    present = _sorted(values)
    if method == "one-hot":
        return {"values": present}
    return {"positions": {value: index for index, value in enumerate(present)}}


def _sorted(values: Column) -> list[str]:
    """The categories: numbers by value, texts by code point."""
    if values.dtype == object:
        return sorted({value for value in values.tolist() if value is not None})
    return [word(float(value)) for value in np.unique(values) if not np.isnan(value)]


def _means(known: list[str | None], at: npt.NDArray[np.int64], outcome: Doubles) -> tuple[dict[str, float], float]:
    """The smoothed mean label of each category, and that of all rows. Rows without a label teach nothing."""
    labeled = np.isfinite(outcome)
    at, outcome = at[labeled], outcome[labeled]
    if not len(outcome):
        raise ValueError("the target encoding has no labeled rows to be fitted on")
    mean = _mean(outcome)
    sums, counts = np.bincount(at, outcome, len(known)), np.bincount(at, minlength=len(known))
    return {
        text: float((sums[index] + SMOOTHING * mean) / (counts[index] + SMOOTHING))
        for index, text in enumerate(known)
        if text is not None and counts[index]
    }, mean

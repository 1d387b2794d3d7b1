"""The fitted steps on whole columns. `prepared.py` does the same to one row, and must agree to the last bit.

So there is no `np.log1p` here, whose vector instructions round differently from the C library, and no `np.minimum`,
which is free to choose between 0.0 and -0.0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .prepared import bucket, logarithm, word

__all__ = ["Column", "apply_step", "each", "words"]

Column = npt.NDArray[Any]
NAN = float("nan")


def words(values: Column) -> tuple[list[str | None], npt.NDArray[np.int64]]:
    """The distinct values as text (None for a missing one), and the index of each row's value among them."""
    if values.dtype == object:
        known: dict[Any, int] = {}
        at = np.fromiter((known.setdefault(value, len(known)) for value in values), np.int64, len(values))
        return list(known), at
    found, inverse = np.unique(values, return_inverse=True)
    return [word(float(value)) if not np.isnan(value) else None for value in found], inverse.astype(np.int64).reshape(
        -1
    )


def each(values: Column, answer: Callable[[str | None], float]) -> Column:
    """A number for each row, computed once for each distinct value."""
    known, at = words(values)
    return np.array([answer(text) for text in known], dtype=np.float64)[at] if known else np.empty(0, np.float64)


def apply_step(columns: dict[str, Column], step: dict[str, Any]) -> None:
    """Replace the columns of one fitted step."""
    for name, fitted in step["columns"].items():
        made = _APPLY[step["step"], step.get("method")](columns.pop(name), name, fitted)
        columns.update(made)


def _impute(values: Column, name: str, fitted: Any) -> dict[str, Column]:
    if values.dtype == object:
        return {name: np.array([fitted["fill"] if value is None else value for value in values], dtype=object)}
    return {name: np.where(np.isnan(values), fitted["fill"], values)}


def _clip(values: Column, name: str, fitted: Any) -> dict[str, Column]:
    low, high = fitted["low"], fitted["high"]
    values = np.where(values < low, low, values) if low is not None else values
    return {name: np.where(values > high, high, values) if high is not None else values}


def _scale(values: Column, name: str, fitted: Any) -> dict[str, Column]:
    with np.errstate(all="ignore"):  # infinities and overflow have defined results
        return {name: (values - np.float64(fitted["center"])) / np.float64(fitted["scale"])}


def _log(values: Column, name: str, _: Any) -> dict[str, Column]:
    found = (logarithm(value) for value in values.tolist())
    return {name: np.array([NAN if value is None else value for value in found], dtype=np.float64)}


def _one_hot(values: Column, name: str, fitted: Any) -> dict[str, Column]:
    known, at = words(values)
    made = {}
    for category in fitted["values"]:
        hit = np.array([1.0 if text == category else 0.0 for text in known], dtype=np.float64)
        made[f"{name}={category}"] = hit[at] if known else np.empty(0, np.float64)
    return made


def _ordinal(values: Column, name: str, fitted: Any) -> dict[str, Column]:
    positions = fitted["positions"]
    return {name: each(values, lambda text: NAN if text is None else float(positions.get(text, -1)))}


def _target(values: Column, name: str, fitted: Any) -> dict[str, Column]:
    means, mean = fitted["means"], fitted["mean"]
    return {name: each(values, lambda text: mean if text is None else means.get(text, mean))}


def _hash(values: Column, name: str, fitted: Any) -> dict[str, Column]:
    return {name: each(values, lambda text: NAN if text is None else float(bucket(text, fitted["buckets"])))}


_APPLY: dict[tuple[str, str | None], Callable[[Column, str, Any], dict[str, Column]]] = {
    ("impute", None): _impute,
    ("clip", None): _clip,
    ("scale", "standard"): _scale,
    ("scale", "min-max"): _scale,
    ("scale", "robust"): _scale,
    ("scale", "log"): _log,
    ("encode", "one-hot"): _one_hot,
    ("encode", "ordinal"): _ordinal,
    ("encode", "target"): _target,
    ("encode", "hash"): _hash,
}

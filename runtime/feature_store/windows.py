"""Aggregates over time windows, for every moment at which one of them changes.

The value of a window is a step function of time: it changes when an event enters the window, and when it leaves. A
table with one row for each of these moments gives the exact value at any time. A table with one row for each event
would still say that a card had five payments in the last hour a day after the last one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["EMPTY_IS_ZERO", "aggregated", "between", "moments"]

Array = np.ndarray[Any, Any]

EMPTY_IS_ZERO = ("count", "sum", "distinct")
"""The aggregates whose value is 0 if a window is empty. The value of others is missing then."""


def moments(keys: Array, times: Array, widths: list[int], start: int, end: int) -> tuple[Array, Array]:
    """The entities and times, in (start, end], at which an event enters or leaves a window of one of the widths."""
    shifts = [0, *sorted(set(widths))]
    entities, changes = np.tile(keys, len(shifts)), np.concatenate([times + shift for shift in shifts])
    new = (changes <= end) & (changes > start)
    entities, changes = entities[new], changes[new]
    order = np.lexsort((changes, entities))
    entities, changes = entities[order], changes[order]
    first = np.ones(len(entities), bool)
    first[1:] = (entities[1:] != entities[:-1]) | (changes[1:] != changes[:-1])
    return entities[first], changes[first]


def between(keys: Array, times: Array, entities: Array, at: Array, width: int) -> tuple[Array, Array]:
    """For each entity and time, the range of its events in (time - width, time]. Events are sorted by key and time."""
    known = np.unique(times)
    step = len(known) + 1
    places = keys * step + np.searchsorted(known, times) + 1

    def until(moment: Array) -> Array:
        ends: Array = np.searchsorted(places, entities * step + np.searchsorted(known, moment, "right"), "right")
        return ends

    return until(at - width), until(at)


def aggregated(kind: str, values: Array | None, low: Array, high: Array) -> tuple[Array, Array]:
    """An aggregate of each range of values, and whether it is missing. None counts rows, otherwise a value that is
    None or NaN is left out.
    """
    if values is None:
        return high - low, np.zeros(len(low), bool)
    held = _held(values)
    before = np.concatenate([[0], np.cumsum(held)])
    low, high, values = before[low], before[high], values[held]
    count = high - low
    if kind == "count":
        return count, np.zeros(len(low), bool)
    if kind == "distinct":
        return _each(values, low, high), np.zeros(len(low), bool)
    if kind == "last":
        return _at(values, high - 1), count == 0
    return _numeric(kind, values, low, high, count)


def _held(values: Array) -> Array:
    if values.dtype.kind == "f":
        return ~np.isnan(values)
    if values.dtype == object:
        return np.array(
            [not (value is None or (isinstance(value, float) and math.isnan(value))) for value in values], bool
        )
    return np.ones(len(values), bool)


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _each(values: Array, low: Array, high: Array) -> Array:
    return np.array([len(set(values[a:b].tolist())) for a, b in zip(low, high, strict=True)], np.int64)


def _at(values: Array, index: Array) -> Array:
    """The values at the indexes, where -1 stands for any value."""
    if not len(values):
        return np.zeros(len(index), values.dtype)
    return values[np.maximum(index, 0)]


def _numeric(kind: str, values: Array, low: Array, high: Array, count: Array) -> tuple[Array, Array]:
    if values.dtype.kind in "biu":  # a sum of booleans would be a boolean, and one of small integers overflows
        values = values.astype(np.int64)
    if kind == "sum":
        return _reduced(np.add, values, low, high, 0), np.zeros(len(low), bool)
    if kind in ("min", "max"):
        return _reduced(np.minimum if kind == "min" else np.maximum, values, low, high, 0), count == 0
    values = values.astype(float)
    safe = np.maximum(count, 1)
    mean = _reduced(np.add, values, low, high, 0) / safe
    if kind == "mean":
        return mean, count == 0
    # the squares of distances from the mean of all: those from zero would cancel each other out
    center = values.mean() if len(values) else 0.0
    squares = _reduced(np.add, (values - center) ** 2, low, high, 0)
    spread = np.maximum(squares - count * (mean - center) ** 2, 0) / np.maximum(count - 1, 1)
    return np.sqrt(spread), count < 2


def _reduced(how: Any, values: Array, low: Array, high: Array, empty: float) -> Array:
    """`how` over each range, which may overlap. NumPy's `reduceat` takes the first value of an empty range."""
    if not len(low):
        return np.zeros(0, values.dtype)
    padded = np.concatenate([values, np.zeros(1, values.dtype)])
    found = how.reduceat(padded, np.column_stack([low, high]).ravel())[::2]
    result: Array = np.where(high > low, found, np.asarray(empty, found.dtype))
    return result

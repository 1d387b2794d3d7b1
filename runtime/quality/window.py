"""The predictions of a stretch of time, in memory: their ids, times, outputs, and the columns to group them by.

A row takes about 50 bytes plus its id and 8 bytes for each output, so that the most rows of a window take about 3 GB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...compiler.record import Record
from ..conditions import Unreadable
from .labels import canonical
from .sources import instants

__all__ = ["MOST", "VERSION_COLUMN", "Window", "loaded"]

MOST = 20_000_000
"""The most predictions of a window."""

VERSION_COLUMN = "model_version"
"""The column with the version of the model that made a prediction."""


class Window(Record):
    """Predictions in the order of their time."""

    ids: pa.Array
    time: Any
    """Unix time, in seconds."""
    outputs: dict[str, Any]
    """Each output that is there: numbers, or an array of objects."""
    groups: dict[str, tuple[Any, tuple[str, ...]]]
    """Each column to group by: a code for each row, -1 for a missing value, and the value of each code."""
    repeated: int
    """Rows whose id an earlier row has."""
    unusable: int
    """Rows without an id or a time."""

    @property
    def rows(self) -> int:
        return len(self.time)

    def of(self, kept: Any) -> Window:
        """Some of the predictions."""
        return self.but(
            ids=self.ids.filter(pa.array(kept)),
            time=self.time[kept],
            outputs={name: values[kept] for name, values in self.outputs.items()},
            groups={name: (codes[kept], values) for name, (codes, values) in self.groups.items()},
        )


class _Parts:
    """What the pieces of a window are collected in."""

    def __init__(self, outputs: Sequence[str], groups: Sequence[str]) -> None:
        self.ids: list[pa.Array] = []
        self.time: list[Any] = []
        self.outputs: dict[str, list[Any]] = {name: [] for name in outputs}
        self.codes: dict[str, list[Any]] = {name: [] for name in groups}
        self.values: dict[str, dict[str, int]] = {name: {} for name in groups}
        self.rows = self.unusable = 0


def loaded(
    tables: Iterator[pa.Table], key: str, outputs: Sequence[str], groups: Sequence[str], start: float, end: float
) -> Window:
    """The predictions from `start`, inclusive, to `end`, exclusive. Raises Unreadable."""
    parts = _Parts(outputs, groups)
    for table in tables:
        _add(parts, table, key, start, end)
        if parts.rows > MOST:
            raise Unreadable(
                f"the window has more than {MOST:,} predictions: capture a smaller `monitoring.capture.sample`, or "
                "measure a shorter window (`monitoring.interval` and `monitoring.drift.window`)"
            )
    return _window(parts)


def _add(parts: _Parts, table: pa.Table, key: str, start: float, end: float) -> None:
    at = instants(table["time"].combine_chunks())
    ids = table[key].combine_chunks()
    with np.errstate(invalid="ignore"):
        usable = pc.is_valid(ids).to_numpy(zero_copy_only=False) & ~np.isnan(at)
        kept = usable & (at >= start) & (at < end)
    parts.unusable += int((~usable).sum())
    if not kept.any():
        return
    mask = pa.array(kept)
    parts.ids.append(ids.filter(mask).cast(pa.string()))
    parts.time.append(at[kept])
    parts.rows += int(kept.sum())
    for name, found in parts.outputs.items():
        found.append(_values(table[name].combine_chunks().filter(mask)))
    for name, codes in parts.codes.items():
        codes.append(_codes(table[name].combine_chunks().filter(mask), parts.values[name]))


def _values(values: pa.Array) -> Any:
    """Numbers with NaN for missing ones, or an array of objects."""
    kind = values.type
    if pa.types.is_boolean(kind):
        values = values.cast(pa.int8())
        kind = values.type
    if pa.types.is_null(kind):
        return np.full(len(values), np.nan)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    found = np.empty(len(values), dtype=object)
    for index, value in enumerate(values.to_pylist()):
        found[index] = canonical(value)
    return found


def _codes(values: pa.Array, known: dict[str, int]) -> Any:
    """A code for each value, -1 for a missing one. New values get the next code."""
    encoded = values.cast(pa.string()).dictionary_encode() if not pa.types.is_dictionary(values.type) else values
    texts = encoded.dictionary.cast(pa.string()).to_pylist()
    codes = np.array([known.setdefault(text, len(known)) for text in texts] or [-1], dtype=np.int64)
    places = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return np.where(places >= 0, codes[places], -1)


def _window(parts: _Parts) -> Window:
    if not parts.rows:
        return Window(
            ids=pa.array([], pa.string()),
            time=np.empty(0),
            outputs={name: np.empty(0) for name in parts.outputs},
            groups={name: (np.empty(0, np.int64), ()) for name in parts.codes},
            repeated=0,
            unusable=parts.unusable,
        )
    ids = pa.concat_arrays(parts.ids)
    at = np.concatenate(parts.time)
    order = np.argsort(at, kind="stable")
    taken = ids.take(pa.array(order))
    # rows that were logged twice are one prediction: the first one, which is what the caller saw first
    first = np.zeros(len(at), dtype=bool)
    first[pc.index_in(pc.unique(taken), value_set=taken).to_numpy(zero_copy_only=False)] = True
    kept = order[first]
    return Window(
        ids=taken.filter(pa.array(first)),
        time=at[kept],
        outputs={name: _joined(values)[kept] for name, values in parts.outputs.items()},
        groups={name: (np.concatenate(codes)[kept], tuple(parts.values[name])) for name, codes in parts.codes.items()},
        repeated=len(at) - len(kept),
        unusable=parts.unusable,
    )


def _joined(values: list[Any]) -> Any:
    if any(each.dtype == object for each in values):
        values = [each if each.dtype == object else _objects(each) for each in values]
    return np.concatenate(values)


def _objects(values: Any) -> Any:
    found = np.empty(len(values), dtype=object)
    found[:] = [None if np.isnan(each) else float(each) for each in values]
    return found

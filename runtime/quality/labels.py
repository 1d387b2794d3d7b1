"""Labels that arrive later, joined to predictions by their id.

The predictions of a window are in memory, and the labels are not: they are read in pieces as large as the window, so
that a file of any size takes as much memory as two windows, and each label is read once.

Traps that this module handles: an id that a CSV file writes as `0042` is not the number 42; two different labels for
one id are no truth, so that the row counts for nothing; a label without a value is no label.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...compiler.record import Record
from ..conditions import Unreadable, shown
from .config import LabelSource

__all__ = ["LARGEST", "Joined", "canonical", "join"]

LARGEST = 1e140
"""A larger number counts as infinite and is left out: the sum of squares would not be a number."""

PIECE = 65_536
"""The fewest labels that are looked up at once."""


class Joined(Record):
    """The label of each prediction, and what was found on the way."""

    label: Any
    """Numbers, or an array of objects, in the order of the predictions."""
    known: Any
    """Which predictions have a label."""
    read: int
    """The labels that the source has, with those of other predictions."""
    unmatched: int
    """Labels whose prediction is not in the window, or was not logged."""
    repeated: int
    """Labels that say again what an earlier one said."""
    conflicting: int
    """Predictions with two different labels, which are not judged."""
    empty: int
    """Labels of the window without a value."""
    conflict: Any
    """Which predictions have two different labels."""


def join(ids: pa.Array, source: LabelSource, tables: Iterator[pa.Table]) -> Joined:
    """Find the label of each id. `tables` have the columns `id`, which is text, and `label`. The ids are unique."""
    state = _State(len(ids))
    wanted = ids.cast(pa.string())
    for table in _pieces(tables, max(PIECE, len(ids))):
        state.add(wanted, table)
    return state.joined(source)


def _pieces(tables: Iterator[pa.Table], most: int) -> Iterator[pa.Table]:
    """The same rows in pieces of about as many rows: each lookup builds an index of the predictions."""
    waiting: list[pa.Table] = []
    rows = 0
    for table in tables:
        waiting.append(table)
        rows += table.num_rows
        if rows >= most:
            yield pa.concat_tables(waiting, promote_options="permissive")
            waiting, rows = [], 0
    if rows:
        yield pa.concat_tables(waiting, promote_options="permissive")


class _State:
    def __init__(self, rows: int) -> None:
        self.label = np.full(rows, None, dtype=object)
        self.known = np.zeros(rows, dtype=bool)
        self.conflict = np.zeros(rows, dtype=bool)
        self.read = self.matched = self.repeated = self.empty = 0

    def add(self, wanted: pa.Array, table: pa.Table) -> None:
        places = pc.index_in(table["id"].combine_chunks(), value_set=wanted)
        self.read += table.num_rows
        hit = pc.is_valid(places)
        at = places.filter(hit).to_numpy(zero_copy_only=False)
        self.matched += len(at)
        for place, value in zip(at.tolist(), table["label"].filter(hit).to_pylist(), strict=True):
            label = canonical(value)
            if label is None:
                self.empty += 1
            elif not self.known[place]:
                self.label[place], self.known[place] = label, True
            elif self.label[place] == label:
                self.repeated += 1
            else:
                self.conflict[place] = True

    def joined(self, source: LabelSource) -> Joined:
        if source.negative:
            missing = ~self.known
            self.label[missing] = 0.0
        label = _numbers(self.label, self.known | source.negative)
        if source.negative and label.dtype == object:
            raise Unreadable(
                f"`unlabeled: negative` needs labels that are 0 and 1, and {shown(source.column)} has others, so that "
                "a row without a label cannot be counted as a negative"
            )
        return Joined(
            label=label,
            known=self.known,
            read=self.read,
            unmatched=self.read - self.matched,
            repeated=self.repeated,
            conflicting=int(self.conflict.sum()),
            conflict=self.conflict,
            empty=self.empty,
        )


def _numbers(values: Any, known: Any) -> Any:
    """An array of numbers where all known values are numbers; otherwise the objects."""
    if not all(isinstance(each, float) for each in values[known]):
        return values
    found = np.full(len(values), np.nan)
    found[known] = values[known].astype(np.float64)
    return found


WORDS = {"true": 1.0, "false": 0.0}


def canonical(value: Any) -> Any:
    """A value as it is compared: numbers and truth values as floats, also if a CSV file writes them as text; lists and
    other texts as they are. None for a missing value.
    """
    if value is None or isinstance(value, list):
        return value
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        return WORDS.get(text.lower(), _parsed(text))
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return str(value)
    return number if abs(number) <= LARGEST else None


def _parsed(text: str) -> float | str:
    try:
        found = float(text)
    except ValueError:
        return text
    # `nan`, `infinity`, and `1_000` are names of classes rather than numbers
    return found if isfinite(found) and "_" not in text else text

"""Making a profile of rows, in two passes: the edges from a sample of at most `SAMPLE` rows, then exact counts.

The sample is chosen by a hash of the row's number, so the same files give the same bytes. Up to `SAMPLE` rows, it is
all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from ...compiler.record import Record
from ..conditions import Unreadable, shown
from .columns import Kind, Reading, named, reading
from .profile import Category, Column, Numeric, Opaque, Profile
from .tallies import MOST, CategoryTally, NumericTally, edges_of

__all__ = ["Asked", "counted", "profiled", "read_of"]

SAMPLE = 100_000

MOST_VALUES = 1_000
"""The most values of a segment."""

KEPT = 1_000
"""The most categories of a column in the file: the most frequent ones."""

Rows = Callable[[], Iterator[pa.RecordBatch]]
Tally = NumericTally | CategoryTally


class Asked(Record):
    """What to profile. Without columns, all that the files have, except `leave`."""

    columns: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    bins: int = 10
    leave: frozenset[str] = frozenset()
    unwrapped: tuple[str, ...] = ()
    """Columns with one value in each row, which some rows have as a list."""


class _Sampled:
    """The first pass: kinds of columns, and their values in a sample of rows."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.rows = 0
        self.kinds: dict[str, Kind] = {}
        self.chosen = np.zeros(0, np.uint64)
        self.limit = np.uint64(2**64 - 1)
        self.values: dict[str, np.ndarray] = {}
        self.parts: dict[str, np.ndarray] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        marks = _hashes(np.arange(self.rows, self.rows + batch.num_rows, dtype=np.uint64))
        at = np.flatnonzero(marks <= self.limit)
        wanted = self.asked.columns or tuple(n for n in batch.schema.names if n not in self.asked.leave)
        for name in wanted:
            read = read_of(batch, name)
            self._kind(name, read.kind)
            new = read.values[at] if read.kind in ("number", "time") else np.full(len(at), np.nan)
            self.values[name] = np.concatenate((self.values.get(name, np.full(len(self.chosen), np.nan)), new))
        for name in self.asked.segments:
            new_parts = groups(batch, name)[0][at]
            self.parts[name] = np.concatenate((self.parts.get(name, np.zeros(0, object)), new_parts))
        self.chosen = np.concatenate((self.chosen, marks[at]))
        self.rows += batch.num_rows
        while len(self.chosen) > SAMPLE:
            self._halve()

    def _kind(self, name: str, kind: Kind) -> None:
        known = self.kinds.get(name, "empty")
        if kind == "empty":
            self.kinds.setdefault(name, kind)
        elif known in ("empty", kind):
            self.kinds[name] = kind
        else:
            raise Unreadable(f"the column {shown(name)} has a {known} in some rows and a {kind} in others")

    def _halve(self) -> None:
        self.limit = np.uint64(int(self.limit) // 2)
        keep = self.chosen <= self.limit
        self.chosen = self.chosen[keep]
        self.values = {name: values[keep] for name, values in self.values.items()}
        self.parts = {name: values[keep] for name, values in self.parts.items()}


def profiled(rows: Rows, asked: Asked) -> Profile:
    """The profile of all rows that `rows` iterates over, which it does twice. Raises Unreadable if there are none."""
    sampled = _Sampled(asked)
    for batch in rows():
        sampled.add(batch)
    if not sampled.rows:
        raise Unreadable("the data has no rows, so there is nothing to compare with")
    missing = [name for name, kind in sampled.kinds.items() if kind == "empty"]
    if missing and asked.columns:
        raise Unreadable(f"the column {shown(missing[0])} has no values in the data")

    def fresh(segment: str = "", value: str = "") -> dict[str, Tally | None]:
        own = sampled.parts[segment] == value if segment else slice(None)
        return {
            name: NumericTally(edges_of(sampled.values[name][own], asked.bins), kind, moments=True)
            if kind in ("number", "time")
            else CategoryTally(kind) if kind in ("text", "bool") else None
            for name, kind in sampled.kinds.items()
        }  # fmt: skip

    whole, parts, nulls = counted(rows(), fresh, asked.segments)
    made = {name: _column(tally, sampled.kinds[name], nulls.get(name, 0)) for name, tally in whole[1].items()}
    segments = {
        segment: {value: _part(n, tallies, sampled.kinds) for value, (n, tallies) in sorted(values.items())}
        for segment, values in parts.items()
    }
    return Profile(rows=whole[0], columns=made, segments=segments)


Fresh = Callable[..., "dict[str, Tally | None]"]
Part = tuple[int, "dict[str, Tally | None]"]


def counted(
    rows: Iterator[pa.RecordBatch], fresh: Fresh, segments: Sequence[str]
) -> tuple[Part, dict[str, dict[str, Part]], dict[str, int]]:
    """Count all rows, the rows of each segment's value, and the nulls of columns that have no tally.

    `fresh(segment, value)` has a tally for each column to count.
    """
    whole, total = fresh(), 0
    parts: dict[str, dict[str, Part]] = {name: {} for name in segments}
    nulls: dict[str, int] = {}
    for batch in rows:
        total += batch.num_rows
        reads = {name: read_of(batch, name) for name in whole}
        for name, tally in whole.items():
            nulls[name] = nulls.get(name, 0) + reads[name].null_count
            _add(tally, reads[name])
        for segment in segments:
            _add_parts(batch, segment, reads, parts[segment], fresh)
    return (total, whole), parts, nulls


def _add_parts(
    batch: pa.RecordBatch, segment: str, reads: dict[str, Reading], parts: dict[str, Part], fresh: Fresh
) -> None:
    for value, at in groups(batch, segment)[1]:
        if value not in parts:
            if len(parts) >= MOST_VALUES:
                raise Unreadable(f"the segment {shown(segment)} has more than {MOST_VALUES:,} values")
            parts[value] = (0, fresh(segment, value))
        count, tallies = parts[value]
        parts[value] = (count + len(at), tallies)
        for name, tally in tallies.items():
            _add(tally, reads[name].at(at))


def _add(tally: Tally | None, read: Reading) -> None:
    if tally is not None and tally.kind == read.kind:
        tally.add(read)
    elif tally is not None:
        tally.nulls += len(read.values)  # an empty column, and for drift, one of another kind


def groups(batch: pa.RecordBatch, segment: str) -> tuple[np.ndarray, list[tuple[str, np.ndarray]]]:
    """The value of a segment in each row, as text (None if it is missing), and the rows of each value."""
    read = read_of(batch, segment)
    if read.names is None:
        column = batch.column(batch.schema.get_field_index(segment)) if segment in batch.schema.names else None
        if column is None or read.kind not in ("number", "empty"):
            raise Unreadable(f"the segment {shown(segment)} is not a column of categories in the data")
        read = reading(column.cast(pa.string()))
    assert read.names is not None
    names = np.array([*named(read.names), None], object)
    order = np.argsort(read.values, kind="stable")
    ordered = read.values[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-2))
    found = [(names[ordered[a]], order[a:b]) for a, b in zip(starts, [*starts[1:], len(order)], strict=True)]
    return names[read.values], [(value, at) for value, at in found if value is not None]


def read_of(batch: pa.RecordBatch, name: str) -> Reading:
    """The column of a batch; an empty one if it is not there."""
    index = batch.schema.get_field_index(name)
    return reading(pa.nulls(batch.num_rows) if index < 0 else batch.column(index))


def _part(rows: int, tallies: dict[str, Tally | None], kinds: dict[str, Kind]) -> Profile:
    columns = {name: _column(tally, kinds[name], 0) for name, tally in tallies.items() if tally is not None}
    return Profile(rows=rows, columns=columns)


def _column(tally: Tally | None, kind: Kind, nulls: int) -> Column:
    if isinstance(tally, NumericTally):
        return Numeric(
            type=kind,
            edges=tuple(tally.edges.tolist()),
            counts=tuple(tally.counts.tolist()),
            means=tuple(tally.means.tolist()),
            stds=tuple(tally.stds.tolist()),
            nulls=tally.nulls,
            nans=tally.nans,
            infinite=tally.infinite,
            mean=tally.mean,
            std=tally.std,
            min=tally.low if tally.mean is not None else None,
            max=tally.high if tally.mean is not None else None,
        )
    if tally is None:
        return Opaque(why="it has no values" if kind == "empty" else "it holds lists or records", nulls=nulls)
    if tally.others is None:
        return Opaque(why=f"it has more than {MOST:,} distinct values", nulls=tally.nulls)
    ordered = sorted(tally.others.items(), key=lambda item: (-item[1], item[0]))
    other = sum(count for _, count in ordered[KEPT:])
    return Category(type=tally.kind, counts=dict(sorted(ordered[:KEPT])), other=other, nulls=tally.nulls)


def _hashes(numbers: np.ndarray) -> np.ndarray:
    """Pseudo-random numbers, one for each number: the output function of SplitMix64 (Steele, Lea, Flood, 2014)."""
    x = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))

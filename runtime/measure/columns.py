"""The values of one column in a batch, as arrays of numbers: floats, or the codes of categories."""

from __future__ import annotations

import hashlib
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...compiler.record import Record

__all__ = ["LARGEST", "Kind", "Reading", "kind_of", "named", "reading"]

Kind = Literal["number", "time", "bool", "text", "empty", "other"]
"""`empty` is a column in which every value is null. `other` has no distribution to measure, such as a list."""

LONGEST = 120
"""The longest name of a category in characters. A longer one is cut, and gets a digest."""

LARGEST = 1e150
"""A larger value counts as infinite: its square would not be a number."""


class Reading(Record):
    """The values of a column. `values` is float64 with NaN for missing ones, or codes into `names` with -1 for them."""

    kind: Kind
    values: np.ndarray
    nulls: np.ndarray | None
    """Where values are null, as opposed to NaN; None if nowhere."""
    names: pa.Array | None = None

    def at(self, rows: np.ndarray) -> Reading:
        """Some of the rows, by index."""
        nulls = self.nulls[rows] if self.nulls is not None else None
        return self.but(values=self.values[rows], nulls=nulls)

    @property
    def null_count(self) -> int:
        """How many values are null."""
        return int(np.count_nonzero(self.nulls)) if self.nulls is not None else 0

    def counted(self) -> dict[str, int]:
        """How many rows each category has, without those that have none."""
        assert self.names is not None
        counts = np.bincount(self.values[self.values >= 0], minlength=len(self.names))
        there = np.flatnonzero(counts)
        names = named(self.names.take(pa.array(there)))
        found: dict[str, int] = {}
        for name, count in zip(names, counts[there].tolist(), strict=True):
            found[name] = found.get(name, 0) + count
        return found


def kind_of(given: pa.DataType) -> Kind:
    """What values of a type are."""
    types = pa.types
    if types.is_dictionary(given):
        return kind_of(given.value_type)
    if types.is_null(given):
        return "empty"
    if types.is_boolean(given):
        return "bool"
    if types.is_integer(given) or types.is_floating(given) or types.is_decimal(given) or types.is_duration(given):
        return "number"
    if types.is_timestamp(given) or types.is_date(given):
        return "time"
    if types.is_string(given) or types.is_large_string(given) or types.is_string_view(given):
        return "text"
    return "other"


def reading(given: pa.Array) -> Reading:
    """The values of an array. Times are in seconds since 1970 in UTC, and durations in seconds."""
    kind = kind_of(given.type)
    if kind in ("text", "bool") or (kind == "number" and pa.types.is_dictionary(given.type)):
        if kind == "number":
            return reading(given.dictionary_decode())
        return _categories(given, kind)
    nulls = np.asarray(pc.is_null(given)) if given.null_count else None
    if kind in ("empty", "other"):
        return Reading(kind=kind, values=np.full(len(given), np.nan), nulls=nulls)
    return Reading(kind=kind, values=_floats(given, kind), nulls=nulls)


def _floats(given: pa.Array, kind: Kind) -> np.ndarray:
    if pa.types.is_dictionary(given.type):
        given = given.dictionary_decode()
    scale = 1.0
    if kind == "time" or pa.types.is_duration(given.type):
        unit = pa.duration("us") if pa.types.is_duration(given.type) else pa.timestamp("us")
        if pa.types.is_timestamp(given.type):
            unit = pa.timestamp("us", given.type.tz)
        given, scale = given.cast(unit, safe=False).cast(pa.int64()), 1e-6
    if pa.types.is_float16(given.type):
        given = given.cast(pa.float32())
    found: np.ndarray = given.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return found if scale == 1.0 else found * scale


def _categories(given: pa.Array, kind: Kind) -> Reading:
    if kind == "bool":
        given = (
            given.cast(pa.string()) if not pa.types.is_dictionary(given.type) else given.dictionary_decode().cast("str")
        )
    encoded = given if pa.types.is_dictionary(given.type) else given.dictionary_encode()
    codes = encoded.indices
    if encoded.dictionary.null_count:  # a null may also be an entry of the dictionary
        codes = pc.if_else(pc.is_null(encoded.dictionary).take(codes), None, codes)
    nulls = np.asarray(pc.is_null(codes)) if codes.null_count else None
    values = np.asarray(codes.fill_null(-1) if codes.null_count else codes)
    return Reading(kind=kind, values=values.astype(np.int32, copy=False), nulls=nulls, names=encoded.dictionary)


def named(names: pa.Array, *, cut: bool = True) -> list[str]:
    """The names of categories as text, cut if they are long, with escapes for bytes that are not UTF-8."""
    try:
        texts = names.to_pylist()
    except UnicodeDecodeError:
        texts = [
            each if each is None else each.decode("utf-8", "backslashreplace")
            for each in names.cast(pa.binary()).to_pylist()
        ]
    return [_cut(text) if cut and text is not None and len(text) > LONGEST else text for text in texts]


def _cut(text: str) -> str:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{text[: LONGEST - 20]}... {digest}"

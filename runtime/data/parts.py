"""Which rows a position on the line from 0 to 1 selects: how random, grouped, and stratified splits choose.

**Random and grouped** splits hash the seed and the row's key (BLAKE2b, 64 bits), which gives a uniform number. A row's
number depends on no other row, so appended, removed, or reordered rows never move a row to another part. Equal keys get
the same number, so all rows of a group are in one part. The shares of the rows are binomial around those of the spec.

**Stratified** splits number the rows of each stratum in their order, and row `j` gets the fractional part of
`offset + j * golden ratio`. Any prefix of this sequence fills every interval in proportion, to within a few rows (H.
Niederreiter, Random number generation and quasi-Monte Carlo methods, 1992, section 3.1). So each stratum is divided as
the spec says, however rare it is, and rows that are appended at the end move no earlier row. Rows that are reordered
do move. The offset is a hash of the seed and the stratum.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .distinct import words_of

__all__ = ["Numbers", "columns_of", "hashed", "keys_of", "stratified"]

Numbers = npt.NDArray[np.float64]

_GOLDEN = (5**0.5 - 1) / 2


def columns_of(table: Any) -> dict[str, pa.Array]:
    """The columns of a pyarrow table, a record batch, or a mapping from names to arrays or lists."""
    if isinstance(table, (pa.Table, pa.RecordBatch)):
        named = {name: table.column(name) for name in table.column_names}
    else:
        named = {
            str(name): values if isinstance(values, pa.Array) else pa.array(values) for name, values in table.items()
        }
    return {
        name: values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        for name, values in named.items()
    }


def keys_of(columns: dict[str, pa.Array], names: Iterable[str]) -> list[bytes]:
    """A key for each row, from the values of some columns: equal if all values are equal."""
    parts = []
    for name in names:
        words = words_of(columns[name])
        # with its length, so that ("ab", "c") and ("a", "bc") are different keys
        parts.append([b"-" if word is None else b"%d:%s" % (len(word), word) for word in words])
    return [b"".join(row) for row in zip(*parts, strict=True)]


def hashed(keys: list[bytes], seed: int, purpose: str) -> Numbers:
    """A uniform number in [0, 1) for each key. Numbers for different purposes are independent."""
    salt = hashlib.blake2b(f"{purpose}\0{seed}".encode(), digest_size=32).digest()
    known: dict[bytes, float] = {}
    for key in keys:
        if key not in known:
            digest = hashlib.blake2b(key, digest_size=8, key=salt).digest()
            known[key] = (int.from_bytes(digest) >> 11) * 2.0**-53
    return np.array([known[key] for key in keys], dtype=np.float64)


def stratified(keys: list[bytes], seed: int, purpose: str) -> Numbers:
    """A number in [0, 1) for each row, evenly spread over the rows of each stratum in their order."""
    numbers = np.empty(len(keys), dtype=np.float64)
    strata: dict[bytes, int] = {}
    index = np.array([strata.setdefault(key, len(strata)) for key in keys], dtype=np.int64)
    offsets = hashed(list(strata), seed, purpose)
    for stratum, offset in enumerate(offsets):
        rows = np.flatnonzero(index == stratum)
        numbers[rows] = np.mod(offset + np.arange(len(rows)) * _GOLDEN, 1.0)
    return numbers

"""Whether every value of a column is distinct, for any number of rows, in bounded memory.

Each value becomes 16 bytes (BLAKE2b), which go to one of 256 files by their first byte. At the end, each file is read
and sorted alone. A hundred million values take 1.6 GB of disk and 7 MB of memory. Two different values of 10^9 share
their 16 bytes with a probability of 10^-21, so the count is exact for every practical purpose.

Missing values are counted as equal: a key that is missing twice identifies nothing. Pandas and Pandera do the same.
"""

from __future__ import annotations

import hashlib
import tempfile
from math import isnan
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa

__all__ = ["Duplicates", "words_of"]

_FILES = 256
_SIZE = 16
_HELD = 2**20
"""How many values wait in memory: 16 MiB of them."""


def words_of(values: pa.Array) -> list[bytes | None]:
    """Each value as bytes that are equal only for equal values of the same type."""
    if pa.types.is_floating(values.type):
        numbers = values.cast(pa.float64()).to_pylist()
        # -0.0 equals 0.0, and NaN is a missing value
        return [None if n is None or isnan(n) else repr(n + 0.0).encode() for n in numbers]
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        values = values.cast(pa.int32() if pa.types.is_date32(values.type) else pa.int64())
    found = values.to_pylist()
    return [
        None if v is None else v if isinstance(v, bytes) else str(v).encode("utf-8", "surrogatepass") for v in found
    ]


class Duplicates:
    """Counts the rows of a column whose value another row has, too. Use it in a `with` statement."""

    def __init__(self, held: int = _HELD) -> None:
        self._held = held
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._waiting: list[bytes] = []
        self.nulls = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    def add(self, values: pa.Array) -> None:
        """The values of some more rows. Raises OSError if the disk is full."""
        for word in words_of(values):
            if word is None:
                self.nulls += 1
            else:
                self._waiting.append(hashlib.blake2b(word, digest_size=_SIZE).digest())
        if len(self._waiting) >= self._held:
            self._spill()

    def count(self) -> int:
        """How many rows have a value that another row has, too."""
        missing = self.nulls if self.nulls > 1 else 0
        if self._folder is None:
            return missing + _repeated(b"".join(self._waiting))
        self._spill()
        return missing + sum(_repeated(file.read_bytes()) for file in sorted(Path(self._folder.name).iterdir()))

    def _spill(self) -> None:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="mlspec-")
        words = np.frombuffer(b"".join(self._waiting), dtype=np.uint8).reshape(-1, _SIZE)
        self._waiting.clear()
        order = np.argsort(words[:, 0], kind="stable")
        words = words[order]
        starts = np.searchsorted(words[:, 0], np.arange(_FILES + 1))
        for index in range(_FILES):
            if starts[index] < starts[index + 1]:
                with (Path(self._folder.name) / f"{index:02x}").open("ab") as file:
                    file.write(words[starts[index] : starts[index + 1]].tobytes())


def _repeated(words: bytes) -> int:
    if not words:
        return 0
    _, counts = np.unique(np.frombuffer(words, dtype=[("high", "<u8"), ("low", "<u8")]), return_counts=True)
    return int(counts[counts > 1].sum())

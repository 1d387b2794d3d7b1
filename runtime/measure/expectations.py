"""The expectations of `data.columns` on the values of one column, batch by batch.

A NaN is a missing value. `pattern` must match the whole value, as Python's `re` understands it. Expectations other than
`nullable` apply to values that are there. Memory does not depend on the number of rows.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import numpy as np

from ..conditions import Unreadable, shown
from ..written import as_written, number
from .columns import Kind, Reading, named
from .tallies import MOST

__all__ = ["Checked"]

KINDS: dict[str, Kind] = {"bool": "bool", "string": "text", "category": "text", "timestamp": "time", "date": "time"}
"""What values of a `dtype` are; all others are numbers."""

KEPT = 1 << 22
"""The most hashes to find duplicates with. Of more values, a part chosen by the hash stands for all."""


class Checked:
    """The rows of one column that violate its expectations."""

    def __init__(self, expected: dict[str, Any]) -> None:
        self.name = str(expected["name"])
        self.expected = expected
        self.rows = self.missing = self.violating = 0
        self.wrong: dict[str, int] = {}
        """How many rows violate each expectation."""
        self.there = False
        """Whether a file has the column."""
        self.kind = _kind(expected.get("dtype"))
        self.low, self.high = _bound(expected, "min"), _bound(expected, "max")
        self.range = _range(expected.get("dtype"))
        self.pattern = _pattern(expected)
        values = expected.get("values")
        values = values if isinstance(values, dict) else {}
        self.one_of = frozenset(as_written(word, expected.get("dtype")) for word in values.get("oneOf", ()))
        self.distinct: dict[str, int] | None = {} if "max" in values else None
        self.most = int(values.get("max", 0))
        self.repeated = _Repeated() if expected.get("unique") is True else None

    def add(self, read: Reading, *, there: bool) -> None:
        """Some more rows."""
        count = len(read.values)
        self.rows += count
        self.there |= there
        missing = read.values < 0 if read.names is not None else np.isnan(read.values)
        if read.kind == "other":  # such as a list: NaN stands for each value that is there
            missing = read.nulls if read.nulls is not None else np.zeros(count, bool)
        self.missing += int(np.count_nonzero(missing))
        found = {"nullable": missing} if self.expected.get("nullable") is False else {}
        if self.kind is not None and read.kind not in ("empty", self.kind):
            found["dtype"] = ~missing
        elif read.names is not None:
            found |= self._texts(read, read.values)
        elif read.kind != "other":
            found |= self._numbers(read.values)
        self._count({name: rows for name, rows in found.items() if rows.any()})
        if self.repeated is not None:
            self.repeated.add(read, missing)

    def _count(self, found: dict[str, np.ndarray]) -> None:
        for name, rows in found.items():
            self.wrong[name] = self.wrong.get(name, 0) + int(np.count_nonzero(rows))
        if found:
            self.violating += int(np.count_nonzero(np.logical_or.reduce([*found.values()])))

    def _numbers(self, x: np.ndarray) -> dict[str, np.ndarray]:
        found = {}
        if self.low is not None:
            found["min"] = x < self.low
        if self.high is not None:
            found["max"] = x > self.high
        if self.range is not None:
            with np.errstate(invalid="ignore"):
                found["dtype"] = (x < self.range[0]) | (x > self.range[1]) | ((x != np.floor(x)) & ~np.isnan(x))
        if self.one_of:
            each, at = np.unique(x[~np.isnan(x)], return_inverse=True)
            bad = np.zeros(len(x), bool)
            bad[~np.isnan(x)] = np.array([number(value) not in self.one_of for value in each.tolist()], bool)[at]
            found["values.oneOf"] = bad
        if self.distinct is not None:
            each, counts = np.unique(x[~np.isnan(x)], return_counts=True)
            self._distinct({number(v): n for v, n in zip(each.tolist(), counts.tolist(), strict=True)})
        return found

    def _texts(self, read: Reading, codes: np.ndarray) -> dict[str, np.ndarray]:
        assert read.names is not None
        found = {}
        if self.pattern is not None or self.one_of:
            names = [name or "" for name in named(read.names, cut=False)]
            there = codes >= 0
            if self.pattern is not None:
                bad = np.array([self.pattern.fullmatch(name) is None for name in names] or [False], bool)
                found["pattern"] = there & bad[codes]
            if self.one_of:
                bad = np.array([name not in self.one_of for name in names] or [False], bool)
                found["values.oneOf"] = there & bad[codes]
        if self.distinct is not None:
            self._distinct(read.counted())
        return found

    def _distinct(self, counts: dict[str, int]) -> None:
        """Values beyond a bound of memory are not listed, so they count as rows beyond `values.max`."""
        assert self.distinct is not None
        for name, count in counts.items():
            if name in self.distinct or len(self.distinct) < self.most + MOST:
                self.distinct[name] = self.distinct.get(name, 0) + count
            else:
                self.wrong["values.max"] = self.wrong.get("values.max", 0) + count

    @property
    def broken(self) -> dict[str, int]:
        """How many rows violate each expectation, with those that concern several rows."""
        found = dict(self.wrong)
        if self.distinct is not None:
            beyond = sum(sorted(self.distinct.values(), reverse=True)[self.most :])
            if beyond or "values.max" in found:
                found["values.max"] = found.get("values.max", 0) + beyond
        if self.repeated is not None and (share := self.repeated.share):
            found["unique"] = max(1, round(share * (self.rows - self.missing)))
        return found

    @property
    def null_ratio(self) -> float:
        """The share of rows without a value."""
        return self.missing / self.rows

    @property
    def violation_ratio(self) -> float:
        """The share of rows that violate an expectation. A row that also repeats a value counts once more, up to 1."""
        several = sum(self.broken.get(name, 0) for name in ("unique", "values.max"))
        return min(1.0, (self.violating + several) / self.rows)

    @property
    def too_many_nulls(self) -> bool:
        """Whether more values are missing than `nullShare` allows."""
        share = self.expected.get("nullShare")
        return isinstance(share, (int, float)) and self.null_ratio > share


class _Repeated:
    """The share of rows whose value another row has too, by hashes of 64 bits."""

    def __init__(self) -> None:
        self.kept = np.zeros(0, np.uint64)
        self.limit = 2**64 - 1

    def add(self, read: Reading, missing: np.ndarray) -> None:
        values = read.values[~missing]
        if read.names is not None:
            each = np.array([_hash(name) for name in named(read.names, cut=False)] or [0], np.uint64)
            hashes = each[values]
        else:
            hashes = np.frombuffer(b"".join(_digest(value) for value in (values + 0.0).tolist()), np.uint64)
        self.kept = np.concatenate((self.kept, hashes[hashes <= np.uint64(self.limit)]))
        while len(self.kept) > KEPT:
            self.limit //= 2
            smaller = self.kept[self.kept <= np.uint64(self.limit)]
            if len(smaller) == len(self.kept):  # one value has all rows
                break
            self.kept = smaller

    @property
    def share(self) -> float:
        _, counts = np.unique(self.kept, return_counts=True)
        return float(counts[counts > 1].sum() / len(self.kept)) if len(self.kept) else 0.0


def _digest(value: object) -> bytes:
    return hashlib.blake2b(repr(value).encode(), digest_size=8).digest()


def _hash(name: str | None) -> int:
    return int.from_bytes(_digest(name), "little")


def _kind(dtype: Any) -> Kind | None:
    if dtype is None or dtype == "bytes":
        return None
    return KINDS.get(str(dtype), "number")


def _range(dtype: Any) -> tuple[float, float] | None:
    """The values of a type of whole numbers."""
    if not isinstance(dtype, str) or not re.fullmatch(r"u?int(8|16|32|64)", dtype):
        return None
    known = np.iinfo(dtype)
    return float(known.min), float(known.max)


def _bound(expected: dict[str, Any], key: str) -> float | None:
    found = expected.get(key)
    if found is not None and (isinstance(found, bool) or not isinstance(found, (int, float))):
        raise Unreadable(f"`{key}` of the column {shown(str(expected['name']))} is not a number")
    return found


def _pattern(expected: dict[str, Any]) -> re.Pattern[str] | None:
    try:
        return re.compile(expected["pattern"]) if "pattern" in expected else None
    except (re.error, TypeError) as wrong:
        raise Unreadable(f"`pattern` of the column {shown(str(expected['name']))} is invalid: {wrong}") from None

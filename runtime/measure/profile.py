"""The reference profile: what the distributions of a model's columns were when it was evaluated.

The file is small, and drift needs nothing else of the training data. For a numeric column, it has the edges and counts
of bins with equal numbers of rows, and the mean and the spread within each. For categories, it has their counts.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...compiler.record import Record
from ..conditions import Unreadable, shown

__all__ = ["VERSION", "Category", "Column", "Numeric", "Opaque", "Profile", "profile_of"]

VERSION = 1


class Numeric(Record):
    """A column of numbers or times."""

    type: str
    """`number`, or `time` for seconds since 1970."""
    edges: tuple[float, ...]
    """The inner edges of bins, increasing. Bin k has the values from edge k - 1, inclusive, to edge k, exclusive."""
    counts: tuple[int, ...]
    means: tuple[float, ...]
    """The mean of each bin."""
    stds: tuple[float, ...]
    """The standard deviation within each bin."""
    nulls: int
    nans: int
    infinite: int
    mean: float | None
    std: float | None
    min: float | None
    max: float | None

    def document(self) -> dict[str, Any]:
        """Its part of the file."""
        fields = {name: getattr(self, name) for name in self._fields}
        return {"kind": "numeric", **{k: list(v) if isinstance(v, tuple) else v for k, v in fields.items()}}


class Category(Record):
    """A column of texts or booleans."""

    type: str
    """`text`, or `bool`."""
    counts: dict[str, int]
    other: int
    """The rows of categories that are not in `counts`, because they are rare."""
    nulls: int

    def document(self) -> dict[str, Any]:
        """Its part of the file."""
        return {"kind": "category", **{name: getattr(self, name) for name in self._fields}}


class Opaque(Record):
    """A column without a distribution that can be compared."""

    why: str
    nulls: int

    def document(self) -> dict[str, Any]:
        """Its part of the file."""
        return {"kind": "none", "why": self.why, "nulls": self.nulls}


Column = Numeric | Category | Opaque


class Profile(Record):
    """The distributions of all rows, or of the rows with one value of a segment."""

    rows: int
    columns: dict[str, Column]
    segments: dict[str, dict[str, Profile]] = {}  # noqa: RUF012 - records are immutable

    def document(self) -> dict[str, Any]:
        """The content of the file."""
        return {"version": VERSION, **self._part(), "segments": self._segments()}

    def _part(self) -> dict[str, Any]:
        return {"rows": self.rows, "columns": {name: column.document() for name, column in self.columns.items()}}

    def _segments(self) -> dict[str, Any]:
        return {
            column: {value: part._part() for value, part in parts.items()} for column, parts in self.segments.items()
        }


def profile_of(document: Any, name: str) -> Profile:
    """The profile in a document. Raises Unreadable, with the name of its file."""
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise Unreadable(f"{name} is not a profile with `version: {VERSION}`")
    try:
        segments = {
            column: {value: _part(part) for value, part in _mapping(parts).items()}
            for column, parts in _mapping(document.get("segments", {})).items()
        }
        return _part(document).but(segments=segments)
    except _Wrong as wrong:
        raise Unreadable(f"{name} is not a valid profile: {wrong}") from None


class _Wrong(Exception):  # noqa: N818
    """What is wrong with a part of the file."""


def _part(given: Any) -> Profile:
    part = _mapping(given)
    columns = {column: _column(column, _mapping(each)) for column, each in _mapping(part.get("columns")).items()}
    return Profile(rows=_count(part, "rows"), columns=columns)


def _column(name: str, given: dict[str, Any]) -> Column:
    try:
        match given.get("kind"):
            case "numeric":
                return _numeric(given)
            case "category":
                counts = {
                    value: _count(_mapping(given.get("counts")), value) for value in _mapping(given.get("counts"))
                }
                type_ = _one_of(given, "text", "bool")
                return Category(type=type_, counts=counts, other=_count(given, "other"), nulls=_count(given, "nulls"))
            case "none":
                return Opaque(why=str(given.get("why")), nulls=_count(given, "nulls"))
    except _Wrong as wrong:
        raise _Wrong(f"the column {shown(name)}: {wrong}") from None
    raise _Wrong(f"the column {shown(name)} has an unknown `kind`")


def _numeric(given: dict[str, Any]) -> Numeric:
    edges, means, stds = (_numbers(given, key) for key in ("edges", "means", "stds"))
    listed = given.get("counts")
    counts = [_count({"counts": each}, "counts") for each in (listed if isinstance(listed, list) else [])]
    if not len(counts) == len(means) == len(stds) == len(edges) + 1:
        raise _Wrong("`counts`, `means`, and `stds` need one value more than `edges`")
    if not all(np.diff(edges) > 0):
        raise _Wrong("`edges` do not increase")
    whole: dict[str, Any] = {key: _count(given, key) for key in ("nulls", "nans", "infinite")}
    some: dict[str, Any] = {
        key: None if given.get(key) is None else _number(given[key], key) for key in ("mean", "std", "min", "max")
    }
    return Numeric(
        type=_one_of(given, "number", "time"),
        edges=tuple(edges),
        counts=tuple(counts),
        means=tuple(means),
        stds=tuple(stds),
        **whole,
        **some,
    )


def _mapping(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise _Wrong("a mapping is missing")
    return given


def _one_of(given: dict[str, Any], *allowed: str) -> str:
    found = given.get("type")
    if found not in allowed:
        raise _Wrong(f"`type` is not one of {', '.join(allowed)}")
    return str(found)


def _count(given: dict[str, Any], key: str) -> int:
    found = given.get(key)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found < 2**62:
        raise _Wrong(f"`{shown(key)}` is not a count")
    return found


def _number(given: Any, key: str) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not math.isfinite(given):
        raise _Wrong(f"`{key}` has a value that is not a number")
    return float(given)


def _numbers(given: dict[str, Any], key: str) -> list[float]:
    found = given.get(key)
    if not isinstance(found, list):
        raise _Wrong(f"`{key}` is not a list")
    return [_number(each, key) for each in found]

"""The data contract in `training.json`: which columns each source has, and what is expected of them.

A column belongs to the source that its `from` names. With a single source, it belongs to that source. With several, a
column without `from` belongs to none, which the validation reports and does not guess.
"""

from __future__ import annotations

import re
from typing import Any

from ...compiler.record import Record
from ..conditions import Unreadable
from ..conditions import shown as _line

__all__ = ["READABLE", "SCHEMES", "Expected", "Source", "homeless", "shown", "sources_of", "unreadable"]

READABLE = ("parquet", "csv", "jsonl")
"""The formats that a step in a pod reads row by row."""

LARGEST = 1e300
"""A larger number, or NaN, cannot be a limit."""

SCHEMES = ("s3", "gs", "file")
"""The schemes of URIs that pyarrow opens, in addition to plain paths."""

_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_NUMBERS = (*_INTEGERS, "float16", "bfloat16", "float32", "float64")
_TIMES = ("timestamp", "date")
_DTYPES = ("bool", *_NUMBERS, "string", "bytes", "category", *_TIMES)


class Expected(Record):
    """A column and its expectations."""

    name: str
    dtype: str
    nullable: bool = True
    null_share: float | None = None
    """The maximum share of missing values, from 0 to 1."""
    unique: bool = False
    low: float | None = None
    high: float | None = None
    pattern: re.Pattern[str] | None = None
    one_of: tuple[str, ...] = ()
    distinct: int | None = None
    """The maximum number of distinct values."""
    personal: bool = False

    @property
    def numeric(self) -> bool:
        """Whether values are numbers, which bounds apply to."""
        return self.dtype in _NUMBERS


class Source(Record):
    """A source of training data, with the columns that it delivers."""

    name: str
    uri: str | None
    format: str | None
    columns: tuple[Expected, ...] = ()
    time: str | None = None
    """The column with the time of a record: that of a split by time, else the first timestamp or date."""
    freshness: float | None = None
    """The maximum age of the newest record in seconds."""
    daily: float | None = None
    """How many records arrive per day."""
    pinned: bool = False
    """Whether every run reads the same, pinned version."""
    as_of_run: bool = False
    lag: float = 0
    """How long before the run its data ends, in seconds."""


def sources_of(config: Any) -> list[Source]:
    """The sources of a training configuration. Raises `Unreadable` if it does not have the documented form."""
    data = _mapping(_mapping(config, "the configuration").get("data"), "`data`")
    listed = [_mapping(source, "a source") for source in _items(data.get("sources"), "`data.sources`")]
    names = [_text(source.get("name"), "the name of a source") for source in listed]
    columns: dict[str, list[Expected]] = {name: [] for name in names}
    for column in _columns(data):
        owner = column.get("from") or (names[0] if len(names) == 1 else None)
        if owner in columns:
            columns[owner].append(_expected(column))
    split = data.get("split")
    ordered = split.get("column") if isinstance(split, dict) and split.get("strategy") == "temporal" else None
    return [_source(given, tuple(columns[name]), ordered) for given, name in zip(listed, names, strict=True)]


def homeless(config: Any) -> list[str]:
    """The columns whose source the configuration does not say."""
    data = config["data"]
    names = [source["name"] for source in data.get("sources") or []]
    return [column["name"] for column in _columns(data) if not column.get("from")] if len(names) != 1 else []


def unreadable(source: Source) -> str | None:
    """Why a step in a pod cannot read the source; None if it can."""
    if source.uri is None:
        return "it has no `uri`"
    scheme = source.uri.partition("://")[0] if "://" in source.uri else "file"
    if scheme not in SCHEMES:
        return f"`{scheme}://` is not a place that holds files"
    if source.format not in READABLE:
        return f"`{source.format}` is not one of {', '.join(READABLE)}" if source.format else "it has no `format`"
    return None


def shown(value: object) -> str:
    """A value from an input, on one line, whatever it is."""
    return _line(value if isinstance(value, str) else repr(value))


def _columns(data: dict[str, Any]) -> list[dict[str, Any]]:
    return [_mapping(column, "a column") for column in _items(data.get("columns"), "`data.columns`")]


def _source(given: dict[str, Any], columns: tuple[Expected, ...], ordered: str | None) -> Source:
    name = given["name"]
    volume, version = given.get("volume") or {}, given.get("version") or {}
    kind = _mapping(version, f"`version` of {shown(name)}").get("kind")
    names = [column.name for column in columns]
    first = next((column.name for column in columns if column.dtype in _TIMES), None)
    return Source(
        name=name,
        uri=_optional(given.get("uri"), f"the URI of {shown(name)}"),
        format=_optional(given.get("format"), f"the format of {shown(name)}"),
        columns=columns,
        time=ordered if ordered in names else first,
        freshness=_number(given.get("freshness"), f"the freshness of {shown(name)}"),
        daily=_number(_mapping(volume, f"`volume` of {shown(name)}").get("daily"), f"the volume of {shown(name)}"),
        pinned=kind not in (None, "as-of-run"),
        as_of_run=kind == "as-of-run",
        lag=_number(version.get("lag"), f"the lag of {shown(name)}") or 0,
    )


def _expected(given: dict[str, Any]) -> Expected:
    name = _text(given.get("name"), "the name of a column")
    dtype = given.get("dtype")
    if dtype not in _DTYPES:
        raise Unreadable(f"the column {shown(name)} has the unknown type {shown(dtype)}")
    values = _mapping(given.get("values") or {}, f"`values` of {shown(name)}")
    most = _number(values.get("max"), f"`values.max` of {shown(name)}")
    low, high = (_number(given.get(key), f"`{key}` of {shown(name)}") for key in ("min", "max"))
    if dtype not in _NUMBERS and (low is not None or high is not None):
        raise Unreadable(f"the column {shown(name)} has a range, but `{dtype}` is not a number")
    return Expected(
        name=name,
        dtype=dtype,
        nullable=_flag(given.get("nullable", True), f"`nullable` of {shown(name)}"),
        null_share=_number(given.get("nullShare"), f"`nullShare` of {shown(name)}"),
        unique=_flag(given.get("unique", False), f"`unique` of {shown(name)}"),
        low=low,
        high=high,
        pattern=_pattern(given.get("pattern"), name),
        one_of=tuple(
            _text(value, f"a value of {shown(name)}") for value in _items(values.get("oneOf"), "`values.oneOf`")
        ),
        distinct=int(most) if most is not None else None,
        personal=_flag(given.get("personal", False), f"`personal` of {shown(name)}"),
    )


def _pattern(given: Any, name: str) -> re.Pattern[str] | None:
    if given is None:
        return None
    try:
        return re.compile(_text(given, f"`pattern` of {shown(name)}"))
    except (re.error, RecursionError, OverflowError) as wrong:
        raise Unreadable(f"`pattern` of {shown(name)} is not a regular expression: {wrong}") from None


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unreadable(f"{what} is not a mapping: {shown(value)}")
    return value


def _items(value: Any, what: str) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise Unreadable(f"{what} is not a list: {shown(value)}")
    return value or []


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise Unreadable(f"{what} is not a text: {shown(value)}")
    return value


def _optional(value: Any, what: str) -> str | None:
    return None if value is None else _text(value, what)


def _number(value: Any, what: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= LARGEST:
        raise Unreadable(f"{what} is not a number: {shown(value)}")
    return float(value)


def _flag(value: Any, what: str) -> bool:
    if not isinstance(value, bool):
        raise Unreadable(f"{what} is not true or false: {shown(value)}")
    return value

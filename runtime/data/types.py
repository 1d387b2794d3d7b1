"""Whether the type of a column in a file is the type that the contract declares.

Types match exactly, so that a column which becomes narrower, wider, or another kind is noticed: an `int64` column with
nulls that pandas writes is `double` in the file. Timestamps match in every unit and time zone, and texts and bytes in
every width. No file format has bfloat16, so wider floats hold it.

CSV has no types: there, a column matches if every value can be read as one of the type. JSON has texts, booleans, and
numbers: a whole number is a value of every numeric type that can hold it, and a time is a text.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from .contract import Expected

__all__ = ["arrow_type", "converted", "matches"]

_EXACT = {
    "bool": pa.bool_(),
    "float16": pa.float16(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "bytes": pa.binary(),
    "string": pa.string(),
    "category": pa.string(),
    "bfloat16": pa.float32(),
    **{f"{sign}int{bits}": getattr(pa, f"{sign}int{bits}")() for sign in ("", "u") for bits in (8, 16, 32, 64)},
}

_TRUE, _FALSE = ("true", "True", "TRUE", "1"), ("false", "False", "FALSE", "0")


def arrow_type(dtype: str) -> pa.DataType:
    """The Arrow type of a declared type."""
    return _EXACT[dtype]


def matches(found: pa.DataType, dtype: str) -> bool:
    """Whether a typed file holds the declared type."""
    text = _is_text(found) or (pa.types.is_dictionary(found) and _is_text(found.value_type))
    match dtype:
        case "string":
            return text
        case "category":
            return bool(text or pa.types.is_dictionary(found) or pa.types.is_integer(found))
        case "bytes":
            return bool(
                pa.types.is_binary(found) or pa.types.is_large_binary(found) or pa.types.is_fixed_size_binary(found)
            )
        case "timestamp":
            return bool(pa.types.is_timestamp(found))
        case "date":
            return bool(pa.types.is_date(found))
        case "bfloat16":
            return bool(pa.types.is_floating(found))
        case _:
            return bool(found == _EXACT[dtype])


def _is_text(found: pa.DataType) -> bool:
    return bool(pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found))


def converted(values: pa.Array, column: Expected, *, json: bool = False) -> tuple[pa.Array, pa.Array]:
    """Values of CSV or JSON as the declared type, and which of them are not of it (those become null).

    An empty text of a CSV file is a missing value; in JSON, it is a text, as `"1"` is.
    """
    if not pa.types.is_string(values.type):
        return _from_json(values, column)
    if json and (column.numeric or column.dtype == "bool"):
        return pa.nulls(len(values), arrow_type(column.dtype)), pc.is_valid(values)
    if not json:
        values = pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
    if column.dtype in ("string", "category"):
        return values, _none_wrong(values)
    if column.dtype == "bytes":
        return values.cast(pa.binary()), _none_wrong(values)
    target = arrow_type(column.dtype)
    try:
        return _parsed(values, target), _none_wrong(values)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return _one_by_one(values, target)


def _from_json(values: pa.Array, column: Expected) -> tuple[pa.Array, pa.Array]:
    """Values that JSON already distinguishes from texts."""
    target, found = arrow_type(column.dtype), values.type
    if pa.types.is_timestamp(found):  # a text that the reader of JSON took for a time
        if column.dtype in ("string", "category"):
            return values.cast(pa.string()), _none_wrong(values)
        if column.dtype in ("timestamp", "date"):
            return values.cast(target, safe=False), _none_wrong(values)
    fits = (
        (pa.types.is_integer(found) and column.numeric)
        or (pa.types.is_floating(found) and pa.types.is_floating(target))
        or (pa.types.is_boolean(found) and column.dtype == "bool")
    )
    if not fits:
        return pa.nulls(len(values), target), pc.is_valid(values)
    try:
        return _cast_number(values, target), _none_wrong(values)
    except pa.ArrowInvalid:  # a whole number that the type cannot hold
        return _one_by_one(values, target)


def _cast_number(values: pa.Array, target: pa.DataType) -> pa.Array:
    if pa.types.is_floating(target):
        values = values.cast(pa.float64(), safe=False)
        return (
            values.cast(pa.float32(), safe=False).cast(target) if pa.types.is_float16(target) else values.cast(target)
        )
    return values.cast(target)


def _none_wrong(values: pa.Array) -> pa.Array:
    return pa.repeat(pa.scalar(False), len(values))


def _parsed(values: pa.Array, target: pa.DataType) -> pa.Array:
    if not pa.types.is_string(values.type):
        return _cast_number(values, target)
    if pa.types.is_timestamp(target):
        return _times(values)
    if pa.types.is_float16(target):
        return values.cast(pa.float32()).cast(target)
    return values.cast(target)


def _times(values: pa.Array) -> pa.Array:
    """Times with a zone or without one, which is UTC, to the nanosecond, as microseconds in UTC."""
    for zone in ("UTC", None):
        for unit in ("us", "ns"):
            try:
                made = values.cast(pa.timestamp(unit, zone))
            except pa.ArrowInvalid:
                continue
            return made.cast(pa.timestamp(unit)).cast(pa.timestamp("us"), safe=False)
    raise pa.ArrowInvalid("not a time")


def _one_by_one(values: pa.Array, target: pa.DataType) -> tuple[pa.Array, pa.Array]:
    """Each distinct value once: a column that has the wrong type repeats the same few texts, or is wrong throughout."""
    encoded = values.dictionary_encode()
    kept: list[pa.Scalar | None] = []
    wrong: list[bool] = []
    for index in range(len(encoded.dictionary)):
        try:
            kept.append(_parsed(encoded.dictionary.slice(index, 1), target)[0])
            wrong.append(False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            kept.append(None)
            wrong.append(True)
    plain = pa.array([value.as_py() if value is not None else None for value in kept], target)
    bad = pa.array(wrong, pa.bool_())
    return plain.take(encoded.indices), pc.fill_null(bad.take(encoded.indices), False)

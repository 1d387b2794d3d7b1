"""A part of the spec as JSON: the same keys and words, all defaults filled in, and quantities as numbers in base units.

Training code should not have to parse `45d`. Durations are in seconds, shares are fractions, sizes are in bytes, and
rates are in events per second. Money stays as it is written.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..compiler.because import Because, Derived, because
from ..compiler.language import OBJECTS, UNIONS
from ..compiler.part import Part
from ..schema.money import Money
from ..schema.units import Count, Quantity

__all__ = ["as_data", "epoch", "quantity"]

_TAGS = {variant: tag for tag, variants in UNIONS.values() for variant in variants.values()}


def as_data(part: Part, without: tuple[str, ...] = (), context: tuple[Because[Any], ...] = ()) -> dict[str, Any]:
    """A part of the spec as plain data with reasons, under the keys of the language. `without` leaves out keys.

    The tag of a union decides which keys exist, so every leaf of a variant also has the tag as a source.
    """
    name = type(part).__name__
    table = {key: entry[0] for key, entry in OBJECTS[name].items() if key not in without}
    if name in _TAGS:
        context = (*context, getattr(part, OBJECTS[name][_TAGS[name]][0]))
    return {key: _value(getattr(part, attribute), context) for key, attribute in table.items()}


def _value(value: Any, context: tuple[Because[Any], ...]) -> Any:
    if isinstance(value, Derived):
        return _value(value.given, context)
    if isinstance(value, Because):
        plain = value.map(quantity)
        return plain.also(context) if context else plain
    if isinstance(value, Part):
        return as_data(value, context=context)
    if isinstance(value, dict):
        return {key: _entry(child, context) for key, child in value.items()} or None
    if isinstance(value, tuple):
        return [_value(child, context) for child in value] or None
    return value


def _entry(value: Any, context: tuple[Because[Any], ...]) -> Any:
    """A value under a key that the author chose: the line with the key has the name as its source."""
    entry = _value(value, context)
    return because(entry, "its name", value.own_name) if isinstance(value, Part) else entry


def quantity(value: Any) -> Any:
    """A leaf as a JSON value."""
    if isinstance(value, Money):
        return str(value)
    if isinstance(value, Quantity):
        whole = value.amount == value.amount.to_integral_value()
        return int(value.amount) if isinstance(value, Count) or whole else float(value.amount)
    return value


def epoch(moment: str) -> int:
    """A timestamp of RFC 3339 as Unix time, in seconds."""
    return int(datetime.fromisoformat(moment).timestamp())

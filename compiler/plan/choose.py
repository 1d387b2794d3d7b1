"""Helpers that decisions share: explicit values before derived ones, assumptions, and numbers in readable form."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

from ...schema.units import Duration, plain
from ..because import Because, Derived, sources_of
from ..system import Latency

__all__ = [
    "assumed",
    "count",
    "counted",
    "gibibytes",
    "number",
    "or_else",
    "percentiles",
    "plural",
    "readable",
    "seconds",
    "significant",
    "whole_seconds",
    "window",
]

T = TypeVar("T")


def percentiles(latency: Latency) -> dict[str, Because[Duration]]:
    """The values of a latency that are set, by percentile, lowest first."""
    return {name: value for name in latency.fields if (value := getattr(latency, name)) is not None}


def or_else(field: Derived[T], decide: Callable[[], Because[T]]) -> Because[T]:
    """The author's value if there is one, else the planner's decision."""
    return field.given if field.given is not None else decide()


def assumed(path: str, value: T, why: str, *sources: object) -> Because[T]:
    """A value that the planner assumes until the spec or the platform file sets `path`."""
    return Because(value, why, tuple(sources_of(sources)), "assumed", path)


def whole_seconds(length: Duration) -> int:
    """A duration in seconds, rounded up: half a second must not become none."""
    return math.ceil(length.amount)


def seconds(value: float) -> str:
    """A duration with three significant digits and a suitable unit: `21.2 min`."""
    if value < 1:
        return f"{number(value * 1000)} ms"
    if value < 120:
        return f"{number(value)} s"
    if value < 7200:
        return f"{number(value / 60)} min"
    return f"{number(value / 3600)} h"


def number(value: float) -> str:
    """A number with three significant digits, or a whole number with thousands separators from 100 up."""
    return f"{value:,.0f}" if abs(value) >= 100 else significant(value, 3)


def significant(value: float, digits: int) -> str:
    """A number with some significant digits, and never with an exponent: `0.0000123`."""
    return plain(Decimal(f"{value + 0.0:.{digits}g}")) if math.isfinite(value) else str(value)


def counted(amount: float) -> str:
    """A parameter count in the short form of model names: `8.03B`."""
    return f"{number(amount / 1e9)}B" if amount >= 1e9 else f"{number(amount / 1e6)}M"


def gibibytes(amount: float) -> str:
    """A number of bytes as GiB."""
    return f"{amount / 2**30:,.2f} GiB"


def count(value: int, what: str) -> str:
    """A number with its noun: `1 replica`, `2 replicas`, `1,000 retries`."""
    return f"{value:,} {plural(what, one=value == 1)}"


def plural(noun: str, *, one: bool = False) -> str:
    """The plural of a noun, or the noun itself for `one`: `replicas`, `retries`, `searches`."""
    if one:
        return noun
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"


def window(minutes: int) -> str:
    """The length of a window: `5 min`, or `1d` for a long one."""
    return f"{minutes} min" if minutes < 120 else readable(Duration(Decimal(minutes * 60)))


def readable(length: Duration) -> str:
    """A duration in whole days, hours, minutes, and seconds: `6d 21h 45m` rather than `9945m`. Parts of a second follow
    two seconds and more: `8.01s` rather than `8010ms`.
    """
    left = int(length.amount)
    if left != length.amount:
        return f"{plain(length.amount)}s" if left >= 2 else str(length)
    if left < 120:
        return str(length)
    parts = []
    for unit, each in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        many, left = divmod(left, each)
        if many:
            parts.append(f"{many}{unit}")
    return " ".join(parts)

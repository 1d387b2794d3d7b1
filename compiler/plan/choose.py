"""What decisions share: the author's word first, bounds of a service before those of its system, and plain numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ...schema.units import Duration
from ..because import Because, Derived, sources_of

__all__ = ["assumed", "count", "number", "or_else", "plural", "seconds", "spelt"]

T = TypeVar("T")


def or_else(field: Derived[T], decide: Callable[[], Because[T]]) -> Because[T]:
    """What the author says, else what is decided."""
    return field.given if field.given is not None else decide()


def assumed(path: str, value: T, why: str, *sources: object) -> Because[T]:
    """What the planner takes for granted, until somebody writes it at `path`."""
    return Because(value, why, tuple(sources_of(sources)), "assumed", path)


def seconds(value: float) -> str:
    """A length of time in words, with the digits that matter."""
    if value < 1:
        return f"{value * 1000:.3g} ms"
    if value < 120:
        return f"{value:.3g} s"
    if value < 7200:
        return f"{value / 60:.3g} min"
    return f"{value / 3600:.3g} h"


def number(value: float) -> str:
    """A number in words, with the digits that matter."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def count(value: int, what: str) -> str:
    """`1 replica`, `2 replicas`, `1,000 tries`."""
    return f"{value:,} {plural(what, one=value == 1)}"


def plural(noun: str, *, one: bool = False) -> str:
    """A noun for any number but one: `replicas`, `tries`, `searches`."""
    if one:
        return noun
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"


def spelt(length: Duration) -> str:
    """A length of time in whole days, hours, minutes and seconds: `6d 21h 45m` rather than `9945m`."""
    left = int(length.amount)
    if length.amount < 120 or left != length.amount:
        return str(length)
    parts = []
    for unit, each in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        many, left = divmod(left, each)
        if many:
            parts.append(f"{many}{unit}")
    return " ".join(parts)

"""Leaves: how a field interprets the text of a scalar.

A string field takes the text verbatim (law 8), so `no` and `0012` stay strings. Numbers and booleans follow YAML 1.2's
core schema.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache
from typing import Any

from ...schema.scalars import SCALARS
from ...schema.units import compiled, plain
from ..language import Kind
from ..tree import Scalar, is_null
from ..words import listing

__all__ = ["NotAChoice", "OutOfRange", "WrongKind", "core_value", "default_of", "parse", "what"]

_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = r"[-+]?[0-9]{1,15}|0x[0-9a-fA-F]{1,12}|0o[0-7]{1,15}"
_NUMBER = r"[-+]?(?:[0-9]{1,15}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?"


class NotAChoice(Exception):  # noqa: N818 - becomes a finding, not a failure
    """The text is not one of the field's allowed values."""


class WrongKind(Exception):  # noqa: N818
    """The text does not have the field's type."""


class OutOfRange(Exception):  # noqa: N818
    """The number is outside the field's bounds, which `help` states."""

    def __init__(self, found: str, help: str) -> None:  # noqa: A002
        super().__init__(found)
        self.help = help


@lru_cache(maxsize=1024)  # each file is bound as it was written, and again in every environment
def parse(kind: Kind, text: str, is_plain: bool) -> Any:
    """The value of a scalar. Raises `UnitError` or one of the exceptions above if the text is invalid."""
    match kind[0]:
        case "scalar":
            scalar = SCALARS[kind[1]]
            return scalar.parse(_as_number(text) if scalar.number and is_plain else text)
        case "enum":
            for choice in kind[1]:
                if str(choice) == text and (is_plain or isinstance(choice, str)):
                    return choice
            raise NotAChoice
        case "bool":
            if not is_plain or text not in _BOOLS:
                raise WrongKind
            return _BOOLS[text]
        case "integer":
            if not is_plain or compiled(_INTEGER).fullmatch(text) is None:
                raise WrongKind
            return _bounded(_integer(text), kind)
        case "number":
            if not is_plain or compiled(_NUMBER).fullmatch(text) is None:
                raise WrongKind
            return _bounded(float(text), kind)
    raise AssertionError(kind)


def _integer(text: str) -> int:
    return int(text, 0) if text.startswith(("0x", "0o")) else int(text)


def _bounded(value: Any, kind: Kind) -> Any:
    low, high = kind[1], kind[2]
    low_open, high_open = kind[3:] or (False, False)
    if low is not None and (value < low or (low_open and value == low)):
        raise OutOfRange("too small", f"write a number above {low:,}" if low_open else f"write {low:,} or more")
    if high is not None and (value > high or (high_open and value == high)):
        raise OutOfRange("too large", f"write a number below {high:,}" if high_open else f"write {high:,} or less")
    if abs(value) > 1e300:
        raise OutOfRange("too large to compute with", "write a smaller number")
    return value


def _as_number(text: str) -> str:
    """An unquoted YAML number in any notation, written out: `1e3` becomes `1000`."""
    if compiled(_NUMBER).fullmatch(text) is None:
        return text
    try:
        return plain(Decimal(text))
    except InvalidOperation:
        return text


@cache
def default_of(kind: Kind, text: str) -> Any:
    """The value of a field that the spec omits."""
    return parse(kind, text, True)


def what(kind: Kind) -> str:
    """What a field accepts, in words."""
    match kind[0]:
        case "scalar":
            return SCALARS[kind[1]].what
        case "enum":
            return f"one of {listing([str(choice) for choice in kind[1]])}"
        case "integer":
            return "an integer"
        case "number":
            return "a number"
        case "bool":
            return "true or false"
    return "a list" if kind[0] == "list" else "a mapping"


def core_value(node: Scalar) -> Any:
    """The value of a scalar that no field interprets, by YAML 1.2's core schema."""
    if not node.plain:
        return node.text
    if is_null(node):
        return None
    if node.text in _BOOLS:
        return _BOOLS[node.text]
    if compiled(_INTEGER).fullmatch(node.text):
        return _integer(node.text)
    return float(node.text) if compiled(_NUMBER).fullmatch(node.text) else node.text

"""Instead: what to write in place of a value of another shape, such as `{mean: 8ms}` for `8ms`."""

from __future__ import annotations

from collections.abc import Iterator

from ...schema.units import UnitError
from ..language import OBJECTS, UNIONS, Kind
from ..tree import Mapping, Node, Scalar, Sequence, name_of
from ..words import listing, shown
from .leaf import NotAChoice, OutOfRange, WrongKind, parse

__all__ = ["instead"]

_LEAVES = frozenset(("scalar", "enum", "bool", "integer", "number"))


def instead(kind: Kind, node: Node) -> str:
    """The help for a field whose value has another shape; empty if nothing is known about what was meant."""
    match kind[0], node:
        case "list", Mapping() if kind[2] and node.keys:
            return f"write each entry as an item, such as `- {{{kind[2]}: {shown(next(iter(node.keys)))}, ...}}`"
        case "list", Scalar() if _fits(kind[1], node):
            return f"write `[{shown(node.text)}]`"
        case "map", Sequence() if first := next((one for item in node.items if (one := name_of(item, "name"))), None):
            return f"write each item under its name, such as `{shown(first)}: {{...}}`"
        case "object", Scalar():
            return _of_object(kind[1], node)
        case "union", Scalar():
            tag, variants = UNIONS[kind[1]]
            return f"write `{{{tag}: {node.text}, ...}}`" if node.text in variants else ""
    return ""


def _of_object(type_name: str, node: Scalar) -> str:
    """The fields that take the text of a scalar: those that are required, or else all of them."""
    table = OBJECTS[type_name]
    needed = [key for key, entry in table.items() if entry[1] == "required"]
    fitting = [key for key, entry in table.items() if _fits(entry[2], node)]
    best = [key for key in fitting if key in needed] or fitting
    if not best:
        return f"write a mapping with {listing(table)}"
    others = "".join(f", {key}: ..." for key in needed if key != best[0])
    also = f", or use {listing(best[1:])}" if len(best) > 1 else ""
    return f"write `{{{best[0]}: {shown(node.text)}{others}}}`{also}"


def _fits(kind: Kind, node: Scalar) -> bool:
    """Whether a leaf can have the text of a scalar."""
    return any(_parses(one, node) for one in _leaves(kind))


def _leaves(kind: Kind) -> Iterator[Kind]:
    if kind[0] == "either":
        yield from _leaves(kind[1])
    elif kind[0] in _LEAVES:
        yield kind


def _parses(kind: Kind, node: Scalar) -> bool:
    try:
        parse(kind, node.text, node.plain)
    except (UnitError, NotAChoice, OutOfRange, WrongKind):
        return False
    return True

"""Whether a patch fits its object: fields of Kubernetes objects have one type, so a patch cannot change it.

The emitted object is the schema: where a patch replaces a mapping, a list, or a scalar, it has to write another one of
them. Nothing is known about a field that a patch adds, except that no object has a list in a list.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..bind.leaf import core_value
from ..emit.dump import plain
from ..record import Record
from ..tree import Mapping, Node, Scalar, Sequence, is_null
from ..words import closest, listing
from .strategic import DIRECTIVE, NamedList, deletes, name_in, named

__all__ = ["Misfit", "misfits"]

Path = tuple[str, ...]

_IDENTITY = (("apiVersion",), ("kind",), ("metadata",), ("metadata", "name"))
"""What an object cannot be without."""

_FIXED = (("kind",), ("metadata", "name"))
"""What other objects, and the patch's own target, call it by."""

_TEXTS = ("annotations", "labels", "matchLabels", "nodeSelector")
"""Mappings whose values are strings in every object (kubernetes/apimachinery, pkg/apis/meta/v1/types.go)."""


class Misfit(Record):
    """One place at which a patch does not fit."""

    node: Node
    said: str
    """What is wrong, as the rest of a sentence that starts with `the patch`."""
    help: str


def misfits(body: Any, patch: Mapping, *, strategic: bool) -> list[Misfit]:
    """Every place at which a patch does not fit the object."""
    return list(_mapping(plain(body), patch, (), strategic))


def _mapping(below: dict[str, Any], patch: Mapping, path: Path, strategic: bool) -> Iterator[Misfit]:
    for key, node in patch.entries.items():
        here = (*path, key)
        name = ".".join(here)
        old = below.get(key)
        if is_null(node) and here in _IDENTITY:
            yield Misfit(node=node, said=f"removes `{name}`", help=f"remove `{name}` from the patch")
        elif is_null(node):
            continue
        elif here in _FIXED and not (isinstance(node, Scalar) and node.text == old):
            help_ = f"remove `{name}` from the patch: the target names the object"
            yield Misfit(node=node, said=f"changes `{name}`", help=help_)
        elif path[-1:] and path[-1] in _TEXTS and not _is_text(node):
            said = f"sets `{name}` to {_said(node)}, but its values are strings"
            yield Misfit(node=node, said=said, help=_quoted(node))
        else:
            yield from _value(old, node, here, strategic)


def _value(old: Any, node: Node, path: Path, strategic: bool) -> Iterator[Misfit]:
    if old is not None and _shape(old) is not type(node):
        wanted = _shape(old).what
        said = f"sets `{'.'.join(path)}` to {_said(node)}, but it is {wanted}"
        yield Misfit(node=node, said=said, help=f"write {wanted} there, or `null` to remove it")
    elif isinstance(node, Scalar) and old is not None and isinstance(old, bool) is not _is_boolean(node):
        wanted = "`true` or `false`" if isinstance(old, bool) else "no boolean"
        said = f"sets `{'.'.join(path)}` to {_said(node)}, but it is {wanted}"
        yield Misfit(node=node, said=said, help=f"write a value like `{str(old).lower()}`, without changing its type")
    elif isinstance(node, Mapping):
        yield from _mapping(old or {}, node, path, strategic)
    elif isinstance(node, Sequence):
        known = named(path[-1], old) if strategic else None
        yield from _list(old or [], node, path, strategic)
        if known is not None:
            yield from _names(known, old or [], node, path)


def _list(old: list[Any], node: Sequence, path: Path, strategic: bool) -> Iterator[Misfit]:
    sample = _sample(old)
    for item in node.items:
        if isinstance(item, Sequence) or is_null(item):
            said = f"writes {_said(item)} as an item of `{'.'.join(path)}`"
            yield Misfit(node=item, said=said, help="remove it: the items of a list are mappings or values")
        else:
            yield from _value(sample, item, (*path, "[]"), strategic)


def _names(known: NamedList, old: list[Any], node: Sequence, path: Path) -> Iterator[Misfit]:
    """Items that cannot be found in a list, and cannot be added to it."""
    here, there = ".".join(path), {name_in(known, item) for item in old}
    seen: set[str] = set()
    for item in node.items:
        name = name_in(known, item)
        if not isinstance(item, Mapping):
            continue
        if name is None:
            said = f"has an item of `{here}` without `{known.key}`"
            yield Misfit(node=item, said=said, help=f"add `{known.key}: ...`: a strategic patch finds items by it")
        elif name in seen:
            yield Misfit(node=item, said=f"has two items `{name}` of `{here}`", help="merge the two")
        elif name not in there and (deletes(item) or not _whole(known, item)):
            said = f"changes `{name}`, which `{here}` does not have"
            yield Misfit(node=item.entries[known.key], said=said, help=_meant(known, name, there))
        elif DIRECTIVE in item.entries and not deletes(item):
            help_ = f"write `{DIRECTIVE}: delete` to remove the item, or remove the key"
            yield Misfit(node=item.entries[DIRECTIVE], said=f"has an unknown `{DIRECTIVE}`", help=help_)
        seen.add(name or "")


def _whole(known: NamedList, item: Mapping) -> bool:
    one_of = not known.one_of or any(key in item.entries for key in known.one_of)
    return one_of and all(key in item.entries for key in known.whole) and (not known.source or len(item.entries) > 1)


def _meant(known: NamedList, name: str, there: set[str | None]) -> str:
    near = closest(name, [one for one in there if one is not None])
    needs = listing([*known.whole, *known.one_of[:1]] or ["what it consists of"])
    return f"write `{near}`" if near else f"to add it, write all of it, with {needs}"


def _sample(items: list[Any]) -> Any:
    """The fields that the items of a list have; None if it has no items."""
    known: dict[str, Any] = {}
    for item in items:
        if not isinstance(item, dict):
            return item
        for key, value in item.items():
            known.setdefault(key, value)
    return known or None


def _shape(value: Any) -> type[Node]:
    return Mapping if isinstance(value, dict) else Sequence if isinstance(value, list) else Scalar


def _is_boolean(node: Scalar) -> bool:
    return isinstance(core_value(node), bool)


def _is_text(node: Node) -> bool:
    return isinstance(node, Scalar) and isinstance(core_value(node), str)


def _said(node: Node) -> str:
    return "null" if is_null(node) else f"`{node.text}`" if isinstance(node, Scalar) else node.what


def _quoted(node: Node) -> str:
    return f'write `"{node.text}"`, with quotes' if isinstance(node, Scalar) else "write a string there"

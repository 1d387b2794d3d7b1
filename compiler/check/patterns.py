"""Patterns: the values of a tree by path, and the places in it that patterns match.

A pattern is a path. In it, `*` matches one step, and `*[mode=edge]` one step under which `mode` is `edge`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from ..catalog.load import ships
from ..tree import Mapping, Node, Scalar, Sequence, name_of

__all__ = ["Path", "children", "covered", "selected", "values", "written"]

Path = tuple[str, ...]

_HERE = ""
"""Marks the end of a pattern in a `_Trie`."""

_Trie = dict[str, Any]
"""Maps the first step of patterns to the rest of them, or to an end."""


def values(node: Node, path: Path = ()) -> list[tuple[Path, Scalar]]:
    """Every value at or under a node, with its path."""
    found: list[tuple[Path, Scalar]] = []
    _gather(node, path, found, False)
    return found


def written(tree: Node) -> list[tuple[Path, Scalar]]:
    """The same without the catalog's values.

    A merged mapping belongs to the highest file in it, so everything in one of the catalog's is the catalog's.
    """
    found: list[tuple[Path, Scalar]] = []
    _gather(tree, (), found, True)
    return found


def _gather(node: Node, path: Path, found: list[tuple[Path, Scalar]], authored: bool) -> None:
    if authored and ships(node.file):
        return
    if isinstance(node, Scalar):
        found.append((path, node))
    elif isinstance(node, Mapping):
        for step, child in node.entries.items():
            _gather(child, (*path, step), found, authored)
    elif isinstance(node, Sequence):
        for index, child in enumerate(node.items):
            _gather(child, (*path, str(index)), found, authored)


def selected(tree: Node, pattern: str) -> list[tuple[Path, Node, Node]]:
    """Path, key, and node of every place that a pattern matches."""
    places: list[tuple[Path, Node, Node]] = [((), tree, tree)]
    for wanted in pattern.split("."):
        places = [((*path, step), key, child) for path, _, node in places for step, key, child in _named(node, wanted)]
        if not places:
            break
    return places


def covered(tree: Node, patterns: Iterable[str]) -> set[int]:
    """Every value at or under the places that the patterns match; `a if b` matches `a` only if `b` exists."""
    parts = [pattern.partition(" if ") for pattern in patterns]
    found: set[int] = set()
    _cover(tree, _trie(tuple(path for path, _, needed in parts if not needed or selected(tree, needed))), found)
    return found


@lru_cache(maxsize=8)
def _trie(patterns: tuple[str, ...]) -> _Trie:
    whole: _Trie = {}
    for pattern in patterns:
        at = whole
        for step in pattern.split("."):
            at = at.setdefault(step, {})
        at[_HERE] = {}
    return whole


def _cover(node: Node, patterns: _Trie, found: set[int]) -> None:
    if _HERE in patterns:
        found.update([id(node)] if isinstance(node, Scalar) else [id(value) for _, value in values(node)])
        return
    entries = node.entries if isinstance(node, Mapping) else {}
    for wanted, rest in patterns.items():
        if wanted[0] == "*":
            for _, _, child in _named(node, wanted):
                _cover(child, rest, found)
        elif wanted in entries:
            _cover(entries[wanted], rest, found)


def _named(node: Node, wanted: str) -> Iterator[tuple[str, Node, Node]]:
    """The children that one step of a pattern matches."""
    if wanted[0] != "*":
        if isinstance(node, Mapping) and wanted in node.entries:
            yield wanted, node.keys[wanted], node.entries[wanted]
        return
    key, _, value = wanted[2:-1].partition("=")
    yield from (one for one in children(node) if not key or name_of(one[2], key) == value)


def children(node: Node) -> Iterator[tuple[str, Node, Node]]:
    """Step, key, and node of every direct child."""
    if isinstance(node, Mapping):
        yield from ((step, node.keys[step], child) for step, child in node.entries.items())
    elif isinstance(node, Sequence):
        yield from ((str(index), child, child) for index, child in enumerate(node.items))

"""The catalog is the floor: `null` removes what files set, but no entry of the catalog, which every system needs.

Without this, an unfinished line such as `platform:` would remove the runtimes, and with them all workloads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..diagnostics import Diagnostic
from ..tree import Mapping, Node, is_null, lookup

__all__ = ["emptied", "no_value", "restored", "sections"]

Path = tuple[str, ...]

_NOTE = "an empty value is `null`, which removes the value of a lower layer; "
_ENTRY = "here only the catalog sets one, and its entries stay"
_SECTION = "this one would also remove entries of the catalog, such as runtimes, without which nothing can run"
_ONE = "; to undo one setting of the platform file, write `null` at that setting"


def restored(tree: Mapping, floor: Mapping, collections: frozenset[Path], path: Path = ()) -> Mapping:
    """The tree with the entries of the catalog that a `null` removed; `floor` is the catalog's own tree."""
    put: dict[str, Node] = {}
    for key, low in floor.entries.items():
        high = tree.entries.get(key)
        if high is None:
            put[key] = low
        elif path not in collections and isinstance(high, Mapping) and isinstance(low, Mapping):
            whole = restored(high, low, collections, (*path, key))
            if whole is not high:
                put[key] = whole
    if not put:
        return tree
    keys = {**tree.keys, **{key: floor.keys[key] for key in put if key not in tree.keys}}
    return Mapping(tree.place, keys, {**tree.entries, **put})


def sections(tree: Mapping, collections: frozenset[Path], path: Path = ()) -> tuple[Mapping, list[tuple[str, Node]]]:
    """The tree without each `null` at a section of `platform` that holds collections, and those nulls with their keys.

    Such a section has several authors, so none of them can mean to remove all of it.
    """
    put: dict[str, Node] = {}
    nulls: list[tuple[str, Node]] = []
    for key, child in tree.entries.items():
        here = (*path, key)
        if here[0] != "platform" or not any(here == collection[: len(here)] for collection in collections):
            put[key] = child
        elif is_null(child):
            nulls.append((key, child))
        elif isinstance(child, Mapping):
            put[key], below = sections(child, collections, here)
            nulls += below
        else:
            put[key] = child
    whole = tree if not nulls else Mapping(tree.place, {key: tree.keys[key] for key in put}, put)
    return whole, nulls


def emptied(trees: Sequence[Mapping], floor: Mapping, collections: frozenset[Path]) -> Iterator[tuple[str, Node, bool]]:
    """Each `null` at entries of the catalog, with its key, and whether there is anything else that it removes.

    `trees` are those of all files and settings, from lowest to highest.
    """
    for index, tree in enumerate(trees):
        for path, node in _nulls(tree, floor, collections):
            yield path[-1], node, any(lookup(below, path) is not None for below in trees[:index])


def _is_entry(path: Path, collections: frozenset[Path]) -> bool:
    return path[:-1] in collections


def _nulls(node: Node, floor: Node, collections: frozenset[Path], path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Each `null` at an entry of the catalog, or above one."""
    if path and is_null(node):
        yield path, node
    elif not _is_entry(path, collections) and isinstance(node, Mapping) and isinstance(floor, Mapping):
        for key, child in node.entries.items():
            if key in floor.entries:
                yield from _nulls(child, floor.entries[key], collections, (*path, key))


def no_value(name: str, node: Node, environment: str, *, section: bool) -> Diagnostic:
    """The mistake of such a `null`, at a section or at an entry."""
    return Diagnostic(
        id="MLS011",
        severity="error",
        message=f"`{name}` has no value",
        span=node.span,
        note=_NOTE + (_SECTION if section else _ENTRY),
        help="add a value, or remove the key" + (_ONE if section else ""),
        environments=(environment,),
    )

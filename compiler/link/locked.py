"""Locks against patches: a patch must not change what a value that the platform locks decides.

Every leaf of an object carries its sources, so it is known which leaves those are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..because import Because
from ..diagnostics import Diagnostic
from ..emit.artifact import Artifact
from ..emit.dump import Lines, plain
from ..finding import finding
from ..layer import Layered
from ..layer.locks import Lock, locked_nodes, locks
from ..system import Patch
from ..tree import Mapping, Node, Scalar, is_null
from ..tree import Sequence as Listed
from .strategic import deletes, named, pairs

__all__ = ["Locked"]

_REMARKS = (("metadata", "labels"), ("metadata", "annotations"))
"""Parts of an object that do not change what it does."""


class Locked:
    """The locked values of one environment."""

    def __init__(self, layered: Layered) -> None:
        self._environment = layered.environment
        self._locks = locks(layered)
        self._nodes = locked_nodes(layered)

    def broken(self, artifact: Artifact, patch: Patch) -> Iterator[Diagnostic]:
        """A finding for each lock that a patch evades, at the place in the patch that does."""
        told: set[str] = set()
        switch = self._lock((artifact.why,), switch=True)
        for path, old, node in _changes(artifact, patch):
            lock = self._lock((old,))
            if lock is None and path[:2] not in _REMARKS:
                lock = switch
            if lock is not None and lock.path not in told:
                told.add(lock.path)
                yield _evaded(lock, artifact, path, node)

    def _lock(self, things: Sequence[Any], *, switch: bool = False) -> Lock | None:
        """The lock of a value that some things depend on; of a `switch` only, which an object exists for."""
        waiting, seen = list(things), set[int]()
        while waiting:
            thing = waiting.pop()
            if isinstance(thing, dict):
                waiting += thing.values()
            elif isinstance(thing, (list, tuple)):
                waiting += thing
            elif isinstance(thing, Lines):
                waiting += thing.lines
            elif isinstance(thing, Because) and id(thing) not in seen:
                seen.add(id(thing))
                lock = self._direct(thing)
                if lock is not None and (not switch or isinstance(thing.value, bool)):
                    return lock
                waiting += [*thing.sources, thing.value]
        return None

    def _direct(self, value: Because[Any]) -> Lock | None:
        """The lock of the field that a value was read from, set or not."""
        if value.kind == "default":
            return next((lock for lock in self._locks if lock.covers(value.path)), None)
        found = (self._nodes.get(id(source)) for source in value.sources if isinstance(source, Scalar))
        return next((lock for lock in found if lock is not None), None)


Change = tuple[tuple[str, ...], Any, Node]
"""A value that a patch changes: its path, what it was, and the place in the patch."""


def _changes(artifact: Artifact, patch: Patch) -> Iterator[Change]:
    if patch.patch is not None:
        yield from _changed(artifact.body, patch.patch, (), patch.merge.value == "strategic")


def _changed(old: Any, patch: Node, path: tuple[str, ...], strategic: bool) -> Iterator[Change]:
    """The values that a patch changes. An equal value is no change."""
    below = old
    while isinstance(below, Because):
        below = below.value
    if isinstance(patch, Mapping) and isinstance(below, dict):
        for key, node in patch.entries.items():
            yield from _changed(below.get(key), node, (*path, key), strategic)
    elif isinstance(patch, Listed) and strategic and path and named(path[-1], below) is not None:
        yield from _in_named(below, patch, path)
    elif isinstance(patch, Listed) and isinstance(below, (list, tuple)):
        for index, item in enumerate(below):
            node = patch.items[index] if index < len(patch.items) else patch
            yield from _item(item, node, (*path, str(index)), strategic)
        for node in patch.items[len(below) :]:
            yield path, None, node
    elif not (isinstance(patch, Scalar) and not is_null(patch) and str(plain(below)) == patch.text):
        yield path, old, patch


def _in_named(old: Any, patch: Listed, path: tuple[str, ...]) -> Iterator[Change]:
    """The changes in a list that a patch merges by name."""
    known = named(path[-1], old)
    assert known is not None
    for item, node in pairs(known, old, patch):
        if node is not None and (item is None or deletes(node)):
            yield path, item, node
        elif node is not None and known.source:
            yield from _item(item, node, path, True)
        elif node is not None:
            yield from _changed(item, node, path, True)


def _item(old: Any, node: Node, path: tuple[str, ...], strategic: bool) -> Iterator[Change]:
    """The changes in an item of a list, which a patch replaces: what it leaves out is gone."""
    yield from _changed(old, node, path, strategic)
    below = old.value if isinstance(old, Because) else old
    if isinstance(below, dict) and isinstance(node, Mapping):
        for key, value in below.items():
            if key not in node.entries and plain(value) is not None:
                yield (*path, key), value, node


def _evaded(lock: Lock, artifact: Artifact, path: tuple[str, ...], node: Node) -> Diagnostic:
    kind = plain(artifact.object.get("kind")) if artifact.object is not None else "file"
    return finding(
        "MLS014",
        f"`{lock.path}` is locked by the platform, and the patch changes what it decides",
        node,
        label=f"changes `{'.'.join(path)}` of the {kind}",
        others=((lock.at, "locked here"),) if lock.at is not None else (),
        note="the platform team owns this value in every system, and the objects that follow from it",
        help="remove it from the patch, or ask the platform team to change or unlock the value in the platform file",
    )

"""Locks: values that the platform sets for every system and that no spec, environment, or `--set` may change."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic, Label
from ..record import Record
from ..tree import Mapping, Node, Scalar, Sequence, lookup, name_of
from . import Layer, Layered, merged_layers

__all__ = ["Lock", "broken_locks", "locked_nodes", "locks"]

ALWAYS = ("platform.plugins", "platform.policies")
"""Locked on every platform: linting a spec must not load its code, and a spec must not set its own lint policy."""


ABOVE = ("team", "system")
"""The owners of layers that locks hold for."""

Path = tuple[str, ...]


class Lock(Record):
    """One locked path."""

    path: str
    """Dotted; `*` stands for any key."""
    at: Scalar | None
    """Where the platform file locks it; None if it is locked on every platform."""

    @property
    def steps(self) -> Path:
        """The path as steps."""
        return tuple(self.path.split("."))

    def covers(self, path: str) -> bool:
        """Whether a dotted path is at or under the locked one."""
        steps = path.split(".")
        return len(steps) >= len(self.steps) and all(
            one in ("*", step) for one, step in zip(self.steps, steps, strict=False)
        )


def locks(layered: Layered) -> tuple[Lock, ...]:
    """All locked paths of an environment."""
    always = [Lock(path=path, at=None) for path in ALWAYS]
    found = (lookup(layer.tree, ("platform", "policies", "locked")) for layer in _below(layered))
    listed = [item for node in found if isinstance(node, Sequence) for item in node.items]
    return (*always, *(Lock(path=item.text, at=item) for item in listed if isinstance(item, Scalar)))


def locked_nodes(layered: Layered) -> dict[int, Lock]:
    """The lock that holds each value of the merged tree, by the id of its node."""
    return {
        id(leaf): lock
        for lock in locks(layered)
        for _, node in _matching(layered.tree, lock.steps)
        for leaf in _leaves(node)
    }


def broken_locks(layered: Layered) -> Iterator[Diagnostic]:
    """Every locked value that a layer above the platform's changes or removes.

    A layer removes one with `null`, a scalar, or a list at any of its parents, or with another discriminator. So this
    also compares the merged tree with what the platform's layers alone merge into.
    """
    below, above = _platform(layered), [layer for layer in layered.layers if layer.owner in ABOVE]
    for lock in locks(layered):
        changed: set[Path] = set()
        for layer in above:
            for path, node in _matching(layer.tree, lock.steps):
                if not _same(node, known := lookup(below, path)):
                    changed.add(path)
                    found = _locked(layered.environment, lock, node, known)
                    yield _of_a_team(found, lock.path, _below(layered)) if layer.owner == "team" else found
        for path, known in _matching(below, lock.steps):
            if path not in changed and not _same(known, lookup(layered.tree, path)):
                yield _locked(layered.environment, lock, _remover(above, path), known)


def _below(layered: Layered) -> list[Layer]:
    return [layer for layer in layered.layers if layer.owner not in ABOVE]


def _platform(layered: Layered) -> Mapping:
    """What the catalog and the platform file alone merge into. Without a platform file, nothing is set to be locked."""
    below = _below(layered)
    if any(layer.owner == "platform" for layer in below):
        return merged_layers(below)
    return Mapping(layered.tree.place, {}, {})


def _remover(above: list[Layer], path: Path) -> Node:
    """What hides a path of the platform: the highest value at one of its parents that is not a mapping."""
    ends = [_end(layer.tree, path) for layer in reversed(above)]
    whole = next((node for _, node in ends if not isinstance(node, Mapping)), None)
    return whole or max(ends, key=lambda end: end[0])[1]


def _end(node: Node, path: Path) -> tuple[int, Node]:
    """The last node on the way along a path, and how far the way leads."""
    for depth, step in enumerate(path):
        child = lookup(node, (step,))
        if child is None:
            return depth, node
        node = child
    return len(path), node


def _leaves(node: Node) -> Iterator[Node]:
    if isinstance(node, Mapping):
        for child in node.entries.values():
            yield from _leaves(child)
    elif isinstance(node, Sequence):
        for child in node.items:
            yield from _leaves(child)
    else:
        yield node


def _matching(node: Node, pattern: Path, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """The nodes whose path matches a pattern. Items of a list are matched by their name."""
    if not pattern:
        yield path, node
    elif isinstance(node, Mapping):
        for key, child in node.entries.items():
            if pattern[0] in (key, "*"):
                yield from _matching(child, pattern[1:], (*path, key))
    elif isinstance(node, Sequence):
        for child in node.items:
            name = name_of(child, "name")
            if name is not None and pattern[0] in (name, "*"):
                yield from _matching(child, pattern[1:], (*path, name))


def _same(one: Node, other: Node | None) -> bool:
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        return one.text == other.text
    if isinstance(one, Sequence) and isinstance(other, Sequence):
        return len(one.items) == len(other.items) and all(map(_same, one.items, other.items))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(_same(child, other.entries.get(key)) for key, child in one.entries.items())
    return False


def _locked(environment: str, lock: Lock, node: Node, below: Node | None) -> Diagnostic:
    others = (Label(span=lock.at.span, text="locked here"),) if lock.at is not None else ()
    if below is not None:
        others = (*others, Label(span=below.span, text="the platform's value"))
    return Diagnostic(
        id="MLS014",
        severity="error",
        message=f"`{lock.path}` is locked by the platform",
        span=node.span,
        label="changed here",
        others=others,
        note="the platform team owns this value in every system",
        help="remove it, or ask the platform team to change or unlock it in the platform file",
        environments=(environment,),
    )


def _of_a_team(found: Diagnostic, path: str, below: list[Layer]) -> Diagnostic:
    """The finding for a platform file below the platform's, with both places."""
    above = next((layer.tree for layer in below if layer.owner == "platform"), None)
    others = found.others
    if not others and above is not None:
        others = (Label(span=next(iter(above.keys.values())).span, text="the platform file that may set it"),)
    return found.but(
        others=others,
        note="a platform file below another one is as easy to change as a spec, so it cannot set what holds for specs",
        help=f"move `{path}` to the platform file above, or name the file that counts with `--platform`",
    )

"""Locks: values that the platform sets for every system and that no spec, environment, or `--set` may change."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic, Label
from ..tree import Mapping, Node, Scalar, Sequence, lookup
from . import Layer, Layered

__all__ = ["broken_locks"]

ALWAYS = ("platform.plugins", "platform.policies")
"""Locked on every platform: linting a spec must not load its code, and a spec must not set its own lint policy."""


def broken_locks(layered: Layered) -> Iterator[Diagnostic]:
    """Every value in a layer above the platform's that differs from the locked value below it."""
    below = [layer for layer in layered.layers if layer.owner != "system"]
    above = [layer for layer in layered.layers if layer.owner == "system"]
    locks: list[tuple[str, Scalar | None]] = [(path, None) for path in ALWAYS]
    locks += [(lock.text, lock) for lock in _locks(below)]
    for path, lock in locks:
        for layer in above:
            for steps, node in _matching(layer.tree, tuple(path.split("."))):
                known = next((n for low in reversed(below) if (n := lookup(low.tree, steps)) is not None), None)
                if not _same(node, known):
                    yield _locked(layered.environment, path, node, lock, known)


def _locks(layers: list[Layer]) -> list[Scalar]:
    locked = [lookup(layer.tree, ("platform", "policies", "locked")) for layer in layers]
    return [item for node in locked if isinstance(node, Sequence) for item in node.items if isinstance(item, Scalar)]


def _matching(
    node: Node, pattern: tuple[str, ...], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Node]]:
    if not pattern:
        yield path, node
    elif isinstance(node, Mapping):
        for key, child in node.entries.items():
            if pattern[0] in (key, "*"):
                yield from _matching(child, pattern[1:], (*path, key))


def _same(one: Node, other: Node | None) -> bool:
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        return one.text == other.text
    if isinstance(one, Sequence) and isinstance(other, Sequence):
        return len(one.items) == len(other.items) and all(map(_same, one.items, other.items))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(_same(child, other.entries.get(key)) for key, child in one.entries.items())
    return False


def _locked(environment: str, path: str, node: Node, lock: Scalar | None, below: Node | None) -> Diagnostic:
    others = (Label(span=lock.span, text="locked here"),) if lock is not None else ()
    if below is not None:
        others = (*others, Label(span=below.span, text="the platform's value"))
    return Diagnostic(
        id="MLS014",
        severity="error",
        message=f"`{path}` is locked by the platform",
        span=node.span,
        label="changed here",
        others=others,
        note="the platform team owns this value in every system",
        help="remove it, or ask the platform team to change or unlock it in the platform file",
        environments=(environment,),
    )

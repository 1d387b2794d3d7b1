"""Half-written files: one value of a system is emptied, removed, or replaced with a wrong text.

Afterward there is an error, or each object that is gone was there because of what was removed, as its reasons say.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import mlspec
from mlspec.compiler.check.effects import reached
from mlspec.compiler.check.rules.registry import RULES
from mlspec.compiler.inputs import Input
from mlspec.compiler.pipeline import Compiled, compile_system
from mlspec.compiler.tree import Mapping, Node, Scalar, Sequence
from mlspec.targets.registry import BACKENDS

__all__ = ["HOWS", "Place", "known", "unexplained", "without"]

HOWS = ("null", "{}", "[]", "removed", "wrong")
"""What is done to a value."""


class Place(NamedTuple):
    """One value in a file."""

    path: tuple[str, ...]
    node: Node
    whole: Node
    """The list that it is an item of, as the items after it move up, or the value itself."""


@cache
def known(example: Path) -> tuple[Input, Compiled, list[Place]]:
    input_ = mlspec.load(example / "mlspec.yaml")._input
    places = [
        Place((type_name, *path), node, whole)
        for type_name, tree in input_.written
        for path, node, whole in _nodes(tree, tree)
        if path
    ]
    return input_, compile_system(input_, BACKENDS, RULES), places


def _nodes(node: Node, whole: Node, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Node, Node]]:
    yield path, node, whole
    for key, child in _children(node):
        yield from _nodes(child, node if isinstance(node, Sequence) else child, (*path, key))


def _children(node: Node) -> list[tuple[str, Node]]:
    if isinstance(node, Mapping):
        return list(node.entries.items())
    return [(str(index), child) for index, child in enumerate(node.items)] if isinstance(node, Sequence) else []


def unexplained(before: Compiled, after: Compiled, place: Place) -> list[str]:
    """The files that are gone although nothing in their reasons was in what was removed."""
    gone = {id(node) for _, node, _ in _nodes(place.whole, place.whole)}
    left = {f"{bundle.environment}/{artifact.path}" for bundle in after.bundles for artifact in bundle.made}
    return [
        f"{bundle.environment}/{artifact.path}"
        for bundle in before.bundles
        for artifact in bundle.made
        if f"{bundle.environment}/{artifact.path}" not in left
        and place.path[:3] != ("MLSystem", "environments", bundle.environment)
        and place.path != ("MLSystem", "environments")
        and not any(id(node) in gone for node in reached(artifact.body, artifact.why))
    ]


def without(input_: Input, target: Node, how: str) -> Input:
    """The same files with something else in place of one node."""
    assert input_.sources is not None
    put = _Putter(target, how)
    sources = input_.sources.but(
        spec=put.mapping(input_.sources.spec),
        platform=None if input_.sources.platform is None else put.mapping(input_.sources.platform),
        releases={name: put.mapping(tree) for name, tree in input_.sources.releases.items()},
    )
    return input_.but(sources=sources, written=tuple((name, put.mapping(tree)) for name, tree in input_.written))


class _Putter:
    """Rebuilds the way to what changes, and shares the rest; each tree once, as a source is also a file as written."""

    def __init__(self, target: Node, how: str) -> None:
        self.target = target
        place = target.place
        others = {
            "null": Scalar(place, "", True),
            "{}": Mapping(place, {}, {}),
            "[]": Sequence(place, []),
            "wrong": Scalar(place, "Europe/Berlin", True),
        }
        self.new: Node | None = others.get(how)
        self.made: dict[int, Node | None] = {}

    def mapping(self, node: Mapping) -> Mapping:
        put = self.node(node)
        assert isinstance(put, Mapping)
        return put

    def node(self, node: Node) -> Node | None:
        if node is self.target:
            return self.new
        if id(node) not in self.made:
            self.made[id(node)] = self._made(node)
        return self.made[id(node)]

    def _made(self, node: Node) -> Node:
        children = {key: (child, self.node(child)) for key, child in _children(node)}
        if all(new is old for old, new in children.values()):
            return node
        left = {key: new for key, (_, new) in children.items() if new is not None}
        if isinstance(node, Mapping):
            return Mapping(node.place, {key: node.keys[key] for key in left}, left)
        return Sequence(node.place, list(left.values()))

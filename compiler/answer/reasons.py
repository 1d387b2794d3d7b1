"""Reasons: a value and everything that it depends on, as text with paths of the spec."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..because import Because
from ..emit.dump import Reasons
from ..language import SINGULAR
from ..layer import Layered
from ..plan.choose import significant
from ..record import Record
from ..tree import Mapping, Node, Scalar, Sequence

__all__ = ["Explainer", "Reason", "scalars", "short", "shown"]


class Reason(Record):
    """One value and its reason; `parts` are the values that it depends on."""

    value: str
    why: str
    where: str = ""
    path: str = ""
    layer: str = ""
    kind: str = ""
    """`default` or `assumed`: `path` is then the field that overrides the value."""
    parts: tuple[Reason, ...] = ()


class Explainer:
    """Turns values with reasons into text, with paths as in the spec."""

    def __init__(self, layered: tuple[Layered, ...]) -> None:
        self.paths = {id(node): short(one, ".".join(path)) for one in layered for path, node in scalars(one.tree, ())}
        self._made: dict[int, tuple[Because[Any], Reason]] = {}
        self.layers = [(layer.name, layer.tree.file) for one in layered for layer in one.layers]

    def explain(self, reasons: Reasons) -> Reason:
        """The innermost reason, plus the reason of the object that contains it."""
        first, *scopes = reasons
        own = self.reason(first)
        around = tuple(self.reason(scope) for scope in scopes[-1:])
        return own.but(parts=(*own.parts, *around)) if scopes else own

    def reason(self, because: Because[Any]) -> Reason:
        """A value and what it depends on, without links that add no reason."""
        if id(because) not in self._made:  # many values depend on the same ones
            self._made[id(because)] = because, self._reason(because)
        return self._made[id(because)][1]

    def _reason(self, because: Because[Any]) -> Reason:
        while not because.reason and len(because.sources) == 1 and isinstance(because.sources[0], Because):
            because = because.sources[0]
        if not because.reason and len(because.sources) == 1 and isinstance(because.sources[0], Node):
            return self._written(because, because.sources[0])
        kind, path = (because.kind, because.path) if because.kind in ("default", "assumed") else ("", "")
        why = because.why if kind else because.reason
        parts: dict[Any, Reason] = {}
        for source in because.sources:
            part = self.reason(source) if isinstance(source, Because) else self.node(source)
            same = (part.why, part.kind, part.path) == (why, kind, path) and not part.where
            for one in part.parts if same else (part,):  # the same decision in another form appears once
                parts.setdefault((one.value, one.why, one.where, one.path), one)
        made = Reason(value=shown(because.value), why=why or "composed of", parts=tuple(parts.values()))
        return made.but(kind=kind, path=path) if kind else made

    def _written(self, because: Because[Any], node: Node) -> Reason:
        return self.node(node).but(value=shown(because.value))

    def node(self, node: Node) -> Reason:
        """A value that a file sets, and where."""
        value = node.text if isinstance(node, Scalar) else node.what
        layer = next((name for name, file in self.layers if file is node.file), "")
        where = f"{node.file.name}:{node.line + 1}:{node.column + 1}"
        return Reason(value=shown(value), why="", where=where, path=self.paths.get(id(node), ""), layer=layer)


def short(layered: Layered, path: str) -> str:
    """A path as the author wrote it: `serving.runtime` for the only entry of `services`."""
    for singular, plural in SINGULAR["MLSystem"].items():
        key = layered.tree.keys.get(plural)
        if key is not None and key.text == singular and path.startswith(f"{plural}."):
            return ".".join((singular, *path.split(".", 2)[2:]))
    return path


def scalars(node: Node, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Node]]:
    if isinstance(node, Mapping):
        for key, child in node.entries.items():
            yield from scalars(child, (*path, key))
    elif isinstance(node, Sequence):
        for index, child in enumerate(node.items):
            yield from scalars(child, (*path, str(index)))
    else:
        yield path, node


def shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return significant(value, 4) if abs(value) < 10**4 else f"{value:,.0f}"
    if isinstance(value, (dict, list, tuple)):
        return "the object" if isinstance(value, dict) else "the list"
    text = str(value)
    first, *more = text.split("\n")
    return f"{first} ..." if more else first

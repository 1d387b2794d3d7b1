"""The tree that a file is parsed into: nodes with positions, and helpers to navigate it."""

from __future__ import annotations

from collections.abc import Iterator

from .diagnostics import SourceFile, Span

__all__ = [
    "Mapping",
    "Node",
    "Place",
    "Scalar",
    "Sequence",
    "entries",
    "is_null",
    "key_at",
    "lookup",
    "name_of",
    "only",
    "same",
    "twice",
    "wrapped",
]

_NULLS = frozenset(("", "~", "null", "Null", "NULL"))

Place = tuple[SourceFile, int, int, int, int]
"""File, first line and column, last line and column; the end is exclusive."""


class Node:
    """A piece of a file: a scalar, a sequence, or a mapping."""

    __slots__ = ("column", "end_column", "end_line", "file", "line")
    what = "a value"

    def __init__(self, place: Place) -> None:
        self.file, self.line, self.column, self.end_line, self.end_column = place

    @property
    def place(self) -> Place:
        """Where it is, for a node that replaces it."""
        return (self.file, self.line, self.column, self.end_line, self.end_column)

    @property
    def span(self) -> Span:
        """Where it is. A block mapping or sequence is represented by its first line."""
        if self.end_line > self.line and not isinstance(self, Scalar):
            return Span(self.file, self.line, self.column, self.line, len(self.file.lines[self.line].rstrip()))
        return Span(self.file, self.line, self.column, self.end_line, self.end_column)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.file.name}:{self.line + 1}:{self.column + 1})"


class Scalar(Node):
    """A scalar with its source text. `plain` means unquoted, so that YAML would guess its type."""

    __slots__ = ("plain", "text")
    what = "a value"

    def __init__(self, place: Place, text: str, plain: bool) -> None:
        self.file, self.line, self.column, self.end_line, self.end_column = place
        self.text = text
        self.plain = plain


class Sequence(Node):
    """A list."""

    __slots__ = ("items",)
    what = "a list"

    def __init__(self, place: Place, items: list[Node]) -> None:
        self.file, self.line, self.column, self.end_line, self.end_column = place
        self.items = items


class Mapping(Node):
    """A mapping; `keys` holds the node of each key, `entries` the node of its value."""

    __slots__ = ("entries", "keys")
    what = "a mapping"

    def __init__(self, place: Place, keys: dict[str, Scalar], entries: dict[str, Node]) -> None:
        self.file, self.line, self.column, self.end_line, self.end_column = place
        self.keys = keys
        self.entries = entries


def is_null(node: Node) -> bool:
    """Whether a node is null: `null`, `~`, or no value at all."""
    return isinstance(node, Scalar) and node.plain and node.text in _NULLS


def lookup(tree: Node, path: tuple[str, ...]) -> Node | None:
    """The node at a path; list items are addressed by position or by their `name`."""
    node: Node | None = tree
    for step in path:
        if isinstance(node, Mapping):
            node = node.entries.get(step)
        elif isinstance(node, Sequence):
            node = item_of(node, step)
        else:
            return None
    return node


def item_of(sequence: Sequence, step: str) -> Node | None:
    if step.isdecimal():
        return sequence.items[int(step)] if int(step) < len(sequence.items) else None
    return next((item for item in sequence.items if name_of(item, "name") == step), None)


def name_of(node: Node, key: str) -> str | None:
    """The name that identifies a list item."""
    name = node.entries.get(key) if isinstance(node, Mapping) else None
    return name.text if isinstance(name, Scalar) else None


def key_at(node: Node, place: str) -> Scalar | None:
    """The key at a path below a node, if it exists."""
    *steps, last = place.split(".")
    holder = lookup(node, tuple(steps)) if steps else node
    return holder.keys.get(last) if isinstance(holder, Mapping) else None


def twice(sequence: Sequence, key: str) -> Iterator[tuple[Scalar, Scalar]]:
    """The names of items that an earlier item has, too, each after the first one."""
    seen: dict[str, Scalar] = {}
    for item in sequence.items:
        name = item.entries.get(key) if isinstance(item, Mapping) else None
        if not isinstance(name, Scalar):
            continue
        if name.text in seen:
            yield seen[name.text], name
        seen.setdefault(name.text, name)


def wrapped(key: str, node: Node, at: Node, key_node: Scalar | None = None) -> Mapping:
    """A mapping with one entry."""
    return Mapping(at.place, {key: key_node or Scalar(at.place, key, True)}, {key: node})


def only(tree: Mapping, *wanted: str) -> Mapping:
    """The same mapping with only some of its entries."""
    entries = {key: node for key, node in tree.entries.items() if key in wanted}
    return Mapping(tree.place, {key: tree.keys[key] for key in entries}, entries)


def same(one: Node, other: Node) -> bool:
    """Whether two nodes have the same content, regardless of position."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        known = other.entries
        return list(one.entries) == list(known) and all(same(node, known[key]) for key, node in one.entries.items())
    if isinstance(one, Sequence) and isinstance(other, Sequence):
        return len(one.items) == len(other.items) and all(map(same, one.items, other.items))
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        return (one.text, one.plain) == (other.text, other.plain)
    return False


def entries(node: Node) -> Iterator[tuple[Scalar, Node]]:
    """Every key and value at or under a node, at any depth."""
    if isinstance(node, Mapping):
        for name, child in node.entries.items():
            yield node.keys[name], child
            yield from entries(child)
    elif isinstance(node, Sequence):
        for child in node.items:
            yield from entries(child)

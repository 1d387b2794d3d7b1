"""Named: which names of each collection a tree uses, found in one walk driven by the language table.

A name counts if it is written, as a value or as a key, or if it is a default.
"""

from __future__ import annotations

from ..language import OBJECTS, SINGULAR, UNIONS, Kind
from ..tree import Mapping, Node, Scalar, Sequence

__all__ = ["Names", "item_of_list", "names_in"]

Names = dict[str, set[str]]
"""Names by the collection that declares them, such as `runtimes`."""


def names_in(tree: Mapping) -> Names:
    """Every name that a system uses, by collection."""
    found: Names = {}
    _object("MLSystem", tree, found)
    return found


def _object(type_name: str, node: Mapping | None, found: Names) -> None:
    entries = node.entries if node is not None else {}
    for key, (_, mode, kind, default, _) in OBJECTS[type_name].items():
        child = entries.get(key)
        if child is not None:
            _value(kind, child, found)
        elif mode == "group" and kind[0] == "object":
            _object(kind[1], None, found)
        elif mode == "default" and kind[0] == "scalar" and kind[2]:
            found.setdefault(kind[2], set()).add(default or "")


def _value(kind: Kind, node: Node, found: Names) -> None:
    match kind[0]:
        case "scalar" if kind[2] and isinstance(node, Scalar):
            found.setdefault(kind[2], set()).add(node.text)
        case "object" if isinstance(node, Mapping):
            _object(kind[1], node, found)
        case "either":
            _value(("object", kind[2]) if isinstance(node, Mapping) else kind[1], node, found)
        case "union" if isinstance(node, Mapping):
            tag, variants = UNIONS[kind[1]]
            said = node.entries.get(tag)
            if isinstance(said, Scalar) and said.text in variants:
                _object(variants[said.text], node, found)
        case "list" if isinstance(node, Sequence):
            for item in node.items:
                _value(kind[1], item, found)
        case "map" if isinstance(node, Mapping):
            if kind[3]:
                found.setdefault(kind[3], set()).update(node.entries)
            for child in node.entries.values():
                _value(kind[1], child, found)


def item_of_list(path: tuple[str, ...]) -> int | None:
    """The index of the first step of a path in a spec that names an item of a list; None if there is none."""
    plural = SINGULAR["MLSystem"].get(path[0])
    kind: Kind | None = ("object", "MLSystem")
    for at, step in enumerate(path):
        if kind is None:
            return None
        if kind[0] == "list":
            return at
        kind = _below(kind, step if plural is None or at > 0 else plural)
        kind = kind[1] if kind is not None and plural is not None and at == 0 else kind
    return None


def _below(kind: Kind, step: str) -> Kind | None:
    """The kind of a key of a mapping."""
    match kind[0]:
        case "map":
            item: Kind = kind[1]
            return item
        case "either":
            return _below(("object", kind[2]), step)
        case "overlay":
            return _below(("object", "MLSystem"), step)
        case "object" | "union":
            names = (kind[1],) if kind[0] == "object" else tuple(UNIONS[kind[1]][1].values())
            return next((OBJECTS[name][step][2] for name in names if step in OBJECTS[name]), None)
    return None

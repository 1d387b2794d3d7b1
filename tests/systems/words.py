"""Which fields and words of the language a document has, to see what generated systems leave out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlspec.compiler.language import OBJECTS, SINGULAR, UNIONS, Kind
from mlspec.schema.scalars import SCALARS

from . import Files

__all__ = ["Place", "Word", "all_words", "quantities", "words"]

Place = tuple[Any, Any, Kind]
"""A mapping or a list, a key or an index of it, and the kind of what stands there."""

Word = tuple[str, ...]
"""A type and its field, and one of the words that the field may be."""

_PLURALS = SINGULAR["MLSystem"]
_ROOTS = {"mlspec.yaml": "MLSystem", "mlspec.platform.yaml": "PlatformFile"}


def all_words() -> Iterator[Word]:
    """Every field, and every word of one that takes one of a few."""
    for type_name, entries in OBJECTS.items():
        for key, entry in entries.items():
            yield type_name, key
            yield from ((type_name, key, str(choice)) for choice in _choices(entry[2]))


def _choices(kind: Kind) -> tuple[Any, ...]:
    if kind[0] in ("list", "map"):
        return _choices(kind[1])
    return kind[1] if kind[0] == "enum" else ()


def words(files: Files) -> set[Word]:
    """Those that a system has."""
    roots = ((_ROOTS.get(path, "ReleaseFile"), body) for path, body in files.items())
    return {word for name, body in roots for word in _words(body, ("object", name), ())}


def _words(value: Any, kind: Kind, at: Word) -> Iterator[Word]:
    match kind[0]:
        case "object":
            for key, child in value.items():
                plural = _PLURALS.get(key, key) if kind[1] in ("MLSystem", "ReleaseFile") else key
                yield kind[1], plural
                inside = child if plural == key else {"": child}
                yield from _words(inside, OBJECTS[kind[1]][plural][2], (kind[1], plural))
        case "either" if isinstance(value, dict):
            yield from _words(value, ("object", kind[2]), at)
        case "union":
            tag, variants = UNIONS[kind[1]]
            yield from _words(value, ("object", variants[value[tag]]), at)
        case "list":
            for child in value:
                yield from _words(child, kind[1], at)
        case "map":
            for child in value.values():
                yield from _words(child, kind[1], at)
        case "overlay":
            yield from _words(value, ("object", "MLSystem"), at)
        case "enum":
            yield *at, str(value)


def quantities(value: Any, kind: Kind) -> Iterator[Place]:
    """The places of numbers and of amounts with a unit."""
    match kind[0]:
        case "object":
            for key, child in value.items():
                plural = _PLURALS.get(key, key) if kind[1] == "MLSystem" else key
                inside = OBJECTS[kind[1]][plural][2]
                yield from _at(value, key, child, inside if plural == key else inside[1])
        case "union":
            tag, variants = UNIONS[kind[1]]
            yield from quantities(value, ("object", variants[value[tag]]))
        case "list" | "map":
            for key, child in enumerate(value) if isinstance(value, list) else value.items():
                yield from _at(value, key, child, kind[1])
        case "overlay":
            yield from quantities(value, ("object", "MLSystem"))


def _at(holder: Any, key: Any, child: Any, kind: Kind) -> Iterator[Place]:
    if kind[0] in ("integer", "number") or (kind[0] == "scalar" and SCALARS[kind[1]].quantity is not None):
        yield holder, key, kind
    else:
        yield from quantities(child, kind)

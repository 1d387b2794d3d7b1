"""Elsewhere: the mapping nearby that has a key that another one does not have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, KeysView

from ..language import OBJECTS, SINGULAR, UNIONS, Kind

__all__ = ["Above", "holder_above", "holders_below"]

Above = tuple[str, str, KeysView[str]]
"""A mapping around another one: its type, its path, and the keys that it has."""


def holder_above(key: str, above: Iterable[Above]) -> str | None:
    """The path of the nearest mapping around this one that may have the key, and does not have it yet."""
    found = [path for type_name, path, present in above if key in OBJECTS[type_name] and key not in present]
    return found[-1] if found else None


def holders_below(key: str, type_name: str) -> tuple[str, ...]:
    """The fields whose mappings may have the key."""
    fields = [(name, entry[2]) for name, entry in OBJECTS[type_name].items()]
    short = SINGULAR.get(type_name, {})
    fields += [(name, OBJECTS[type_name][plural][2][1]) for name, plural in short.items()]
    return tuple([name for name, kind in fields if any(key in OBJECTS[one] for one in _types(kind))])


def _types(kind: Kind) -> Iterator[str]:
    """The types of mapping that a field may have."""
    match kind[0]:
        case "object":
            yield kind[1]
        case "either":
            yield kind[2]
        case "union":
            yield from UNIONS[kind[1]][1].values()

"""Every string in a spec with its key, for the rules that check all of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from ...because import Because, Derived, Unavailable
from ...part import Part
from ...record import Record
from ...system import MLSystem
from ...tree import Mapping, Node, Scalar, Sequence

__all__ = ["Text", "texts"]


class Text(Record):
    """A string in the spec."""

    key: str
    value: Because[str]
    variable: bool
    """Whether the author chose the key: it names an environment variable, or is in a patch."""


@lru_cache(maxsize=1)  # several rules in a row check the same system
def texts(system: MLSystem) -> tuple[Text, ...]:
    """Every string that was written, in the order of the language.

    The platform's values are up to the platform team, and those of an environment are checked after merging.
    """
    fields = ((name, value) for name, value in _fields(system) if name not in ("platform", "environments"))
    return tuple(text for name, value in fields for text in _texts(name, value, variable=False))


def _fields(part: Part) -> Iterator[tuple[str, object]]:
    for name in part.fields:
        try:
            yield name, getattr(part, name)
        except Unavailable:
            continue


def _texts(key: str, thing: object, *, variable: bool) -> Iterator[Text]:
    if isinstance(thing, Because):
        if isinstance(thing.value, str) and thing.sources:
            yield Text(key=key, value=thing, variable=variable)
    elif isinstance(thing, Derived):
        yield from _texts(key, thing.given, variable=variable)
    elif isinstance(thing, Part):
        for name, value in _fields(thing):
            yield from _texts(name, value, variable=variable)
    elif isinstance(thing, tuple):
        for item in thing:
            yield from _texts(key, item, variable=variable)
    elif isinstance(thing, dict):
        for name, value in thing.items():
            yield from _texts(name, value, variable=key == "env")
    elif isinstance(thing, Node):
        yield from _patched(key, thing)


def _patched(key: str, node: Node) -> Iterator[Text]:
    """The strings in a patch, where a variable is a mapping with `name` and `value`."""
    if isinstance(node, Scalar):
        yield Text(key=key, value=Because(node.text, "", (node,)), variable=True)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _patched(key, item)
    elif isinstance(node, Mapping):
        name = node.entries.get("name")
        for step, child in node.entries.items():
            yield from _patched(name.text if step == "value" and isinstance(name, Scalar) else step, child)

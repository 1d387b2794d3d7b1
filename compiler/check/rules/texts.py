"""Every string in a spec with its key, for the rules that check all of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from ...because import Because, Derived, Unavailable
from ...part import Part
from ...system import MLSystem
from ...tree import Mapping, Node, Scalar, Sequence

__all__ = ["Text", "texts"]


class Text:
    """A string in the spec. `variable` if the author chose the key: it names an environment variable, or is in a
    patch.
    """

    __slots__ = ("key", "value", "variable")

    def __init__(self, key: str, value: Because[str], variable: bool) -> None:
        self.key = key
        self.value = value
        self.variable = variable


@lru_cache(maxsize=1)  # several rules in a row check the same system
def texts(system: MLSystem) -> tuple[Text, ...]:
    """Every string that was written, in the order of the language.

    The platform's values are up to the platform team, and those of an environment are checked after merging.
    """
    found: list[Text] = []
    for name, value in _fields(system):
        if name not in ("platform", "environments"):
            _gather(name, value, False, found)
    return tuple(found)


def _fields(part: Part) -> Iterator[tuple[str, object]]:
    """The valid fields that have a value."""
    for name in part.fields:
        try:
            value = getattr(part, name)
        except Unavailable:
            continue
        if value is not None:
            yield name, value


def _gather(key: str, thing: object, variable: bool, found: list[Text]) -> None:
    if isinstance(thing, Because):
        if isinstance(thing.value, str) and thing.sources:
            found.append(Text(key, thing, variable))
    elif isinstance(thing, Derived):
        _gather(key, thing.given, variable, found)
    elif isinstance(thing, Part):
        for name, value in _fields(thing):
            _gather(name, value, variable, found)
    elif isinstance(thing, tuple):
        for item in thing:
            _gather(key, item, variable, found)
    elif isinstance(thing, dict):
        for name, value in thing.items():
            _gather(name, value, key == "env", found)
    elif isinstance(thing, Node):
        found += _patched(key, thing)


def _patched(key: str, node: Node) -> Iterator[Text]:
    """The strings in a patch, where a variable is a mapping with `name` and `value`."""
    if isinstance(node, Scalar):
        yield Text(key, Because(node.text, "", (node,)), True)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _patched(key, item)
    elif isinstance(node, Mapping):
        name = node.entries.get("name")
        for step, child in node.entries.items():
            yield from _patched(name.text if step == "value" and isinstance(name, Scalar) else step, child)

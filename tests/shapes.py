"""Documents of any shape that the language allows, drawn from its own table, so that what is new in it is drawn too."""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeVar

from mlspec.compiler.bind.leaf import parse
from mlspec.compiler.language import ASCENDING, EXACTLY_ONE, NEEDS, OBJECTS, UNIONS, Entry, Kind
from mlspec.schema.scalars import SCALARS

__all__ = ["Shape", "readable"]

T = TypeVar("T")


class Shape:
    """Draws objects by name: what is required, and a share of what is not."""

    def __init__(self, chance: random.Random, names: Mapping[str, Collection[str]]) -> None:
        self.chance = chance
        self.names = names
        """What the names of each collection may be."""

    def share(self, depth: int) -> float:
        """How much of what is optional is drawn so deep in a document."""
        return 0.35 / (1 + depth / 4)

    def object(self, name: str, depth: int = 0, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """An object of the language with what is given; a key that is given as None is left out."""
        given, table = given or {}, OBJECTS[name]
        share = self.share(depth)
        wanted = [key for key, entry in table.items() if key in given or self._is_drawn(entry, share)]
        exclusive = EXACTLY_ONE.get(name, ())
        if exclusive:
            kept = next((key for key in exclusive if given.get(key) is not None), None) or self.pick(exclusive)
            wanted = [key for key in table if key == kept or (key in wanted and key not in exclusive)]
        wanted = [key for key in wanted if NEEDS.get(name, {}).get(key, key) in wanted]
        drawn = {key: given[key] if key in given else self.value(table[key][2], depth + 1) for key in wanted}
        made = {key: value for key, value in drawn.items() if key not in given or value is not None}
        for keys, _ in ASCENDING.get(name, ()):
            _ordered(name, made, keys, given)
        return made

    def _is_drawn(self, entry: Entry, share: float) -> bool:
        return entry[1] == "required" or (self.chance.random() < share and self._is_possible(entry[2]))

    def _is_possible(self, kind: Kind) -> bool:
        """Whether every name that it needs is known."""
        if kind[0] == "object":
            needed = [entry[2] for entry in OBJECTS[kind[1]].values() if entry[1] == "required"]
            return all(self._is_possible(one) for one in needed)
        return not (kind[0] == "scalar" and kind[2]) or bool(self.names.get(kind[2]))

    def value(self, kind: Kind, depth: int = 0) -> Any:
        """A value of a kind."""
        match kind[0]:
            case "object":
                return self.object(kind[1], depth)
            case "union":
                tag, variants = UNIONS[kind[1]]
                said = self.pick(name for name, type_ in variants.items() if self._is_possible(("object", type_)))
                return {**self.object(variants[said], depth, {tag: said})}
            case "either":
                return self.value(self.pick((kind[1], ("object", kind[2]))), depth)
            case "list":
                items = [self.value(kind[1], depth) for _ in self._several(kind[1]) or range(len(kind) - 3)]
                return list({item.get(kind[2]): item for item in items}.values()) if kind[2] else items
            case "map":
                keys = {str(self.scalar(kind[2], kind[3])) for _ in self._several(("scalar", kind[2], kind[3]))}
                return {key: self.entry(key, kind, depth) for key in sorted(keys)}
            case "overlay" | "any":
                return {}
            case "enum":
                return self.pick(kind[1])
            case "bool":
                return self.chance.random() < 0.5
            case "integer" | "number":
                return self.number(kind)
        return self.scalar(kind[1], kind[2])

    def entry(self, key: str, kind: Kind, depth: int) -> Any:  # noqa: ARG002 - for those who know what the key means
        """The value of a key of a mapping from names."""
        return self.value(kind[1], depth)

    def _several(self, item: Kind) -> range:
        return range(self.pick((0, 1, 1, 2)) if self._is_possible(item) else 0)

    def number(self, kind: Kind) -> float:
        """A number in its range, its ends among them."""
        low = kind[1] if kind[1] is not None else 0
        high = kind[2] if kind[2] is not None else low + 100
        inner = 1 if kind[0] == "integer" else (high - low) / 1000
        least, most = low + (inner if kind[3:] and kind[3] else 0), high - (inner if kind[3:] and kind[4] else 0)
        chosen = self.pick((least, most, self.chance.uniform(least, most), min(most, least + 2 * inner)))
        return int(chosen) if kind[0] == "integer" else round(chosen, 6)

    def scalar(self, name: str, ref: str) -> Any:
        """A text of a kind, or one of the names that are known."""
        if ref:
            return self.pick(sorted(self.names[ref]))
        return self.pick(self.texts(name))

    def texts(self, name: str) -> Iterable[str]:
        """What a scalar of a kind may be."""
        return SCALARS[name].examples

    def pick(self, among: Iterable[T]) -> T:
        """One of them."""
        return self.chance.choice(tuple(among))


def _ordered(name: str, made: dict[str, Any], keys: tuple[str, ...], given: Mapping[str, Any]) -> None:
    """Bring values that must not fall into order. One that is next to given values is left out instead."""
    kinds = {key: OBJECTS[name][key][2] for key in keys}
    present = [key for key in keys if key in made]
    if [key for key in present if isinstance(made[key], list)]:
        for key in present:
            made[key].sort(key=lambda item, kind=kinds[key][1]: parse(kind, str(item), True))
        return
    values = [(parse(kinds[key], str(made[key]), True), made[key]) for key in present]
    ordered = sorted(values, key=lambda pair: pair[0])
    if [one for one, _ in ordered] == [one for one, _ in values]:
        return
    for key, (_, value) in zip(present, ordered, strict=True):
        if not set(present) & set(given):
            made[key] = value
        elif key not in given:
            del made[key]


def readable(name: str, amounts: Iterable[str], plain: Iterable[str]) -> list[str]:
    """What a scalar of a kind may be: its examples, with other amounts, and some plain words if it takes them."""
    kind = SCALARS[name]
    texts = [*kind.examples, *plain]
    for amount in amounts:
        texts += [re.sub(r"^[0-9.]+", amount, example) for example in kind.examples]
    return [text for text in texts if _reads(name, text)]


def _reads(name: str, text: str) -> bool:
    try:
        SCALARS[name].parse(text)
    except ValueError:
        return False
    return True

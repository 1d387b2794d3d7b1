"""How the reference describes one field: its type, and what happens if it is omitted."""

from __future__ import annotations

from collections.abc import Callable

from mlspec.schema.introspect import Field, Kind
from mlspec.schema.scalars import SCALARS

__all__ = ["innermost", "left_out", "listed_words", "type_in_words", "units"]

INLINE = 48
"""The length up to which a list of choices fits into the type column."""

NAMES = {
    "access": "name in `access`",
    "accelerators": "[accelerator](catalog.md#accelerators)",
    "algorithms": "[algorithm](catalog.md#search-algorithms)",
    "approaches": "[approach](catalog.md#approaches)",
    "families": "[family](catalog.md#families)",
    "clouds": "[cloud](catalog.md#clouds)",
    "clusters": "name in `clusters`",
    "columns": "name in `data.columns`",
    "entities": "name in `features.entities`",
    "metrics": "[metric](catalog.md#metrics)",
    "models": "name in `models`",
    "outputs": "name in `model.signature.outputs`",
    "parameters": "name in `training.tuning.parameters`",
    "runtimes": "[runtime](catalog.md#serving-runtimes)",
    "services": "name in `services`",
    "sources": "name in `data.sources`",
    "autoscaling-providers": "[autoscaling provider](catalog.md#providers)",
    "dashboards-providers": "[dashboard provider](catalog.md#providers)",
    "gateway-providers": "[gateway provider](catalog.md#providers)",
    "mesh-providers": "[service mesh](catalog.md#providers)",
    "orchestration-providers": "[orchestration provider](catalog.md#providers)",
    "rollout-providers": "[rollout provider](catalog.md#providers)",
    "traffic-providers": "[traffic provider](catalog.md#providers)",
    "tests": "[test](catalog.md#the-ml-test-score)",
    "time-zones": "[time zone](catalog.md#time-zones)",
}
"""What a reference refers to, by collection; `request` and `champion` belong to separate scalars."""

_PLAIN = {"bool": "`true`, `false`", "overlay": "partial [spec](#specs)", "any": "any mapping"}


def innermost(kind: Kind) -> Kind:
    """The kind of the entries of a list or mapping, else the kind itself."""
    return innermost(kind.item) if kind.item is not None else kind


def type_in_words(kind: Kind, anchor: Callable[[str], str]) -> str:
    """The type, with a link to its format or, through `anchor`, to its fields."""
    match kind.name:
        case "scalar":
            return NAMES.get(kind.ref) or f"[{kind.scalar}](#spelling-{kind.scalar})"
        case "integer" | "number":
            return ("integer" if kind.name == "integer" else "number") + _bounds(kind)
        case "enum":
            return "enum" if listed_words(kind) else _words(kind.choices)
        case "list":
            assert kind.item is not None
            return f"list: {type_in_words(kind.item, anchor)}" + (f", keyed by `{kind.key}`" if kind.key else "")
        case "map":
            assert kind.item is not None
            keys = Kind("scalar", scalar=kind.key, ref=kind.key_ref)
            return f"mapping: {type_in_words(keys, anchor)} → {type_in_words(kind.item, anchor)}"
        case "either":
            leaf = Kind("scalar", scalar=kind.scalar)
            return f"{type_in_words(leaf, anchor)} or {type_in_words(Kind('object', type=kind.type), anchor)}"
    return _PLAIN.get(kind.name) or f"[{kind.type}](#{anchor(kind.type)})"


def listed_words(kind: Kind) -> str:
    """The choices of an enum, if there are too many for the type column; else an empty string."""
    words = _words(innermost(kind).choices)
    return words if len(words) > INLINE else ""


def _words(choices: tuple[str | int, ...]) -> str:
    return ", ".join(f"`{choice}`" for choice in choices)


def _bounds(kind: Kind) -> str:
    """A range in words; a one-sided bound says which side it limits."""
    low, high = (None if bound is None else f"{bound:,.12g}" for bound in (kind.low, kind.high))
    if low and high and not (kind.low_open or kind.high_open):
        return f", {low} to {high}"
    above = f"{'above' if kind.low_open else 'at least'} {low}" if low else ""
    below = f"{'below' if kind.high_open else 'at most'} {high}" if high else ""
    return "".join(f", {part}" for part in (above, below) if part)


def left_out(field: Field) -> str:
    """What happens if the field is omitted; an empty string if its subject then does not exist."""
    match field.mode:
        case "required":
            return "**required**"
        case "default":
            return f"`{field.default}`: {field.why}"
        case "derived":
            return f"*derived:* {field.why}"
    return ""


def units(name: str) -> tuple[str, ...] | None:
    """The units of a quantity, smallest first; None for a scalar that is not a quantity."""
    kind = SCALARS[name].quantity
    return tuple(unit for unit in kind.UNITS if unit) if kind is not None else None

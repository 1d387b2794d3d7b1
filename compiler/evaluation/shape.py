"""A tree against the published JSON Schema of metrics files: its plain values, and what is wrong with them, and where.

The schema is the only list of keys. This module knows the words of JSON Schema that it uses. Keys that it does not name
are refused, because a misspelled key would silently be ignored.
"""

from __future__ import annotations

import json
import math
import re
from functools import cache
from importlib import resources
from typing import Any

from ..diagnostics import Diagnostic, Label
from ..tree import Mapping, Node, Scalar, Sequence, is_null
from ..words import closest, listing, shown

__all__ = ["schema_text", "shaped", "twice"]

NUMBER = re.compile(r"(?a:[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?)")

CALLED = {
    "number": "a number",
    "integer": "a whole number",
    "string": "a text",
    "object": "a mapping",
    "array": "a list",
}

LARGEST = 1e60
"""Above this, no number is a measurement, and the cubes of its square would overflow."""

MOST_COUNTED = 10**15
"""The largest count."""

MOST = 50
"""The findings after which the rest says nothing new."""


def schema_text() -> str:
    """The JSON Schema of metrics files."""
    return (resources.files("mlspec.runtime") / "metrics.schema.json").read_text(encoding="utf-8")


@cache
def _schema() -> Any:
    return json.loads(schema_text())


def shaped(tree: Mapping, found: list[Diagnostic]) -> Any:
    """The plain values of a file. What is wrong is added to `found`, and left out of the result."""
    return _Walk(found).value(tree, _schema(), "the file")


class _Walk:
    def __init__(self, found: list[Diagnostic]) -> None:
        self.found = found

    def wrong(self, id_: str, node: Node, message: str, **more: Any) -> None:
        if len(self.found) < MOST:
            self.found.append(Diagnostic(id=id_, severity="error", message=message, span=node.span, **more))

    def value(self, node: Node, schema: Any, name: str) -> Any:
        """The plain value of a node; None if it is wrong."""
        while "$ref" in schema:
            schema = _at(schema["$ref"])
        kind = schema.get("type")
        if kind == "object":
            return self.mapping(node, schema, name)
        if kind == "array":
            return self.listed(node, schema, name)
        return self.scalar(node, schema, name)

    def mapping(self, node: Node, schema: Any, name: str) -> dict[str, Any] | None:
        if not isinstance(node, Mapping):
            self.mistyped(node, "object", name)
            return None
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        made = {}
        for key, child in node.entries.items():
            if key not in known and others is None:
                self.unknown(node.keys[key], known, name)
                continue
            value = self.value(child, known.get(key, others), f"`{shown(key)}`")
            if value is not None:
                made[key] = value
        self.missing(node, schema, name)
        return made

    def missing(self, node: Mapping, schema: Any, name: str) -> None:
        needed = dict.fromkeys(schema.get("required", ()), name)
        for key, also in schema.get("dependentRequired", {}).items():
            if key in node.entries:
                needed |= dict.fromkeys(also, f"`{key}`")
        for key, by in needed.items():
            if key not in node.entries:
                what = _at_key(schema, key).get("description", "")
                self.wrong("MLS009", node, f"{by} needs `{key}`", help=f"add `{key}`: {_phrase(what)}")

    def unknown(self, key: Scalar, known: Any, name: str) -> None:
        near = closest(key.text, known)
        help_ = f"did you mean `{near}`?" if near is not None else f"use {listing(known)}"
        message = f"{name} has no key `{shown(key.text)}`"
        self.wrong("MLS004", key, message, help=help_, note="a key that is not read would silently have no effect")

    def listed(self, node: Node, schema: Any, name: str) -> list[Any] | None:
        if not isinstance(node, Sequence):
            self.mistyped(node, "array", name)
            return None
        least, most = schema.get("minItems", 0), schema.get("maxItems", math.inf)
        if not least <= len(node.items) <= most:
            allowed = f"{least:,} to {most:,}" if most < math.inf else f"at least {least:,}"
            self.wrong("MLS008", node, f"{name} has {len(node.items):,} items, not {allowed}", help="correct the list")
            return None
        values = [self.value(item, schema["items"], f"an item of {name}") for item in node.items]
        return values if None not in values else None

    def scalar(self, node: Node, schema: Any, name: str) -> Any:
        kind = schema.get("type", "integer" if "const" in schema else "string")
        if not isinstance(node, Scalar) or is_null(node):
            self.mistyped(node, kind, name)
            return None
        if kind == "string":
            return self.text(node, schema, name)
        value = self.number(node, kind, name)
        return value if value is not None and self.within(node, value, schema, name) else None

    def text(self, node: Scalar, schema: Any, name: str) -> str | None:
        if not node.text.strip():
            self.wrong("MLS011", node, f"{name} has no value", help="write one, or leave the key out")
            return None
        if "pattern" in schema and re.fullmatch(f"(?a:{schema['pattern']})", node.text) is None:
            message = f"{name} is not a date: `{shown(node.text)}`"
            self.wrong("MLS006", node, message, help="write `2026-11-16` or `2026-11-16T04:09:00Z`")
            return None
        return node.text

    def number(self, node: Scalar, kind: str, name: str) -> int | float | None:
        text = node.text
        if not node.plain or NUMBER.fullmatch(text) is None:
            self.mistyped(node, kind, name)
            return None
        value = float(text)
        if abs(value) > (MOST_COUNTED if kind == "integer" else LARGEST):
            message = f"{name} is too large to be a measurement: `{shown(text)}`"
            self.wrong("MLS008", node, message, help="check the program that wrote the file")
            return None
        if kind == "integer" and not value.is_integer():
            self.mistyped(node, kind, name)
            return None
        return int(value) if kind == "integer" else int(text) if text.lstrip("-+").isdecimal() else value

    def within(self, node: Scalar, value: float, schema: Any, name: str) -> bool:
        low, high, only = schema.get("minimum"), schema.get("maximum"), schema.get("const")
        if only is not None and value != only:
            message = f"this mlspec reads version {only} of metrics files, not `{shown(node.text)}`"
            self.wrong("MLS007", node, message, help=f"write `version: {only}`")
            return False
        if (low is not None and value < low) or (high is not None and value > high):
            allowed = f"at least {low}" if high is None else f"{low} to {high}"
            self.wrong("MLS008", node, f"{name} is `{shown(node.text)}`, not {allowed}", help=f"write {allowed}")
            return False
        return True

    def mistyped(self, node: Node, kind: str, name: str) -> None:
        given = f"`{shown(node.text)}`" if isinstance(node, Scalar) and not is_null(node) else node.what
        said = "nothing" if is_null(node) else given
        help_ = "leave the key out if it was not measured" if is_null(node) else f"write {CALLED[kind]}"
        if isinstance(node, Scalar) and node.text.lower().lstrip("-+.") in ("nan", "inf", "infinity"):
            help_ = "leave out what could not be measured, and find out why: a NaN never passes a gate"
        self.wrong("MLS005", node, f"{name} is {said}, not {CALLED[kind]}", help=help_)


def _at(ref: str) -> Any:
    """The part of the schema that a reference names."""
    part = _schema()
    for step in ref.removeprefix("#/").split("/"):
        part = part[step]
    return part


def _at_key(schema: Any, key: str) -> Any:
    part = schema.get("properties", {}).get(key, {})
    while "$ref" in part:
        part = {"description": part["description"]} if "description" in part else _at(part["$ref"])
    return part


def _phrase(said: str) -> str:
    """The first sentence of a description, inside another one."""
    first = said.partition(". ")[0].rstrip(".")
    return f"{first[:1].lower()}{first[1:]}"


def twice(node: Node, first: Node, message: str, help_: str) -> Diagnostic:
    """A result that is there twice."""
    return Diagnostic(
        id="MLS003",
        severity="error",
        message=message,
        span=node.span,
        label="given again",
        others=(Label(span=first.span, text="first given here"),),
        help=help_,
    )

"""Generate the published JSON Schema (draft 2020-12), for editors and tools other than mlspec.

Each mapping has two definitions. `Name` is its shape: known keys and their types, with `null` allowed, because an
overlay uses it to remove a value. `Name.complete` adds what a complete file requires, and rejects `null`. So the shape
alone validates an overlay, without a second copy of the language. Unions use `if` and `then`, which give one precise
error, whereas `oneOf` would give one per variant.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from .introspect import Field, Kind, Language, ObjectType, UnionType
from .scalars import SCALARS

__all__ = ["ID", "schema", "schema_text"]

ID = "https://mlspec.dev/schema/mlspec.v1.schema.json"
Schema = dict[str, Any]
NULL: Schema = {"type": "null"}
NOT_NULL: Schema = {"not": NULL}
NEVER: Schema = {"not": {}}
HOLDERS = {"MLSystem": "{}", "Platform": "{}", "Providers": "{}-providers"}
"""The types with maps that the catalog fills, and what it calls the collection of a key. A file may write a part of an
entry that the catalog has.
"""
CATALOG = Path(__file__).resolve().parent.parent / "compiler" / "catalog"
KNOWN = {
    "accelerators": "name",
    "algorithms": "identifier",
    "approaches": "identifier",
    "autoscaling-providers": "name",
    "clouds": "name",
    "dashboards-providers": "name",
    "diagnoses": "identifier",
    "families": "identifier",
    "gateway-providers": "name",
    "mesh-providers": "name",
    "metrics": "metric",
    "orchestration-providers": "name",
    "rollout-providers": "name",
    "runtimes": "name",
    "traffic-providers": "name",
}
"""Collections with entries in the catalog, and the scalar kind of their names; editors suggest the known names."""


def schema_text(language: Language) -> str:
    """The published schema as text."""
    return json.dumps(schema(language), indent=1, ensure_ascii=False) + "\n"


def schema(language: Language) -> Schema:
    """One schema for the three file types, distinguished by `kind`."""
    definitions: Schema = {name: _scalar(name) for name in sorted(SCALARS)}
    definitions.update({name: _known(name) for name in KNOWN})
    for type_ in language.types.values():
        if isinstance(type_, ObjectType):
            definitions[type_.name] = _shape(type_)
            definitions[f"{type_.name}.complete"] = _complete(type_, language)
        else:
            definitions.update(_union(type_, language))
    definitions["overlay"] = {
        "$ref": "#/$defs/MLSystem",
        "properties": {
            "apiVersion": NEVER,
            "kind": NEVER,
            "metadata": {"properties": {"name": NEVER}},
            "environments": NEVER,
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "mlspec",
        "description": "A machine-learning system, the platform it runs on, or its releases.",
        "type": "object",
        "properties": {"kind": {"enum": ["MLSystem", "Platform", "Release"]}},
        "allOf": [
            _when({"const": "Platform"}, _whole("PlatformFile")),
            _when({"const": "Release"}, _whole("ReleaseFile")),
            {
                "if": {"properties": {"kind": {"enum": ["Platform", "Release"]}}, "required": ["kind"]},
                "else": _whole("MLSystem"),
            },
        ],
        "$defs": definitions,
    }


def _when(kind: Schema, then: Schema) -> Schema:
    return {"if": {"properties": {"kind": kind}, "required": ["kind"]}, "then": then}


def _whole(name: str) -> Schema:
    return {"allOf": [{"$ref": f"#/$defs/{name}"}, {"$ref": f"#/$defs/{name}.complete"}]}


def _scalar(name: str) -> Schema:
    scalar = SCALARS[name]
    types = ["string", *([scalar.number] if scalar.number else []), *scalar.bare, "null"]
    made: Schema = {"type": types}
    if scalar.pattern is not None:
        made["pattern"] = f"^(?:{scalar.pattern})$"
    if scalar.least is not None:
        made["minimum" if scalar.number == "integer" else "exclusiveMinimum"] = scalar.least
    if scalar.number is not None:
        made["maximum"] = 10**15 - 1
    if scalar.examples:
        made["examples"] = list(scalar.examples)
    return made


def _known(collection: str) -> Schema:
    """A name in a collection. Catalog entries are only examples: specs and platform files may declare others."""
    return {"$ref": f"#/$defs/{KNOWN[collection]}", "examples": _names(collection)}


def _names(collection: str) -> list[str]:
    """The names of the catalog's entries."""
    capability, _, plural = collection.rpartition("-")
    entries, place = CATALOG / f"{collection}.yaml", CATALOG / plural / capability
    folder = sorted(path.stem for path in place.glob("*.yaml"))
    return list(yaml.safe_load(entries.read_text(encoding="utf-8"))) if entries.exists() else folder


def _shape(type_: ObjectType) -> Schema:
    made: Schema = {
        "type": ["object", "null"],
        "description": type_.doc,
        "properties": {field.key: _property(field) for field in type_.fields},
        "additionalProperties": False,
    }
    exclusive: Schema = {field.of: {"properties": {field.key: NEVER}} for field in type_.fields if field.of}
    for index, key in enumerate(type_.exactly_one[:-1]):
        others = dict.fromkeys(type_.exactly_one[index + 1 :], NULL)
        exclusive[key] = {"if": {"properties": {key: NOT_NULL}}, "then": {"properties": others}}
    if exclusive:
        made["dependentSchemas"] = exclusive
    return made


def _property(field: Field) -> Schema:
    text = field.doc
    if field.mode == "default":
        text += f"\n\nDefault: `{field.default}` ({field.why})."
    elif field.mode == "derived":
        text += f"\n\nDefault: derived {field.why}."
    made = {**_kind(field.kind), "description": field.doc, "markdownDescription": text}
    if field.mode == "required" and field.kind.scalar == "text":
        made["pattern"] = r"\S"
    if field.mode == "default":
        made["default"] = _default(field)
    return made


def _default(field: Field) -> object:
    text = field.default or ""
    if field.kind.name in ("integer", "number", "bool"):
        return json.loads(text)
    return next((choice for choice in field.kind.choices if str(choice) == text), text)


def _kind(kind: Kind) -> Schema:
    match kind.name:
        case "scalar":
            return {"$ref": f"#/$defs/{kind.ref if kind.ref in KNOWN else kind.scalar}"}
        case "integer" | "number":
            return {"type": [kind.name, "null"], **_bounds(kind)}
        case "bool":
            return {"type": ["boolean", "null"]}
        case "enum":
            return {"enum": [*kind.choices, *_unquoted(kind.choices), None]}
        case "list":
            assert kind.item is not None
            made: Schema = {"type": ["array", "null"], "items": _kind(kind.item), **_least(kind)}
            return {**made, "x-merge-key": kind.key} if kind.key else made
        case "map":
            assert kind.item is not None
            names = SCALARS[kind.key].pattern
            made = {"type": ["object", "null"], "additionalProperties": _kind(kind.item)}
            return {**made, "propertyNames": {"pattern": f"^(?:{names})$"}} if names else made
        case "either":
            shape, leaf = {"$ref": f"#/$defs/{kind.type}"}, {"$ref": f"#/$defs/{kind.scalar}"}
            return {"if": {"type": "object"}, "then": shape, "else": leaf}
        case "overlay":
            return {"$ref": "#/$defs/overlay"}
        case "any":
            return {"type": ["object", "null"]}
    return {"$ref": f"#/$defs/{kind.type}"}


def _unquoted(choices: tuple[str | int, ...]) -> list[float]:
    """What YAML parses an unquoted choice such as `1.35` into."""
    return [float(c) for c in choices if isinstance(c, str) and c.replace(".", "", 1).isdecimal()]


def _least(kind: Kind) -> Schema:
    """How many items a list must have."""
    return {"minItems": kind.least} if kind.least else {}


def _bounds(kind: Kind) -> Schema:
    most = 10**15 - 1 if kind.name == "integer" else None
    made: Schema = {}
    if kind.low is not None:
        made["exclusiveMinimum" if kind.low_open else "minimum"] = kind.low
    elif most is not None:
        made["minimum"] = -most
    if kind.high is not None:
        made["exclusiveMaximum" if kind.high_open else "maximum"] = kind.high
    elif most is not None:
        made["maximum"] = most
    return made


def _complete(type_: ObjectType, language: Language) -> Schema:
    """What the shape does not check: required keys, no `null`, and the same for everything below."""
    made: Schema = {"type": "object"}
    required = [field.key for field in type_.fields if field.mode == "required"]
    if required:
        made["required"] = required
    below = {field.key: deep for field in type_.fields if (deep := _deep(field.kind, language)) is not None}
    for field in type_.fields:
        collection = HOLDERS.get(type_.name, "").format(field.key)
        if field.kind.name == "map" and collection in KNOWN:
            below[field.key]["patternProperties"] = {f"^(?:{'|'.join(_names(collection))})$": NOT_NULL}
    if below:
        made["properties"] = below
    made["additionalProperties"] = NOT_NULL
    if type_.exactly_one:
        made["anyOf"] = [{"required": [key]} for key in type_.exactly_one]
    if type_.needs:
        made["dependentRequired"] = {key: [other] for key, other in type_.needs}
    return made


def _deep(kind: Kind, language: Language) -> Schema | None:
    """The complete schema of a container value; None for a leaf."""
    match kind.name:
        case "object" | "union":
            return {"$ref": f"#/$defs/{kind.type}.complete"}
        case "either":
            return {"if": {"type": "object"}, "then": {"$ref": f"#/$defs/{kind.type}.complete"}, "else": NOT_NULL}
        case "list":
            assert kind.item is not None
            return {"type": "array", "items": _deep(kind.item, language) or NOT_NULL}
        case "map":
            assert kind.item is not None
            return {"type": "object", "additionalProperties": _deep(kind.item, language) or NOT_NULL}
        case "overlay" | "any":
            return {"type": "object"}
    return None


def _union(union: UnionType, language: Language) -> Schema:
    tag, variants = union.tag, union.variants
    is_ = {choice: {"properties": {tag: {"const": choice}}, "required": [tag]} for choice, _ in variants}
    shape = {
        "type": ["object", "null"],
        "properties": {tag: {"enum": [choice for choice, _ in variants]}},
        "allOf": [
            *({"if": is_[choice], "then": {"$ref": f"#/$defs/{name}"}} for choice, name in variants),
            {"if": {"required": [tag]}, "else": {"$ref": f"#/$defs/{union.name}.any"}},
        ],
    }
    complete = {
        "type": "object",
        "required": [tag],
        "allOf": [{"if": is_[choice], "then": {"$ref": f"#/$defs/{name}.complete"}} for choice, name in variants],
    }
    return {union.name: shape, f"{union.name}.any": _any(union, language), f"{union.name}.complete": complete}


def _any(union: UnionType, language: Language) -> Schema:
    """For an overlay that does not repeat its variant: the first variant with a key describes that key."""
    properties: Schema = {}
    for _, name in union.variants:
        type_ = language.types[name]
        assert isinstance(type_, ObjectType)
        for field in type_.fields:
            properties.setdefault(field.key, {"$ref": f"#/$defs/{name}/properties/{field.key}"})
    return {"type": ["object", "null"], "properties": properties, "additionalProperties": False}

"""Turn the pydantic models into a plain description of the language, the input of every generator."""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass, field
from typing import Any, Literal, Union

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from .models.base import Leaf, Overlay, Ref, Section

__all__ = ["Field", "ObjectType", "UnionType", "Kind", "describe"]


@dataclass(frozen=True)
class Kind:
    """The kind of a value: scalar, integer, number, bool, enum, object, union, either (a scalar or an object), list,
    map, overlay (a spec with no required fields), or any (a mapping passed through unchanged)."""

    name: str
    scalar: str = ""  # scalar, either: its kind in `schema.scalars`
    ref: str = ""  # scalar: the collection that it refers to
    choices: tuple[str | int, ...] = ()  # enum
    type: str = ""  # object, union, either: the type name
    item: Kind | None = None  # list, map
    key: str = ""  # list: the key that items merge by; map: the scalar kind of its keys
    key_ref: str = ""  # map: the collection that its keys refer to
    low: float | None = None  # integer, number: bounds
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    least: int = 0  # list: how many items it must have


@dataclass(frozen=True)
class Field:
    """One key of a mapping."""

    key: str
    attribute: str
    kind: Kind
    mode: str  # required, optional, default, derived, group, list, map, singular
    doc: str
    default: str | None = None
    why: str = ""
    of: str = ""  # singular: the mapping that it abbreviates


@dataclass(frozen=True)
class ObjectType:
    """A mapping with known keys."""

    name: str
    doc: str
    fields: tuple[Field, ...]
    exactly_one: tuple[str, ...] = ()
    needs: tuple[tuple[str, str], ...] = ()
    ascending: tuple[tuple[tuple[str, ...], str], ...] = ()

    @property
    def canonical(self) -> tuple[Field, ...]:
        """The fields, without the shorthands for others."""
        return tuple(field for field in self.fields if field.mode != "singular")


@dataclass(frozen=True)
class UnionType:
    """One of several mappings, distinguished by the value of one key."""

    name: str
    doc: str
    tag: str
    variants: tuple[tuple[str, str], ...]


@dataclass
class Language:
    """All types, in reading order."""

    types: dict[str, ObjectType | UnionType] = field(default_factory=dict)


def describe(*roots: type[Section]) -> Language:
    """Walk the models from the roots."""
    language = Language()
    for root in roots:
        _object(root, language)
    return language


def _object(model: type[Section], language: Language) -> str:
    name = model.__name__
    if name not in language.types:
        language.types[name] = ObjectType(name, "", ())  # reserves its place while its fields are read
        fields = tuple(_field(key, info, language) for key, info in model.model_fields.items())
        doc = " ".join((model.__doc__ or "").split())
        needs = tuple(model.needs.items())
        language.types[name] = ObjectType(name, doc, fields, model.exactly_one, needs, model.ascending)
    return name


def _field(attribute: str, info: FieldInfo, language: Language) -> Field:
    extra = typing.cast("dict[str, Any]", info.json_schema_extra or {})
    annotation, optional = _without_none(info.annotation)
    kind = _kind(annotation, info.metadata, language, info.discriminator)
    kind = Kind(**{**kind.__dict__, "key": extra["key"]}) if kind.name == "list" and "key" in extra else kind
    why = extra.get("why") or extra.get("how") or ""
    return Field(
        key=info.alias or attribute,
        attribute=attribute,
        kind=kind,
        mode=_mode(info, kind, optional, extra),
        doc=info.description or "",
        default=None if "why" not in extra else _spelling(info.default),
        why=why,
        of=extra.get("of", ""),
    )


def _mode(info: FieldInfo, kind: Kind, optional: bool, extra: dict[str, Any]) -> str:
    if "of" in extra:
        return "singular"
    if "how" in extra:
        return "derived"
    if "why" in extra:
        return "default"
    if kind.name in ("list", "map") and info.default is PydanticUndefined and info.default_factory is not None:
        return kind.name
    if info.default_factory is not None:
        return "group"
    return "optional" if optional else "required"


def _spelling(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if typing.get_origin(annotation) in (Union, types.UnionType):
        rest = [part for part in typing.get_args(annotation) if part is not type(None)]
        if len(rest) < len(typing.get_args(annotation)):
            return (rest[0] if len(rest) == 1 else Union[tuple(rest)]), True  # noqa: UP007 - a union of a list
    return annotation, False


def _kind(  # noqa: PLR0912 - one case for each kind of annotation
    annotation: Any, metadata: list[Any], language: Language, discriminator: Any = None
) -> Kind:
    if typing.get_origin(annotation) is typing.Annotated:
        inner, *more = typing.get_args(annotation)
        for extra in more:
            if isinstance(extra, FieldInfo) and extra.discriminator:
                discriminator = extra.discriminator
        return _kind(inner, [*metadata, *more], language, discriminator)
    for mark in metadata:
        if isinstance(mark, Leaf):
            ref = next((m.to for m in metadata if isinstance(m, Ref)), "")
            return Kind("scalar", scalar=mark.kind, ref=ref)
    if any(isinstance(mark, Overlay) for mark in metadata):
        return Kind("overlay")
    origin = typing.get_origin(annotation)
    if annotation is bool:
        return Kind("bool")
    if annotation is int:
        return Kind("integer", **_bounds(metadata))
    if annotation is float:
        return Kind("number", **_bounds(metadata))
    if origin is Literal:
        return Kind("enum", choices=typing.get_args(annotation))
    if origin is list:
        least = next((mark.min_length for mark in metadata if isinstance(mark, MinLen)), 0)
        return Kind("list", item=_kind(typing.get_args(annotation)[0], [], language), least=least)
    if origin is dict:
        key, value = typing.get_args(annotation)
        if key is str:
            return Kind("any")
        key_kind = _kind(key, [], language)
        return Kind("map", item=_kind(value, [], language), key=key_kind.scalar, key_ref=key_kind.ref)
    if origin in (Union, types.UnionType):
        if discriminator is None:
            return _either(*(_kind(one, [], language) for one in typing.get_args(annotation)))
        return Kind("union", type=_union(annotation, discriminator, language))
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return Kind("object", type=_object(annotation, language))
    raise TypeError(f"the language has no kind for {annotation}")


def _either(*kinds: Kind) -> Kind:
    """A scalar, or a mapping that says where the value comes from."""
    leaf, mapping = kinds
    if (leaf.name, mapping.name) != ("scalar", "object"):
        raise TypeError("a union without a discriminator is one of a scalar and a section")
    return Kind("either", scalar=leaf.scalar, type=mapping.type)


def _union(annotation: Any, discriminator: Any, language: Language) -> str:
    if not isinstance(discriminator, str):
        raise TypeError(f"a union needs a discriminator: {annotation}")
    models = typing.get_args(annotation)
    name = _common_name([model.__name__ for model in models])
    if name not in language.types:
        language.types[name] = UnionType(name, "", discriminator, ())
        variants: list[tuple[str, str]] = []
        for model in models:
            choices = typing.get_args(model.model_fields[discriminator].annotation)
            section = _object(model, language)
            variants.extend((choice, section) for choice in choices)
        language.types[name] = UnionType(name, "", discriminator, tuple(variants))
    return name


# The name of each union, by its first member.
_UNION_NAMES = {
    "S3Access": "Access",
    "PinnedVersion": "DataVersion",
    "BearerAuth": "PrometheusAuth",
    "Impute": "PreprocessingStep",
    "TemporalSplit": "Split",
    "RedisStore": "OnlineStore",
    "DoubleParameter": "Parameter",
    "OnlineService": "Service",
}


def _common_name(names: list[str]) -> str:
    return _UNION_NAMES[names[0]]


def _bounds(metadata: list[Any]) -> dict[str, Any]:
    bounds: dict[str, Any] = {}
    for mark in metadata:
        match mark:
            case Ge(ge=low):
                bounds["low"] = low
            case Gt(gt=low):
                bounds.update(low=low, low_open=True)
            case Le(le=high):
                bounds["high"] = high
            case Lt(lt=high):
                bounds.update(high=high, high_open=True)
    return bounds

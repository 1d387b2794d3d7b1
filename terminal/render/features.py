"""The catalog of features as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from json import dumps
from typing import Any

from ...compiler.answer.features.catalog import CatalogFeature, FeatureCatalog, FeatureReader
from ...compiler.plan.choose import count
from ...compiler.record import Record
from .markdown import cell, table

__all__ = [
    "HEAD", "KEPT", "UNREAD", "age", "by_entity", "json", "kept", "lookups", "markdown", "reader", "source", "summed",
]  # fmt: skip

HEAD = ("feature", "system, owner", "computed as", "age", "lookups from", "read by")
KEPT = ("view", "environment", "training reads", "lookups from", "Feast project")
UNREAD = "no model"
ELSEWHERE = "another system fills the store"


def markdown(catalog: FeatureCatalog) -> str:
    """The catalog for a document or a wiki: the hints for reuse, then a table for each entity."""
    return "\n".join(_markdown(catalog)) + "\n"


def _markdown(catalog: FeatureCatalog) -> Iterator[str]:
    yield from ("# Features", "", summed(catalog))
    if catalog.left_out:
        yield from ("", f"Left out, because of errors: {cell(', '.join(catalog.left_out))}.")
    if catalog.hints:
        yield from ("", "## Reuse", "")
        rows = ((_words(one.subject), cell(", ".join(one.features)), cell(one.advice)) for one in catalog.hints)
        yield from table(("shared", "features", "what to do"), rows)
    for entity, features in by_entity(catalog):
        yield from ("", f"## {cell(entity)}", "")
        yield from table(HEAD, map(_row, features))
    if kept(catalog):
        yield from ("", "## Values", "")
        yield from table(KEPT, (tuple(map(cell, row)) for row in kept(catalog)))


def _row(one: CatalogFeature) -> tuple[str, ...]:
    about = f"{one.description} " if one.description else ""
    return (
        _words(f"`{one.view}.{one.name}`, `{one.dtype}`. {about}({one.where})"),
        cell(f"{one.system}, {one.owner}"),
        _words(source(one)),
        _words(age(one)),
        "<br>".join(map(cell, lookups(one))),
        "<br>".join(_words(reader(each)) for each in one.readers) or UNREAD,
    )


def _words(said: str) -> str:
    """Text in which what is between two backticks is code. Code that holds a backtick would end there."""
    parts = said.split("`")
    if len(parts) % 2 == 0 or "" in parts[1::2]:
        return cell(said)
    return "".join(f"<code>{cell(part)}</code>" if at % 2 else cell(part) for at, part in enumerate(parts))


# What the page says, too


def summed(catalog: FeatureCatalog) -> str:
    """How much there is, as a sentence."""
    readers = {(one.system, each.model) for one in catalog.features for each in one.readers}
    unread = sum(not one.readers for one in catalog.features)
    said = f"{count(len(catalog.features), 'feature')} of {count(len(catalog.systems), 'system')}"
    idle = f" No model reads {unread} of the features." if unread else ""
    return f"{said}, read by {count(len(readers), 'model')}.{idle}"


def by_entity(catalog: FeatureCatalog) -> Iterator[tuple[str, list[CatalogFeature]]]:
    """The features by what they describe, which the title of their table names with its key."""
    for (entity, key), features in groupby(
        sorted(catalog.features, key=lambda one: (one.entity, one.key)), key=lambda one: (one.entity, one.key)
    ):
        yield f"{entity} (key: {key})" if key else entity, list(features)


def source(one: CatalogFeature) -> str:
    """How it is computed, and from what."""
    known = "" if one.available == "at-prediction" else ", known only after the outcome"
    at = f" at `{one.location}`" if one.location else ""
    return f"{one.computed}, from `{one.source}`{at}{known}"


def age(one: CatalogFeature) -> str:
    """How old a value may be, and when it is renewed."""
    limit = f"at most {one.max_age}" if one.max_age else "no limit"
    return f"{limit}, renewed at `{one.schedule}` (UTC)" if one.schedule else limit


def lookups(one: CatalogFeature) -> list[str]:
    """Which online stores answer lookups. It names the environments if they differ."""
    found: dict[str, list[str]] = {}
    for at in one.places:
        found.setdefault(at.serving or ("none" if at.training else ELSEWHERE), []).append(at.environment)
    return list(found) if len(found) < 2 else [f"{', '.join(names)}: {store}" for store, names in found.items()]


def kept(catalog: FeatureCatalog) -> list[tuple[str, ...]]:
    """The rows of a table: where each environment keeps the values of each view, in the order of `KEPT`."""
    rows = (
        (f"{one.system}: {one.view}", at.environment, at.training, at.serving or "none", at.project)
        for one in catalog.features
        for at in one.places
        if at.training
    )
    return sorted(set(rows))


def reader(one: FeatureReader) -> str:
    """Which model reads it, as which input, and what serves the model."""
    served = f", served by {', '.join(one.services)}" if one.services else ", not served"
    return f"{one.model} as `{', '.join(one.inputs)}`{served}"


# JSON


def json(catalog: FeatureCatalog) -> str:
    """The catalog as JSON, as `schema/features.v1.schema.json` describes it; `version` increases when that changes."""
    return dumps({"version": 1, **_plain(catalog)}, indent=2) + "\n"


def _plain(one: Record) -> dict[str, Any]:
    return {_key(name): _value(getattr(one, name)) for name in one._fields}


def _value(value: Any) -> Any:
    if isinstance(value, Record):
        return _plain(value)
    return _values(value) if isinstance(value, tuple) else value


def _values(values: Iterable[Any]) -> list[Any]:
    return [_value(one) for one in values]


def _key(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(one.capitalize() for one in others)

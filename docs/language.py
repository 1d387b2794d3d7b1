"""The data of the language reference: types by section, with all paths where they occur.

Everything comes from `mlspec.schema.introspect`, which also feeds the schema and the compiler's tables. The examples
are verbatim sections of the reference systems.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from mlspec.compiler.check.not_yet import NOT_YET_READ
from mlspec.schema.introspect import Field, Language, ObjectType, UnionType, describe
from mlspec.schema.models import MLSystem, PlatformFile, ReleaseFile
from mlspec.schema.scalars import SCALARS

from .fields import innermost, left_out, listed_words, type_in_words, units

__all__ = ["language"]

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SYSTEMS = ("fraud-scorer", "support-assistant", "demand-forecast", "minimal")
"""The systems to take example sections from: the first one that has the section."""


class Row(NamedTuple):
    """One field."""

    key: str
    says: str
    type: str
    left_out: str


class Variant(NamedTuple):
    """One variant of a union."""

    choice: str
    heading: str
    doc: str
    has_fields: bool
    """Whether it has fields that not all variants share."""


class Entry(NamedTuple):
    """One type: a mapping with its fields, or a union with the fields that its variants share."""

    heading: str
    doc: str
    paths: tuple[str, ...]
    """Where it occurs in a file, without the names of entries."""
    rows: tuple[Row, ...]
    not_yet: str = ""
    exactly_one: tuple[str, ...] = ()
    needs: tuple[tuple[str, str], ...] = ()
    when: str = ""
    """For a variant: the key and value that select it."""
    tag: str = ""
    variants: tuple[Variant, ...] = ()


class Section(NamedTuple):
    """One top-level key of a spec, or one file type, with the types that first occur there."""

    entries: tuple[Entry, ...]
    example: str = ""
    system: str = ""


def language() -> dict[str, Any]:
    """The data of the language page."""
    taken: set[str] = set()
    release, platform = (Section(tuple(_entries(name, taken))) for name in ("ReleaseFile", "PlatformFile"))
    system = _object("MLSystem")
    sections = [
        Section(tuple(_entries(innermost(field.kind).type, taken)), *_example(_short(field.key)))
        for field in system.canonical
    ]
    return {
        "system": _entry(system),
        "sections": [section for section in sections if section.entries],
        "release": release,
        "platform": platform,
        "not_yet": _by_subject(),
        "quantities": [(name, SCALARS[name], found) for name in SCALARS if (found := units(name)) is not None],
        "texts": [(name, scalar) for name, scalar in SCALARS.items() if units(name) is None],
    }


@cache
def _types() -> Language:
    return describe(MLSystem, ReleaseFile, PlatformFile)


def _object(name: str) -> ObjectType:
    found = _types().types[name]
    assert isinstance(found, ObjectType)
    return found


# Where types occur, and what is not supported yet there


def _short(pattern: str) -> str:
    """A path in its short form, without the names of entries."""
    short = re.sub(r"^(model|release)s\b|^services\b", lambda match: match[1] or "serving", pattern)
    return short.replace(".*", "")


def _below(path: str, field: Field) -> str:
    return _short(f"{path}.{field.key}" if path else field.key)


@cache
def _idle() -> dict[str, str]:
    """What is not supported yet: path to subject."""
    return {_short(path): subject for path, subject in NOT_YET_READ.items()}


def _by_subject() -> dict[str, list[str]]:
    subjects: dict[str, list[str]] = defaultdict(list)
    for path, subject in _idle().items():
        subjects[subject].append(re.sub(r"\[(\w+)=(\w+)\]", r": {\1: \2}", path))
    return dict(sorted(subjects.items()))


Places = dict[str, dict[str, str]]
"""By type: each path where it occurs, with the subject that is not supported yet there, or an empty string."""


@cache
def _places() -> Places:
    places: Places = defaultdict(dict)
    for root in ("MLSystem", "ReleaseFile", "PlatformFile"):
        _place(root, "", "", places)
    return places


def _place(name: str, path: str, idle: str, places: Places) -> None:
    """Record where a type and everything below it occurs."""
    type_ = _types().types[name]
    places[name].setdefault(path, idle)
    if isinstance(type_, UnionType):
        for choice, variant in type_.variants:
            _place(variant, path, idle or _idle().get(f"{path}[{type_.tag}={choice}]", ""), places)
        return
    for field in type_.canonical:
        inner, below = innermost(field.kind), _below(path, field)
        if inner.type:
            _place(inner.type, below, idle or _idle().get(below, ""), places)


# Types


def _entries(name: str, taken: set[str]) -> Iterator[Entry]:
    """A type and the types that first occur below it, in the order of the models."""
    if not name or name in taken:
        return
    taken.add(name)
    type_ = _types().types[name]
    if isinstance(type_, UnionType):
        yield _union(type_)
        yield from (entry for entry in _variants(type_) if entry.rows)
        taken.update(variant for _, variant in type_.variants)
        below = [field for _, variant in type_.variants for field in _object(variant).canonical]
    else:
        yield _entry(type_)
        below = list(type_.canonical)
    for field in below:
        yield from _entries(innermost(field.kind).type, taken)


def _entry(type_: ObjectType, when: str = "") -> Entry:
    places = _places()[type_.name]
    return Entry(
        heading=_heading(type_.name),
        doc=type_.doc,
        paths=_paths(type_.name),
        rows=_rows(type_.fields, type_.name),
        not_yet=next(iter(places.values())) if all(places.values()) else "",
        exactly_one=type_.exactly_one,
        needs=type_.needs,
        when=when,
    )


def _union(union: UnionType) -> Entry:
    variants = (
        Variant(choice, entry.heading, entry.doc, has_fields=bool(entry.rows))
        for (_, choices), entry in zip(_choices(union).items(), _variants(union), strict=True)
        for choice in choices
    )
    rows = _rows(_shared(union), union.name)
    return Entry(_heading(union.name), union.doc, _paths(union.name), rows, tag=union.tag, variants=tuple(variants))


def _variants(union: UnionType) -> Iterator[Entry]:
    """The variants of a union, each with the fields that not all of them share."""
    shared = _shared(union)
    for name, choices in _choices(union).items():
        type_ = _object(name)
        own = tuple(field for field in type_.fields if field.key != union.tag and field not in shared)
        yield _entry(ObjectType(name, type_.doc, own), when=f"{union.tag}: {' | '.join(choices)}")


def _choices(union: UnionType) -> dict[str, list[str]]:
    """The values of the tag for each variant."""
    found: dict[str, list[str]] = {}
    for choice, name in union.variants:
        found.setdefault(name, []).append(str(choice))
    return found


def _shared(union: UnionType) -> tuple[Field, ...]:
    """The fields that all variants share."""
    first, *others = (_object(name).fields for _, name in union.variants)
    return tuple(field for field in first if all(field in fields for fields in others))


def _paths(name: str) -> tuple[str, ...]:
    """Where a type occurs; clusters repeat the platform's paths, so they are skipped."""
    return tuple(path for path in _places()[name] if path and path.partition(".")[0] != "clusters")


@cache
def _sections() -> dict[str, str]:
    """The types of the top-level sections of a spec, with the section's key, which is their heading."""
    fields = {innermost(field.kind).type: _short(field.key) for field in _object("MLSystem").canonical}
    return {name: key for name, key in fields.items() if name and name not in ("Release", "Platform")}


def _heading(name: str) -> str:
    return _sections().get(name, name)


# Fields


def _rows(fields: tuple[Field, ...], type_name: str) -> tuple[Row, ...]:
    return tuple(
        Row(
            field.key,
            " ".join(_says(field, _places()[type_name])),
            type_in_words(field.kind, lambda name: _heading(name).lower()),
            left_out(field),
        )
        for field in fields
    )


def _says(field: Field, places: dict[str, str]) -> Iterator[str]:
    yield field.doc
    if field.of:
        yield f"Shorthand for the only entry of `{field.of}`."
    if words := listed_words(field.kind):
        yield f"One of {words}."
    active = [path for path, idle in places.items() if not idle]
    idle = [below for path in active if (below := _below(path, field)) in _idle()]
    if idle:
        where = "" if len(idle) == len(active) else " at " + ", ".join(f"`{path}`" for path in idle)
        yield f"[Not yet](#not-supported-yet){where}."


def _example(key: str) -> tuple[str, str]:
    """A section of the first system that has it, verbatim, and the name of the system."""
    for name in SYSTEMS:
        path = EXAMPLES / name / "mlspec.yaml"
        match = re.search(rf"^{key}:.*\n(?:[ ].*\n?|\n)*", path.read_text() if path.exists() else "", re.MULTILINE)
        if match is not None:
            return match[0].rstrip(), name
    return "", ""

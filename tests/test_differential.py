"""The compiler and the published schema, which other tools validate by, give every document the same verdict.

Every place of every example is changed in each of the ways in which people go wrong. Documents are JSON here, so that
both sides see the same types; what they make of a number without quotes where a text is meant has a test of its own.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema_rs
import pytest

from mlspec.compiler.bind import Binder
from mlspec.compiler.bind.leaf import core_value
from mlspec.compiler.diagnostics import Diagnostic, SourceFile
from mlspec.compiler.layer.merge import desugar
from mlspec.compiler.read import read
from mlspec.compiler.tree import Mapping, Node, Scalar, Sequence
from mlspec.schema.models.base import Section
from mlspec.schema.models.platform import PlatformFile
from mlspec.schema.models.release import ReleaseFile
from mlspec.schema.models.system import MLSystem

from .support import EXAMPLES, ROOT, minimal

SCHEMA = jsonschema_rs.validator_for(json.loads((ROOT / "schema" / "mlspec.v1.schema.json").read_text()))
MODELS: dict[str, type[Section]] = {"MLSystem": MLSystem, "Platform": PlatformFile, "Release": ReleaseFile}
ROOTS = {"MLSystem": "MLSystem", "Platform": "PlatformFile", "Release": "ReleaseFile"}
FILES = [
    *(
        path
        for example in EXAMPLES
        for path in (example / "mlspec.yaml", *sorted((example / "releases").glob("*.yaml")))
    ),
    ROOT / "examples" / "mlspec.platform.yaml",
]
EACH = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "examples")))

EACH_PLACE = 5
"""How many of the mistakes are made at each place."""

Steps = tuple[str | int, ...]


def data_of(node: Node) -> Any:
    """A tree as an editor's YAML 1.2 reader sees it."""
    if isinstance(node, Mapping):
        return {key: data_of(child) for key, child in node.entries.items()}
    if isinstance(node, Sequence):
        return [data_of(item) for item in node.items]
    assert isinstance(node, Scalar)
    return core_value(node)


def document(path: Path) -> Any:
    tree, found = read(SourceFile(path.name, path.read_text()))
    assert tree is not None
    assert found == []
    return data_of(tree)


FILE = SourceFile("document", "")


def tree_of(data: Any) -> Node:
    """The tree that JSON is read into: texts are quoted, everything else is plain."""
    place = (FILE, 0, 0, 0, 0)
    if isinstance(data, dict):
        keys = {key: Scalar(place, key, False) for key in data}
        return Mapping(place, keys, {key: tree_of(child) for key, child in data.items()})
    if isinstance(data, list):
        return Sequence(place, [tree_of(item) for item in data])
    return Scalar(place, data if isinstance(data, str) else json.dumps(data), not isinstance(data, str))


def refused(data: dict[str, Any]) -> list[Diagnostic]:
    """What binding says of one whole file."""
    tree = tree_of(data)
    assert isinstance(tree, Mapping)
    return bound(ROOTS.get(str(data.get("kind")), "MLSystem"), tree)


def bound(type_name: str, tree: Mapping) -> list[Diagnostic]:
    long, twice = desugar(tree, type_name)
    binder = Binder(None, {})
    binder.object(type_name, long, "")
    return [*twice, *binder.found]


def places(data: Any, steps: Steps = ()) -> Iterator[Steps]:
    yield steps
    children = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for step, child in children:
        yield from places(child, (*steps, step))


def at(data: Any, steps: Steps) -> Any:
    for step in steps:
        data = data[step]
    return data


def put(data: Any, steps: Steps, value: Any) -> Any:
    """The same document with another value at a place; the rest is shared."""
    if not steps:
        return value
    made = copy.copy(data)
    made[steps[0]] = put(data[steps[0]], steps[1:], value)
    return made


def without(data: Any, steps: Steps) -> Any:
    holder = copy.copy(at(data, steps[:-1]))
    del holder[steps[-1]]
    return put(data, steps[:-1], holder)


WRONG: dict[str, Callable[[Any], Any]] = {
    "null": lambda _: None,
    "a text": lambda _: "no such word",
    "an empty text": lambda _: "",
    "a number in a text": lambda value: str(value) if isinstance(value, (int, float)) else "17",
    "a number": lambda _: 17,
    "a fraction": lambda _: 0.5,
    "a negative number": lambda _: -1,
    "zero": lambda _: 0,
    "a huge number": lambda _: 10**15,
    "a boolean": lambda _: True,
    "an empty list": lambda _: [],
    "a list": lambda value: [value],
    "an empty mapping": lambda _: {},
    "a mapping": lambda value: {"value": value},
    "a line break at the end": lambda value: f"{value}\n",
    "spaces": lambda value: f" {value}",
}


class Mistake(NamedTuple):
    """A document that is one mistake away from one that is right."""

    name: str
    data: dict[str, Any]
    quoted: dict[str, Any] | None = None
    """The same, with quotes around what was put in."""


def mutated(data: dict[str, Any]) -> Iterator[Mistake]:
    """Every document that is one mistake away: at each place of a list's items once, and with some of the mistakes in
    turn, or, with MLSPEC_EXAMPLES set, with all of them.
    """
    wrongs = list(WRONG.items())
    each = len(wrongs) if "MLSPEC_EXAMPLES" in os.environ else EACH_PLACE
    seen: set[str] = set()
    for steps in places(data):
        where = ".".join("*" if isinstance(step, int) else step for step in steps)
        value = at(data, steps)
        if where in seen:
            continue
        first = len(seen) * each % len(wrongs)
        seen.add(where)
        if steps:
            yield Mistake(f"{where}: removed", without(data, steps))
            for name, wrong in [*wrongs, *wrongs][first : first + each]:
                made = wrong(value)
                quoted = put(data, steps, json.dumps(made)) if isinstance(made, (int, float)) else None
                yield Mistake(f"{where}: {name}", put(data, steps, made), quoted)
        if isinstance(value, dict):
            yield Mistake(f"{where}: an unknown key", put(data, steps, {**value, "noSuchKey": 1}))


def _text_without_quotes(mistake: Mistake, _: bool, found: list[Diagnostic]) -> bool:
    return not found and mistake.quoted is not None and SCHEMA.is_valid(mistake.quoted)


def _too_long_a_number(mistake: Mistake, valid: bool, found: list[Diagnostic]) -> bool:
    return mistake.name.endswith("a huge number") and valid and [d.id for d in found] == ["MLS005"]


def _spelling_of_a_number(mistake: Mistake, valid: bool, found: list[Diagnostic]) -> bool:
    return mistake.name.endswith("a negative number") and valid and [d.id for d in found] == ["MLS006"]


def _order(mistake: Mistake, valid: bool, found: list[Diagnostic]) -> bool:  # noqa: ARG001 - all take the same
    return valid and all(one.id == "MLS008" and " is above the " in one.message for one in found)


APART = {
    _order: "JSON Schema cannot compare two values, such as a minimum with its maximum",
    _text_without_quotes: "a text with a pattern takes the source text, which a reader of YAML has made a number; an"
    " editor that colors it red is no harm, and `revision: 4e91102` would else be read as infinity by some tools",
    _too_long_a_number: "a number of more than 15 digits is more than a float holds exactly; JSON has no such limit",
    _spelling_of_a_number: "a label's value may be a bare number, which has no pattern for JSON Schema to hold it to",
}
"""Where the two differ, each with its reason."""


@pytest.mark.exhaustive
@EACH
def test_the_schema_and_the_compiler_agree(path: Path) -> None:
    data = document(path)
    assert SCHEMA.is_valid(data)
    assert refused(data) == []
    apart = []
    for mistake in mutated(data):
        found, valid = refused(mistake.data), SCHEMA.is_valid(mistake.data)
        if valid != (not found) and not any(known(mistake, valid, found) for known in APART):
            says = "; ".join(error.message for error in SCHEMA.iter_errors(mistake.data)) or "nothing"
            apart.append(f"{mistake.name}: the schema says {says}, the compiler {[d.message for d in found]}")
    assert apart == []


@pytest.mark.parametrize(
    ("path", "text", "compiler", "schema"),
    [
        ("metadata__owner", "007", True, True),
        ("metadata__owner", "no", True, True),
        ("metadata__owner", "1.10", True, True),
        ("metadata__name", "on", True, True),
        ("metadata__name", "true", True, False),  # a text with a pattern that YAML takes for something else
        ("metadata__labels__team", "12", True, True),
        ("metadata__labels__team", "-12", False, True),  # no spelling of a label's value
        ("metadata__labels__team", "true", True, True),
        ("release__version", "14", True, True),
        ("release__version", "2026-11-02", True, True),
        ("release__code__revision", "4e91102", True, True),  # infinity, to some readers
        ("constraints__maxReplicas", "3", True, True),
        ("constraints__maxReplicas", "3.0", False, True),  # an integer, to JSON Schema
        ("constraints__maxReplicas", "'3'", False, False),
        ("constraints__latency__p99", "50", False, False),
        ("constraints__latency__p99", '"50ms\\n"', False, False),  # `$` of some engines matches before it
        ("serving__resources__cpu", "0.5", True, True),
        ("serving__resources__cpu", "'0.5'", True, True),
        ("serving__resources__cpu", "-1", False, False),
    ],
)
def test_a_text_as_people_write_it(path: str, text: str, compiler: bool, schema: bool) -> None:
    """The schema judges what YAML takes a text for, the compiler the text itself (law 8)."""
    tree, found = read(SourceFile("mlspec.yaml", minimal(**{path: "HERE"}).replace("HERE", text)))
    assert tree is not None
    assert found == []
    assert (bound("MLSystem", tree) == []) == compiler
    assert SCHEMA.is_valid(data_of(tree)) == schema


@EACH
def test_the_models_take_every_example(path: Path) -> None:
    """What people build in Python is what they write in YAML."""
    data = document(path)
    model = MODELS[data["kind"]].model_validate(data)
    assert MODELS[data["kind"]].model_validate(model.model_dump(by_alias=True, exclude_unset=True)) == model

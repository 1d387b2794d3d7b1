"""One misspelled word is one finding: what depends on it is skipped, because help for it would do damage.

A rule that took a misspelled `constraints` for no constraints would tell the author to add some. By default, each key
of a type and each field with names is tried in one of the examples that have it; `MLSPEC_EVERY_LEAF=1` tries all words.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from zlib import crc32

import pytest

import mlspec
from mlspec.compiler.check.patterns import values
from mlspec.compiler.check.rules.registry import RULES
from mlspec.compiler.diagnostics import Diagnostic
from mlspec.compiler.inputs import Input
from mlspec.compiler.language import OBJECTS, SINGULAR
from mlspec.compiler.pipeline import compile_system
from mlspec.compiler.words import closest
from mlspec.targets.registry import BACKENDS

from .leaves import Leaf, changed, known_keys, leaves
from .support import EXAMPLES, compile_text, minimal

EVERY_LEAF = "MLSPEC_EVERY_LEAF" in os.environ
PARTS = 6
"""The number of tests that share the words of each example."""
DECLARED = (
    "access.*#",
    "data.columns.*.name",
    "data.sources.*.name",
    "features.entities.*.name",
    "features.views.*.name",
    "metrics.*#",
    "models.*.candidates.*.name",
    "models.*.signature.*.name",
    "models.*#",
    "services.*#",
    "training.tuning.parameters.*#",
)
"""The fields with names that other parts of a spec use."""
QUICK = 37
"""One word in so many is tried by the quick tests."""


@cache
def read(example: Path) -> Input:
    return mlspec.load(example / "mlspec.yaml")._input


def findings(input_: Input) -> dict[tuple[object, ...], Diagnostic]:
    """What is found, by what distinguishes findings."""
    found = compile_system(input_, BACKENDS, RULES, "2026-11-23").found
    return {one.key: one for one in found}


@cache
def known(example: Path) -> frozenset[tuple[object, ...]]:
    return frozenset(findings(read(example)))


def words(example: Path) -> list[Leaf]:
    """Every key of the language, and every name that is declared elsewhere and that no other layer replaces. The keys
    of the system's name are not among them: it also names what short forms declare, which are expanded before the test
    changes a word.
    """
    input_ = read(example)
    environments = compile_system(input_, BACKENDS, RULES, "2026-11-23").environments
    merged = {id(node) for one in environments for _, node in values(one.layered.tree)}
    names = [leaf for leaf in leaves(input_) if leaf.kind[0] == "scalar" and leaf.kind[2] and id(leaf.node) in merged]
    return [*(leaf for leaf in known_keys(input_) if leaf.path not in ("metadata", "metadata.name")), *names]


def misspelled(leaf: Leaf) -> str:
    """The word without one of its letters, or with one more where that is another word of the language."""
    text = leaf.node.text
    less, more = text[: len(text) // 2] + text[len(text) // 2 + 1 :], f"{text}{text[-1]}"
    if leaf.kind[0] != "key":
        return f"{text}x"
    taken = (*OBJECTS[leaf.kind[1]], *SINGULAR.get(leaf.kind[1], ()))
    return next(word for word in (less if len(text) > 4 else more, more, f"{text}x") if word not in taken)


def wrong(example: Path, these: list[Leaf]) -> Iterator[str]:
    """The words whose misspelling has another result than one finding in its place."""
    before = known(example)
    for leaf in these:
        text = misspelled(leaf)
        after = findings(changed(read(example), {id(leaf.node): text}))
        new = [one for key, one in after.items() if key not in before]
        if [one.span for one in new] != [leaf.node.span]:
            said = "; ".join(f"{one.id} {one.span}: {one.message}" for one in new) or "nothing"
            yield f"{leaf.file}:{leaf.path}: {leaf.node.text} -> {text}: {said}"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_a_misspelled_word_is_one_finding(example: Path) -> None:
    assert list(wrong(example, words(example)[::QUICK])) == []


def what(word: Leaf) -> tuple[str, ...]:
    """A key of a type, or a field with names."""
    return (word.file, word.field, word.node.text) if word.kind[0] == "key" else (word.file, word.field)


@cache
def kinds(example: Path) -> dict[tuple[str, ...], Leaf]:
    """One word of each kind."""
    return {what(word): word for word in words(example)}


def tried_in(kind: tuple[str, ...]) -> Path:
    """The example in which a kind is tried. Its name decides, so other kinds that come and go change nothing."""
    having = [example for example in EXAMPLES if kind in kinds(example)]
    return having[crc32(" ".join(kind).encode()) % len(having)]


def chosen(example: Path) -> list[Leaf]:
    """All words, or one of each kind whose turn it is here."""
    if EVERY_LEAF:
        return words(example)
    return [word for kind, word in kinds(example).items() if tried_in(kind) == example]


def test_each_kind_of_word_is_tried() -> None:
    assert {what(word) for one in EXAMPLES for word in chosen(one)} == {kind for one in EXAMPLES for kind in kinds(one)}


@pytest.mark.exhaustive
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_each_misspelled_word_is_one_finding(example: Path, part: int) -> None:
    assert list(wrong(example, chosen(example)[part::PARTS])) == []


def declared(example: Path) -> list[Leaf]:
    """The names that an author declares in a spec, of what other parts of it may use."""
    found = [leaf for leaf in leaves(read(example)) if leaf.kind[0] == "scalar" and not leaf.kind[2]]
    return [leaf for leaf in found if any(fnmatchcase(leaf.path, pattern) for pattern in DECLARED)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_trap_a_name_that_is_not_valid_is_unknown_wherever_it_is_used(example: Path) -> None:
    """It was said to be unknown at each use, and the help was to write the name that is not valid."""
    before, names = known(example), declared(example)
    for leaf in names:
        after = findings(changed(read(example), {id(leaf.node): f"{leaf.node.text}\n"}))
        new = [one for key, one in after.items() if key not in before]
        assert [(one.id, one.span) for one in new] == [("MLS006", leaf.node.span)], leaf.path
    assert names


@pytest.mark.parametrize("name", ["[a, b]", "null", "''", "{}"])
def test_trap_a_source_without_a_valid_name_is_unknown_wherever_it_is_used(name: str, tmp_path: Path) -> None:
    sources = f"{{sources: [{{name: {name}, ingestion: batch, owner: feed}}], columns: ["
    columns = ", ".join(f"{{name: {letter}, dtype: float32, from: feed}}" for letter in "abc")
    found = compile_text(tmp_path, f"{minimal()}\ndata: {sources}{columns}]}}\n").diagnostics
    [(line, column)] = {(one.span.line, one.span.column) for one in found if one.severity == "error"}
    assert found[0].span.file.lines[line][column:].startswith(name if name != "null" else "")


def test_trap_a_name_that_is_not_valid_is_offered(tmp_path: Path) -> None:
    """The clusters of the platform file are declared in another file, where the mistake is reported."""
    text = f"{minimal()}\nenvironments: {{production: {{cluster: eu-weest}}}}\n"
    platform = "apiVersion: mlspec/v1\nkind: Platform\nclusters: {eu west: {}, eu-north: {}}\n"
    found = {one.id: one for one in compile_text(tmp_path, text, platform=platform).diagnostics}
    assert "eu west" not in found["MLS010"].help


@pytest.mark.parametrize(
    ("word", "known", "near"),
    [
        ("aws", ("aks", "eks", "gke"), None),
        ("cup", ("cpu", "gpu"), "cpu"),
        ("mn", ("min", "max"), "min"),
        ("hosst", ("hosts", "path"), "hosts"),
    ],
)
def test_short_words_that_differ_in_a_letter_are_two_words(word: str, known: tuple[str, ...], near: str | None) -> None:
    assert closest(word, known) == near


@pytest.mark.parametrize(
    ("setting", "message", "column"),
    [
        ("data.columns.0.dtype=string", "`--set` cannot change one item of a list", 13),
        ("model.signature.inputs.0.dtype=string", "`--set` cannot change one item of a list", 23),
        ("serving.endpoint={hosts: [a", "this bracket or brace is not closed", 17),
    ],
)
def test_a_setting_says_what_is_wrong_with_it(setting: str, message: str, column: int) -> None:
    example = next(example for example in EXAMPLES if example.name == "minimal")
    (found,) = mlspec.lint(example / "mlspec.yaml", settings=[setting])
    assert (found.message, found.span.column) == (message, column)

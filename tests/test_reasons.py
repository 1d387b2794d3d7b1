"""Reasons carry kinds, not sentences: nothing that mlspec does rests on the words that people read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.compiler import because as module
from mlspec.compiler.answer.explain import Reason, explain_object
from mlspec.compiler.answer.memo import memo
from mlspec.compiler.because import Because

from .support import EXAMPLES, ROOT, files

EACH = pytest.mark.parametrize("spec", [example / "mlspec.yaml" for example in EXAMPLES], ids=lambda p: p.parent.name)
CASES = sorted(path.parent for path in (ROOT / "tests" / "errors").glob("*/mlspec.yaml"))


@pytest.fixture
def other_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sentence, and every reason that is put into one, in other words: all letters shifted by one."""
    monkeypatch.setattr(module, "SENTENCES", dict.fromkeys(module.SENTENCES, "<{why}|{path}>"))
    made = Because.__init__

    def reworded(self: Because[Any], value: object, why: str = "", *more: Any, **named: Any) -> None:
        other = why if isinstance(why, Reworded) else Reworded(why.translate(OTHER))
        made(self, value, other, *more, **named)

    monkeypatch.setattr(Because, "__init__", reworded)


class Reworded(str):
    """A reason in other words already, so that the same reason in another form stays the same."""

    __slots__ = ()


ALPHABET = "abcdefghijklmnopqrstuvwxyz"
OTHER = str.maketrans(ALPHABET, ALPHABET[1:] + ALPHABET[0])


def behavior(spec: Path) -> Iterator[object]:
    """What mlspec does about a spec, without the words in which it says why."""
    result = mlspec.compile(spec)
    yield [(found.id, found.severity, str(found.span), found.environments) for found in result.diagnostics]
    yield files(result)
    for environment in result._compiled.environments:
        told = memo(environment)
        yield [[(one.title, one.value, one.field) for one in area.decisions] for area in told.areas]
        yield [(assumption.path, assumption.value) for assumption in told.assumptions]


def shape(reason: Reason) -> object:
    """An explanation without its words."""
    return reason.value, reason.where, reason.path, reason.layer, [shape(part) for part in reason.parts]


@pytest.mark.slow
@EACH
def test_other_words_change_no_behavior(spec: Path, request: pytest.FixtureRequest) -> None:
    before = list(behavior(spec))
    request.getfixturevalue("other_words")
    assert list(behavior(spec)) == before


def test_other_words_explain_the_same_chain(request: pytest.FixtureRequest) -> None:
    def explained() -> list[object]:
        compiled = mlspec.compile(ROOT / "examples" / "minimal" / "mlspec.yaml")._compiled
        return [shape(reason) for _, _, reason in explain_object(compiled, "ScaledObject/digit-reader:spec")]

    before = explained()
    request.getfixturevalue("other_words")
    assert explained() == before


@pytest.mark.exhaustive
def test_other_words_find_the_same_faults(request: pytest.FixtureRequest) -> None:
    def found() -> dict[str, list[object]]:
        results = {case.name: mlspec.lint(case / "mlspec.yaml") for case in CASES[::3]}
        return {name: [(one.id, one.severity, str(one.span)) for one in all_] for name, all_ in results.items()}

    before = found()
    assert len(before) > 100
    request.getfixturevalue("other_words")
    assert found() == before


def test_the_words_were_really_changed(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("other_words")
    assert Because(1, "zebra", (), "patched").reason == "<afcsb|>"

"""What a plan says, in every example, adopter's system, and worked system: right numbers, and right English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

import mlspec
from mlspec.compiler.answer.memo import memo
from mlspec.compiler.answer.memo.line import shown
from mlspec.compiler.plan.choose import number
from mlspec.schema.units import Rate

from .support import ADOPTERS, EXAMPLES, compile_text
from .test_worked_systems import SYSTEMS
from .test_worked_systems import System as Worked

SPECS = [path / "mlspec.yaml" for path in (*EXAMPLES, *ADOPTERS)]

SINGULAR = (
    "replica|pod|fit(?= of)|fold|trial|run|slot|core|partition|retry|try|request|sequence|token|pod hour|new version|"
    "gap|row"
)
"""Nouns that the planner counts."""

WRONG = {
    "a number with an exponent": r"(?<![\w.:])\d+(?:\.\d+)?[eE][+-]?\d+(?!\w)",
    "a negative duration": r"(?<![\w.])-\d[\d.,]* ?(?:ns|us|ms|s|m|min|h|d)\b",
    "a negative zero": r"(?<![\w.])-0(?:\.0+)?(?![\w.])",
    "one of several": r"(?<![\w.,/%-])1 (?!(?:is|as|was|has|less|plus|process|class|pass|address)\b)[a-z]+s\b",
    "several of one": rf"(?<![\w.,/%$-])(?!1 )\d[\d,]*(?:\.\d+)? (?:{SINGULAR})(?![\w-]| hour)",
    "a product with one": r" x 1 (?!x\b|h\b|pod hour)[a-z]+",
    "a plural of no word": r"\b(?:trie|retrie|searche|replicass|busys)\b",
    "two spaces": r"  ",
    "a space before punctuation": r" [,;:.)](?!\w)",
    "nothing between punctuation": r"\(\)|; ?;|, ?,|: ?;|\( ",
    "a value of Python": r"\b(?:None|True|False|nan|inf)\b|Decimal\(|Because\(|<[a-z_.]+ object",
    "an unfilled template": r"\{\w*\}",
    "more digits than anyone reads": r"(?<![\w.])\d+\.0*[1-9]\d{6,}",
}
"""Patterns that no text of a plan matches, by what is wrong about them."""


def texts(result: mlspec.Result) -> Iterator[str]:
    """Every text of the memos, with its title."""
    for environment in result._compiled.environments:
        told = memo(environment)
        for area in told.areas:
            yield area.undecided
            for line in area.decisions:
                yield from (line.title, f"{line.title}: {line.value}", f"{line.title}: {line.why}")
        yield from (f"{one.path}: {one.value}: {one.why}" for one in told.assumptions)


@cache
def of_spec(spec: Path) -> tuple[str, ...]:
    return tuple(texts(mlspec.compile(spec, today="2026-11-26")))


def faults(said: str) -> Iterator[str]:
    for what, pattern in WRONG.items():
        for found in re.finditer(pattern, said):
            yield f"{what}: `{found[0]}` in {said}"


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.parent.name)
def test_what_a_plan_says_of_a_spec(spec: Path) -> None:
    said = of_spec(spec)
    assert len(said) > 50
    assert [fault for text in said for fault in faults(text)] == []


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_what_a_plan_says_of_a_worked_system(system: Worked, tmp_path: Path) -> None:
    rows = {row.settings for row in system.rows}
    for at, settings in enumerate(sorted({(), *rows})):
        result = compile_text(_folder(tmp_path, at), system.spec, settings=settings, today="2026-11-26")
        assert [fault for text in texts(result) for fault in faults(text)] == []


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.00001234, "0.0000123"), (1100, "1,100"), (99.96, "100"), (123456789, "123,456,789"), (-0.0, "0"), (0.1, "0.1")],
)
def test_no_number_has_an_exponent(value: float, said: str) -> None:
    assert number(value) == said


def test_no_value_of_a_memo_has_an_exponent() -> None:
    assert [shown(value) for value in (0.00001234, 12345.6, 0.25)] == ["0.00001234", "12,346", "0.25"]


@pytest.mark.parametrize("amount", ["1234.5678912", "0.0000012345678", "98765.4321987"])
def test_no_rate_has_an_exponent(amount: str) -> None:
    assert list(faults(str(Rate(Decimal(amount))))) == []


def _folder(parent: Path, number: int) -> Path:
    folder = parent / str(number)
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("1.1e+03 GB of weights", "a number with an exponent"),
        ("start within -6 ms", "a negative duration"),
        ("headroom: -20s", "a negative duration"),
        ("1 replicas for the mean", "one of several"),
        ("2 replica for the mean", "several of one"),
        ("1.12 pod x 8m", "several of one"),
        ("30.4 runs x 1 pod x 2 h", "a product with one"),
        ("1 trie", "a plural of no word"),
        ("2  replicas", "two spaces"),
        ("a reason ; and more", "a space before punctuation"),
        ("set at ()", "nothing between punctuation"),
        ("limited to None", "a value of Python"),
        ("{count} replicas", "an unfilled template"),
        ("0.33333333333 h", "more digits than anyone reads"),
    ],
)
def test_every_pattern_finds_its_fault(said: str, fault: str) -> None:
    assert [found.partition(":")[0] for found in faults(said)] == [fault]


@pytest.mark.parametrize(
    "said",
    [
        "1 replica",
        "21 replicas",
        "0.5 pods x 8m",
        "1-hour windows",
        "1.5 times 1 fit",
        "2 new versions x 24 pod hours",
        "version 1 is live",
        "sha256:5e42",
        "(0.9 - 0.6) / (0.95 - 0.6)",
        "a change of -2%",
    ],
)
def test_no_pattern_finds_a_fault_in_right_english(said: str) -> None:
    assert list(faults(said)) == []

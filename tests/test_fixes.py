"""Fixes: what a diagnostic offers to write makes it disappear, and is offered only where it is sure to fit."""

from __future__ import annotations

import pickle
import shutil
from contextlib import chdir
from pathlib import Path

import pytest

import mlspec
from mlspec.compiler.diagnostics import Diagnostic, Edit, SourceFile, Span, applied
from mlspec.compiler.tree import Mapping
from mlspec.terminal.workspace import read_file

from .support import compile_text, minimal
from .test_errors import CARRY, CASES, ERRORS, TEN, said

TODAY = "2026-11-23"
FIXABLE = [case for case in CASES if case[:6] in CARRY or case == TEN]
WITH_FIX = pytest.mark.parametrize("case", FIXABLE)


def fixable(case: str) -> list[Diagnostic]:
    return [found for found in said(case) if found.fix is not None]


def fixed(found: Diagnostic) -> str:
    """The text of a finding's file with its fix applied."""
    assert found.fix is not None
    return applied(found.span.file, found.fix.edits)


def names(found: tuple[Diagnostic, ...]) -> list[tuple[str, str]]:
    return [(one.id, one.message) for one in found]


@WITH_FIX
def test_what_is_written_makes_the_finding_disappear(case: str, tmp_path: Path) -> None:
    for number, found in enumerate(fixable(case)):
        _disappears(case, found, tmp_path / str(number))


def _disappears(case: str, found: Diagnostic, folder: Path) -> None:
    shutil.copytree(ERRORS / case, folder / "case")
    shutil.copy(ERRORS / "mlspec.platform.yaml", folder)
    (folder / ".git").mkdir()
    with chdir(folder / "case"):
        assert names(mlspec.lint("mlspec.yaml", today=TODAY)) == names(said(case))
        Path(found.span.file.name).write_text(fixed(found))
        again = names(mlspec.lint("mlspec.yaml", today=TODAY))
    assert (found.id, found.message) not in again
    if found.fix is not None and found.fix.safe:
        assert set(again) < set(names(said(case)))


def test_each_of_these_diagnostics_carries_a_fix_in_some_case() -> None:
    """That no other carries one is in test_errors.py."""
    carry = {(found.id, found.fix.safe) for case in FIXABLE for found in fixable(case) if found.fix}
    assert carry == set(CARRY.items())


def only(found: tuple[Diagnostic, ...], id_: str) -> Diagnostic:
    [one] = [one for one in found if one.id == id_]
    return one


@pytest.mark.parametrize(
    ("written", "after"),
    [
        ("rolout: {}", "rollout: {}"),
        ("'rolout': {}", "'rollout': {}"),
        ('"rolout": {}', '"rollout": {}'),
        ("? rolout\n: {}", "? rollout\n: {}"),
        ('"rol\\u006fut": {}', None),
        ("&here rolout: {}", None),
        ("rolout: {}\nrollout: {}", None),
    ],
)
def test_a_key_is_renamed_where_it_is_written_as_it_reads(tmp_path: Path, written: str, after: str | None) -> None:
    """Quotes stay. What the fix would break is left to the author: escapes, anchors, a key that is there already."""
    found = only(compile_text(tmp_path, f"{minimal()}{written}\n").diagnostics, "MLS004")
    assert found.help == "write `rollout`"
    assert (found.fix and fixed(found).removeprefix(minimal())) == (after and f"{after}\n")


def test_a_metric_with_a_parameter_keeps_it(tmp_path: Path) -> None:
    """The part after `@` is the author's; the closest name alone would lose it."""
    found = compile_text(tmp_path, minimal(evaluation={"primary": "averge_precision@1"})).diagnostics
    assert [(one.help, one.fix) for one in found if one.id == "MLS010"] == [("write `average_precision`", None)]


COMMENT = "# mlspec: ignore[MLS502] once"


SERVING = "{mode: online, runtime: triton, serviceTime: {mean: 2ms}}"


@pytest.mark.parametrize(
    ("written", "after"),
    [
        (f"serving: {SERVING}  {COMMENT}\n", f"serving: {SERVING}\n"),
        (f"{COMMENT}\nserving: {SERVING}\n", f"serving: {SERVING}\n"),
        (f"serving: {SERVING}\n  {COMMENT}", f"serving: {SERVING}\n"),
        (f"serving: {SERVING}  {COMMENT}\r\n", f"serving: {SERVING}\r\n"),
        (
            f"serving: {SERVING}\nproblem:\n  task: multiclass-classification\n  useCase: |\n    a\n    {COMMENT}\n",
            None,
        ),
        (f"serving: {SERVING}\nproblem:\n  task: multiclass-classification\n  useCase: '{COMMENT}'\n", None),
    ],
)
def test_a_comment_goes_and_a_text_that_looks_like_one_stays(tmp_path: Path, written: str, after: str | None) -> None:
    start = minimal(serving=None, problem=None) if "problem" in written else minimal(serving=None)
    (tmp_path / "mlspec.yaml").write_bytes((start + written).encode())
    (tmp_path / ".git").mkdir()
    found = only(mlspec.lint(tmp_path / "mlspec.yaml", today=TODAY), "MLS019")
    assert (found.fix and fixed(found)) == (after and start + after)
    assert found.fix is None or found.fix.safe


def test_edits_refer_to_the_text_before_any_of_them() -> None:
    file, other = SourceFile("f", "a: 1\r\nb: 22\r\nc: 3"), SourceFile("g", "x")
    edits = [
        Edit(span=Span(file, 0, 3, 0, 4), text="100"),
        Edit(span=Span(file, 1, 0, 2, 0), text=""),
        Edit(span=Span(file, 2, 4, 2, 4), text=" # end"),
        Edit(span=Span(other, 0, 0, 0, 1), text="y"),
    ]
    assert applied(file, edits) == applied(file, reversed(edits)) == "a: 100\r\nc: 3 # end"
    assert applied(other, edits) == "y"


@WITH_FIX
def test_a_fix_survives_the_way_from_another_process(case: str) -> None:
    for found in fixable(case):
        back: Diagnostic = pickle.loads(pickle.dumps(found))
        assert back == found
        assert fixed(back) == fixed(found), "its edits are in the file that its span is in"


@WITH_FIX
def test_fixed_cases_are_still_yaml(case: str, tmp_path: Path) -> None:
    for found in fixable(case):
        (tmp_path / "fixed.yaml").write_text(fixed(found))
        assert isinstance(read_file(str(tmp_path / "fixed.yaml"))[0], Mapping)

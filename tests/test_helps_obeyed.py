"""Every help, obeyed: what a message tells a reader to write leads to a spec without the finding.

`obeyed.py` obeys the forms that leave no choice. `obeyed_by_hand.yaml` has what a reader decides where a help leaves
one. No help may lead to another error, or recommend what is not compiled.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterable
from contextlib import chdir
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.compiler.diagnostics import Diagnostic, Edit, SourceFile, Span, applied

from .obeyed import edits
from .support import loaded
from .test_errors import CASES, ERRORS, said

TODAY = "2026-11-23"
BY_HAND: dict[str, dict[str, Any]] = loaded((ERRORS.parent / "obeyed_by_hand.yaml").read_text())
NOT_OBEYED = {
    "MLS002-a-deployment": "a spec is another file",
    "MLS002-a-platform-file": "a spec is another file",
    "MLS002-an-alias-bomb": "the case has nothing but the bomb, so what is split off leaves no system",
}
"""Findings that no edit of the spec resolves, with the reason."""


def name(case: str, found: Diagnostic) -> str:
    """The entry of a finding in the tables."""
    return case if case.startswith(found.id) else f"{case}/{found.id}"


def linted() -> tuple[Diagnostic, ...]:
    own = "mlspec.platform.yaml" if os.path.exists("mlspec.platform.yaml") else None
    return mlspec.lint("mlspec.yaml", platform=own, today=TODAY)


def by_hand(changes: Iterable[tuple[str, str]]) -> None:
    """Make the edits of a reader in the files of the working directory."""
    files = [Path(name) for name in ("mlspec.yaml", "mlspec.platform.yaml") if os.path.exists(name)]
    for old, new in changes:
        file = next((file for file in files if old in file.read_text()), None)
        assert file is not None, f"{old!r} is not in the case"
        text = file.read_text()
        file.write_text(text.replace(old, new, 1) if old else text + new)


def obey(case: str, found: Diagnostic) -> None:
    """Do what a help says to the files of the working directory."""
    decided = BY_HAND.get(name(case, found))
    if decided is not None:
        assert decided["obeys"] in found.help, "the help changed: decide again in obeyed_by_hand.yaml"
        by_hand(decided["edits"])
        return
    made = edits(found)
    assert made, f"nothing here obeys `{found.help}`: add a form to obeyed.py or an entry to obeyed_by_hand.yaml"
    Path(found.span.file.name).write_text(applied(found.span.file, made))


def harms(found: Iterable[Diagnostic]) -> Counter[str]:
    """Errors, and fields without effect, by id."""
    return Counter(one.id for one in found if one.severity == "error" or one.id == "MLS013")


@pytest.mark.parametrize("case", CASES)
def test_a_help_that_is_obeyed_resolves_its_finding(case: str, tmp_path: Path) -> None:
    for number, found in enumerate(said(case)):
        if name(case, found) not in NOT_OBEYED:
            _resolves(case, found, tmp_path / str(number))


def _resolves(case: str, found: Diagnostic, folder: Path) -> None:
    before = said(case)
    shutil.copytree(ERRORS / case, folder / "case")
    shutil.copy(ERRORS / "mlspec.platform.yaml", folder)
    (folder / ".git").mkdir()
    with chdir(folder / "case"):
        obey(case, found)
        after = linted()
    ids = Counter(one.id for one in after)
    assert ids[found.id] < Counter(one.id for one in before)[found.id], f"{found.help} left {after}"
    assert not harms(after) - harms(before), f"{found.help} led to {after}"


def test_the_tables_have_no_entry_without_a_finding() -> None:
    entries = BY_HAND.keys() | NOT_OBEYED.keys()
    cases = {entry.partition("/")[0] for entry in entries}
    assert entries <= {name(case, found) for case in cases for found in said(case)}
    assert not BY_HAND.keys() & NOT_OBEYED.keys()


def test_almost_every_help_can_be_obeyed() -> None:
    assert len(NOT_OBEYED) <= 3


# The machine itself


@cache
def diagnostic(text: str, at: str, help_: str) -> Diagnostic:
    """A finding at the first place of a text."""
    file = SourceFile("mlspec.yaml", text)
    line = next(number for number, one in enumerate(file.lines) if at in one)
    column = file.lines[line].index(at)
    return Diagnostic(
        id="MLS999", severity="error", message="", span=Span(file, line, column, line, column + len(at)), help=help_
    )


@pytest.mark.parametrize(
    ("text", "at", "help_", "after"),
    [
        ("a: 1\nb: 2\n", "b", "remove it", "a: 1\n"),
        ("a: 1\nb: 2\n", "a", "remove it: nothing uses it", "b: 2\n"),
        ("a: {b: 1, c: 2}\n", "2", "remove it", "a: {b: 1}\n"),
        ("a: 1\nb:\n  c:\n    - d: 1\n", "d", "remove it", "a: 1\n"),
        ("a:\n  - {b: 1}\n  - {b: 2}\n", "2", "remove the input `b`", "a:\n  - {b: 1}\n"),
        ("a: 1\nb: {c: 2}\n", "2", "remove `a`, and add replicas", "b: {c: 2}\n"),
        ("a: '1'\n", "'1'", "write `2`", 'a: "2"\n'),
        ("a: 1\n", "1", "write `a: 2` or more", "a: 2\n"),
        ("a: {b: 1}\nc: {d: 1}\n", "{d: 1}", "write `b: 2`", "a: {b: 1}\nc: {b: 2, d: 1}\n"),
        ("a: {b: 1}\nc: {d: 1}\n", "{d: 1}", "add `b: 2` under `a`", "a: {b: 2}\nc: {d: 1}\n"),
        ("a: {b: 1}\n", "1", "set `c.d: 2`", "c: {d: 2}\na: {b: 1}\n"),
        ("a:\n  - {b: 1}\n", "1", "add `{b: 2}` to `a`", "a:\n  - {b: 2}\n  - {b: 1}\n"),
        ("a: 1\n", "1", "ask the platform team", "a: 1\n"),
    ],
)
def test_the_machine_does_what_a_help_says(text: str, at: str, help_: str, after: str) -> None:
    found = diagnostic(text, at, help_)
    made: tuple[Edit, ...] = edits(found)
    assert applied(found.span.file, made) == after

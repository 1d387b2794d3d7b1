"""What mlspec says about a spec with a mistake: one folder for each, with the spec and the exact text of `mlspec lint`.

A message is a product. Every id is shown at least twice, once near the top of a spec and once deep inside it.
"""

from __future__ import annotations

import re
from contextlib import chdir
from difflib import SequenceMatcher
from functools import cache

import pytest
from syrupy.assertion import SnapshotAssertion

import mlspec
from mlspec.compiler.check.rules.language import IDS
from mlspec.compiler.check.rules.registry import RULES
from mlspec.compiler.diagnostics import Diagnostic, Span
from mlspec.terminal.render import text

from .support import ROOT

ERRORS = ROOT / "tests" / "errors"
CASES = sorted(path.parent.name for path in ERRORS.glob("*/mlspec.yaml"))
TEN = "ten-mistakes"
EVERY_ID = sorted({*IDS, *(rule.id for rule in RULES)})
HERE = re.compile(r"-->.*:\d+:\d+$", re.MULTILINE)

SHOWN_ELSEWHERE = {
    "MLS018": "is said by `mlspec schema --validate`, not by `mlspec lint`: see test_commands.py",
    "MLS020": "is said by `mlspec check`, not by `mlspec lint`: see test_outputs.py",
}
"""Ids that a spec alone cannot show."""

AT_ONE_DEPTH = {
    "MLS015": "`release` stands at the top of a spec and nowhere else",
}
"""Ids that cannot be found at two depths."""


@cache
def said(case: str, spec: str = "mlspec.yaml") -> tuple[Diagnostic, ...]:
    """What is found in a case, from its own folder, so that files are named as people type them there."""
    with chdir(ERRORS / case):
        return mlspec.lint(spec, today="2026-11-23")


EACH = pytest.mark.parametrize("case", CASES)


@EACH
def test_the_message_is_what_is_committed(case: str, messages: SnapshotAssertion) -> None:
    assert text.snippets(said(case)) == messages(name=f"{case}/expected.txt")


@EACH
def test_every_finding_has_a_place_and_a_help(case: str) -> None:
    for found in said(case):
        assert found.span.file.text, f"{case}: {found}"
        assert found.help, f"{case}: {found}"
        assert HERE.search(text.snippets([found]))


ALSO = {
    "MLS603-a-harm": {"MLS012"},  # what is known too late also sizes no canary
}
"""Cases with a second fault that comes of the first."""


@pytest.mark.parametrize("case", [case for case in CASES if case != TEN])
def test_one_cause_has_one_message(case: str) -> None:
    """The id in the case's name and no other, but for fields that the next version may compile."""
    found = {diagnostic.id for diagnostic in said(case)}
    assert case[:6] in found
    assert found - {case[:6], "MLS013"} == ALSO.get(case, set())


def depth(span: Span) -> int:
    """How deep a place is: levels of indentation before it on its line, and brackets that are open there.

    Textual, so that it also holds for a file that cannot be parsed.
    """
    line = span.file.lines[span.line]
    before = re.sub(r"'[^']*'|\"[^\"]*\"", "", line[: span.column])
    indented = re.match(r"(?: |- )*", line)
    opened = len(re.findall(r"[\[{]", before)) - len(re.findall(r"[]}]", before))
    return (len(indented[0]) if indented else 0) // 2 + opened


@pytest.mark.parametrize("id_", [id_ for id_ in EVERY_ID if id_ not in SHOWN_ELSEWHERE])
def test_every_id_is_shown_twice_and_at_two_depths(id_: str) -> None:
    cases = [case for case in CASES if case.startswith(id_)]
    assert len(cases) >= 2
    depths = {depth(found.span) for case in cases for found in said(case) if found.id == id_}
    assert (len(depths) == 1) is (id_ in AT_ONE_DEPTH)


def test_what_is_shown_elsewhere_is_shown_there() -> None:
    for id_, why in SHOWN_ELSEWHERE.items():
        file = why.rpartition(" ")[2]
        assert f"error[{id_}]" in (ROOT / "tests" / file).read_text()


def test_no_case_is_of_an_id_that_does_not_exist() -> None:
    assert {case[:6] for case in CASES if case != TEN} == set(EVERY_ID) - set(SHOWN_ELSEWHERE)


# Ten mistakes at once


def test_ten_mistakes_are_reported_in_one_run() -> None:
    """Syntax stops nothing but itself: shapes, units, references, what only the merged spec has, and rules."""
    found = said(TEN)
    assert sorted(d.id for d in found) == sorted(
        [
            "MLS003",  # a key that is given twice
            "MLS004",  # an unknown key
            "MLS005",  # a value of another type
            "MLS006",  # a number without its unit
            "MLS007",  # a word that the field does not know
            "MLS008",  # a step that no gateway can set, in the merged spec of one environment only
            "MLS009",  # a missing field
            "MLS010",  # a name that nothing declares
            "MLS012",  # what the runtime cannot do
            "MLS505",  # a rule
        ]
    )


def test_the_ten_helps_mend_the_ten_mistakes() -> None:
    assert said(TEN, "fixed.yaml") == ()
    wrong, fixed = ((ERRORS / TEN / name).read_text().splitlines() for name in ("mlspec.yaml", "fixed.yaml"))
    changes = [change for change in SequenceMatcher(None, wrong, fixed).get_opcodes() if change[0] != "equal"]
    assert len(changes) == 10, "nothing but the ten mistakes is mended"


def test_what_only_one_environment_has_names_it() -> None:
    assert [(d.id, d.environments) for d in said(TEN) if d.environments] == [("MLS008", ("production",))]

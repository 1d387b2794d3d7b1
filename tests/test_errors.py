"""The messages for specs with a mistake: one folder per case, with the spec and the exact output of `mlspec lint`.

Messages are part of the product. Every id has at least two cases, one near the top of a spec and one deep inside it.
"""

from __future__ import annotations

import os
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
    "MLS018": "is reported by `mlspec schema --validate`, not by `mlspec lint`: see test_commands.py",
    "MLS020": "is reported by `mlspec check`, not by `mlspec lint`: see test_outputs.py",
}
"""Ids that a spec alone cannot trigger."""

CARRY = {"MLS019": True, **dict.fromkeys(("MLS004", "MLS007", "MLS010", "MLS033", "MLS226", "MLS720", "MLS738"), False)}
"""The diagnostics that carry a fix, and whether it is safe: a guess at what was meant is not, and a comment that does
nothing can go.
"""

AT_ONE_DEPTH = {
    "MLS015": "`release` is only allowed at the top level of a spec",
    "MLS016": "`environment` and `system` are only allowed at the top level of a release file",
    "MLS611": "an environment's namespace is only allowed there",
}
"""Ids that cannot occur at two depths."""


@cache
def said(case: str, spec: str = "mlspec.yaml") -> tuple[Diagnostic, ...]:
    """The findings of a case, run in its own folder, so that files are named as a user would type them there."""
    with chdir(ERRORS / case):
        own = "mlspec.platform.yaml" if os.path.exists("mlspec.platform.yaml") else None  # instead of the shared one
        return mlspec.lint(spec, platform=own, today="2026-11-23")


EACH = pytest.mark.parametrize("case", CASES)


def test_every_case_has_a_spec() -> None:
    """Without one, `expected.txt` remains from a case that no longer exists."""
    assert sorted(path.parent.name for path in ERRORS.glob("*/expected.txt")) == CASES


@EACH
def test_the_message_is_what_is_committed(case: str, messages: SnapshotAssertion) -> None:
    assert text.snippets(said(case)) == messages(name=f"{case}/expected.txt")


@EACH
def test_every_finding_has_a_place_and_a_help(case: str) -> None:
    for found in said(case):
        assert found.span.file.text, f"{case}: {found}"
        assert found.help, f"{case}: {found}"
        assert found.fix is None or CARRY[found.id] is found.fix.safe
        assert HERE.search(text.snippets([found]))


ALSO = {
    "MLS039-plain-http": {"MLS902"},  # the comment has no effect
    "MLS603-a-harm": {"MLS012"},  # a metric that is known too late does not size a canary either
}
"""Cases with a second mistake that follows from the first."""


@pytest.mark.parametrize("case", [case for case in CASES if case != TEN])
def test_one_cause_has_one_message(case: str) -> None:
    """Only the id in the name of the case; MLS013, MLS735, and MLS736 for what is not supported yet; and MLS206,
    because the cases are about other things than what a model is worth.
    """
    found = {diagnostic.id for diagnostic in said(case)}
    assert case[:6] in found
    assert found - {case[:6], "MLS013", "MLS206", "MLS735", "MLS736"} == ALSO.get(case, set())


def depth(span: Span) -> int:
    """The depth of a place: levels of indentation on its line, plus open brackets.

    Counted in the text, so that it also works for a file that cannot be parsed.
    """
    line = span.file.lines[span.line]
    before = re.sub(r"'[^']*'|\"[^\"]*\"", "", line[: span.column])
    indented = re.match(r"(?: |- )*", line)
    opened = len(re.findall(r"[\[{]", before)) - len(re.findall(r"[]}]", before))
    return (len(indented[0]) if indented else 0) // 2 + opened


@pytest.mark.parametrize("id_", [id_ for id_ in EVERY_ID if id_ not in SHOWN_ELSEWHERE])
def test_every_id_is_shown_twice_and_at_two_depths(id_: str) -> None:
    cases = [case for case in CASES if case.startswith(id_)]
    assert len(cases) >= 2, "see test_lists.py"
    depths = {depth(found.span) for case in cases for found in said(case) if found.id == id_}
    deep = f"put one case of {id_} deep inside its spec, such as in an environment, or add it to AT_ONE_DEPTH"
    assert (len(depths) == 1) is (id_ in AT_ONE_DEPTH), deep


def test_what_is_shown_elsewhere_is_shown_there() -> None:
    for id_, why in SHOWN_ELSEWHERE.items():
        file = why.rpartition(" ")[2]
        assert f"error[{id_}]" in (ROOT / "tests" / file).read_text()


def test_every_case_is_of_an_id_that_exists() -> None:
    assert {case[:6] for case in CASES if case != TEN} == set(EVERY_ID) - set(SHOWN_ELSEWHERE)


# Ten mistakes at once


def test_ten_mistakes_are_reported_in_one_run() -> None:
    """A mistake hides no other kind: types, units, references, mistakes of the merged spec, and rules."""
    found = said(TEN)
    assert sorted(d.id for d in found) == sorted(
        [
            "MLS003",  # a key that is defined twice
            "MLS004",  # an unknown key
            "MLS005",  # a value of the wrong type
            "MLS006",  # a number without a unit
            "MLS007",  # a value that is not one of the choices
            "MLS008",  # a step that no gateway can set, only in the merged spec of one environment
            "MLS009",  # a missing field
            "MLS010",  # an undeclared name
            "MLS012",  # a feature that the runtime does not support
            "MLS505",  # a rule
        ]
    )


def test_following_the_ten_helps_fixes_the_ten_mistakes() -> None:
    assert said(TEN, "fixed.yaml") == ()
    wrong, fixed = ((ERRORS / TEN / name).read_text().splitlines() for name in ("mlspec.yaml", "fixed.yaml"))
    changes = [change for change in SequenceMatcher(None, wrong, fixed).get_opcodes() if change[0] != "equal"]
    assert len(changes) == 10, "only the ten mistakes are fixed"


def test_a_mistake_of_one_environment_names_it() -> None:
    assert [(d.id, d.environments) for d in said(TEN) if d.environments] == [("MLS008", ("production",))]

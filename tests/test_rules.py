"""The rules and all other ids: the bad and good examples in each explanation are compiled.

The other test_rules files test by hand which numbers the rules compare, and where they report nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

import mlspec
from mlspec.compiler.bind import check_as_written
from mlspec.compiler.check.effects import READERS
from mlspec.compiler.check.lint import Rule
from mlspec.compiler.check.rules.explanation import Explanation, explained
from mlspec.compiler.check.rules.language import IDS
from mlspec.compiler.check.rules.reference import explain
from mlspec.compiler.check.rules.registry import RULES
from mlspec.compiler.diagnostics import Diagnostic, SourceFile
from mlspec.compiler.language import OBJECTS, UNIONS
from mlspec.compiler.layer.merge import desugar
from mlspec.compiler.read import read
from mlspec.compiler.tree import Scalar

from .rules import laid_over
from .support import ROOT

BY_ID = {rule.id: rule for rule in RULES}


def by_rules(found: list[Diagnostic]) -> set[str]:
    return {diagnostic.id for diagnostic in found} & set(BY_ID)


def told(rule: Rule) -> Explanation:
    return explained(rule.doc, rule.severity)


EACH = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)

OfBad = Callable[[Rule], list[Diagnostic]]


@pytest.fixture(scope="module")
def of_bad(tmp_path_factory: pytest.TempPathFactory) -> OfBad:
    """The findings in the bad example of a rule, which is compiled once for the tests of a worker."""
    return cache(lambda rule: laid_over(tmp_path_factory.mktemp(rule.id), told(rule).bad))


@EACH
def test_the_docstring_shows_exactly_this_rule(rule: Rule, of_bad: OfBad, tmp_path: Path) -> None:
    bad = by_rules(of_bad(rule))
    good = by_rules(laid_over(tmp_path, told(rule).good))
    assert rule.id in bad
    assert bad - good == {rule.id}
    assert good < bad, "the good example has findings that the bad one does not have"


@EACH
def test_the_fragments_are_of_the_language(rule: Rule) -> None:
    for fragment in (told(rule).bad, told(rule).good):
        tree, found = read(SourceFile("fragment", fragment))
        assert tree is not None
        long, twice = desugar(tree, "MLSystem", Scalar(tree.place, "base", True))
        assert [*found, *twice, *check_as_written(long, "MLSystem")] == []


@EACH
def test_every_finding_says_where_why_and_what_to_write(rule: Rule, of_bad: OfBad) -> None:
    found = [d for d in of_bad(rule) if d.id == rule.id]
    for diagnostic in found:
        assert diagnostic.span.file.text
        assert diagnostic.note
        assert diagnostic.help
        for text in (diagnostic.message, diagnostic.label, diagnostic.note, diagnostic.help):
            assert not text.endswith((".", "?", "!")), text
            assert text[:1] == text[:1].lower(), text
        assert diagnostic.severity == rule.severity


@EACH
def test_the_platform_sets_the_severity(rule: Rule, of_bad: OfBad, tmp_path: Path) -> None:
    """By the id or by a prefix of it; the longest match decides. Each rule tries one of three settings."""
    settings = (
        (f"{rule.id}: info", "info"),
        (f"{rule.id[:4]}: warning, {rule.id}: error", "error"),
        (f"{rule.id[:4]}: warning", "warning"),
    )
    severities, wanted = settings[RULES.index(rule) % len(settings)]
    found = laid_over(tmp_path / wanted, told(rule).bad + POLICY % severities)
    assert places(found, rule) == places(of_bad(rule), rule)
    assert {d.severity for d in found if d.id == rule.id} == {wanted}
    off = POLICY % f'{rule.id}: "off"'
    assert places(laid_over(tmp_path / "off", told(rule).bad + off), rule) == []


POLICY = """
# mlspec.platform.yaml
apiVersion: mlspec/v1
kind: Platform
platform: {policies: {severity: {%s}}}
"""


def places(found: list[Diagnostic], rule: Rule) -> list[int]:
    """The lines of a rule's findings."""
    return [d.span.line for d in found if d.id == rule.id]


@EACH
def test_a_comment_on_its_line_suppresses_it(rule: Rule, tmp_path: Path) -> None:
    usual = places(laid_over(tmp_path, told(rule).bad), rule)
    spec = tmp_path / "mlspec.yaml"
    lines = spec.read_text().splitlines()
    for number in usual:
        lines[number] += f"  # mlspec: ignore[{rule.id}] known issue until 2027-01-31"
    spec.write_text("\n".join(lines))
    assert not {rule.id, "MLS019"} & {d.id for d in mlspec.lint(spec, today="2027-01-31")}
    late = mlspec.lint(spec, today="2027-02-01")
    assert places(list(late), rule) == usual
    assert sum(d.id == "MLS019" for d in late) == len(set(usual))


def test_the_paths_of_readers_are_in_the_language() -> None:
    """A misspelled path would never give its help."""
    for path in READERS:
        assert is_of_the_language(path.removesuffix(".*.*")), path


def is_of_the_language(path: str) -> bool:
    kinds: set[tuple[object, ...]] = {("object", "MLSystem")}
    for step in path.split("."):
        kinds = {kind for parent in kinds for kind in below(parent, step)}
    return bool(kinds)


def below(kind: tuple[object, ...], step: str) -> set[tuple[object, ...]]:
    """The kinds one step below."""
    match kind:
        case ("object", str(name)):
            return {OBJECTS[name][step][2]} if step in OBJECTS[name] else set()
        case ("either", _, str(name)):
            return below(("object", name), step)
        case ("union", str(name)):
            return {found for variant in UNIONS[name][1].values() for found in below(("object", variant), step)}
        case ("list" | "map", tuple(item), *_):
            return {item} if step == "*" else set()
    return set()


def test_ids_are_unique_and_in_order() -> None:
    ids = [rule.id for rule in RULES]
    assert ids == sorted(set(ids))
    assert not set(ids) & set(IDS)


# Ids that are not rules

NO_FRAGMENT = {
    "MLS002": "is about files that cannot be read",
    "MLS040": "is about objects of more than 256 KiB",
    "MLS041": "is about objects of more than 256 KiB",
    "MLS611": "is about two environments, and a fragment is one",
    "MLS630": "is about two environments, and a fragment is one",
    "MLS631": "is about two environments, and a fragment is one",
    "MLS632": "is about two environments, and a fragment is one",
    "MLS633": "is about what an environment runs, which a fragment cannot say",
    "MLS634": "is about two environments, and a fragment is one",
    "MLS754": "is about two environments, and a fragment is one",
    "MLS013": "is about fields that a later version may support",
    "MLS015": "is about the release of the base",
    "MLS016": "is about a release file, and the base has its release inside the spec",
    "MLS018": "is only reported by `mlspec schema --validate`",
    "MLS020": "is only reported by `mlspec check`",
}
"""Ids that no fragment over the base can trigger; they have cases in tests/errors."""


@pytest.mark.parametrize("id_", sorted(set(IDS) - set(NO_FRAGMENT)))
def test_the_explanation_shows_this_id(id_: str, tmp_path: Path) -> None:
    assert id_ in {d.id for d in laid_over(tmp_path / "bad", IDS[id_].bad)}
    assert id_ not in {d.id for d in laid_over(tmp_path / "good", IDS[id_].good)}


def used() -> set[str]:
    """Every id of a finding in the source; `< "MLS100"` only compares ids."""
    texts = [
        path.read_text() for folder in ("compiler", "targets", "terminal") for path in (ROOT / folder).rglob("*.py")
    ]
    return {id_ for text in texts for id_ in re.findall(r'(?<![<>=] )"(MLS[0-9]{3})"(?!: explained)', text)}


def test_every_id_that_is_used_is_explained_and_no_other() -> None:
    assert used() == set(IDS) | set(BY_ID)


def test_every_id_is_explained_in_words() -> None:
    for id_ in (*IDS, *BY_ID):
        text = explain(id_)
        assert text.startswith(("error[", "warning[", "info["))
        assert "\nBad:\n" in text
        assert "\nGood:\n" in text

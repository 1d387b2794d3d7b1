"""Ten systems as teams other than the authors would describe them: each compiles, and says what it needs a patch for.

They differ from the examples on purpose: other clouds, servers, stores, and tools. A system that stops to compile here
has stopped to compile for an adopter. The head of each spec says what it exercises, and why it has a patch, if it does.
"""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

import mlspec
from mlspec.api import Result

from .support import ADOPTERS, ROOT, files, objects, tool
from .validation import VERSIONS, load, pod_of, problems, unrestricted

EACH = pytest.mark.parametrize("system", ADOPTERS, ids=lambda path: path.name)

STAY = {
    (
        "03-knowledge-search",
        "MLS013",
    ): "`retrieval` says which service embeds, but its store is not compiled yet",
    ("03-knowledge-search", "MLS613"): "hardly anyone asks at night, so releases are for the day",
    ("04-credit-score", "MLS605"): "no one approves a loan at random, so the bias is known and accepted",
}
"""What lint reports, and why the team does not change it."""

PATCHES: dict[str, int] = {}
"""How many patches a system needs. The head of its spec says why; all others need none."""


@cache
def compiled(system: Path) -> Result:
    return mlspec.compile((system / "mlspec.yaml").relative_to(ROOT), today="2026-11-26")


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_there_are_ten_of_them() -> None:
    assert len(ADOPTERS) == 10


@EACH
def test_it_compiles_with_only_the_findings_that_stay(system: Path) -> None:
    result = compiled(system)
    found = {(system.name, one.id): f"{one.severity}: {one.message}" for one in result.diagnostics}
    assert result.ok, found
    assert found.keys() == {key for key in STAY if key[0] == system.name}, found


@EACH
def test_its_objects_are_valid_for_each_version_of_kubernetes(system: Path) -> None:
    for body in objects(compiled(system)):
        if body["kind"] not in ("Application", "Kustomization"):
            for version in VERSIONS:
                assert list(problems(body, version)) == [], (body["kind"], version)


@EACH
def test_its_pods_are_restricted(system: Path) -> None:
    pods = [pod for body in objects(compiled(system)) if (pod := pod_of(body)) is not None]
    assert pods
    for pod in pods:
        assert list(unrestricted(pod)) == []


@EACH
def test_its_rules_pass_promtool(system: Path, tmp_path: Path) -> None:
    promtool, rules = tool("promtool"), []
    for path, text in files(compiled(system)).items():
        if "/monitoring/rules" in path and load(text):
            rules.append(tmp_path / path.replace("/", "-"))
            rules[-1].write_text(text)
    assert rules, "each system has alerts"
    command = [promtool, "check", "rules", "--lint=all", "--lint-fatal", *map(str, rules)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


@EACH
def test_its_head_says_what_it_is_and_whether_it_needs_a_patch(system: Path) -> None:
    text = (system / "mlspec.yaml").read_text()
    head = re.match(r"(?:#.*\n)+", text)
    assert head is not None
    assert len(text.splitlines()) <= 130
    assert "# Exercises: " in head[0]
    count = len(re.findall(r"^  - target: ", text, re.MULTILINE))
    assert count == PATCHES.get(system.name, 0)
    assert ("# Patches: none." in head[0]) == (count == 0)

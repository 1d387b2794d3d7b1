"""A small part of the attack, and all of the seed corpus: see `make attack` for the full count."""

from __future__ import annotations

import random
import re
import time
from importlib import import_module
from pathlib import Path

import pytest

from .attack.corpus import CORPUS, Case, broken, cases, observed, prepared
from .attack.outcome import BAD, Invalid, Lost, Row, tried
from .attack.rows import ROWS
from .attack.workers import attempts
from .support import ROOT

FEW = {"promotions": 1, "killed promotions": 2, "killed compiles": 2, "processes": 2}
"""How many attempts of a row are made here; of the others, 10."""
QUICK = ("metrics", "gates", "gate files", "links", "command lines")
"""The rows that take no time: the fast tests make a few hundred attempts."""


@pytest.mark.parametrize("name", QUICK)
def test_nothing_quick_breaks_it(name: str, tmp_path: Path) -> None:
    assert _bad(name, 150 if name.startswith(("metrics", "gate")) else 60, tmp_path) == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", [name for name in ROWS if name not in QUICK])
def test_nothing_breaks_it(name: str, tmp_path: Path) -> None:
    assert _bad(name, FEW.get(name, 10), tmp_path) == []


def _bad(name: str, times: int, folder: Path) -> list[str]:
    """What is wrong with some attempts of a row."""
    outcomes = [(number, *tried(ROWS[name], number, 0, folder / str(number))) for number in range(times)]
    return [f"{number}: {kind}: {why}" for number, kind, why in outcomes if kind in BAD]


# The corpus

ALL = cases()
ELSEWHERE = {
    "A7": "test_races.test_trap_parallel_promotions_lose_each_others_versions",
    "A8": "test_races.test_trap_files_that_others_write_during_compiles_are_lost",
    "B6": "test_traps_workers.test_trap_a_worker_that_the_kernel_kills_ends_the_run_with_an_error",
    "B9": "test_traps_workers.test_a_signal_ends_the_run_and_its_workers_silently",
    "C1": "test_traps_download_and_access",
    "C3": "test_traps_limits.test_trap_a_download_without_a_limit_fills_the_disk_of_a_node",
    "C4": "test_rules_security",
    "D4": "test_traps_writing.test_trap_an_unreadable_folder_is_called_unwritable",
}
"""Findings that are not about an input, and what tests them."""
FINDINGS = [*(f"A{n}" for n in range(1, 12)), *(f"B{n}" for n in range(1, 12)), *(f"C{n}" for n in range(1, 9))]
"""What the first attack found, with the four about release files."""


@pytest.mark.exhaustive
@pytest.mark.parametrize("case", ALL, ids=[f"{case.finding}: {case.body['what']}" for case in ALL])
def test_what_the_first_attack_found(case: Case, tmp_path: Path) -> None:
    folder = prepared(case, tmp_path)
    assert list(broken(case, observed(case, folder), folder)) == []


@pytest.mark.parametrize("finding", [*FINDINGS, "D1", "D2", "D3", "D4"])
def test_every_finding_is_in_the_corpus_or_has_a_test(finding: str) -> None:
    there = (CORPUS / f"{finding}.yaml").is_file()
    module, _, name = ELSEWHERE.get(finding, "").partition(".")
    assert there != bool(module)
    if module:
        tested = import_module(f"{__package__}.{module}")
        assert not name or hasattr(tested, name)


# The table

BROKEN = {"invalid": Invalid("x"), "lost": Lost("x"), "crash": KeyError("x")}


def _raises(number: int, _: random.Random, __: Path) -> bool:
    raise list(BROKEN.values())[number]


def _hangs(number: int, _: random.Random, __: Path) -> bool:
    if number == 1:
        time.sleep(600)
    return number == 0


def test_what_is_wrong_is_counted_and_kept(tmp_path: Path) -> None:
    row = Row("broken", "each kind", 3, _raises)
    kinds = [tried(row, number, 0, tmp_path / str(number))[0] for number in range(3)]
    assert kinds == list(BROKEN)
    assert "KeyError" in (tmp_path / "2" / "why.txt").read_text()


@pytest.mark.slow
def test_a_hang_is_one_outcome_and_the_rest_goes_on(tmp_path: Path) -> None:
    row = Row("slow", "a hang", 3, _hangs)
    outcomes = list(attempts([(row, number) for number in range(3)], 0, tmp_path, jobs=1, seconds=3))
    assert [one.kind for one in outcomes] == ["accepted", "hang", "refused"]
    assert "time.sleep" in (tmp_path / "slow-1" / "why.txt").read_text() or "_hangs" in outcomes[1].why


def test_the_same_number_is_the_same_attempt(tmp_path: Path) -> None:
    drawn = []
    row = Row("same", "chance", 1, lambda _, chance, __: bool(drawn.append(chance.random())))  # type: ignore[func-returns-value]
    for _ in range(2):
        tried(row, 7, 3, tmp_path / "x")
    assert drawn[0] == drawn[1]


def test_the_security_page_lists_every_row() -> None:
    page = (ROOT / "docs" / "security.md").read_text().partition("## How it is attacked")[2]
    listed = re.findall(r"(?m)^\| ([a-z -]+) \| (.+?) \| ([0-9,]+) \|", page)
    assert [(name, what, int(times.replace(",", ""))) for name, what, times in listed] == [
        (row.name, row.what, row.times) for row in ROWS.values()
    ]
    assert f"each of {sum(row.times for row in ROWS.values()):,} attempts" in page

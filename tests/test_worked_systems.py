"""The systems that are worked out by hand: every number on the page is the plan's, or its difference is explained."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from mlspec.api import Result
from mlspec.compiler.answer.memo import Decision, memo
from mlspec.compiler.record import Record

from .support import ROOT, compile_text

PAGE = ROOT / "docs" / "worked-systems.md"


class Row(Record):
    """One decision of a table."""

    title: str
    """A line of the memo; with `Area / ` before it where several areas have one of that name."""
    settings: tuple[str, ...]
    by_hand: str
    arithmetic: str
    planned: str
    """The line's value, or words of its reason in quotation marks."""

    @property
    def agrees(self) -> bool:
        """Whether both are the same; of a reason, whether it says the value as a whole word."""
        if not self.planned.startswith('"'):
            return self.planned == self.by_hand
        return re.search(rf"(?<![\w.,]){re.escape(self.by_hand)}(?![\w%]|[.,]\w)", self.planned) is not None


class System(Record):
    """One section of the page."""

    name: str
    spec: str
    rows: tuple[Row, ...]
    explained: tuple[str, ...]
    """The titles under its differences."""


def _system(section: str) -> System:
    spec = re.search(r"^```yaml\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert spec is not None, section
    lines = re.findall(r"^\| (`.*) \|$", section, re.MULTILINE)
    differences = section.partition("*Differences*")[2]
    return System(
        name=section.partition("\n")[0],
        spec=spec[1],
        rows=tuple(_row(line) for line in lines),
        explained=tuple(re.findall(r"^- `([^`]+)`", differences, re.MULTILINE)),
    )


def _row(line: str) -> Row:
    decision, by_hand, arithmetic, planned = line.split(" | ")
    title, *settings = re.findall(r"`([^`]+)`", decision)
    return Row(title=title, settings=tuple(settings), by_hand=by_hand, arithmetic=arithmetic, planned=planned)


SYSTEMS = [_system(section) for section in PAGE.read_text().split("\n## ")[1:]]
EACH = pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)


def said(result: Result) -> dict[str, Decision]:
    """The memo of the first environment: each line by its title, and by its area and title."""
    found: dict[str, list[Decision]] = {}
    for area in memo(result._compiled.environments[0]).areas:
        for line in area.decisions:
            for name in (line.title, f"{area.title} / {line.title}"):
                found.setdefault(name, []).append(line)
    return {name: lines[0] for name, lines in found.items() if len(lines) == 1}


def test_there_are_ten_systems() -> None:
    assert len(SYSTEMS) == 10
    assert all(len(system.rows) >= 7 for system in SYSTEMS)
    assert PAGE.read_text().count("\n| `") == sum(len(system.rows) for system in SYSTEMS)


@EACH
def test_the_plan_says_what_the_page_says(system: System, tmp_path: Path) -> None:
    @cache
    def lines(settings: tuple[str, ...]) -> dict[str, Decision]:
        result = compile_text(tmp_path, system.spec, settings=settings, today="2026-11-23")
        assert [found for found in result.diagnostics if found.severity == "error"] == []
        return said(result)

    stale = []
    for row in system.rows:
        line = lines(row.settings)[row.title]
        quoted = row.planned.startswith('"')
        if not (row.planned.strip('"') in line.why if quoted else row.planned == line.value):
            stale.append((row.title, row.settings, row.planned, line.value, line.why))
    assert stale == []


@EACH
def test_every_difference_is_explained_and_nothing_else(system: System) -> None:
    different = [row.title for row in system.rows if not row.agrees]
    assert sorted(set(different)) == sorted(system.explained)


@EACH
def test_every_row_shows_its_arithmetic(system: System) -> None:
    for row in system.rows:
        assert row.arithmetic, row.title
        assert re.search(r"\d", row.by_hand + row.arithmetic), row.title


@pytest.mark.parametrize(
    ("by_hand", "planned", "agrees"),
    [
        ("2 replicas", "2 replicas", True),
        ("2 replicas", "12 replicas", False),
        ("2 replicas", '"2 replicas for 70% utilization"', True),
        ("2 replicas", '"12 replicas for 70% utilization"', False),
        ("0.4%", '"aborts without cause 10.4%"', False),
        ("200 requests", '"a window of 10 min has 1,200 requests"', False),
    ],
)
def test_a_wrong_number_is_a_difference(by_hand: str, planned: str, agrees: bool) -> None:
    row = Row(title="at most", settings=(), by_hand=by_hand, arithmetic="1 + 1", planned=planned)
    assert row.agrees is agrees

"""The ten lines at the top of `mlspec plan`: each fits its terminal, and says only numbers that the plan says."""

from __future__ import annotations

import io
import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.compiler.answer.memo import Citation, Memo, memo
from mlspec.compiler.answer.memo.line import shown
from mlspec.compiler.pipeline import Environment
from mlspec.schema.units import Duration
from mlspec.terminal.console import Console
from mlspec.terminal.render import memo as render

from .support import ADOPTERS, EXAMPLES, ROOT, run

SYSTEMS = [*EXAMPLES, *ADOPTERS]
EACH = pytest.mark.parametrize("system", SYSTEMS, ids=lambda path: path.name)
WIDTHS = pytest.mark.parametrize("width", [80, 99, 100, 116, 140])
TOPICS = ["purpose", "promises", "runs on", "load", "cost", "rollout", "quality", "learning", "risk", "measure"]
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@cache
def compiled(system: Path) -> tuple[tuple[Environment, Memo], ...]:
    made = mlspec.compile(system / "mlspec.yaml")._compiled
    return tuple((environment, memo(environment, made.found)) for environment in made.environments)


@EACH
def test_there_are_ten_lines_and_none_is_empty(system: Path) -> None:
    for _, said in compiled(system):
        assert [one.topic for one in said.summary] == TOPICS
        for one in said.summary:
            assert one.text.strip() == one.text != "", one.topic
            assert "undecided" not in one.text
            assert not re.search(r"None|, ,|; ;|: [,;]|  |[,;]$", one.text), one.text


@EACH
def test_every_number_of_a_line_is_one_of_the_values_that_it_cites(system: Path) -> None:
    """Or of the text that it quotes: names of models and services, the finding, and the paths of assumptions."""
    for environment, said in compiled(system):
        for one in said.summary:
            quoted = " ".join(
                f"{cited.value} {cited.title if cited.area == 'Assumptions' else ''}" for cited in one.cites
            )
            if one.topic == "risk":
                found = [
                    d for d in environment_findings(system) if not d.environments or environment.name in d.environments
                ]
                quoted += " ".join(f"{d.id} {d.message}" for d in found) + f" {len(found) - 1}"
            known = set(NUMBER.findall(f"{quoted} {names(environment)}"))
            assert set(NUMBER.findall(one.text)) <= known, (one.topic, one.text, quoted)


def environment_findings(system: Path) -> tuple[Any, ...]:
    return mlspec.compile(system / "mlspec.yaml")._compiled.found


def names(environment: Environment) -> str:
    """What authors name: models, candidates, services, and metrics, and the segments of paths."""
    system = environment.system
    candidates = [one.name.value for model in system.models.values() for one in model.candidates]
    metrics = [system.evaluation.primary.value] if system.evaluation is not None else []
    return " ".join((*system.models, *system.services, *candidates, *metrics, "p50 p90 p95 p99 p999 1M"))


@EACH
def test_every_value_that_a_line_cites_is_the_plans_own(system: Path) -> None:
    for environment, said in compiled(system):
        decisions = {(area.title, line.title): line.value for area in said.areas for line in area.decisions}
        assumed = {("Assumptions", one.path): one.value for one in said.assumptions}
        for cited in (cited for one in said.summary for cited in one.cites):
            told = decisions | assumed
            if cited.area:
                assert told[cited.area, cited.title] == cited.value
            else:
                assert in_the_spec(environment, cited) == cited.value, cited


def in_the_spec(environment: Environment, cited: Citation) -> str:
    """The value at a path of the bound spec."""
    at: Any = environment.system
    for step in cited.title.split("."):
        name = re.sub("([A-Z])", lambda upper: f"_{upper[1].lower()}", step)
        at = getattr(at, name) if hasattr(at, name) else at[step]
    return shown(at.value)


@EACH
def test_what_matters_most_is_among_the_ten_lines(system: Path) -> None:
    """The total, and the replicas of every service, are not lost if a decision gets another title."""
    for environment, said in compiled(system):
        lines = {one.topic: one for one in said.summary}
        assert str(environment.plan.cost.total.value) in lines["cost"].text
        for service in environment.plan.online.values():
            assert f"{service.max_replicas.value:,} replica" in lines["runs on"].text
        for unit in environment.plan.cost.units.values():
            assert str(unit.value) in lines["cost"].text


@EACH
@WIDTHS
def test_no_line_of_a_memo_is_wider_than_the_terminal(system: Path, width: int) -> None:
    text = render.text([said for _, said in compiled(system)], width=width)
    assert [line for line in text.splitlines() if len(line) > width] == []


@EACH
@WIDTHS
def test_a_narrow_terminal_cuts_nothing(system: Path, width: int) -> None:
    """The same words in the same order, apart from the spaces; a word that is longer than a line is broken."""
    memos = [said for _, said in compiled(system)]
    text = re.sub(r"\s", "", render.text(memos, width=width))
    for said in memos:
        for headline in said.summary:
            assert re.sub(r"\s", "", headline.text) in text
        for area in said.areas:
            for line in area.decisions:
                for part in (line.title, line.value, line.why):
                    assert re.sub(r"\s", "", part) in text


def test_a_promise_that_a_finding_doubts_is_not_said_to_be_kept() -> None:
    spec = ROOT / "examples" / "minimal" / "mlspec.yaml"
    for setting, kept in (
        ("", True),
        ("constraints.latency.p99=1ms", False),
        ("constraints.budget=1 USD/month", False),
    ):
        result = mlspec.compile(spec, settings=[setting] if setting else [])
        [line] = [one for one in mlspec.plan(result)["default"].summary if one.topic == "promises"]
        assert line.text.startswith("kept by this plan: ") is kept, (setting, line.text)


def test_a_speed_that_nobody_measured_is_no_promise_and_is_the_first_to_measure() -> None:
    [spec] = [path for path in ADOPTERS if path.name == "03-knowledge-search"]
    [(_, said)] = compiled(spec)
    lines = {one.topic: one.text for one in said.summary}
    assert lines["promises"].startswith("kept if the estimates are right: ")
    assert lines["measure"].startswith("next: services.chat.serviceTime, which is not measured")


def test_the_worst_finding_is_named_first() -> None:
    result = mlspec.compile(ROOT / "examples" / "minimal" / "mlspec.yaml", settings=["constraints.budget=1 USD/month"])
    [line] = [one for one in mlspec.plan(result)["default"].summary if one.topic == "risk"]
    assert line.text.startswith("error MLS405, ")


def test_the_json_of_a_memo_has_the_lines_and_what_they_cite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    [environment] = json.loads(run("plan", "examples/minimal", "--format", "json").out)["environments"]
    assert list(environment) == ["name", "summary", "areas", "assumptions"]
    [cost] = [one for one in environment["summary"] if one["topic"] == "cost"]
    assert {"area": "Cost", "title": "total", "value": "59.88 USD/month"} in cost["cites"]


@pytest.mark.parametrize(("terminal", "width"), [(None, 116), (60, 80), (100, 100), (400, 140)])
def test_the_memo_is_as_wide_as_the_terminal_within_limits(
    terminal: int | None, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file or a pipe has no width, so its lines do not depend on where the command runs."""
    monkeypatch.setenv("COLUMNS", str(terminal or 60))
    monkeypatch.setattr(sys, "stdout", Terminal() if terminal is not None else io.StringIO())
    assert Console().width == width


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_rate_that_holds_with_a_replica_lost_is_not_said_to_be_that_of_all() -> None:
    """99.9% survives the loss of one of 11: 10 x 8 slots x 0.7 / 14 ms = 4000/s, not 4400/s."""
    [(_, said)] = compiled(ROOT / "examples" / "feed-ranker")
    lines = {one.topic: one.text for one in said.summary}
    assert lines["load"] == "900/s on average, 2400/s at the peak; the plan can sustain 4000/s"
    [able] = [x for area in said.areas for x in area.decisions if x.title == "headroom: maximum sustainable rate"]
    assert able.why == "10 replicas at 70% utilization, with 1 of 11 lost; 1.67 times the peak of 2400/s"


@pytest.mark.parametrize(
    ("length", "text"),
    [("8010ms", "8.01s"), ("1500ms", "1500ms"), ("90s", "90s"), ("9945m", "6d 21h 45m"), ("150m", "2h 30m")],
)
def test_a_duration_is_said_in_units_of_its_size(length: str, text: str) -> None:
    assert shown(Duration.parse(length)) == text

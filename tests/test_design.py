"""The system design document: complete, sourced, equal to the plan, and nothing in a spec becomes markup."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator

import mlspec
from mlspec import DesignDocument, DesignFacts, DesignGap, DesignTable, DesignText, Result
from mlspec.compiler.answer.design.bundle import document
from mlspec.compiler.answer.design.markdown import escape, inline
from mlspec.compiler.answer.memo import decided
from mlspec.compiler.because import Because
from mlspec.compiler.check.effects import reached
from mlspec.compiler.check.not_yet import NOT_YET_READ, SHOWN
from mlspec.compiler.check.patterns import selected, values
from mlspec.compiler.emit.artifact import Artifact
from mlspec.compiler.emit.dump import Lines
from mlspec.compiler.pipeline import Compiled
from mlspec.compiler.plan.choose import readable
from mlspec.schema.units import Duration
from mlspec.terminal.render import design as render
from mlspec.terminal.render.design_page import page

from .support import ADOPTERS, EXAMPLES, ROOT, compile_text, loaded, minimal, run

SYSTEMS = [*EXAMPLES, *ADOPTERS]
EACH = pytest.mark.parametrize("system", SYSTEMS, ids=lambda path: path.name)
EXAMPLE = pytest.mark.parametrize("system", EXAMPLES, ids=lambda path: path.name)
FRAUD = ROOT / "examples" / "fraud-scorer"

BRIEF = (
    *("use-case", "business-metric", "constraints", "model-selection", "data-pipeline", "training-strategy"),
    *("inference", "monitoring", "rollout-plan", "success-criteria", "cost", "risks", "environments", "open-points"),
)
"""What a reviewer of a design asks for."""

HOSTILE = """# <script>alert("1")</script> | `x` ` ![a](http://e.example) *b* _c_ & \u202eevil\u2066 ~~d~~ $(e)"""


@cache
def made(system: Path) -> Compiled:
    return mlspec.compile(system / "mlspec.yaml")._compiled


@cache
def designed(system: Path) -> DesignDocument:
    return mlspec.design(mlspec.compile(system / "mlspec.yaml"))


def markdown(compiled: Compiled) -> str:
    return render.markdown(document(compiled))


def blocks(design: DesignDocument, key: str) -> tuple[Any, ...]:
    (found,) = [section.blocks for section in design.sections if section.key == key]
    return found


def facts(design: DesignDocument) -> dict[str, str]:
    every = (block for section in design.sections for block in section.blocks if isinstance(block, DesignFacts))
    return {fact.title: fact.value for block in every for fact in block.facts}


# What it contains


@EACH
def test_every_section_is_there_and_none_is_empty(system: Path) -> None:
    keys = [section.key for section in designed(system).sections]
    assert keys == ["summary", *BRIEF]
    assert [section.key for section in designed(system).sections if not section.blocks] == []


@EACH
def test_every_decision_that_it_shows_is_the_plans(system: Path) -> None:
    """A number that the document computed itself could differ from what is compiled."""
    design = designed(system)
    (environment,) = [one for one in made(system).environments if one.name == design.environment]
    planned = {(line.title, line.text) for area in decided(environment.plan) for line in area.lines}
    titles = {title for title, _ in planned}
    shown = [block for section in design.sections for block in section.blocks if isinstance(block, DesignFacts)]
    wrong = [
        fact.title
        for block in shown
        for fact in block.facts
        if fact.title in titles and (fact.title, fact.value) not in planned and not fact.where
    ]
    assert wrong == []
    assert sum(fact.title in titles for block in shown for fact in block.facts) > 10


@EACH
def test_every_fact_names_the_line_that_sets_it_or_a_reason(system: Path) -> None:
    shown = [
        block for section in designed(system).sections for block in section.blocks if isinstance(block, DesignFacts)
    ]
    bare = [fact.title for block in shown for fact in block.facts if not fact.why and not fact.where]
    assert bare == []


@EACH
def test_every_line_of_a_place_is_the_one_that_has_the_value(system: Path) -> None:
    """`where` is a line of the spec; a number on it is one that the fact shows."""
    spec = (system / "mlspec.yaml").read_text().split("\n")
    found = [
        (fact, spec[int(fact.where.partition(":")[2]) - 1])
        for section in designed(system).sections
        for block in section.blocks
        if isinstance(block, DesignFacts)
        for fact in block.facts
        if fact.where.startswith("mlspec.yaml:") and not fact.why
    ]
    assert found
    assert [
        fact.field for fact, line in found if fact.field.rpartition(".")[2].isalpha() and not _on(fact.field, line)
    ] == []


def _on(field: str, line: str) -> bool:
    """Whether a line has the key of a field, or an item of a list."""
    return field.rpartition(".")[2] in line


def test_the_numbers_of_the_fraud_scorer_are_those_of_its_spec() -> None:
    """Read from the YAML by another parser, and placed where a reviewer looks for them."""
    spec, found = loaded((FRAUD / "mlspec.yaml").read_text()), facts(designed(FRAUD))
    business = spec["problem"]["businessMetric"]
    assert (found["today"], found["target"]) == (f"{business['today']} bps", f"{business['target']} bps")
    assert found["latency p99"] == spec["constraints"]["latency"]["p99"]
    assert found["load at the peak"] == spec["constraints"]["throughput"]["peak"]
    assert found["budget"] == spec["constraints"]["budget"]
    gates = next(
        b for b in blocks(designed(FRAUD), "training-strategy") if getattr(b, "caption", "").startswith("Gates")
    )
    assert gates.rows[0][:2] == ("roc_auc", "at most 0.002 worse than the live version")
    assert gates.rows[2][:4] == ("recall", "at least 0.6", "country", "400")


def test_the_parts_of_a_latency_add_up_to_its_bound() -> None:
    charts = [one for one in blocks(designed(FRAUD), "inference") if type(one).__name__ == "DesignChart"]
    assert [chart.limit for chart in charts] == [0.015, 0.05]
    for chart in charts:
        assert sum(part.amount for part in chart.amounts) == pytest.approx(chart.limit, abs=1e-5)


def test_the_steps_of_a_rollout_are_as_long_as_the_rollout() -> None:
    (chart,) = [one for one in blocks(designed(FRAUD), "rollout-plan") if type(one).__name__ == "DesignChart"]
    canary = made(FRAUD).environments[-1].plan.online["fraud-scorer"].canary
    assert sum(part.lasts for part in chart.amounts) * 60 == float(canary.length.value.amount)
    assert readable(Duration(int(sum(part.lasts for part in chart.amounts)) * 60)) == "48m"


# What is missing


def test_what_a_spec_lacks_is_said_with_the_field_to_write(tmp_path: Path) -> None:
    design = mlspec.design(compile_text(tmp_path))
    gaps = {
        block.field: block for section in design.sections for block in section.blocks if isinstance(block, DesignGap)
    }
    assert {"problem.businessMetric", "constraints.budget", "training", "success"} <= set(gaps)
    listed = next(block for block in blocks(design, "open-points") if block.caption == "Not declared")
    assert [f"`{field}`" in str(listed.rows) for field in gaps] == [True] * len(gaps)


def test_no_one_is_asked_to_write_what_has_no_effect() -> None:
    for system in SYSTEMS:
        gaps = [b for section in designed(system).sections for b in section.blocks if isinstance(b, DesignGap)]
        assert [gap.field for gap in gaps if gap.compiled is (gap.field in NOT_YET_READ)] == []


def test_what_is_not_compiled_is_not_shown_as_if_it_ran() -> None:
    said = [block.text for block in blocks(designed(FRAUD), "monitoring") if isinstance(block, DesignText)]
    idle = {one.message.split("`")[1] for one in made(FRAUD).found if one.id == "MLS013"}
    for field in idle & {"drift", "quality", "segments", "capture"}:
        assert f"`monitoring.{field}`" in said[-1]
        assert "does not compile" in said[-1]


def test_an_error_in_a_spec_leaves_the_rest_of_the_document(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    text = (FRAUD / "mlspec.yaml").read_text()
    (tmp_path / "mlspec.yaml").write_text(
        text.replace("availability: 99.9%", "availability: 2").replace("trials: 60", "trials: x")
    )
    design = mlspec.design(mlspec.compile(tmp_path / "mlspec.yaml"))
    assert [section.key for section in design.sections] == ["summary", *BRIEF]
    assert all(section.blocks for section in design.sections)


# What it rests on


def lines_of(artifact: Artifact) -> object:
    """The lines of a document, which are made now."""
    assert isinstance(artifact.body, Lines)
    return artifact.body.lines


@EACH
def test_every_value_that_is_only_for_readers_is_cited(system: Path) -> None:
    """These fields count as read because the document shows them, so it must."""
    compiled = made(system)
    cited = {id(node) for node in reached(lines_of(document(compiled)))}
    shown = [
        (".".join(map(str, path)), node)
        for environment in compiled.environments
        if environment.name == designed(system).environment
        for pattern in SHOWN
        for place, _, at in selected(environment.layered.tree, pattern)
        for path, node in values(at, place)
        if node.file.name.endswith("mlspec.yaml")
    ]
    assert [path for path, node in shown if id(node) not in cited] == []


def test_a_value_that_is_only_for_readers_needs_no_warning_and_nothing_else_loses_one() -> None:
    """The document shows the bounds of streams as well, which does not make them work."""
    text = (FRAUD / "mlspec.yaml").read_text().replace("availability: 99.9%", "availability: 99.9%\n  maxLag: 5s", 1)
    found = mlspec.compile(mlspec.load(FRAUD / "mlspec.yaml", text=text))._compiled.found
    warned = {one.message.split("`")[1] for one in found if one.id == "MLS013"}
    assert not warned & {"businessMetric", "humanPerformance", "success"}
    assert "maxLag" in warned


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("target: 9}", "target: 8}"),
        ("metric: recall, value: 0.71", "metric: recall, value: 0.72"),
        ("max: 50ms, by: 2026-12-31", "max: 50ms, by: 2027-12-31"),
        ("peak: 120/s", "peak: 1200/s"),
        ("budget: 4000", "budget: 5000"),
        ("delay: 45d", "delay: 44d"),
        ("detect: [{metric: error-rate, to: 1.5%}]}   #", "detect: [{metric: error-rate, to: 2.5%}]}   #"),
        ("loss: 0.006", "loss: 0.007"),
        ("trials: 60", "trials: 70"),
        ("clip, columns: [amount], quantiles: [0.1%", "clip, columns: [amount], quantiles: [0.2%"),
    ],
)
def test_every_line_that_changes_names_its_cause(before: str, after: str) -> None:
    text = (FRAUD / "mlspec.yaml").read_text()
    assert text.count(before) == 1
    number = text[: text.index(before)].count("\n")
    changed = mlspec.compile(mlspec.load(FRAUD / "mlspec.yaml", text=text.replace(before, after)))._compiled
    old = set(markdown(made(FRAUD)).split("\n"))
    body = document(changed).body
    assert isinstance(body, Lines)
    new = [line for line in body.lines if _text(line) not in old]
    assert new, "the change shows"
    silent = [_text(line) for line in new if number not in {node.line for node in reached(line)}]
    assert [line for line in silent if "MLS" not in line and "finding" not in line] == []


def _text(line: str | Because[str]) -> str:
    return line if isinstance(line, str) else line.value


# The file


@pytest.mark.slow
def test_it_is_the_same_wherever_and_whenever_it_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """From another folder, and on a day on which a suppression has expired."""
    monkeypatch.chdir(ROOT)
    here = mlspec.compile("examples/fraud-scorer/mlspec.yaml").bundles["_system"].files["design.md"]
    monkeypatch.chdir(FRAUD / "releases")
    assert mlspec.compile("../mlspec.yaml").bundles["_system"].files["design.md"] == here
    text = (FRAUD / "mlspec.yaml").read_text()
    text = text.replace("  labels: {column", "  # mlspec: ignore[MLS605] we know until 2026-12-01\n  labels: {column")
    spec = mlspec.load(FRAUD / "mlspec.yaml", text=text)
    days = [mlspec.compile(spec, today=day) for day in ("2026-11-01", "2027-11-01")]
    assert ["MLS605" in {one.id for one in day.diagnostics} for day in days] == [False, True]
    assert days[0].bundles["_system"].files == days[1].bundles["_system"].files


def test_a_comment_above_moves_no_line_of_it() -> None:
    """Line numbers in a committed file would change it with every comment."""
    text = (FRAUD / "mlspec.yaml").read_text()
    moved = mlspec.compile(mlspec.load(FRAUD / "mlspec.yaml", text=f"# a comment\n{text}"))._compiled
    assert markdown(moved) == markdown(made(FRAUD))


@pytest.mark.slow
def test_it_does_not_depend_on_the_hash_seed() -> None:
    command = [sys.executable, "-m", "mlspec", "report", "design", "examples/demand-forecast"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    texts = {
        subprocess.run(command, cwd=ROOT, env={**env, "PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1


def test_it_describes_the_environment_with_the_most_load_and_what_differs() -> None:
    assert designed(FRAUD).environment == "production"
    (table,) = [one for one in blocks(designed(FRAUD), "environments") if isinstance(one, DesignTable)]
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["load at the peak"] == ("5/s", "120/s")
    assert rows["namespace"] == ("fraud-staging", "fraud")
    text = (FRAUD / "mlspec.yaml").read_text().replace("peak: 5/s", "peak: 500/s").replace("mean: 1/s", "mean: 100/s")
    other = mlspec.compile(mlspec.load(FRAUD / "mlspec.yaml", text=text))
    assert mlspec.design(other).environment == "staging"


def test_one_environment_alone_leaves_the_file_as_it_is() -> None:
    """It tells about all of them, so it cannot be written from one."""
    made_ = mlspec.compile(FRAUD / "mlspec.yaml", environments=["staging"])
    assert list(made_.bundles) == ["staging"]
    assert mlspec.design(made_).environment == "staging"


# Markup


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a|b", "a\\|b"),
        ("<script>", "&lt;script\\>"),
        ("roc_auc", "roc_auc"),
        ("_a_", "\\_a\\_"),
        ("two\nlines\r\n", "two lines"),
        ("&lt;", "&amp;lt;"),
        ("![a](b)", "\\!\\[a\\](b)"),
        ("a `b` c", "a \\`b\\` c"),
    ],
)
def test_markup_is_escaped(text: str, written: str) -> None:
    assert escape(text) == written


def test_only_what_is_between_two_backticks_is_code() -> None:
    assert inline("set `a|b` to 1") == "set `a\\|b` to 1"
    assert inline("one ` alone <b>") == "one \\` alone &lt;b\\>"
    assert inline("``<b>``") == "\\`\\`&lt;b\\>\\`\\`"


CODE = re.compile(r"(?<![`\\])(`+)(?!`)(.*?)(?<!`)\1(?!`)")
"""Code as CommonMark finds it: it ends with as many backticks as it begins with, and nothing inside of it is markup."""


def hostile(folder: Path) -> Result:
    business = {"name": HOSTILE, "unit": HOSTILE, "direction": "increase", "today": 1, "target": 2}
    words = {"problem__useCase": HOSTILE, "problem__businessMetric": business, "metadata__owner": HOSTILE}
    return compile_text(folder, minimal(**words, metadata__description=f"- {HOSTILE}"))


def test_no_text_of_a_spec_becomes_markdown(tmp_path: Path) -> None:
    text = markdown(hostile(tmp_path)._compiled)
    body = CODE.sub("", text.split("\n", 4)[4])  # below mlspec's own comment
    assert "<" not in body
    assert "\u202e" not in body
    assert "\u2066" not in body
    assert not re.search(r"(?<!\\)!?\[", body), "no link and no image"
    for lines in re.split(r"\n\n", body):
        rows = [line for line in lines.split("\n") if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) < 2, "each row has as many cells as its head"
    assert [line for line in body.split("\n") if line.startswith("# ")] == []


def test_no_text_of_a_spec_becomes_html(tmp_path: Path) -> None:
    root = ElementTree.fromstring(page(mlspec.design(hostile(tmp_path))).partition("\n")[2])
    assert {element.tag for element in root.iter()} & {"script", "img", "b"} == set()
    assert "".join(root.itertext()).count("<script>") > 3, "it is shown as the text that it is"


# The other forms


@pytest.mark.slow
def test_the_json_follows_its_schema() -> None:
    schema = json.loads((ROOT / "schema" / "design.v1.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    for system in SYSTEMS:
        found = json.loads(render.json(designed(system)))
        assert list(Draft202012Validator(schema).iter_errors(found)) == [], system.name
    assert list(Draft202012Validator(schema).iter_errors({**found, "more": 1})) != [], "and it is strict"


@EXAMPLE
def test_the_page_has_every_section_and_every_fact(system: Path) -> None:
    root = ElementTree.fromstring(page(designed(system)).partition("\n")[2])
    assert [one.get("id") for one in root.iter("h2")] == ["summary", *BRIEF]
    links = [one.get("href") for one in root.iter("a")]
    assert links == [f"#{key}" for key in ("summary", *BRIEF)]
    said = "".join(root.itertext())
    assert [title for title in facts(designed(system)) if title not in said] == []
    ids = [one.get("id") for one in root.iter() if one.get("id")]
    assert len(ids) == len(set(ids))


def test_the_command_prints_what_compile_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = mlspec.compile("examples/minimal/mlspec.yaml").bundles["_system"].files["design.md"]
    assert run("report", "design", "examples/minimal").out == text
    found = json.loads(run("report", "design", "examples/minimal", "--format", "json").out)
    assert found["version"] == 1
    drawn = tmp_path / "design.html"
    assert run("report", "design", "examples/minimal", "--page", drawn).status == 0
    assert drawn.read_text() == page(mlspec.design(mlspec.compile("examples/minimal/mlspec.yaml")))

"""`mlspec report evaluation`: the formats of a report, its exit status, and what its page shows."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema_rs
import pytest

import mlspec
from mlspec.compiler.evaluation.report import EvaluationReport
from mlspec.runtime.verdict import judge
from mlspec.terminal.render import evaluation as render
from mlspec.terminal.render import evaluation_page
from mlspec.terminal.render.ranges import Range, ranges

from .evaluations import FOLDER, VERDICTS, accuracy, example, fraud, gated
from .support import ROOT, loaded, minimal, run

SPEC = ROOT / "examples" / "fraud-scorer"
SCHEMA = jsonschema_rs.validator_for(json.loads((ROOT / "schema" / "evaluation-report.v1.schema.json").read_text()))
HOSTILE = "<script>|`*_\u202e"


def odd() -> list[EvaluationReport]:
    """Reports with parts that the examples lack."""
    gate = {"metric": "accuracy", "min": 0.9}
    wide = {"value": 1.0, "low": -1e300, "high": 1e300}
    named = copy.deepcopy(example("ship"))
    named["segments"]["country"][HOSTILE] = named["segments"]["country"].pop("DE")
    named["model"]["version"] = HOSTILE
    named["notes"] = {"strengths": [HOSTILE], "nextSteps": [HOSTILE]}
    return [
        gated().report(accuracy(9, 10)),
        gated(gate, segments=["country"]).report({"version": 1, "metrics": {"rmse": wide}}),
        fraud().report({"version": 1, "metrics": {}}),
        fraud().report(named),
    ]


def reports() -> list[EvaluationReport]:
    return [*(fraud().report(example(name)) for name in VERDICTS), *odd()]


@pytest.mark.parametrize(("name", "status"), [("ship", 0), ("iterate", 1), ("reject", 1)])
def test_the_exit_status_says_whether_to_ship(name: str, status: int, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    ran = run("report", "evaluation", SPEC, "--metrics", FOLDER / f"{name}.json", "--page", page)
    assert ran.status == status
    assert f"**{name.capitalize()}: " in ran.out
    ElementTree.fromstring(page.read_text().partition("\n")[2])


@pytest.mark.parametrize("name", VERDICTS)
def test_the_gate_of_the_compiled_job_agrees(name: str) -> None:
    """The job reads its configuration from the ConfigMap that `mlspec compile` wrote."""
    (file,) = (SPEC / "out" / "production" / "retraining").glob("configmap-training.yaml")
    config = json.loads(loaded(file.read_text())["data"]["training.json"])
    assert config == fraud().config
    assert judge(config, example(name)).passed is (name == "ship")


def test_a_page_never_replaces_its_input(tmp_path: Path) -> None:
    file = tmp_path / "metrics.json"
    file.write_text((FOLDER / "ship.json").read_text())
    before = file.read_text()
    ran = run("report", "evaluation", SPEC, "--metrics", file, "--page", file)
    assert ran.status == 2
    assert "would overwrite the metrics file" in ran.err
    assert file.read_text() == before


def test_several_environments_need_a_name(tmp_path: Path) -> None:
    """Two that serve, and none that trains."""
    file = tmp_path / "metrics.json"
    file.write_text(json.dumps(accuracy(9, 10)))
    spec = tmp_path / "mlspec.yaml"
    environments = {"a": {"namespace": "a"}, "b": {"namespace": "b"}}
    changes: dict[str, Any] = {"serving__endpoint": {}, "platform__gateway__domain": "models.example.com"}
    spec.write_text(minimal(environments=environments, **changes))
    ran = run("report", "evaluation", spec, "--metrics", file)
    assert ran.status == 2
    assert "help: name it with `--env`: `a` or `b`" in ran.err
    assert run("report", "evaluation", spec, "--metrics", file, "--env", "a").status == 1
    with pytest.raises(mlspec.NotFoundError):
        mlspec.evaluate(mlspec.compile(spec), file)


def test_the_api_raises_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    file = tmp_path / "metrics.json"
    file.write_text('{"version": 1, "metrics": {"recal": {"value": 1}}}')
    with pytest.raises(mlspec.CompileError) as raised:
        mlspec.evaluate(mlspec.compile(SPEC / "mlspec.yaml", environments=["production"]), file)
    assert [found.id for found in raised.value.diagnostics] == ["MLS010"]


def test_documents_have_the_published_shape() -> None:
    """The schema allows no other keys and requires all of its own, so it and the report cannot drift apart."""
    for report in reports():
        document = json.loads(render.json(report))
        assert list(SCHEMA.iter_errors(document)) == []


def test_markdown_tables_have_as_many_cells_as_their_heads() -> None:
    for report in reports():
        width = 0
        for line in render.markdown(report).splitlines():
            cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
            assert not (width and cells) or cells == width, line
            width = cells
        assert "\n\n\n" not in render.markdown(report)


def test_names_of_a_file_are_no_markup() -> None:
    *_, report = reports()
    for text in (render.markdown(report), evaluation_page.page(report)):
        assert "script" in text
        assert re.search(r"(?<!\\)<script", text) is None
    assert "\u202e" not in evaluation_page.page(report)


def test_every_section_of_a_report_is_there() -> None:
    titles = [
        "Recommendation", "Model and version", "Data split", "Overall metrics", "By segment", "Baselines", "Strengths",
        "Weaknesses", "Error analysis", "Latency, throughput, and cost", "Next steps",
    ]  # fmt: skip
    for report in reports():
        assert [section.title for section in render.sections(report)] == titles


def test_every_picture_is_named_and_inside_its_frame() -> None:
    for report in reports():
        root = ElementTree.fromstring(evaluation_page.page(report).partition("\n")[2])
        for picture in root.iter("svg"):
            assert picture.get("role") == "img"
            assert picture.findtext("title")
            assert picture.findtext("desc")
            _, _, width, height = map(float, picture.get("viewBox", "").split())
            for dot in picture.iter("circle"):
                assert 0 <= float(dot.get("cx", "")) <= width
                assert 0 <= float(dot.get("cy", "")) <= height


def test_a_dot_is_where_its_value_is() -> None:
    """From 6 to 334 for the least to the most: 0.75 between 0.5 and 1 is at 170, and 0.9 at 268.4."""
    text = str(ranges("t", "d", [Range("a", "", 0.75, 0.5, 1.0, 0.9)], ("interval", "bar")))
    assert 'cx="170.0"' in text
    assert "M6.0 23H334.0" in text
    assert "M268.4 15V31" in text


def test_the_page_says_each_verdict_in_words() -> None:
    text = evaluation_page.page(fraud().report(example("reject")))
    assert '<span class="broken">reject</span>' in text
    assert ">0.5148 reject</text>" in text


def test_the_page_of_the_guide_shows_files_that_work() -> None:
    guide = (ROOT / "docs" / "evaluation.md").read_text()
    (document,) = re.findall(r"```json\n(.*?)```", guide, re.DOTALL)
    (rows,) = re.findall(r"```csv\n(.*?)```", guide, re.DOTALL)
    (names,) = re.findall(r"```text\n(metrics/.*?)```", guide, re.DOTALL)
    logged = {name: float(value) for name, value in map(str.split, names.splitlines())}
    for text in (document, rows, json.dumps({"info": {}, "data": {"metrics": logged}})):
        content, found = fraud().read(text)
        assert found == []
        assert content is not None
        assert fraud().report(content).verdict == "iterate"

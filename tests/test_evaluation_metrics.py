"""Metrics files: three forms of the same results, and what is wrong with a file, and where."""

from __future__ import annotations

import copy
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from mlspec.compiler.evaluation.forms import COLUMNS
from mlspec.compiler.evaluation.shape import schema_text

from .evaluations import VERDICTS, example, fraud
from .support import ROOT, run

SPEC = ROOT / "examples" / "fraud-scorer"
GOOD: dict[str, Any] = {"version": 1, "metrics": {"recall": {"value": 0.7, "samples": 1000, "events": 400}}}


def with_entry(**more: Any) -> str:
    return json.dumps({"version": 1, "metrics": {"recall": {**GOOD["metrics"]["recall"], **more}}}, indent=1)


def with_part(**more: Any) -> str:
    return json.dumps({**GOOD, **more}, indent=1)


@pytest.mark.parametrize("name", VERDICTS)
def test_the_examples_have_the_published_shape(name: str) -> None:
    assert list(jsonschema_rs.validator_for(json.loads(schema_text())).iter_errors(example(name))) == []


HALF = {"both": 1, "model": 1, "rival": 1, "neither": 1}

WRONG = [
    ("", "MLS001", "the file is empty"),
    ("[1, 2]", "MLS001", "the file contains a list"),
    ('{"version": 1}', "MLS009", "the file needs `metrics`"),
    ('{"version": 2, "metrics": {}}', "MLS007", "this mlspec reads version 1 of metrics files, not `2`"),
    (with_part(metrcs={}), "MLS004", "the file has no key `metrcs`"),
    (with_entry(sample=3), "MLS004", "`recall` has no key `sample`"),
    (with_entry(value="high"), "MLS005", '`value` is `high`, not a number'),
    (with_entry(value=None), "MLS005", "`value` is nothing, not a number"),
    (with_entry(value=[]), "MLS005", "`value` is a list, not a number"),
    (with_entry().replace("0.7", "NaN"), "MLS005", "`value` is `NaN`, not a number"),
    (with_entry().replace("0.7", "-Infinity"), "MLS005", "`value` is `-Infinity`, not a number"),
    (with_entry().replace("0.7", "1e999"), "MLS008", "`value` is too large to be a measurement: `1e999`"),
    (with_entry(value=70), "MLS008", "`recall`: 70 is outside the range of the metric, which is between 0 and 1"),
    (with_entry(samples=1.5), "MLS005", "`samples` is `1.5`, not a whole number"),
    (with_entry(samples=-1), "MLS008", "`samples` is `-1`, not at least 0"),
    (with_entry(samples=100), "MLS008", "`recall`: its `events` are more than its `samples`: 400 of 100"),
    (with_entry(low=0.6), "MLS009", "`low` needs `high`"),
    (with_entry(low=0.8, high=0.9), "MLS008", "`recall`: its value is not between its `low` and its `high`"),
    (with_entry(low=0.6, high=0.8, confidence=95), "MLS008", "`confidence` is `95`, not 0.5 to 0.999999"),
    (with_part(metrics={"recal": {"value": 1}}), "MLS010", "the metric `recal` is neither in the catalog nor in the"),
    (with_part(segments={"contry": {}}), "MLS010", "the spec has no column `contry`"),
    (with_part(segments={"age_group": {"over64": {}}}), "MLS010", "the spec has no value of `age_group` `over64`"),
    (
        with_part(segments={"country": {"DE": {"recall": {"value": 0.7}}}}),
        "MLS009",
        "`recall` of `DE` does not say how many rows it was measured on",
    ),
    (with_part(rivals={"champ": {}}), "MLS010", "the spec has no rival `champ`"),
    (with_part(evaluatedAt="yesterday"), "MLS006", "`evaluatedAt` is not a date: `yesterday`"),
    (with_part(serving={"cost": "cheap"}), "MLS006", "`cheap`"),
    (with_part(confusion={"labels": ["a", "b"], "counts": [[1, 2]] * 3}), "MLS008", "`counts` is not 2 rows"),
    (with_part(calibration=[]), "MLS008", "`calibration` has 0 items, not 1 to 100"),
    (
        with_part(rivals={"champion": {"recall": {"value": 0.9, "paired": HALF}}}),
        "MLS008",
        "`paired` gives the rival 0.5, but its value is 0.9",
    ),
    (
        with_part(metrics={"mae": {"value": 3, "errors": [1, -1]}}),
        "MLS008",
        "`mae` is 3, but its `errors` give 1",
    ),
    (with_entry(errors=[1, 2]), "MLS012", "`errors` are for"),
    ('{"version": 1, "metrics": {"recall": {}, "recall": {}}}', "MLS003", "`recall` is defined twice"),
    ('{"version": 1, "metrics": {"\\ud800": {"value": 0.7}}}', "MLS001", ""),
    ("[" * 500_000 + "]" * 500_000, "MLS002", "values are nested more than 64 levels deep"),
    ("metric,value\nrecall,0.7\nrecall,0.8\n", "MLS003", "`metrics/recall` is given twice"),
    ("metric,valu\nrecall,0.7\n", "MLS004", "there is no column `valu`"),
    ("metric,value\nrecall\n", "MLS001", "the row has 1 cells, and the head 2"),
    ("metric,value,segment\nrecall,0.7,DE\n", "MLS006", "`DE` is not a column with its value"),
    ("metric,value,split\nrecall,0.7,dev\n", "MLS007", "there is no split `dev`"),
    ("metric,value,rival,segment\nrecall,0.7,champion,country=DE\n", "MLS012", "rivals are measured on all test rows"),
    ('metric,value\n"recall,0.7\n', "MLS001", "the row is not CSV"),
    ("metric,value\nrecall,nan\n", "MLS005", "`value` is `nan`, not a number"),
    ('{"info": {}, "data": {"metrics": {"loss": 3}}}', "MLS009", "the run has no metric whose name starts with"),
    (
        json.dumps({"info": {}, "data": {"metrics": [{"key": "metrics/recall", "value": 1}] * 2}}),
        "MLS003",
        "`metrics/recall/value` is given twice",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "id_", "message"), WRONG, ids=[f"{at}-{one[1]}" for at, one in enumerate(WRONG)])
def test_what_is_wrong_is_said(text: str, id_: str, message: str) -> None:
    content, found = fraud().read(text)
    assert content is None
    assert found[0].id == id_
    assert found[0].message.startswith(message)
    assert found[0].help


@pytest.mark.parametrize(
    ("text", "line", "column", "underlined"),
    [
        (with_entry(value=70), 4, 12, "70"),
        (with_part(metrics={"recal": {"value": 1}}), 3, 2, '"recal"'),
        ("metric,value,samples\nroc_auc,0.9,100\nrecall,7,100\n", 2, 7, "7"),
    ],
)
def test_a_mistake_is_found_where_it_was_written(text: str, line: int, column: int, underlined: str) -> None:
    _, (found, *_) = fraud().read(text)
    span = found.span
    assert (span.line, span.column) == (line, column)
    assert text.split("\n")[line][span.column : span.end_column] == underlined


@pytest.mark.parametrize(
    ("text", "near"),
    [(with_part(metrics={"recal": {"value": 1}}), "recall"), (with_entry(sample=1), "samples")],
)
def test_the_closest_name_is_proposed(text: str, near: str) -> None:
    _, (found, *_) = fraud().read(text)
    assert found.help == f"did you mean `{near}`?"


def test_a_wide_file_says_few_mistakes() -> None:
    _, found = fraud().read(with_part(metrics={f"m{at}": {"valu": 1} for at in range(1000)}))
    assert len(found) == 50


HOSTILE = {
    "empty": b"",
    "brackets": b"[" * 500_000 + b"]" * 500_000,
    "not-a-number": with_entry().replace("0.7", "NaN").encode(),
    "half-a-pair": '{"version": 1, "metrics": {"\ud800": {"value": 1}}}'.encode("utf-8", "surrogatepass"),
    "not-utf-8": b"\xff\xfe",
    "zeros": b"\0" * 100,
    "a-loop": b"a: &a [*a]\n",
    "digits": b'{"version": 1, "metrics": {"recall": {"value": ' + b"9" * 5000 + b"}}}",
    "squares-overflow": json.dumps({**GOOD, "metrics": {"mse": {"value": 1e300, "errors": [1e300, -1e300]}}}).encode(),
    "a-wide-interval": json.dumps(
        {**GOOD, "metrics": {"log_loss": {"value": 1, "low": -1e300, "high": 1e300}}}
    ).encode(),
    "too-large": b"#" * (2 << 20),
    "a-long-cell": b"metric,value\nrecall," + b"1" * 200_000 + b"\n",
    "a-zero-in-csv": b"metric,value\n\0,1\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_file_is_a_traceback(tmp_path: Path, name: str) -> None:
    """`run` raises any exception that a user would see."""
    file = tmp_path / "metrics.json"
    file.write_bytes(HOSTILE[name])
    page = tmp_path / "page.html"
    ran = run("report", "evaluation", SPEC, "--metrics", file, "--page", page)
    assert (ran.status, ran.out != "") in ((2, False), (1, True))
    assert ran.status == 1 or "error[MLS0" in ran.err


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    ran = run("report", "evaluation", SPEC, "--metrics", tmp_path / "nothing.json")
    assert ran.status == 2
    assert "nothing.json" in ran.err


# Forms


def rows_of(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for metric, entry in content["metrics"].items():
        yield {"metric": metric, **entry}
    for column, groups in content["segments"].items():
        for group, entries in groups.items():
            yield from ({"metric": metric, "segment": f"{column}={group}", **one} for metric, one in entries.items())
    for rival, entries in content["rivals"].items():
        yield from ({"metric": metric, "rival": rival, **entry} for metric, entry in entries.items())
    for split, part in content["splits"].items():
        for metric, entry in part.get("metrics", {}).items():
            yield {"metric": metric, "split": split, **entry}


def plain() -> dict[str, Any]:
    """The example without what only JSON can say."""
    content = copy.deepcopy(example("ship"))
    for entries in content["rivals"].values():
        for entry in entries.values():
            entry.pop("covariance", None)
            entry.pop("paired", None)
    content["splits"] = {"train": {"metrics": content["splits"]["train"]["metrics"]}}
    return {key: content[key] for key in ("version", "metrics", "segments", "rivals", "splits")}


def test_a_csv_file_says_the_same() -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows_of(plain()))
    assert fraud().read(text.getvalue()) == (plain(), [])


def flat(content: Any, path: str) -> Iterator[tuple[str, float]]:
    if isinstance(content, dict):
        for key, value in content.items():
            yield from flat(value, f"{path}/{key}" if path else key)
    else:
        yield path, content


@pytest.mark.parametrize("form", ["described", "api", "values"])
def test_a_run_of_mlflow_says_the_same(form: str) -> None:
    """MLflow stores every number as a float, and other metrics of a run are ignored."""
    logged = {path: float(value) for path, value in flat(plain(), "") if path != "version"} | {
        "loss": 0.1,
        "system/cpu": 9.0,
    }
    if form == "values":
        logged = {path.removesuffix("/value"): value for path, value in logged.items()}
    metrics: Any = logged
    tags: Any = {"mlspec.version": "14", "mlflow.source.git.commit": "4e91102", "mlflow.user": "ci"}
    if form == "api":
        metrics = [{"key": key, "value": value, "timestamp": 1, "step": 0} for key, value in logged.items()]
        tags = [{"key": key, "value": value} for key, value in tags.items()]
    document: Any = {"info": {"run_id": "1"}, "data": {"metrics": metrics, "tags": tags}}
    content, found = fraud().read(json.dumps({"run": document} if form == "api" else document))
    assert found == []
    assert content == {**plain(), "model": {"version": "14", "revision": "4e91102"}}


@pytest.mark.parametrize("said", ["\U0001f600 and \U0010ffff", "\\\\ud83d\\ude00", 'a "quote" \\ '])
def test_every_text_of_json_is_read(said: str) -> None:
    """Python writes a character beyond U+FFFF as two escapes, and a backslash before one is not part of it."""
    content, found = fraud().read(with_part(notes={"strengths": [said]}))
    assert found == []
    assert content is not None
    assert content["notes"]["strengths"] == [said]


def test_yaml_is_as_good_as_json() -> None:
    content, found = fraud().read("version: 1\nmetrics:\n  recall: {value: 0.7, samples: 1000, events: 400}\n")
    assert (content, found) == (GOOD, [])

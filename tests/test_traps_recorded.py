"""The traps between what records predictions, what describes a record, and what measures them: the three agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from mlspec.runtime.capture.config import read
from mlspec.runtime.capture.decode import Pair, decoded
from mlspec.runtime.conditions import Unreadable
from mlspec.runtime.quality.config import Bound
from mlspec.runtime.quality.metrics import checked

from .captures import AT, DAY, stamp
from .online import DIGEST, compiled, errors, spec
from .support import ROOT, run

ROWS = 400
SHAPES = {"rows": [-1, 1], "one": [1], "one row": [1, 1], "none": None}
CAPTURE = {"to": "s3://feedback/fraud", "id": "payment_id", "access": "models"}
STORE = {"kind": "s3", "region": "eu-central-1", "serviceAccount": "fraud"}


def measured(by: str, shape: list[int] | None, **changes: Any) -> dict[str, Any]:
    """A spec whose quality and drift are measured, and whose input and output have a shape."""
    given = {} if shape is None else {"shape": shape}
    capture = {**CAPTURE, "by": by, **({"headers": {"payment_id": "X-Payment-Id"}} if by == "sidecar" else {})}
    columns = [
        {"name": "is_fraud", "dtype": "bool", "available": "after-outcome", "from": "outcomes", "nullable": False},
        {"name": "amount", "dtype": "float64", "from": "outcomes", "nullable": False},
    ]
    return spec(**{
        "platform__images__runtime": f"registry.example.com/mlspec-runtime:1@{DIGEST}",
        "access": {"store": STORE, "models": STORE, "monitor": {**STORE, "serviceAccount": "fraud-monitor"}},
        "problem__task": "binary-classification",
        "data": {
            "sources": [{"name": "outcomes", "ingestion": "batch", "uri": "s3://lake/outcomes", "format": "parquet"}],
            "columns": columns,
            "labels": {"column": "is_fraud", "source": "outcomes", "delay": "1d"},
        },
        "model__signature": {
            "inputs": [{"name": "amount", "dtype": "float32", **given}],
            "outputs": [{"name": "score", "dtype": "float32", **given}],
        },
        "release__profile": "s3://models/fraud/7/profile.json",
        "model__operatingPoint": {"output": "score", "threshold": 0.5},
        "monitoring": {
            "capture": capture,
            "access": "monitor",
            "interval": "1d",
            "quality": {"metric": "roc_auc", "min": 0.6},
            "drift": {"features": {"method": "psi"}, "prediction": {"method": "psi"}, "window": "1d"},
        },
        **changes,
    })  # fmt: skip


def bundle(folder: Path, made: dict[str, Any]) -> dict[str, str]:
    folder.mkdir()
    result = compiled(folder, made)
    assert [f"{one.id}: {one.message}" for one in result.diagnostics if one.severity == "error"] == []
    return dict(next(iter(result.bundles.values())).files)


def inside(made: dict[str, str], name: str) -> dict[str, Any]:
    """A file of a ConfigMap."""
    maps = (one for path, text in made.items() if "configmap" in path for one in yaml.safe_load_all(text))
    (found,) = [one["data"][name] for one in maps if name in one["data"]]
    document: dict[str, Any] = json.loads(found)
    return document


def answered(folder: Path, made: dict[str, str], shape: list[int] | None) -> list[dict[str, Any]]:
    """The records of requests, as the recorder of the compiled system writes them."""
    path = folder / "capture.json"
    path.write_text(json.dumps(inside(made, "capture.json")))
    config = read(path)
    many = 4 if shape in (None, [-1, 1]) else 1
    sent = [many, 1] if shape in (None, [-1, 1]) else shape
    records: list[dict[str, Any]] = []
    for start in range(0, ROWS, many):
        numbers = range(start, start + many)
        asked = {"name": "amount", "datatype": "FP32", "shape": sent, "data": [float(each % 50) for each in numbers]}
        said = {"name": "score", "datatype": "FP32", "shape": sent, "data": [each * 37 % 100 / 100 for each in numbers]}
        pair = Pair(
            protocol="v2",
            time=AT - 2 * DAY + (start + 0.5) * DAY / ROWS,
            headers={"x-payment-id": ",".join(f"p{each}" for each in numbers)},
            reply={},
            request=json.dumps({"inputs": [asked]}).encode(),
            response=json.dumps({"model_name": "fraud", "outputs": [said]}).encode(),
        )
        records += decoded(pair, config, "7")
    return records


def monitored(folder: Path, config: dict[str, Any], records: list[dict[str, Any]]) -> Path:
    """The configuration of the process, with these records, their labels, and a reference."""
    monitoring = config["monitoring"]
    monitoring["capture"]["uri"] = str(folder / "captured")
    monitoring["labels"] |= {"uri": str(folder / "labels.jsonl"), "format": "jsonl"}
    monitoring["drift"]["reference"] = str(folder / "reference.jsonl")
    for each in records:
        day = folder / "captured" / f"date={each['time'][:10]}"
        day.mkdir(parents=True, exist_ok=True)
        with (day / "a.jsonl").open("a") as file:
            file.write(json.dumps(each) + "\n")
    labels = [{"payment_id": one["payment_id"], "is_fraud": index % 3 == 0} for index, one in enumerate(records)]
    (folder / "labels.jsonl").write_text("".join(json.dumps(one) + "\n" for one in labels))
    reference = [{"amount": float(each % 50), "score": each * 37 % 100 / 100} for each in range(ROWS)]
    (folder / "reference.jsonl").write_text("".join(json.dumps(one) + "\n" for one in reference))
    path = folder / "monitor.json"
    path.write_text(json.dumps(config))
    return path


def series(folder: Path, config: Path, command: str, at: int) -> dict[tuple[str, str], float]:
    """What a command measures, by the name and the column or the metric."""
    out = folder / command
    ran = run("runtime", command, "--config", config, "--at", stamp(at), "--out", out)
    assert ran.err == ""
    path = out if out.is_file() else out / f"{command}-{at}.json"
    found = json.loads(path.read_text())["series"]
    return {(one["name"], one["labels"].get("column", one["labels"].get("metric", ""))): one["value"] for one in found}


def is_measured(folder: Path, config: Path) -> None:
    quality = series(folder, config, "quality", AT)
    assert quality["mlspec_quality_samples", "roc_auc"] == ROWS // 3 + 1  # the rarer class
    assert 0.4 < quality["mlspec_quality", "roc_auc"] < 0.6
    drift = series(folder, config, "drift", AT - DAY)
    assert [drift["mlspec_drift_samples", column] for column in ("amount", "score")] == [ROWS, ROWS]
    assert drift["mlspec_drift_distance", "score"] < 0.01
    data = series(folder, config, "data", AT - DAY)
    assert data["mlspec_data_violation_ratio", "amount"] == 0


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_trap_a_value_with_a_shape_is_recorded_as_a_list_that_nothing_measures(
    tmp_path: Path, shape: list[int] | None
) -> None:
    """`[-1, 1]` is what most exporters write for one score."""
    made = bundle(tmp_path / "sidecar", measured("sidecar", shape))
    records = answered(tmp_path, made, shape)
    assert (records[1]["amount"], records[1]["score"]) == (1.0, 0.37)
    schema = json.loads(bundle(tmp_path / "client", measured("client", shape))["capture/record.schema.json"])
    Draft202012Validator(schema).validate(records[1])
    is_measured(tmp_path, monitored(tmp_path, inside(made, "monitor.json"), records))


def test_trap_records_from_before_have_a_single_value_as_a_list(tmp_path: Path) -> None:
    made = bundle(tmp_path / "sidecar", measured("sidecar", [-1, 1]))
    records = answered(tmp_path, made, [-1, 1])
    old = [{**one, "amount": [one["amount"]], "score": [one["score"]]} for one in records]
    is_measured(tmp_path, monitored(tmp_path, inside(made, "monitor.json"), old))


KNOWN = {
    name: one
    for name, one in yaml.safe_load((ROOT / "compiler" / "catalog" / "metrics.yaml").read_text()).items()
    if one.get("needsLabels")
}
"""The metrics of the catalog that need labels."""

RANKED: dict[str, Any] = {
    "problem__task": "ranking",
    "model__operatingPoint": None,
    "model__signature": {
        "inputs": [{"name": "amount", "dtype": "float32", "shape": [-1, 1]}],
        "outputs": [{"name": "best", "dtype": "int64"}, {"name": "scores", "dtype": "float32", "shape": [-1, 3]}],
    },
}
LABELS = {"capture": {**CAPTURE, "by": "client"}, "access": "monitor", "interval": "1d"}


@pytest.mark.parametrize("outputs", [1, 2])
def test_trap_the_quality_of_a_ranking_needs_an_output_with_a_single_value(tmp_path: Path, outputs: int) -> None:
    """Its metrics are measured on lists."""
    signature = {**RANKED["model__signature"], "outputs": RANKED["model__signature"]["outputs"][-outputs:]}
    asked = {**LABELS, "quality": {"metric": "ndcg@2", "min": 0.4}}
    made = bundle(
        tmp_path / "made", measured("client", None, **{**RANKED, "model__signature": signature}, monitoring=asked)
    )
    config = inside(made, "monitor.json")
    rows = [
        {"payment_id": f"p{each}", "time": stamp(AT - 2 * DAY + each), "model_version": "7", "scores": [0.9, 0.1, 0.5]}
        for each in range(40)
    ]
    monitoring = config["monitoring"]
    monitoring["capture"]["uri"] = str(tmp_path / "captured")
    monitoring["labels"] |= {"uri": str(tmp_path / "labels.jsonl"), "format": "jsonl"}
    day = tmp_path / "captured" / f"date={rows[0]['time'][:10]}"
    day.mkdir(parents=True)
    (day / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    labels = [{"payment_id": one["payment_id"], "is_fraud": [1, 0, 0]} for one in rows]
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(one) + "\n" for one in labels))
    path = tmp_path / "monitor.json"
    path.write_text(json.dumps(config))
    assert series(tmp_path, path, "quality", AT)["mlspec_quality", "ndcg@2"] == 1


NEEDS_ONE: dict[str, dict[str, Any]] = {
    "another metric": {"quality": {"metric": "mae", "max": 3}},
    "another metric of the same output": {
        "quality": {"metric": "ndcg@2", "min": 0.4},
        "rules": [{"metric": "mae", "max": 3, "for": "1h"}],
    },
    "drift": {"drift": {"prediction": {"method": "psi"}}},
}


@pytest.mark.parametrize("asked", NEEDS_ONE.values(), ids=NEEDS_ONE)
def test_what_needs_a_single_value_is_still_refused(tmp_path: Path, asked: dict[str, Any]) -> None:
    signature = {**RANKED["model__signature"], "outputs": RANKED["model__signature"]["outputs"][-1:]}
    changes = {**RANKED, "model__signature": signature, "monitoring": {**LABELS, **asked}}
    assert errors(tmp_path, measured("client", None, **changes)) == [
        "MLS012: the model has no output with a single value"
    ]


def asking(metric: str, direction: str) -> dict[str, Any]:
    """A spec with a bound on a metric and nothing else to measure."""
    side = "min" if direction == "maximize" else "max"
    asked = {**LABELS, "quality": {"metric": metric, side: 0.5}}
    return measured("client", None, monitoring=asked)


@pytest.mark.parametrize("metric", [*KNOWN, "mine"])
def test_trap_a_metric_that_the_process_cannot_compute_ends_all_of_its_measurements(
    tmp_path: Path, metric: str
) -> None:
    """It raises before it reads anything, so not even the age of the labels is known."""
    direction = KNOWN.get(metric, {}).get("direction", "maximize")
    metric = "pinball_loss@0.9" if metric == "pinball_loss" else metric
    made = asking(metric, direction)
    made["metrics"] = {"mine": {"direction": "maximize", "needsLabels": True}}
    wrong = [one for one in errors(tmp_path, made) if one.startswith("MLS731")]
    try:
        checked(Bound(metric=metric, output="score", versus="", more=True))
    except Unreadable:
        assert len(wrong) == 1
        made["monitoring"]["measured"] = "elsewhere"
        assert not [one for one in errors(tmp_path, made) if one.startswith("MLS731")]
    else:
        assert not wrong


VERSUS = {"metric": "roc_auc", "versus": "naive", "margin": 0.01}


@pytest.mark.parametrize("shape", [None, [-1, 1]])
def test_trap_nothing_may_record_what_a_rival_answers(tmp_path: Path, shape: list[int] | None) -> None:
    """The schema of a record has no other columns than it names."""
    made = measured("client", shape)
    made["monitoring"]["quality"] = VERSUS
    bundled = bundle(tmp_path / "made", made)
    config = inside(bundled, "monitor.json")
    records: list[dict[str, Any]] = [
        {
            "payment_id": f"p{each}",
            "time": stamp(AT - 2 * DAY + each),
            "model_version": "7",
            "amount": 1.0,
            "score": each % 3 / 3,
            "score__naive": None if each % 10 == 0 else each % 2 / 2,
        }
        for each in range(ROWS)
    ]
    schema = Draft202012Validator(json.loads(bundled["capture/record.schema.json"]))
    for one in records[:2]:
        schema.validate(one)
    assert not schema.is_valid({**records[0], "score__rules": 0.5})
    assert not schema.is_valid({name: value for name, value in records[0].items() if name != "score__naive"})
    found = series(tmp_path, monitored(tmp_path, config, records), "quality", AT)
    assert ("mlspec_quality_difference", "roc_auc") in found


@pytest.mark.parametrize(
    ("by", "versus", "said"), [("client", "naive", 0), ("sidecar", "naive", 1), ("sidecar", "champion", 0)]
)
def test_trap_the_recorder_is_asked_for_what_it_never_sees(tmp_path: Path, by: str, versus: str, said: int) -> None:
    made = measured(by, None, release__metrics={"roc_auc": 0.9})
    made["monitoring"]["quality"] = {**VERSUS, "versus": versus}
    found = [one.message for one in compiled(tmp_path, made).diagnostics if one.id == "MLS792"]
    assert found == ["`roc_auc` is compared with `naive`, whose answers are not recorded"] * said


def test_a_rival_in_the_answers_of_the_model_is_recorded(tmp_path: Path) -> None:
    made = measured("sidecar", None)
    made["model"]["signature"]["outputs"].append({"name": "score__naive", "dtype": "float32"})
    made["monitoring"]["quality"] = VERSUS
    assert [one.message for one in compiled(tmp_path, made).diagnostics if one.id == "MLS792"] == []


SEVERAL: dict[str, tuple[list[int], dict[str, Any]]] = {
    "values": ([-1, 3], {}),
    "any number of values": ([-1, -1], {}),
    "a list of one row": ([1, -1], {}),
    "rows that the server adds": ([-1], {"serving__batching": {"maxSize": 8}}),
}


@pytest.mark.parametrize(("shape", "changes"), SEVERAL.values(), ids=SEVERAL)
def test_several_values_are_a_list(tmp_path: Path, shape: list[int], changes: dict[str, Any]) -> None:
    signature = {
        "inputs": [{"name": "amount", "dtype": "float32", "shape": shape}],
        "outputs": [{"name": "score", "dtype": "float32"}],
    }
    made = bundle(tmp_path / "client", measured("client", None, model__signature=signature, **changes))
    columns = json.loads(made["capture/record.schema.json"])["properties"]
    assert (columns["amount"]["type"], columns["score"]["type"]) == ("array", ["number", "null"])
    assert "unwrapped" not in inside(made, "monitor.json")["monitoring"]["capture"]


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ({"metric": "roc_auc", "min": 0.6}, True),
        ({"metric": "roc_auc", "min": 0.6, "of": "score"}, True),
        ({"metric": "ndcg@10", "min": 0.3, "of": "score"}, False),
    ],
)
def test_trap_an_output_with_a_value_for_each_class_is_no_score(
    asked: dict[str, Any], refused: bool, tmp_path: Path
) -> None:
    """The probabilities of both classes, as scikit-learn's models answer, are a list, which nothing was measured of."""
    changes = {"monitoring__quality": asked, "monitoring__drift": None}
    shaped = {"name": "score", "dtype": "float32", "shape": [-1, 2]}
    made = measured("client", None, **changes)
    made["model"]["signature"]["outputs"] = [shaped]
    said = "MLS012: the output `score` has several values for each prediction"
    assert (said in errors(tmp_path, made)) is refused


@pytest.mark.parametrize(
    ("metric", "refused"),
    [
        ("pinball_loss", True),
        ("pinball_loss@5", True),
        ("ndcg@0", True),
        ("ndcg@10", False),
        ("ndcg", False),
    ],
)
def test_trap_a_metric_lacks_its_quantile_or_its_ranks(metric: str, refused: bool, tmp_path: Path) -> None:
    """It was accepted, and never measured."""
    bound = {"max": 5} if metric.startswith("pinball") else {"min": 0.3}
    made = measured("client", None, monitoring__quality={"metric": metric, **bound}, monitoring__drift=None)
    found = [one for one in errors(tmp_path, made) if one.startswith("MLS731") and "cannot be computed without" in one]
    assert bool(found) is refused

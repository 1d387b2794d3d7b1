"""The traps of what the process measures: alerts, triggers, and bounds read only series that it exports.

tests/test_quality_needed.py runs the process itself, with one service.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mlspec.api import Result

from .online import DIGEST, spec
from .support import changed, compile_text, dumped, files, loaded
from .validation import load

DATA: dict[str, Any] = {
    "sources": [
        {
            "name": "outcomes",
            "ingestion": "batch",
            "uri": "s3://lake/outcomes",
            "format": "parquet",
            "owner": "payments",
        }
    ],
    "columns": [
        {"name": "is_fraud", "dtype": "bool", "from": "outcomes", "available": "after-outcome", "nullable": False},
        {"name": "amount", "dtype": "float64", "from": "outcomes", "nullable": False},
        {"name": "country", "dtype": "category", "from": "outcomes", "values": {"oneOf": ["de", "fr"]}},
    ],
    "labels": {"column": "is_fraud", "source": "outcomes", "delay": "14d", "positiveShare": "5%"},
}
CAPTURE = {"by": "client", "to": "s3://feedback/fraud", "access": "store", "id": "payment_id"}
ONE: dict[str, Any] = spec(
    data=DATA,
    model__signature={
        "inputs": [{"name": "amount", "dtype": "float32", "shape": [-1, 1]}],
        "outputs": [{"name": "score", "dtype": "float32", "shape": [-1, 1], "means": "probability of fraud"}],
    },
    platform__images__runtime=f"registry.example.com/mlspec-runtime@{DIGEST}",
    model__operatingPoint={"output": "score", "threshold": 0.5},
    release__metrics={"roc_auc": 0.9},
    release__profile="s3://models/fraud/7/profile.json",
    monitoring={
        "access": "store",
        "capture": CAPTURE,
        "quality": {"metric": "roc_auc", "min": 0.85},
        "alerts": {"page": "payments-oncall", "ticket": "payments-ml"},
    },
)
"""A service whose predictions are captured."""


def two(**monitoring: object) -> dict[str, Any]:
    """The same with a second service, which has its own model, and whose predictions are not captured."""
    made = changed(ONE, **{f"monitoring__{name}": value for name, value in monitoring.items()})
    if "capture" in made["monitoring"]:
        made["monitoring"]["capture"]["service"] = "fraud"
    model, release, service = (made.pop(name) for name in ("model", "release", "serving"))
    vector = {"name": "vector", "dtype": "float32", "shape": [-1, 128], "means": "place of the payment"}
    text = {"name": "text", "dtype": "float32", "shape": [-1, 8]}
    made["models"] = {"fraud": model, "embedder": {"signature": {"inputs": [text], "outputs": [vector]}}}
    artifact = {**release["artifact"], "uri": "s3://models/embedder/1/model.onnx", "digest": DIGEST.replace("1", "2")}
    made["releases"] = {"fraud": release, "embedder": {"version": 1, "artifact": artifact}}
    hosts = {"hosts": ["embedder.example.com"]}
    made["services"] = {"fraud": {**service, "model": "fraud"}}
    made["services"]["embedder"] = {**service, "model": "embedder", "endpoint": hosts}
    return made


def elsewhere(**monitoring: object) -> dict[str, Any]:
    """The two services, both measured by jobs of the author."""
    made = two(capture=None, access=None, measured="elsewhere", **monitoring)
    del made["data"]["sources"][0]["uri"], made["models"]["fraud"]["operatingPoint"]
    return made


def told(tmp_path: Path, made: dict[str, Any]) -> tuple[Result, list[str]]:
    """The result, and its findings."""
    result = compile_text(tmp_path, dumped(made))
    return result, [f"{one.id} {one.message}" for one in result.diagnostics]


def wrong(result: Result) -> list[str]:
    return [f"{one.id} {one.message}" for one in result.diagnostics if one.severity == "error"]


def rules_of(result: Result) -> list[dict[str, Any]]:
    """The alerts about the model, the jobs that watch it, and when training is due."""
    made = files(result)
    ends = ("-model.yaml", "-monitors.yaml", "-due.yaml")
    plain = [load(text) for path, text in made.items() if "/monitoring/rules-" in path and path.endswith(ends)]
    return [rule for one in plain for group in one["groups"] for rule in group["rules"]]


def configuration(result: Result) -> Any:
    (one,) = [text for path, text in files(result).items() if path.endswith("/configmap-monitor.yaml")]
    return json.loads(loaded(one)["data"]["monitor.json"])


def selected(rules: list[dict[str, Any]]) -> set[str]:
    """The services whose exported series the alerts read."""
    return set(re.findall(r'mlspec_\w+\{namespace="\w+",service="([^"]+)"', " ".join(one["expr"] for one in rules)))


# Two services, and the predictions of one


def test_trap_alerts_on_a_service_whose_predictions_are_not_captured(tmp_path: Path) -> None:
    """The process exports series of the captured service only, so the alert on absent ones would fire forever on the
    other one.
    """
    rules = [{"metric": "null-rate", "max": "5%"}, {"metric": "skew-rate", "max": "5%"}]
    drift = {"prediction": {"method": "psi"}, "features": {"method": "psi"}}
    result, _ = told(tmp_path, two(drift=drift, rules=rules))
    assert wrong(result) == []
    found = rules_of(result)
    names = {rule["alert"] for rule in found if rule["labels"]["service"] == "fraud-embedder"}
    assert names == {"ModelTrainingServingSkew", "ModelMonitorStale", "ModelMonitorAbsent"}, "jobs of the author do"
    read = [rule["expr"] for rule in found if rule["labels"]["service"] == "fraud-embedder"]
    assert set(re.findall(r"mlspec_\w+", " ".join(read))) == {
        "mlspec_skew_ratio",
        "mlspec_monitor_last_success_timestamp_seconds",
    }
    assert {rule["alert"] for rule in found if rule["labels"]["service"] == "fraud"} >= {
        "ModelQualityLow",
        "ModelLabelsLate",
        "ModelPredictionDrift",
        "ModelNullsHigh",
    }


def test_trap_a_reference_of_a_model_that_is_not_measured(tmp_path: Path) -> None:
    """The profile is that of the model whose predictions are captured, so no other one needs a profile."""
    result, said = told(tmp_path, two(drift={"prediction": {"method": "psi"}}))
    assert [one for one in said if one.startswith("MLS701")] == []
    assert configuration(result)["monitoring"]["drift"]["reference"] == "s3://models/fraud/7/profile.json"
    without = two(drift={"prediction": {"method": "psi"}})
    del without["releases"]["fraud"]["profile"]
    without["releases"]["embedder"]["profile"] = "s3://models/embedder/1/profile.json"
    _, said = told(tmp_path, without)
    assert [one for one in said if one.startswith("MLS701")] == [
        "MLS701 version `7` has no reference to measure drift against"
    ]


def test_jobs_of_the_author_may_measure_each_service(tmp_path: Path) -> None:
    result, said = told(tmp_path, elsewhere())
    assert said == []
    assert selected(rules_of(result)) == {"fraud", "fraud-embedder"}


def test_trap_a_margin_of_a_result_that_is_not_exported(tmp_path: Path) -> None:
    """With two models, the result of the live version was unknown, and the alert compared with a series of the champion
    that the process never exports. It is the result of the model that is measured.
    """
    quality = {"metric": "roc_auc", "versus": "champion", "margin": "-5%", "of": "fraud"}
    for asked in (quality, {**quality, "of": None}):
        made = two(quality={name: value for name, value in asked.items() if value is not None})
        made["releases"]["embedder"]["metrics"] = {"roc_auc": 0.5}
        result, said = told(tmp_path, made)
        assert said == []
        assert 'role="champion"' not in json.dumps(rules_of(result))
        (low,) = [rule["expr"] for rule in rules_of(result) if rule["alert"] == "ModelQualityLow"]
        assert "< 0.855\n" in low


def test_the_champion_is_that_of_the_service_that_the_bound_names(tmp_path: Path) -> None:
    quality = {"metric": "roc_auc", "versus": "champion", "margin": "-5%", "of": "embedder"}
    made = elsewhere(quality=quality)
    made["releases"]["embedder"]["metrics"] = {"roc_auc": 0.6}
    result, said = told(tmp_path, made)
    assert said == []
    (low,) = [rule["expr"] for rule in rules_of(result) if rule["alert"] == "ModelQualityLow"]
    assert 'service="fraud-embedder"' in low
    assert "< 0.57\n" in low

"""The traps of what the process measures: alerts, triggers, and bounds read only series that it exports.

tests/test_quality_needed.py runs the process itself, with one service.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlspec.api import Result
from mlspec.compiler.computed import DECISIONS, ESTIMATED
from mlspec.runtime.quality.estimate import Expected
from mlspec.runtime.quality.found import Unmeasured

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


# Triggers


TRIGGERS: dict[str, tuple[dict[str, object], str]] = {
    "no bound": (
        {"quality": None, "rules": [{"metric": "recall", "min": 0.6}], "triggers": ["quality-drop"]},
        "the trigger `quality-drop` starts no run: no bound says when the quality is too low",
    ),
    "no drift": (
        {"triggers": ["data-drift"]},
        "the trigger `data-drift` starts no run: no feature is compared with a reference",
    ),
    "the drift of predictions": (
        {"drift": {"prediction": {"method": "psi"}}, "triggers": ["data-drift"]},
        "the trigger `data-drift` starts no run: no feature is compared with a reference",
    ),
    "the drift of features": (
        {"drift": {"features": {"method": "psi"}}, "triggers": ["prediction-drift"]},
        "the trigger `prediction-drift` starts no run: predictions are not compared with a reference",
    ),
    "a rival": (
        {
            "quality": {"metric": "roc_auc", "versus": "naive", "margin": "0.05"},
            "drift": {"prediction": {"method": "psi"}},
            "triggers": ["prediction-drift"],
        },
        "the trigger `prediction-drift` starts no run: `roc_auc` is not estimated before labels arrive",
    ),
    "the calibration": (
        {
            "quality": {"metric": "expected_calibration_error", "max": 0.1},
            "drift": {"columns": {"amount": {"method": "ks"}}},
            "triggers": ["data-drift"],
        },
        "the trigger `data-drift` starts no run: `expected_calibration_error` is not estimated before labels arrive",
    ),
}


def starting(triggers: list[str], **monitoring: object) -> dict[str, Any]:
    made = changed(ONE, **{f"monitoring__{name}": value for name, value in monitoring.items()})
    made["retraining"] = {"triggers": triggers, "maxModelAge": "30d"}
    return made


@pytest.mark.parametrize(("monitoring", "message"), TRIGGERS.values(), ids=TRIGGERS)
def test_trap_a_trigger_whose_alert_never_fires(monitoring: dict[str, Any], message: str, tmp_path: Path) -> None:
    asked = dict(monitoring)
    result, _ = told(tmp_path, starting(asked.pop("triggers"), **asked))
    assert wrong(result) == [f"MLS716 {message}"]


def test_a_trigger_whose_alert_can_fire_is_no_finding(tmp_path: Path) -> None:
    drift = {"prediction": {"method": "psi"}, "features": {"method": "psi"}}
    result, _ = told(tmp_path, starting(["quality-drop", "data-drift", "prediction-drift"], drift=drift))
    assert wrong(result) == []
    (due,) = [rule["expr"] for rule in rules_of(result) if rule["alert"] == "ModelRetrainingDue"]
    read = set(re.findall(r'alertname="(\w+)"', due))
    assert read == {"ModelQualityLow", "ModelFeatureDrift", "ModelPredictionDrift", "ModelQualityEstimateLow"}
    assert read <= {rule["alert"] for rule in rules_of(result)}


@pytest.mark.parametrize(
    ("changes", "estimated"),
    [
        ({}, True),
        ({"monitoring__quality": {"metric": "recall", "min": 0.6}}, True),
        ({"monitoring__quality": {"metric": "recall", "min": 0.6}, "model__operatingPoint": None}, False),
        ({"monitoring__quality": {"metric": "expected_calibration_error", "max": 0.1}}, False),
        (
            {
                "monitoring__quality": {"metric": "rmse", "max": 5},
                "problem__task": "regression",
                "model__operatingPoint": None,
                "data__labels__positiveShare": None,
            },
            False,
        ),
    ],
)
def test_trap_an_alert_on_an_estimate_that_the_process_never_exports(
    changes: dict[str, Any], estimated: bool, tmp_path: Path
) -> None:
    result, _ = told(tmp_path, changed(ONE, **changes))
    assert wrong(result) == []
    assert ("ModelQualityEstimateLow" in {rule["alert"] for rule in rules_of(result)}) == estimated


def test_a_job_of_the_author_may_estimate_any_metric(tmp_path: Path) -> None:
    result, _ = told(tmp_path, elsewhere(quality={"metric": "expected_calibration_error", "max": 0.1}))
    assert "ModelQualityEstimateLow" in {rule["alert"] for rule in rules_of(result)}


def test_the_process_estimates_what_the_rules_on_triggers_say() -> None:
    random = np.random.default_rng(7)
    score = random.random(2000)
    label = (random.random(2000) < score).astype(float)
    without, with_one = (Expected((label, score), score, threshold) for threshold in (None, 0.5))
    for metric in ESTIMATED:
        assert with_one.found(metric).low <= with_one.found(metric).high
        if metric in DECISIONS:
            with pytest.raises(Unmeasured):
                without.found(metric)
        else:
            assert without.found(metric).samples == 2000


# What bounds are on


def served(**monitoring: object) -> dict[str, Any]:
    """The service with these settings, and with a feature store of another team."""
    made = changed(ONE, **{f"monitoring__{name}": value for name, value in monitoring.items()})
    card = {"name": "card_id", "dtype": "string", "from": "outcomes", "entity": "card", "nullable": False}
    made["data"]["columns"].append(card)
    made["data"]["sources"][0]["freshness"] = "1h"
    view = {"name": "activity", "entity": "card", "source": "outcomes", "owner": "payments", "features": []}
    made["features"] = {"entities": [{"name": "card", "key": "card_id"}], "views": [view]}
    return made


def bounded(metric: str, of: str, **more: object) -> dict[str, object]:
    return {"rules": [{"metric": metric, "of": of, **(more or {"max": "1%"})}]}


SUBJECTS: dict[str, tuple[dict[str, object], str]] = {
    "an output": ({"quality": {"metric": "roc_auc", "min": 0.8, "of": "scroe"}}, "MLS010 unknown output `scroe`"),
    "an input as an output": (
        {"quality": {"metric": "roc_auc", "min": 0.8, "of": "amount"}},
        "MLS010 unknown output `amount`",
    ),
    "a column": (bounded("null-rate", "amuont"), "MLS010 unknown column `amuont`"),
    "a view": (bounded("feature-age", "activty", max="4h"), "MLS010 unknown view `activty`"),
    "a currency": (bounded("daily-cost", "usd", max=40), "MLS010 unknown currency `usd`"),
    "a type of tokens": (bounded("daily-tokens", "completion", max=40), "MLS010 unknown type of tokens `completion`"),
    "a source as a service": (bounded("label-age", "outcomes", max="30d"), "MLS010 unknown service `outcomes`"),
    "a label": (
        bounded("violation-rate", "is_fraud"),
        "MLS731 nothing measures `violation-rate` of `is_fraud`, which is unknown when a prediction is recorded",
    ),
    "a column that is not recorded": (
        bounded("null-rate", "country"),
        "MLS731 nothing measures `null-rate` of `country`, which no record has",
    ),
    "an output without expectations": (
        bounded("violation-rate", "score"),
        "MLS731 nothing measures `violation-rate` of `score`, because the data expects nothing of it",
    ),
    "a segment": (
        {"segments": ["is_fraud"]},
        "MLS731 nothing measures the segment `is_fraud`, which is unknown when a prediction is recorded",
    ),
    "a segment of a bound": (
        {"quality": {"metric": "roc_auc", "min": 0.8, "segment": "is_fraud"}},
        "MLS731 nothing measures the segment `is_fraud`, which is unknown when a prediction is recorded",
    ),
    "a column that drifts": (
        {"drift": {"columns": {"country": {"method": "psi"}}}},
        "MLS731 nothing measures the drift of `country`, which is not an input with one value",
    ),
}


@pytest.mark.parametrize(("monitoring", "message"), SUBJECTS.values(), ids=SUBJECTS)
def test_trap_a_bound_on_what_no_record_has(monitoring: dict[str, object], message: str, tmp_path: Path) -> None:
    """It was accepted. An output of no record stopped the whole measurement, and the other alerts never fired."""
    result, _ = told(tmp_path, served(**monitoring))
    assert wrong(result) == [message]


def test_trap_a_bound_on_a_service_whose_predictions_are_not_captured(tmp_path: Path) -> None:
    result, _ = told(tmp_path, two(quality={"metric": "roc_auc", "min": 0.8, "of": "embedder"}))
    assert wrong(result) == ["MLS731 nothing measures `roc_auc` of `embedder`, whose predictions are not captured"]


RIGHT: list[dict[str, object]] = [
    {"quality": {"metric": "roc_auc", "min": 0.8, "of": "score"}},
    bounded("null-rate", "amount"),
    bounded("violation-rate", "amount"),
    {"segments": ["country"], **bounded("null-rate", "country")},
    {"drift": {"prediction": {"method": "psi"}}, **bounded("null-rate", "score")},
    bounded("feature-age", "activity", max="4h"),
    bounded("daily-cost", "USD", max=40),
    bounded("daily-cost", "EUR", max=40),
    bounded("daily-tokens", "cached", max=40),
    bounded("label-age", "fraud", max="30d"),
]


def test_trap_a_bound_on_a_part_of_a_query(tmp_path: Path) -> None:
    """The query has one result. The bound was on all of it, and its alert did not say so."""
    asked = {"backlog": {"direction": "minimize", "query": "max(backlog_rows)"}}
    for of, expected in (("payments", ["MLS010 unknown service `payments`"]), ("fraud", [])):
        (tmp_path / of).mkdir()
        made = changed(served(**bounded("backlog", of, max=40)), metrics=asked)
        assert wrong(told(tmp_path / of, made)[0]) == expected


@pytest.mark.parametrize("monitoring", RIGHT)
def test_a_bound_on_what_is_recorded_is_no_finding(monitoring: dict[str, object], tmp_path: Path) -> None:
    result, _ = told(tmp_path, served(**monitoring))
    assert wrong(result) == []


def test_trap_a_service_is_taken_for_a_column(tmp_path: Path) -> None:
    """The bound is on each column of that service, and no column has its name."""
    result, _ = told(tmp_path, two(**bounded("null-rate", "fraud")))
    (rule,) = [rule for rule in rules_of(result) if rule["alert"] == "ModelNullsHigh"]
    assert rule["expr"].startswith("max by (column) (")
    assert 'column="fraud"' not in rule["expr"]

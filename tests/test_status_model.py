"""The status of a model that drifts and gets worse, on a real Prometheus server that evaluates the compiled rules."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from .prometheus import History, exporter, prometheus
from .support import ROOT, Ran, compile_text, dumped, files, loaded, run
from .test_model_alerts import watching
from .validation import load

pytestmark = pytest.mark.slow

SCHEMA = jsonschema_rs.validator_for(json.loads((ROOT / "schema" / "status.v1.schema.json").read_text()))
CAUSES: dict[str, dict[str, Any]] = loaded((ROOT / "compiler" / "catalog" / "diagnoses.yaml").read_text())

MINUTES = 150
"""More than the two windows of an hour and a quarter that a verdict on drift needs."""

LABELS = {"namespace": "default", "pod": "fraud-1"}


def traffic() -> History:
    """Twenty requests per second, all of them good and fast."""
    timed = 'nv_inference_first_response_histogram_ms_%s{model="fraud"%s}'
    rates = {
        'nv_inference_request_success{model="fraud"}': 20.0,
        'nv_inference_request_failure{model="fraud",reason="BACKEND"}': 0.0,
        timed % ("count", ""): 20.0,
        timed % ("sum", ""): 20.0 * 40,
        **{timed % ("bucket", f',le="{bound}"'): 20.0 for bound in ("100", "500", "2000", "5000", "+Inf")},
    }
    return {name: [60.0 * rate * at for at in range(MINUTES)] for name, rate in rates.items()}


def exported(name: str, value: float, **labels: str) -> History:
    """A series of a job, which has had this value all the time."""
    own = ",".join(f'{key}="{each}"' for key, each in {"service": "fraud", **labels}.items())
    return {f"{name}{{{own}}}": [value] * MINUTES}


def jobs(recall: float, high: float, amount: float) -> History:
    """What all jobs export: the recall with its interval, for all rows and in one country, and three distances."""
    now, series = time.time(), {}
    for monitor in ("quality", "drift", "labels"):
        series.update(exported("mlspec_monitor_last_success_timestamp_seconds", now, monitor=monitor))
    series.update(exported("mlspec_label_newest_timestamp_seconds", now))
    for group in ({"segment": ""}, {"segment": "country", "segment_value": "FR"}):
        own = {"metric": "recall", "role": "live", **group}
        lowest = 2 * recall - high
        for end, value in (("", recall), ("_low", lowest), ("_high", high), ("_samples", 400.0)):
            series.update(exported(f"mlspec_quality{end}", value, **own))
    columns = (
        ("feature", "amount", "ks", amount),
        ("feature", "country", "psi", 0.02),
        ("prediction", "score", "jensen-shannon", 0.01),
    )
    for subject, column, method, distance in columns:
        own = {"subject": subject, "column": column, "method": method, "segment": ""}
        series.update(exported("mlspec_drift_distance", distance, **own))
        series.update(exported("mlspec_drift_samples", 50_000.0, **own))
    return series


def rules(folder: Path, text: str) -> list[dict[str, Any]]:
    """The compiled rules. A page on quality waits for a second instead of a quarter of an hour."""
    made = files(compile_text(folder, text).raise_for_errors())
    groups = [group for name, one in made.items() if "/monitoring/rules" in name for group in load(one)["groups"]]
    for group in groups:
        for rule in group["rules"]:
            if rule.get("alert") == "ModelQualityLow":
                rule["for"] = "1s"
    return groups


def asked(folder: Path, measured: History) -> tuple[Ran, dict[str, Any]]:
    """What `report status` says about the service, as text and as its document."""
    text = dumped(watching())
    (folder / "server").mkdir()
    spec = folder / "mlspec.yaml"
    groups = rules(folder, text)
    spec.write_text(text)
    series = {**traffic(), **measured}
    with (
        exporter(series) as port,
        prometheus(folder / "server", groups, "default/fraud", LABELS, series, port) as address,
    ):
        said = run("report", "status", spec, "--prometheus", address)
        document = json.loads(run("report", "status", spec, "--prometheus", address, "--format", "json").out)
    assert list(SCHEMA.iter_errors(document)) == []
    (one,) = document["environments"]
    return said, one


def steps(signal: str) -> list[str]:
    """What the table of diagnoses says to rule out for a signal, in its order: each cause and what to do about it."""
    found = [cause for cause in CAUSES.values() if signal in cause["signals"]]
    return [part for cause in found for part in (f"{cause['cause']}?"[1:], cause["action"])]


def in_order(parts: list[str], text: str) -> bool:
    places = [text.find(part) for part in parts]
    return -1 not in places and places == sorted(places)


def test_a_model_that_is_fine_is_green(tmp_path: Path) -> None:
    """Else the other tests would prove nothing."""
    said, one = asked(tmp_path, jobs(recall=0.8, high=0.84, amount=0.05))
    assert (said.status, one["health"], one["actions"]) == (0, "green", []), said.out


def test_drift_and_a_loss_of_quality_are_red_and_name_the_feature_and_what_to_rule_out(tmp_path: Path) -> None:
    """The bar of the recall is 0.6, and its interval ends at 0.58. The limit of `amount` is 0.15."""
    said, one = asked(tmp_path, jobs(recall=0.52, high=0.58, amount=0.31))
    assert (said.status, one["health"]) == (1, "red"), said.out
    quality, group, drift = one["actions"]
    assert (quality["health"], group["health"], drift["health"]) == ("red", "red", "yellow")
    assert quality["why"] == "fraud: recall is 0.52, and its 95% interval is below 0.6"
    assert group["why"] == "fraud: recall for country FR is 0.52, and its 95% interval is below 0.6"
    assert drift["why"] == (
        "fraud: the feature amount is at least 0.31 away from the reference for two windows of 1h, by ks; the limit is "
        "0.15"
    )
    assert in_order(steps("quality-drop"), quality["what"])
    assert in_order(steps("feature-drift"), drift["what"])
    assert steps("quality-drop")[1] == "roll back"
    (service,) = one["services"]
    first, *others = service["drift"]
    assert (first["column"], first["value"], first["threshold"], first["samples"]) == ("amount", 0.31, 0.15, 50_000)
    assert [(other["column"], other["threshold"]) for other in others] == [("country", 0.2), ("score", 0.1)]
    lines = said.out.splitlines()
    assert lines[0].split(": ")[1].startswith("RED")
    assert "    drift of amount: 0.31 ks; the threshold is 0.15, 50,000 rows" in lines


def test_drift_alone_is_yellow_because_it_is_no_damage_yet(tmp_path: Path) -> None:
    said, one = asked(tmp_path, jobs(recall=0.8, high=0.84, amount=0.31))
    assert (said.status, one["health"]) == (1, "yellow"), said.out
    (drift,) = one["actions"]
    assert "the feature amount" in drift["why"]


def test_a_model_that_no_job_measures_is_neither_green_nor_red(tmp_path: Path) -> None:
    """Its service is fine, and no alert on the model can fire."""
    said, one = asked(tmp_path, {})
    assert (said.status, one["health"]) == (1, "gray"), said.out
    (service,) = one["services"]
    healths = {check["failure"]: check["health"] for check in service["checks"]}
    assert healths.pop("model-quality") == healths.pop("data-drift") == "gray"
    assert set(healths.values()) == {"green"}
    whys = {action["why"] for action in one["actions"]}
    assert whys == {f"no job exports `{series}` for it" for series in ("mlspec_quality", "mlspec_drift_distance")}

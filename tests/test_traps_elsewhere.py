"""Systems with one half elsewhere: training without serving, and serving a model that is trained elsewhere.

And the data of scheduled training, which is new in every run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlspec.api import Result

from .retraining import SPEC
from .support import changed, compile_text, dumped, files, loaded, minimal
from .test_gate_command import Job
from .test_metamorphic import Examined, those
from .validation import load

TRAINED: dict[str, object] = {
    "training__image": f"registry.example.com/fraud/train@sha256:{'1' * 64}",
    "training__steps__evaluate__image": None,
    "data__sources": [
        {
            "name": "chargebacks",
            "ingestion": "batch",
            "uri": "s3://lake/chargebacks",
            "access": "lake",
            "owner": "disputes",
            "version": {"kind": "as-of-run", "lag": "1d"},
        }
    ],
    "data__columns": [
        {"name": "event_time", "dtype": "timestamp", "nullable": False},
        {"name": "country", "dtype": "category", "values": {"max": 250}},
        {"name": "is_fraud", "dtype": "bool", "available": "after-outcome"},
    ],
    "access__broker": None,
    "problem__businessMetric": {"name": "fraud losses", "direction": "decrease"},
    "release__trainedAt": "2026-11-02T04:12:00Z",
    "platform__images__runtime": f"registry.example.com/mlspec-runtime@sha256:{'2' * 64}",
}
"""A system that only trains, without a finding that has nothing to do with that."""

UNSUPPORTED = "MLS013"


def trained(tmp_path: Path, **changes: object) -> Result:
    return compile_text(tmp_path, dumped(changed(SPEC, **{**TRAINED, **changes})))


def told(result: Result) -> list[str]:
    return [f"{one.id} {one.message}" for one in result.diagnostics if one.id != UNSUPPORTED]


def configuration(result: Result) -> Any:
    made = [body for body in map(load, files(result).values()) if body and body.get("kind") == "ConfigMap"]
    (text,) = [body["data"]["training.json"] for body in made if "training.json" in body["data"]]
    return json.loads(text)


def alerts(result: Result, path: str = "") -> dict[str, Any]:
    groups = [load(text)["groups"] for name, text in files(result).items() if f"monitoring/rules{path}" in name]
    return {rule["alert"]: rule for each in groups for group in each for rule in group["rules"] if "alert" in rule}


# Training, with serving elsewhere


def test_a_system_that_only_trains_cannot_be_written(tmp_path: Path) -> None:
    """Every value of its release has an effect: the runs compare with it, and an alert watches its age."""
    made = trained(tmp_path)
    assert told(made) == []
    assert configuration(made)["champion"] == {
        "version": "14",
        "artifact": {"uri": "s3://models/14/model.onnx", "format": "onnx", "digest": f"sha256:{'1' * 64}"},
    }
    age = alerts(made, "-champion")["ModelTooOld"]
    assert age["expr"] == "vector(time() - 1793592720) > 3888000"
    assert age["labels"]["service"] == "fraud-champion"


def test_without_a_release_the_champion_of_another_system_is_unknown(tmp_path: Path) -> None:
    """Only the other system knows which version is live. `evaluate` reports its results, and the gate needs them."""
    made = trained(tmp_path, release=None)
    assert told(made) == ["MLS703 no alert fires when `fraud` gets too old: no release says when it was trained"]
    config = configuration(made)
    assert "champion" not in config
    assert "champion" not in config["rivals"]
    assert "ModelTooOld" not in alerts(made)
    undated = trained(tmp_path, release__trainedAt=None)
    assert told(undated) == told(made)


def test_the_steps_can_read_the_champion(tmp_path: Path) -> None:
    """They get the access of its artifact, and those of a system that serves the model do not."""
    store = {"kind": "s3", "region": "eu-west-1", "endpoint": "https://models.example.com", "secret": "model-keys"}
    more = {"access__lake": None, "access__models": store, "release__artifact__access": "models"}
    source = {**TRAINED["data__sources"][0], "access": "models"}  # type: ignore[index]
    made = trained(tmp_path, **{**more, "data__sources": [source]})
    assert told(made) == []
    without = {key: value for key, value in source.items() if key not in ("access", "uri")}
    made = trained(tmp_path, **{**more, "data__sources": [without]})
    assert told(made) == []
    (run,) = [body for body in map(load, files(made).values()) if body and body.get("kind") == "CronJob"]
    assert "model-keys" in json.dumps(run)


def test_a_schedule_without_training_starts_nothing(tmp_path: Path) -> None:
    """Rules read it, so no check for values without effect sees it."""
    made = compile_text(tmp_path, minimal(retraining={"schedule": "0 3 * * 1", "maxModelAge": "45d"}))
    assert told(made) == ["MLS012 `schedule` has no effect: the spec has no `training` that it could start"]


@pytest.mark.parametrize(("written", "said"), [("Scores cards", "Scores cards."), ("Scores cards.", "Scores cards.")])
def test_a_system_that_only_trains_has_a_description(tmp_path: Path, written: str, said: str) -> None:
    """Only services showed it, so it had no effect."""
    made = trained(tmp_path, metadata__description=written)
    assert told(made) == []
    [cron] = [body for body in map(load, files(made).values()) if body and body.get("kind") == "CronJob"]
    purpose = cron["metadata"]["annotations"]["kubernetes.io/description"]
    assert purpose.startswith(f"{said} This CronJob trains a new model and judges it")


# Serving, with training elsewhere


def test_an_honest_alert_on_the_age_is_refused(tmp_path: Path) -> None:
    """A12: nothing is trained, so nothing needs a gate. An evaluation that nothing runs must not be the way out."""
    spec = changed(loaded(minimal()), release__trainedAt="2026-11-02T04:12:00Z", retraining={"maxModelAge": "60d"})
    made = compile_text(tmp_path, dumped(spec))
    assert "MLS702" not in {one.id for one in made.diagnostics}
    assert [one for one in made.diagnostics if one.severity == "error"] == []
    assert alerts(made)["ModelTooOld"]["expr"] == "vector(time() - 1793592720) > 5184000"


def test_runs_by_hand_are_not_unattended(tmp_path: Path) -> None:
    """With a limit on the age alone, someone starts each run: MLS202, not MLS702, asks for the gate."""
    for retraining, id_ in (({"maxModelAge": "60d"}, "MLS202"), ({"schedule": "0 3 * * 1"}, "MLS702")):
        made = trained(tmp_path, retraining=retraining, evaluation={"primary": "roc_auc"})
        assert {one.id for one in made.diagnostics} & {"MLS202", "MLS702"} == {id_}


# New data in every run


def test_a_version_of_the_data_pins_one_snapshot_forever(tmp_path: Path) -> None:
    """B6: as of the run, each run reads new data; MLS109 names that way, and does not warn about it."""
    assert configuration(trained(tmp_path))["data"]["sources"][0]["version"] == {"kind": "as-of-run", "lag": 86400}
    source = {**TRAINED["data__sources"][0], "version": None}  # type: ignore[index]
    (found,) = [
        one
        for one in trained(tmp_path, data__sources=[{k: v for k, v in source.items() if v}]).diagnostics
        if one.id == "MLS109"
    ]
    assert "`version: {kind: as-of-run}`" in found.help


def test_mlflow_is_not_told_a_version_that_only_the_run_knows(tmp_path: Path) -> None:
    run = next(body for body in map(load, files(trained(tmp_path)).values()) if body and body.get("kind") == "CronJob")
    assert "mlspec.system" in json.dumps(run)
    told = json.dumps(run).count("mlspec.data.")
    assert told == json.dumps(run).count("as-of-run:$(MLSPEC_RUN)") > 0, "it names the run, which records the version"


@pytest.mark.parametrize("data", [None, {}, {"chargebacks": ""}, {"chargebacks": 7}, [], {"payments": "1"}])
def test_a_run_must_record_the_version_that_it_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: object
) -> None:
    """Otherwise nothing can reproduce the model. The run ends with 42, because a retry would record nothing either."""
    job = Job(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    job.write(
        "config.json", {**config, "data": {"sources": [{"name": "chargebacks", "version": {"kind": "as-of-run"}}]}}
    )
    model = {"version": 1, "path": "model.onnx", "format": "onnx"}
    job.write("train/model.json", model if data is None else {**model, "data": data})
    done = job.run(monkeypatch)
    assert done.status == 42
    assert "does not say which version of chargebacks the run read" in done.err
    job.write("train/model.json", {**model, "data": {"chargebacks": "3821550127947089009"}})
    assert job.run(monkeypatch).status == 0
    assert job.verdict["model"]["data"] == {"chargebacks": "3821550127947089009"}


@pytest.mark.slow
def test_every_line_that_changes_where_another_system_serves_names_its_cause(tmp_path: Path) -> None:
    (tmp_path / "mlspec.yaml").write_text(dumped(changed(SPEC, **TRAINED)))
    (tmp_path / ".git").mkdir()
    examined = Examined(tmp_path, those("releases.", "retraining.", "data.sources.0.version."))
    assert not examined.base.compiled.failed
    assert examined.silent == []

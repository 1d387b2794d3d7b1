"""The configuration of a training run, which its steps and the gate read."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlspec.compiler.check.rules.ensembles import ROUNDING, _equal

from .retraining import PLATFORM, configuration, objects
from .support import KEPT

TUNED = {
    "training__tuning": {"when": "every-run", "trials": 6, "parallel": 3, "parameters": {}},
    "training__crossValidation": {"folds": 2},
}


def test_quantities_are_numbers_in_base_units(tmp_path: Path) -> None:
    made = configuration(tmp_path)
    assert made["data"]["labels"]["delay"] == 45 * 86400
    assert made["data"]["split"]["train"] == 0.7
    assert made["run"] == {"tune": False, "folds": 1, "deadline": 9000}


def test_defaults_are_filled_in(tmp_path: Path) -> None:
    assert configuration(tmp_path)["data"]["columns"][2] == {
        "name": "is_fraud",
        "dtype": "bool",
        "nullable": True,
        "unique": False,
        "personal": False,
        "available": "after-outcome",
    }


def test_rivals_contain_every_known_result(tmp_path: Path) -> None:
    """The model must beat the better of the two naive baselines."""
    assert configuration(tmp_path)["rivals"] == {
        "xgboost": {"roc_auc": 0.943},
        "constant": {"roc_auc": 0.5},
        "logistic": {"roc_auc": 0.912},
        "naive": {"roc_auc": 0.912},
        "human": {"recall": 0.71},
        "champion": {"roc_auc": 0.941},
    }


def test_the_best_baseline_of_a_metric_that_is_minimized_is_the_lowest(tmp_path: Path) -> None:
    candidates = [{"name": name, "role": "naive", "metrics": {"rmse": value}} for name, value in (("a", 3), ("b", 2))]
    changes = {
        "model__candidates": candidates,
        "evaluation__gates": [{"metric": "rmse", "versus": "naive", "minSamples": 100}],
    }
    assert configuration(tmp_path, **changes)["rivals"]["naive"] == {"rmse": 2.0}


def test_a_search_gets_its_algorithm(tmp_path: Path) -> None:
    parameters = {"epochs": {"type": "int", "min": 1, "max": 81}}
    tuning = {"algorithm": "hyperband", "resource": "epochs", "parameters": parameters}
    told = configuration(tmp_path, training__tuning=tuning)["training"]["tuning"]
    assert (told["algorithm"], told["resource"], told["parameters"]["epochs"]["max"]) == ("hyperband", "epochs", 81)


def test_gates_contain_numbers(tmp_path: Path) -> None:
    made = configuration(tmp_path)
    assert made["evaluation"]["gates"] == [
        {"metric": "roc_auc", "versus": "champion", "margin": -0.002, "relative": False},
        {"metric": "roc_auc", "versus": "naive", "margin": 0.02, "relative": True},
        {"metric": "recall", "segment": "country", "min": 0.6, "minSamples": 400},
    ]
    assert made["metrics"]["roc_auc"] == {"direction": "maximize", "unit": "ratio", "min": 0.0, "max": 1.0}


def test_the_platform_changes_a_metric_and_adds_one(tmp_path: Path) -> None:
    """Their layer is the platform's defaults for specs. Values that they do not set come from the catalog."""
    own = {"rmse": {"max": 10}, "uplift": {"direction": "maximize", "min": 0}}
    gates = [{"metric": "rmse", "max": 3}, {"metric": "uplift", "min": 0.1}]
    platform = {**PLATFORM, "spec": {"metrics": own}}
    metrics = configuration(tmp_path, platform=platform, evaluation__gates=gates)["metrics"]
    assert metrics["rmse"] == {"direction": "minimize", "unit": "number", "min": 0.0, "max": 10.0}
    assert metrics["uplift"] == {"direction": "maximize", "unit": "number", "min": 0.0}


def test_a_metric_with_a_cutoff_uses_the_entry_without_it(tmp_path: Path) -> None:
    gates = [{"metric": "ndcg@10", "min": 0.3}]
    assert configuration(tmp_path, evaluation__gates=gates)["metrics"]["ndcg@10"]["direction"] == "maximize"


def test_only_runs_with_a_search_tune(tmp_path: Path) -> None:
    assert configuration(tmp_path, **TUNED)["run"]["tune"] is True
    manual = {"training__tuning": {"when": "manual", "parameters": {}}, "training__crossValidation": {"folds": 2}}
    assert configuration(tmp_path, **manual)["run"] == {"tune": False, "folds": 1, "deadline": 9000}


def test_trap_a_run_that_has_started_keeps_its_configuration(tmp_path: Path) -> None:
    """A changed ConfigMap would reach running pods. So new content gets a new name, and no ConfigMap ever changes."""
    before, after = objects(tmp_path), objects(tmp_path, training__seed=18)
    assert before["ConfigMap"]["immutable"] is True
    names = [made["ConfigMap"]["metadata"]["name"] for made in (before, after)]
    assert names[0] != names[1]
    for made, name in zip((before, after), names, strict=True):
        volumes = made["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["volumes"]
        assert {"name": "config", "configMap": {"name": name}} in volumes


@pytest.mark.parametrize(("tool", "annotations"), KEPT)
def test_trap_pruning_would_remove_the_configuration_of_a_run(
    tmp_path: Path, tool: str, annotations: dict[str, str]
) -> None:
    platform = {**PLATFORM, "platform": {**PLATFORM["platform"], "gitops": {"tool": tool}}}
    assert objects(tmp_path, platform)["ConfigMap"]["metadata"]["annotations"] == annotations


SIGNATURE = {
    "inputs": [{"name": "country", "dtype": "string"}],
    "outputs": [{"name": "score", "dtype": "float32"}],
}
ARTIFACT = {"uri": "s3://models/9/model.onnx", "format": "onnx", "digest": f"sha256:{'2' * 64}", "access": "lake"}
COMBINED = {
    "model": None,
    "models": {
        "fraud": {
            "signature": SIGNATURE,
            "ensemble": {"method": "weighted", "members": ["trees", "network"], "weights": [0.7, 0.3]},
        },
        "trees": {"signature": SIGNATURE},
        "network": {"signature": SIGNATURE},
    },
    "evaluation__gates": [{"metric": "roc_auc", "versus": "champion", "margin": -0.002, "minSamples": 400}],
    "release": None,
    "releases": {
        "fraud": {"version": 14, "artifact": ARTIFACT, "metrics": {"roc_auc": 0.941}},
        "trees": {"version": 9, "artifact": ARTIFACT},
    },
}


@pytest.mark.parametrize("many", range(2, 60))
def test_the_weights_of_a_help_add_up(many: int) -> None:
    """Thirds with two digits add up to 0.99, which is an error."""
    assert abs(sum(float(one) for one in _equal(many).split(", ")) - 1) <= ROUNDING


def test_a_run_that_trains_an_ensemble_gets_its_members(tmp_path: Path) -> None:
    """With their weights, what they read and return, and the files of those that have a release here."""
    made = configuration(tmp_path, **COMBINED)["model"]["ensemble"]
    assert made["method"] == "weighted"
    trees, network = made["members"]
    assert (trees["name"], trees["weight"], trees["version"]) == ("trees", 0.7, "9")
    assert trees["artifact"] == {key: value for key, value in ARTIFACT.items() if key != "access"}
    assert [one["name"] for one in trees["inputs"]] == ["country"]
    assert network == {"name": "network", "weight": 0.3, "inputs": trees["inputs"], "outputs": trees["outputs"]}

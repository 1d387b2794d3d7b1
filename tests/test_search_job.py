"""The CronJob of a hyperparameter search, where its result goes, and what cannot be searched. Optuna itself runs in
`tests/cluster/loop/`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlspec.runtime.cluster import Answer, ApiServer, UnreachableError
from mlspec.runtime.tune.search import publish
from mlspec.runtime.tune.settings import Settings, UnreadableError, budgets, read

from .retraining import compiled, objects, spec, told
from .test_training_nodes import NODES, SHARED
from .validation import VERSIONS, load, problems, unrestricted

TUNING: dict[str, Any] = {
    "when": "schedule",
    "schedule": "0 1 1 * *",
    "trials": 8,
    "parallel": 4,
    "parameters": {"learning_rate": {"type": "double", "min": 0.001, "max": 0.1, "scale": "log"}},
}

UNSCHEDULED = {key: value for key, value in TUNING.items() if key != "schedule"}

SEARCHED: dict[str, Any] = {
    "training__tuning": TUNING,
    "training__steps__evaluate": {"command": ["python", "-m", "fraud.evaluate"]},
}


def made(tmp_path: Path, **changes: object) -> dict[tuple[str, str], dict[str, Any]]:
    result = compiled(tmp_path, spec(**{**SEARCHED, **changes}))
    assert told(result) == []
    bodies = [load(file.text) for file in result.environments[0].bundle.files()]
    return {(body["kind"], body["metadata"]["name"]): body for body in bodies if "kind" in body}


def settings(tmp_path: Path, **changes: object) -> dict[str, Any]:
    config = next(body for (kind, _), body in made(tmp_path, **changes).items() if kind == "ConfigMap")
    found: dict[str, Any] = json.loads(config["data"]["search.json"])
    return found


def pod(tmp_path: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = made(tmp_path)[("CronJob", name)]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_objects_are_valid(tmp_path: Path, version: str) -> None:
    for (kind, _), body in made(tmp_path).items():
        assert list(problems(body, version)) == [], kind


def test_the_pod_is_restricted(tmp_path: Path) -> None:
    assert list(unrestricted(pod(tmp_path, "fraud-search"))) == []


def test_the_program_reads_what_the_compiler_writes(tmp_path: Path) -> None:
    file = tmp_path / "search.json"
    file.write_text(json.dumps(settings(tmp_path, training__crossValidation={"folds": 5, "order": "forward"})))
    found = read(file)
    assert found == Settings(
        trials=8,
        parallel=4,
        algorithm="tpe",
        metric="roc_auc",
        maximize=True,
        folds=5,
        parameters={"learning_rate": {"type": "double", "min": 0.001, "max": 0.1, "scale": "log"}},
        train=["python", "-m", "fraud.train"],
        evaluate=["python", "-m", "fraud.evaluate"],
        seed=17,
        result="fraud-search",
    )


def test_the_search_runs_on_its_own_schedule(tmp_path: Path) -> None:
    """Two tries of 8 fits of 40 min plus half of that, each after 15 min: 2 x (480 + 15) min."""
    cron = made(tmp_path)[("CronJob", "fraud-search")]["spec"]
    assert (cron["schedule"], cron["timeZone"], cron["concurrencyPolicy"]) == ("0 1 1 * *", "UTC", "Forbid")
    assert cron["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 2 * (480 + 15) * 60


def test_the_next_training_run_reads_the_result_if_there_is_one(tmp_path: Path) -> None:
    run = pod(tmp_path, "fraud-retrain")
    (volume,) = [one for one in run["volumes"] if one["name"] == "search"]
    assert volume["configMap"] == {"name": "fraud-search", "optional": True}
    reading = {
        one["name"]: [variable["value"] for variable in one["env"] if variable["name"] == "MLSPEC_PARAMETERS"]
        for one in [*run["initContainers"], *run["containers"]]
    }
    assert {name for name, values in reading.items() if values == ["/mlspec/search/best.json"]} == {"train"}
    assert ("ConfigMap", "fraud-search") not in made(tmp_path), "a GitOps tool would revert the result"


def test_the_search_may_change_only_its_own_config_map(tmp_path: Path) -> None:
    rules = made(tmp_path)[("Role", "fraud-search")]["rules"]
    maps = {"apiGroups": [""], "resources": ["configmaps"]}
    assert rules == [{**maps, "verbs": ["create"]}, {**maps, "verbs": ["update"], "resourceNames": ["fraud-search"]}]
    run = pod(tmp_path, "fraud-retrain")
    assert "api" not in {volume["name"] for volume in run["volumes"]}


@pytest.mark.parametrize("when", ["manual", "every-run"])
def test_other_searches_need_none_of_it(tmp_path: Path, when: str) -> None:
    found = objects(tmp_path, training__tuning={**UNSCHEDULED, "when": when, "trials": 1})
    assert found["CronJob"]["metadata"]["name"] == "fraud-retrain"
    assert "Role" not in found


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"training__steps__evaluate": None, "evaluation": None, "training__steps__register": None},
            "MLS009: nothing measures the trials of the search",
        ),
        (
            {"training__steps__evaluate": {"command": ["a"], "image": "example.com/evaluate:1"}},
            "MLS012: a trial runs `train` and `evaluate` in one container",
        ),
        (NODES, "MLS012: a trial runs in one pod, and training needs 4 nodes"),
        ({"training__tuning": UNSCHEDULED}, "MLS009: the search has no schedule"),
        ({"training__tuning__parameters": None}, "MLS009: the search has no parameters to choose"),
        (
            {"training__tuning": {**TUNING, "algorithm": "hyperband", "resource": "learning_rate"}},
            "MLS009: the search has no parameters to choose",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    result = compiled(tmp_path, spec(**{**SEARCHED, **changes}), SHARED)
    assert message in told(result)


def test_trap_a_trial_would_resume_from_the_checkpoints_of_another(tmp_path: Path) -> None:
    """All trials of a search have the name of one run."""
    kept = {"training__checkpoints": {"to": "s3://models/checkpoints", "access": "lake"}}
    jobs = made(tmp_path, **kept)
    for name, given in (("fraud-search", False), ("fraud-retrain", True)):
        of_pod = json.dumps(jobs[("CronJob", name)]["spec"]["jobTemplate"]["spec"]["template"])
        assert ("MLSPEC_CHECKPOINTS" in of_pod) is given


# Settings


def test_budgets_of_hyperband_grow_threefold() -> None:
    """81 epochs at most, and 2 at least: 81, 27, 9, 3; the next would be 1."""
    epochs = {"epochs": {"type": "int", "min": 2, "max": 81}}
    common: dict[str, Any] = {
        "trials": 1, "parallel": 1, "metric": "m", "maximize": True, "folds": 1, "train": [], "evaluate": [],
    }  # fmt: skip
    assert budgets(Settings(algorithm="hyperband", resource="epochs", parameters=epochs, **common)) == [3, 9, 27, 81]
    assert budgets(Settings(algorithm="tpe", parameters=epochs, **common)) == [None]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 2}', '{"version": 1, "trials": 3}'])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "search.json"
    file.write_text(text)
    with pytest.raises(UnreadableError, match=r"search\.json"):
        read(file)


# The result


class Api(ApiServer):
    """An API server with or without the ConfigMap."""

    def __init__(self, *statuses: int) -> None:
        super().__init__("")
        self.statuses = list(statuses)
        self.asked: list[tuple[str, str]] = []

    def request(self, method: str, path: str, body: Any = None) -> Answer:
        self.asked.append((method, path))
        self.body = body
        return Answer(status=self.statuses.pop(0), body={"message": "no"})


@pytest.mark.parametrize(("statuses", "methods"), [((200,), ["PUT"]), ((404, 201), ["PUT", "POST"])])
def test_the_result_replaces_the_last_one(statuses: tuple[int, ...], methods: list[str]) -> None:
    api = Api(*statuses)
    publish(api, "ml", "fraud-search", {"run": "fraud-search-1", "parameters": {"a": 1}})
    assert [method for method, _ in api.asked] == methods
    assert api.body["metadata"]["annotations"] == {"mlspec/run": "fraud-search-1"}
    assert json.loads(api.body["data"]["best.json"])["parameters"] == {"a": 1}


def test_a_result_that_cannot_be_written_is_a_failure() -> None:
    with pytest.raises(UnreachableError, match="fraud-search cannot be written: no"):
        publish(Api(403), "ml", "fraud-search", {"run": "r", "parameters": {}})

"""The scenes that mlspec writes for alerts on a model: they pass for every kind of bound, and they find faults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.compiler.check.rules.registry import RULES as LINT
from mlspec.compiler.emit.dump import plain
from mlspec.compiler.exported import CONTRACT
from mlspec.compiler.link import Bundle
from mlspec.compiler.pipeline import Environment, compile_system
from mlspec.compiler.rehearse.cases import Case, cases, queried, untested
from mlspec.compiler.rehearse.mutants import OPERATORS, Mutant, found
from mlspec.compiler.rehearse.report import Rehearsal
from mlspec.targets.monitoring.proofs.contract import exact, pace
from mlspec.targets.monitoring.rendered import rendered
from mlspec.targets.registry import BACKENDS
from mlspec.terminal import promtool
from mlspec.terminal.render import rehearsal

from .scenes import shipped
from .support import dumped, tool
from .test_model_alerts import RULES, watching
from .validation import load

DIFFERENT: dict[str, Any] = {
    "interval": "18h",  # two of them are 1d12h
    "segments": [],
    "quality": {"metric": "log_loss", "max": 0.4, "minSamples": 1000000},
    "drift": {"window": "4d", "minSamples": 500, "features": {"method": "ks", "threshold": 0.3}},
    "rules": [
        {"metric": "null-rate", "max": "5%", "for": "2h"},
        {"metric": "null-rate", "of": "amount", "max": "10%", "severity": "page"},
        {"metric": "daily-tokens", "of": "output", "max": 2500000, "for": "90m"},
        {"metric": "daily-cost", "min": 3},
        {"metric": "feature-age", "max": "100s"},
    ],
}


def compiled(place: Path, made: dict[str, Any]) -> Environment:
    """The only environment of a spec."""
    (place / "mlspec.yaml").write_text(dumped(made))
    (place / ".git").mkdir(exist_ok=True)
    result = compile_system(mlspec.load(place / "mlspec.yaml")._input, BACKENDS, LINT)
    (environment,) = result.environments
    return environment


def of_model(environment: Environment) -> list[Case]:
    """The cases of the alerts on the model, on the jobs that watch it, and on when training is due."""
    ends = ("-model.yaml", "-monitors.yaml", "-due.yaml")
    return [case for case in cases(environment.bundle) if case.rules.endswith(ends)]


def failed(made: list[Case]) -> dict[str, str]:
    """What promtool says about the cases that fail."""
    files = {name: text for number, case in enumerate(made) for name, text in case.files(f"{number}").items()}
    told = promtool.run(files, [f"{number}.json" for number in range(len(made))])
    every = {f"{case.alert}: {case.scene}": told[f"{number}.json"] for number, case in enumerate(made)}
    return {name: said for name, (passed, said) in every.items() if not passed}


def rival(margin: object) -> dict[str, Any]:
    return {"quality": {"metric": "recall", "versus": "naive", "margin": margin}, "drift": None}


@pytest.mark.slow
@pytest.mark.parametrize("monitoring", [DIFFERENT, rival("10%")], ids=["every-kind-of-bound", "share-of-a-rival"])
def test_every_scene_of_an_alert_on_a_model_passes(monitoring: dict[str, Any], tmp_path: Path) -> None:
    tool("promtool")
    environment = compiled(tmp_path, watching(**monitoring))
    made = of_model(environment)
    assert untested(environment.bundle) == []
    assert len({case.alert for case in made}) > 4
    assert failed(made) == {}


def test_every_alert_on_a_model_has_a_scene_in_which_it_fires(tmp_path: Path) -> None:
    """Of each metric of the contract, hourly and for each value of a column."""
    environment = compiled(tmp_path, watching(rules=RULES))
    assert untested(environment.bundle) == []
    assert queried(environment.bundle) == []
    fires = {case.alert for case in of_model(environment) if case.fires}
    assert {each.alert for each in CONTRACT if each.alert} <= fires


@pytest.mark.slow
def test_an_alert_that_is_wrong_in_one_place_fails_a_scene(tmp_path: Path) -> None:
    """The faults that no operator of `--mutants` makes: comparisons that include the limit, and missing conditions."""
    tool("promtool")
    made = of_model(compiled(tmp_path, watching(segments=[], rules=[{"metric": "label-coverage", "min": "60%"}])))
    faults = [
        ("ModelQualityLow", " < 0.6", " <= 0.6"),
        ("ModelQualityLow", " >= 200", " > 200"),
        ("ModelQualityUncertain", " >= 0.6", " > 0.6"),
        ("ModelQualityUncertain", " < 0.6", " <= 0.6"),
        ("ModelQualitySamplesFew", " < 200", " <= 200"),
        ("ModelQualitySamplesFew", "or 0 * (", "or 0 * (vector(0) > 1 and "),
        ("ModelFeatureDrift", " > 0.2", " >= 0.2"),
        ("ModelFeatureDrift", "unless", "or"),
        ("ModelDriftSamplesFew", " < 2000", " <= 2000"),
        ("ModelLabelsMissing", " < 0.6", " <= 0.6"),
        ("ModelMonitorStale", " > ", " >= "),
    ]
    every, kind = [], next(iter(OPERATORS))
    for name, before, after in faults:
        read = tuple(case for case in made if case.alert == name)
        rule = next(rule for group in read[0].groups for rule in group["rules"] if before in rule["expr"])
        wrong = rule["expr"].replace(before, after)
        every.append(Mutant(operator=kind, where=f"{name}:{after}", cases=read, rule=rule, expression=wrong))
    assert [where for one in found(every, promtool.run) for where in one.survivors] == []


def test_a_ticket_and_a_page_on_the_same_series_are_distinguished(tmp_path: Path) -> None:
    """The ticket on every column fires in the scenes of the page on one column, so these ask for the
    page by its labels.
    """
    environment = compiled(tmp_path, watching(**DIFFERENT))
    asked = {
        test["expr"]
        for case in of_model(environment)
        if case.alert == "ModelNullsHigh"
        for test in case.test.get("promql_expr_test", ())
    }
    labels = 'alertname="ModelNullsHigh",alertstate="firing",severity="page",bar="10%",column="amount"'
    assert asked == {f"ALERTS{{{labels}}}"}


def test_each_reason_to_train_has_a_fault_and_each_fault_a_reason(tmp_path: Path) -> None:
    made = watching()
    made["retraining"] = {"triggers": ["quality-drop", "data-drift"]}
    scenes = [case.scene for case in of_model(compiled(tmp_path, made)) if case.alert == "ModelRetrainingDue"]
    reasons = {scene.removesuffix(" is pending") for scene in scenes if scene.endswith(" is pending")}
    pairs = [scene.removesuffix(" may explain it").split(" fires, and ") for scene in scenes if "explain" in scene]
    assert {reason for reason, _ in pairs} == reasons
    assert [fault for _, fault in pairs] == [
        "data-violation", "skew", "labels-late", "features-stale", "loop-broken", "monitor-silent",
    ]  # fmt: skip


@pytest.mark.slow
def test_an_alert_on_drift_may_need_more_rows_than_any_number_that_we_know(tmp_path: Path) -> None:
    """A day with too few rows is not well, even if no alert says so in the three hours of a scene."""
    tool("promtool")
    drift = {
        "reference": "s3://models/profile.json",
        "minSamples": 3_000_000,
        "features": {"method": "psi", "threshold": 0.3},
    }
    made = watching(drift=drift, segments=[])
    made["retraining"] = {"triggers": ["quality-drop"]}
    (tmp_path / "mlspec.yaml").write_text(dumped(made))
    (tmp_path / ".git").mkdir()
    bundle = mlspec.compile(tmp_path / "mlspec.yaml").bundles["default"].files
    quiet = [
        series
        for test in load(bundle["monitoring/tests-monitors.every-10m.yaml"])["tests"]
        for series in test["input_series"]
    ]
    rows = [each["values"] for each in quiet if each["series"].startswith("mlspec_drift_samples{")]
    assert rows
    assert all(int(each.partition("x")[0]) >= 3_000_000 for each in rows), rows
    assert set(shipped(bundle, "tests-m").values()) == {"SUCCESS"}


QUERIED: dict[str, Any] = {"rules": [{"metric": "abstained", "max": "20%"}], "quality": None, "drift": None}


def test_an_alert_on_a_query_of_the_author_is_listed_and_fails_nothing(tmp_path: Path) -> None:
    made = watching(**QUERIED, segments=None)
    made["metrics"] = {"abstained": {"direction": "minimize", "unit": "ratio", "query": "sum(abstained)"}}
    environment = compiled(tmp_path, made)
    assert untested(environment.bundle) == []
    assert queried(environment.bundle) == ["ModelConditionBlind", "ModelConditionViolated"]
    tested = Rehearsal(environment="a", alerts=(), untested=(), queried=("ModelConditionBlind",), rollouts=())
    assert tested.passed
    assert "ModelConditionBlind           not tested: the query is the author's own" in rehearsal.text([tested])
    assert "<skipped" in rehearsal.junit([tested])
    assert json.loads(rehearsal.json([tested]))["environments"][0]["queried"] == ["ModelConditionBlind"]


def test_a_scene_looks_at_least_four_times_during_each_of_its_times() -> None:
    assert [pace(15), pace(60), pace(240), pace(2880), pace(450, 1800), pace(), pace(0)] == [1, 10, 60, 240, 10, 1, 1]


def test_a_number_is_written_as_the_queries_write_it() -> None:
    assert [exact(each) for each in (0.921, -0.02, 1e-9, -0.0, 2500000.0)] == [
        "0.921", "-0.02", "0.000000001", "0", "2500000",
    ]  # fmt: skip


def test_labels_and_large_values_are_rendered_as_go_does() -> None:
    texts = {"a": '{{ $labels.column }}: {{ printf "%.3g" $value }}', "b": "{{ $value }}"}
    assert rendered(texts, 1999999.0, {"column": "amount"}) == {"a": "amount: 2e+06", "b": "1.999999e+06"}
    assert rendered(texts, 0.05123) == {"a": ": 0.0512", "b": "0.05123"}


SAME: dict[str, Any] = {
    "segments": [],
    "quality": {"metric": "recall", "min": 0.6, "minSamples": 200},
    "rules": [
        {"metric": "recall", "min": 0.6, "minSamples": 200, "severity": "ticket"},
        {"metric": "recall", "min": 0.6, "minSamples": 200, "segment": "country"},
        {"metric": "recall", "min": 0.5, "minSamples": 200, "severity": "ticket"},
        {"metric": "recall", "versus": "naive", "margin": 0.1},
        {"metric": "null-rate", "max": "5%"},
        {"metric": "null-rate", "max": "9%"},
    ],
}


def test_trap_no_two_alerts_have_the_same_labels(tmp_path: Path) -> None:
    """Alertmanager would take them for one: several bounds on one metric, and on its groups."""
    environment = compiled(tmp_path, watching(**SAME))
    assert alike(environment.bundle) == []
    assert untested(environment.bundle) == []


def alike(bundle: Bundle) -> list[tuple[str, str]]:
    """The alerts that have the name and the labels of another one in the same file."""
    found: list[tuple[str, str]] = []
    for artifact in bundle.artifacts:
        if isinstance(artifact.body, dict) and "groups" in artifact.body:
            rules = [rule for group in plain(artifact.body)["groups"] for rule in group["rules"] if "alert" in rule]
            keys = [(rule["alert"], json.dumps(rule["labels"])) for rule in rules]
            found += [key for key in keys if keys.count(key) > 1]
    return found

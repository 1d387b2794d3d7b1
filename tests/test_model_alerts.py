"""The alerts on the model and its data, run by promtool: each one fires when it must, and otherwise stays silent.

Jobs measure hourly here, so two intervals are two hours, and a drift window is an hour. Every alert that the example
with these sections compiles to must have its cases here.
"""

from __future__ import annotations

import copy
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.compiler.exported import CONTRACT, EVERY, named

from .online import errors, spec, two_services
from .scenes import labeled, proves, proves_each
from .support import EXAMPLES, ROOT, changed, compile_text, dumped, files
from .validation import load

DATA: dict[str, Any] = {
    "columns": [
        {"name": "amount", "dtype": "float32"},
        {"name": "country", "dtype": "category", "values": {"max": 250}},
        {"name": "is_fraud", "dtype": "bool", "available": "after-outcome"},
    ],
    "labels": {"column": "is_fraud", "delay": "2d", "positiveShare": "2%"},
}
MONITORING: dict[str, Any] = {
    "measured": "elsewhere",
    "interval": "1h",
    "segments": ["country"],
    "quality": {"metric": "recall", "min": 0.6, "minSamples": 200},
    "drift": {
        "window": "1h",
        "reference": "s3://models/fraud/profile.json",
        "minSamples": 2000,
        "features": {"method": "psi", "threshold": 0.2},
        "prediction": {"method": "jensen-shannon", "threshold": 0.1},
        "columns": {"amount": {"method": "ks", "threshold": 0.15}},
    },
}
HOURS = 60
OWN = {"namespace": "default", "service": "fraud"}


def watching(**monitoring: object) -> dict[str, Any]:
    """A spec with these sections; None removes one."""
    asked = {**MONITORING, **monitoring}
    return spec(data=DATA, monitoring={key: value for key, value in asked.items() if value is not None})


def rules(tmp_path: Path, made: dict[str, Any]) -> list[dict[str, Any]]:
    """The rules of a spec; each spec is compiled once."""
    text = dumped(made)
    if text not in _KNOWN:
        _KNOWN[text] = _rules(tmp_path, text)
    return copy.deepcopy(_KNOWN[text])


_KNOWN: dict[str, list[dict[str, Any]]] = {}


def _rules(tmp_path: Path, text: str) -> list[dict[str, Any]]:
    result = compile_text(tmp_path, text, today="2026-11-23")
    wrong = [f"{one.id}: {one.message}" for one in result.diagnostics if one.severity == "error"]
    assert not wrong, wrong
    groups = [group for made in of_model(files(result)).values() for group in load(made)["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def of_model(made: dict[str, str]) -> dict[str, str]:
    """The plain rule files about the model, the jobs that watch it, and when training is due."""
    ends = tuple(f"-{about}.yaml" for about in ("model", "monitors", "due"))
    return {path: text for path, text in made.items() if "/monitoring/rules" in path and path.endswith(ends)}


def one(found: list[dict[str, Any]], name: str, **labels: str | None) -> dict[str, Any]:
    """The only alert with this name and these labels; None is for a label that it lacks."""
    (rule,) = [
        rule
        for rule in found
        if rule["alert"] == name and all(rule["labels"].get(key) == value for key, value in labels.items())
    ]
    return rule


def of(rule: dict[str, Any], **labels: str) -> dict[str, Any]:
    """The alert as it fires for a series with these labels, whose names its annotations show."""
    return {**rule, "labels": {**rule["labels"], **labels}}


def steady(name: str, value: float | str, **labels: str) -> dict[str, str]:
    """A series of the contract that does not change."""
    assert set(labels) <= {*EVERY, *named(name).labels}, "the contract has no such label"
    values = value if isinstance(value, str) else f"{value}x1000"
    return {labeled(name, **{**OWN, **labels}): values}


def measured(
    value: float, low: float, high: float, samples: float, metric: str = "recall", **labels: str
) -> dict[str, str]:
    """A metric of the live version, with its interval."""
    own = {"metric": metric, "role": "live", **labels}
    return {
        **steady("mlspec_quality", value, **own),
        **steady("mlspec_quality_low", low, **own),
        **steady("mlspec_quality_high", high, **own),
        **steady("mlspec_quality_samples", samples, **own),
    }


# Quality


@pytest.mark.slow
def test_quality_pages_only_when_its_whole_interval_misses_the_bar(tmp_path: Path) -> None:
    rule = one(rules(tmp_path, watching()), "ModelQualityLow", segment=None)
    assert rule["labels"]["severity"] == "page"
    said = "fraud: recall is 0.52, and its 95% interval is below 0.6"
    cases: tuple[tuple[dict[str, str], int, str | None], ...] = (
        (measured(0.52, 0.46, 0.58, 300), 30, said),
        (measured(0.52, 0.46, 0.58, 300), 10, None),  # a restart of Prometheus
        (measured(0.55, 0.49, 0.60, 300), 30, None),  # the upper end meets the bar
        (measured(0.65, 0.60, 0.70, 300), 30, None),
        (measured(0.52, 0.46, 0.58, 199), 30, None),  # too few to say
        (measured(0.52, 0.46, 0.58, 300, role="naive"), 30, None),
        (measured(0.52, 0.46, 0.58, 300, namespace="staging"), 30, None),
        ({}, 30, None),
    )
    proves_each(tmp_path, [rule], [(series, [(minute, rule, told)]) for series, minute, told in cases])


@pytest.mark.slow
def test_quality_that_may_or_may_not_meet_the_bar_is_a_ticket(tmp_path: Path) -> None:
    rule = one(rules(tmp_path, watching()), "ModelQualityUncertain", segment=None)
    assert rule["labels"]["severity"] == "ticket"
    said = "fraud: recall is 0.62, and its 95% interval contains 0.6, so more labels have to decide"
    cases = (
        (measured(0.62, 0.55, 0.69, 300), 125, said),
        (measured(0.62, 0.55, 0.69, 300), 115, None),  # the next result may decide
        (measured(0.65, 0.60, 0.70, 300), 125, None),
        (measured(0.52, 0.46, 0.58, 300), 125, None),  # that is a page
        (measured(0.62, 0.55, 0.69, 199), 125, None),  # that is the next alert
    )
    proves_each(tmp_path, [rule], [(series, [(minute, rule, told)]) for series, minute, told in cases])


def test_too_few_observations_are_never_silent(tmp_path: Path) -> None:
    rule = one(rules(tmp_path, watching()), "ModelQualitySamplesFew", segment=None)
    said = "fraud: recall has too few observations for a verdict: 199 of 200"
    proves(tmp_path, [rule], measured(0.9, 0.8, 0.95, 199), [(115, rule, None), (125, rule, said)])
    proves(tmp_path, [rule], measured(0.9, 0.8, 0.95, 200), [(125, rule, None)])


def test_what_is_measured_every_30_seconds_is_missed_for_an_hour(tmp_path: Path) -> None:
    """Four intervals are two minutes, in which an alert that waits for one minute may never fire."""
    rule = one(rules(tmp_path, watching(interval="30s")), "ModelQualitySamplesFew", segment=None)
    series = steady("mlspec_quality_samples", "300x60 stale", metric="recall", role="live")
    said = "fraud: recall has too few observations for a verdict: 0 of 200"
    proves(tmp_path, [rule], series, [(60, rule, None), (64, rule, said), (115, rule, said), (125, rule, None)])


def test_a_group_that_is_no_longer_measured_is_not_silent(tmp_path: Path) -> None:
    rule = one(rules(tmp_path, watching()), "ModelQualitySamplesFew", segment="country")
    own = {"metric": "recall", "role": "live", "segment": "country"}
    series = {
        **steady("mlspec_quality_samples", 300, **own, segment_value="DE"),
        **steady("mlspec_quality_samples", "300x60 stale", **own, segment_value="FR"),
    }
    gone = of(rule, segment_value="FR")
    gone["annotations"] = rule["annotations"]
    said = "fraud: recall for country FR has too few observations for a verdict: 0 of 200"
    proves(tmp_path, [rule], series, [(100, gone, None), (190, gone, said)])


def test_each_value_of_a_segment_is_judged_alone(tmp_path: Path) -> None:
    rule = one(rules(tmp_path, watching()), "ModelQualityLow", segment="country")
    series = {
        **measured(0.80, 0.75, 0.85, 9000),
        **measured(0.82, 0.77, 0.87, 8000, segment="country", segment_value="DE"),
        **measured(0.40, 0.33, 0.47, 220, segment="country", segment_value="FR"),
        **measured(0.20, 0.05, 0.45, 20, segment="country", segment_value="LU"),
        **measured(0.20, 0.15, 0.25, 220, segment="age", segment_value="old"),
    }
    said = "fraud: recall for country FR is 0.4, and its 95% interval is below 0.6"
    proves(tmp_path, [rule], series, [(30, of(rule, segment_value="FR"), said)])


def test_a_metric_to_minimize_has_its_bar_above(tmp_path: Path) -> None:
    made = watching(quality={"metric": "log_loss", "max": 0.4}, segments=[])
    found = rules(tmp_path, made)
    low, unsure = one(found, "ModelQualityLow"), one(found, "ModelQualityUncertain")
    bad, good = (
        measured(value, low_, high, 300, "log_loss") for value, low_, high in ((0.5, 0.45, 0.55), (0.3, 0.25, 0.4))
    )
    proves(tmp_path, [low], bad, [(30, low, "fraud: log_loss is 0.5, and its 95% interval is above 0.4")])
    proves(tmp_path, [low], good, [(30, low, None)])
    proves(tmp_path, [unsure], good, [(130, unsure, None)])


def test_the_bar_of_the_champion_is_its_own_result(tmp_path: Path) -> None:
    """0.9 - 0.02 = 0.88; 2% of 0.9 are 0.018; a loss of 0.3 may grow by 0.05."""
    for metric, result, margin, bar in (
        ("roc_auc", 0.9, -0.02, "< 0.88"),
        ("roc_auc", 0.9, "-2%", "< 0.882"),
        ("log_loss", 0.3, -0.05, "> 0.35"),
    ):
        made = changed(watching(quality={"metric": metric, "versus": "champion", "margin": margin}, segments=[]))
        made["release"]["metrics"] = {metric: result}
        assert bar in one(rules(tmp_path, made), "ModelQualityLow")["expr"]


def test_a_rival_on_the_same_rows_is_compared_by_the_interval_of_the_difference(tmp_path: Path) -> None:
    made = watching(quality={"metric": "recall", "versus": "naive", "margin": 0.05}, segments=[])
    rule = one(rules(tmp_path, made), "ModelQualityLow")
    own = {"metric": "recall", "versus": "naive"}
    few = steady("mlspec_quality_samples", 300, metric="recall", role="live")

    def apart(value: float, high: float) -> dict[str, str]:
        return {
            **steady("mlspec_quality_difference", value, **own),
            **steady("mlspec_quality_difference_high", high, **own),
            **few,
        }

    said = "fraud: the difference of recall from naive is -0.02, and its 95% interval is below 0.05"
    proves(tmp_path, [rule], apart(-0.02, 0.04), [(30, rule, said)])
    proves(tmp_path, [rule], apart(0.02, 0.05), [(30, rule, None)])


def test_a_relative_margin_follows_what_the_rival_has_on_the_same_rows(tmp_path: Path) -> None:
    """10% of 0.5 are 0.05."""
    made = watching(quality={"metric": "recall", "versus": "naive", "margin": "10%"}, segments=[])
    rule = one(rules(tmp_path, made), "ModelQualityLow")
    own = {"metric": "recall", "versus": "naive"}
    both = {
        **steady("mlspec_quality_samples", 300, metric="recall", role="live"),
        **steady("mlspec_quality", 0.5, metric="recall", role="naive"),
        **steady("mlspec_quality_difference", 0.03, **own),
    }
    said = "fraud: the difference of recall from naive is 0.03, and its 95% interval is below 10%"
    for high, told in ((0.049, said), (0.051, None)):
        series = {**both, **steady("mlspec_quality_difference_high", high, **own)}
        proves(tmp_path, [rule], series, [(30, rule, told)])


def test_an_estimate_raises_an_alert_and_never_clears_one(tmp_path: Path) -> None:
    found = rules(tmp_path, watching(segments=[]))
    early, low = one(found, "ModelQualityEstimateLow"), one(found, "ModelQualityLow")

    def estimated(value: float, high: float) -> dict[str, str]:
        return {
            **steady("mlspec_quality_estimate", value, metric="recall"),
            **steady("mlspec_quality_estimate_high", high, metric="recall"),
        }

    said = "fraud: recall is estimated at 0.5 before its labels arrive, and the interval of the estimate is below 0.6"
    good, bad = measured(0.7, 0.65, 0.75, 300), measured(0.52, 0.46, 0.58, 300)
    proves(tmp_path, [early], {**estimated(0.5, 0.55), **good}, [(30, early, said)])
    proves(tmp_path, [early], {**estimated(0.5, 0.61), **good}, [(30, early, None)])
    told = "fraud: recall is 0.52, and its 95% interval is below 0.6"
    proves(tmp_path, [early, low], {**estimated(0.9, 0.95), **bad}, [(30, early, None), (30, low, told)])


# Drift


def drifted(
    value: float | str, samples: float, subject: str = "feature", method: str = "psi", **labels: str
) -> dict[str, str]:
    own = {"subject": subject, "method": method, **labels}
    return {**steady("mlspec_drift_distance", value, **own), **steady("mlspec_drift_samples", samples, **own)}


def far(what: str, value: float, method: str, limit: float) -> str:
    """The summary of drift."""
    return (
        f"fraud: {what} is at least {value:g} away from the reference for two windows of 1h, by {method}; the limit is "
        f"{limit:g}"
    )


@pytest.mark.slow
def test_drift_in_two_windows_in_a_row_is_a_ticket(tmp_path: Path) -> None:
    rule = one(rules(tmp_path, watching()), "ModelFeatureDrift", column=None, segment=None)
    age = of(rule, column="age")
    said = far("the feature age", 0.25, "psi", 0.2)
    cases = (
        (drifted("0.1x59 0.25x300", 5000, column="age"), 145, said),  # an hour and a quarter after it began
        (drifted("0.1x59 0.25x300", 5000, column="age"), 125, None),
        (drifted("0.1x59 0.3x59 0.1x300", 5000, column="age"), 145, None),  # one window
        (drifted("0.1x59 0.3x70 0.1x300", 5000, column="age"), 132, None),  # one window, and the next job is late
        (drifted(0.25, 5000, column="age"), 65, None),  # the series is new
        (drifted(0.2, 5000, column="age"), 200, None),  # at the limit
        (drifted(0.25, 1999, column="age"), 200, None),
        (drifted(0.25, 5000, "prediction", column="age"), 200, None),
        (drifted(0.25, 5000, method="ks", column="age"), 200, None),
        (drifted(0.25, 5000, column="amount"), 200, None),  # it has a measure of its own
    )
    proves_each(tmp_path, [rule], [(series, [(minute, age, told)]) for series, minute, told in cases])


def test_drift_up_to_the_noise_of_the_window_is_silent(tmp_path: Path) -> None:
    rule = one(rules(tmp_path, watching()), "ModelFeatureDrift", column=None, segment=None)
    own = {"subject": "feature", "method": "psi", "column": "age"}
    said = far("the feature age", 0.25, "psi", 0.2)
    for noise, told in ((0.24, said), (0.25, None)):
        series = {**drifted(0.25, 5000, column="age"), **steady("mlspec_drift_noise_distance", noise, **own)}
        proves(tmp_path, [rule], series, [(200, of(rule, column="age"), told)])


def test_a_threshold_within_the_noise_is_raised_to_the_floor(tmp_path: Path) -> None:
    """(1/200 + 1/200) x 21.67 = 0.2167 (tests/test_plan_drift.py)."""
    drift = {**MONITORING["drift"], "minSamples": 200, "prediction": {"method": "psi", "threshold": 0.1}}
    assert "> 0.2167\n" in one(rules(tmp_path, watching(drift=drift)), "ModelPredictionDrift", segment=None)["expr"]


@pytest.mark.parametrize(
    ("name", "labels", "subject", "method", "limit"),
    [
        ("ModelPredictionDrift", {"column": "score"}, "prediction", "jensen-shannon", 0.1),
        ("ModelFeatureDrift", {"column": "amount"}, "feature", "ks", 0.15),
    ],
)
def test_predictions_and_single_columns_have_their_own_measure(
    name: str, labels: dict[str, str], subject: str, method: str, limit: float, tmp_path: Path
) -> None:
    own = {"column": "amount"} if subject == "feature" else {}
    rule = one(rules(tmp_path, watching()), name, segment=None, **own)
    whom = "the feature amount" if subject == "feature" else "the distribution of predictions"
    said = far(whom, 0.2, method, limit)
    proves(tmp_path, [rule], drifted(0.2, 5000, subject, method, **labels), [(200, of(rule, **labels), said)])
    proves(tmp_path, [rule], drifted(0.05, 5000, subject, method, **labels), [(200, rule, None)])


@pytest.mark.slow
def test_windows_with_too_few_rows_are_not_silent(tmp_path: Path) -> None:
    rule = one(rules(tmp_path, watching()), "ModelDriftSamplesFew", subject="feature", column=None)
    said = "fraud: columns with too few rows for a verdict on feature drift: 2; a window of 1h needs 2000 rows"
    few = {**drifted(0, 1999, column="age"), **drifted(0, 5000, column="city"), **drifted(0, 10, column="job")}
    proves(tmp_path, [rule], few, [(115, rule, None), (125, rule, said)])
    proves(tmp_path, [rule], drifted(0, 2000, column="age"), [(125, rule, None)])
    own = {"subject": "feature", "method": "psi", "column": "age"}
    gone = steady("mlspec_drift_samples", "5000x60 stale", **own)
    proves(tmp_path, [rule], gone, [(190, rule, said.replace(": 2;", ": 1;"))])


DE = {"segment": "country", "segment_value": "DE"}


@pytest.mark.slow
def test_drift_within_one_country_is_a_ticket_of_its_own(tmp_path: Path) -> None:
    """A verdict needs 360 rows of a country: 2 x 35.978 / 0.2 (tests/test_plan_drift.py)."""
    rule = one(rules(tmp_path, watching()), "ModelFeatureDrift", column=None, segment="country")
    age = of(rule, column="age", segment_value="DE")
    said = far("the feature age within country DE", 0.25, "psi", 0.2)
    here = drifted(0.25, 360, column="age", **DE)
    cases: tuple[tuple[dict[str, str], int, str | None], ...] = (
        (here, 200, said),
        (drifted("0.1x59 0.25x300", 360, column="age", **DE), 145, said),
        (drifted("0.1x59 0.25x300", 360, column="age", **DE), 125, None),
        (drifted("0.1x59 0.3x59 0.1x300", 360, column="age", **DE), 145, None),  # one window
        (drifted(0.25, 359, column="age", **DE), 200, None),
        (drifted(0.2, 360, column="age", **DE), 200, None),  # at the limit
        (drifted(0.25, 360, column="age", segment="channel", segment_value="app"), 200, None),
        ({**here, **drifted(0.25, 90000, column="age")}, 200, None),  # it is the same on all rows
        ({**here, **drifted(0.2, 90000, column="age")}, 200, said),
        ({**here, **drifted(0.25, 90000, column="city")}, 200, said),
        ({**here, **drifted("0.25x100 0.1x300", 90000, column="age")}, 200, said),  # no longer
        ({**here, **drifted(0.1, 360, column="age", segment="country", segment_value="FR")}, 200, said),
        ({}, 200, None),
    )
    proves_each(tmp_path, [rule], [(series, [(minute, age, told)]) for series, minute, told in cases])


def test_what_chance_explains_within_a_country_is_silent_there_only(tmp_path: Path) -> None:
    rule = one(rules(tmp_path, watching()), "ModelFeatureDrift", column=None, segment="country")
    own = {"subject": "feature", "method": "psi", "column": "age"}
    said = far("the feature age within country FR", 0.25, "psi", 0.2)
    series = {
        **drifted(0.25, 360, column="age", **DE),
        **drifted(0.25, 360, column="age", segment="country", segment_value="FR"),
        **steady("mlspec_drift_noise_distance", 0.25, **own, **DE),
        **steady("mlspec_drift_noise_distance", 0.25, **own),
    }
    proves(tmp_path, [rule], series, [(200, of(rule, column="age", segment_value="FR"), said)])


def test_one_cause_has_one_alert_on_drift(tmp_path: Path) -> None:
    found = rules(tmp_path, watching())
    all_ = one(found, "ModelFeatureDrift", column=None, segment=None)
    within = one(found, "ModelFeatureDrift", column=None, segment="country")
    here, everywhere = drifted(0.25, 5000, column="age", **DE), drifted(0.25, 5000, column="age")
    one_, other = of(all_, column="age"), of(within, column="age", segment_value="DE")
    said = far("the feature age", 0.25, "psi", 0.2)
    proves(tmp_path, [all_, within], {**here, **everywhere}, [(200, one_, said)])
    told = far("the feature age within country DE", 0.25, "psi", 0.2)
    proves(tmp_path, [all_, within], here, [(200, other, told)])


@pytest.mark.parametrize(
    ("name", "column", "subject", "method", "least", "limit"),
    [
        ("ModelPredictionDrift", None, "prediction", "jensen-shannon", 900, 0.1),
        ("ModelFeatureDrift", "amount", "feature", "ks", 481, 0.15),
    ],
)
def test_each_measure_is_watched_within_a_country(
    name: str, column: str | None, subject: str, method: str, least: int, limit: float, tmp_path: Path
) -> None:
    """2 x 35.978 / 8 / 0.01 = 899.5 rows, and 2 x -ln(0.00002) / 2 / 0.0225 = 480.9."""
    rule = one(rules(tmp_path, watching()), name, column=column, segment="country")
    labels = {"column": column or "score", **DE}
    what = "the feature amount" if column is not None else "the distribution of predictions"
    said = far(f"{what} within country DE", 0.2, method, limit)
    told = of(rule, column=labels["column"], segment_value="DE")
    for rows, expected in ((least, said), (least - 1, None)):
        proves(tmp_path, [rule], drifted(0.2, rows, subject, method, **labels), [(200, told, expected)])


def test_countries_with_few_rows_are_no_ticket(tmp_path: Path) -> None:
    """Some always have few."""
    found = rules(tmp_path, watching())
    assert [rule["labels"].get("segment") for rule in found if rule["alert"] == "ModelDriftSamplesFew"] == [None] * 3


def test_a_job_that_exports_no_drift_by_country_is_a_ticket(tmp_path: Path) -> None:
    rule = one(rules(tmp_path, watching()), "ModelMonitorAbsent", monitor="drift")
    whole = {**drifted(0, 5000, column="age"), **drifted(0, 5000, column="amount", method="ks")}
    whole |= drifted(0, 5000, "prediction", "jensen-shannon", column="score")
    whole |= steady("mlspec_monitor_last_success_timestamp_seconds", 0, monitor="drift")
    names = ("mlspec_drift_distance", "mlspec_drift_samples")
    told = [(of(rule, series=name, segment="country"), _missing(name)) for name in names]
    told += [(of(rule, series=name, segment="country", column="amount"), _missing(name)) for name in names]
    proves(tmp_path, [rule], whole, [(125, alert, said) for alert, said in told])


# Jobs that are silent


def test_a_job_that_stopped_is_not_silent(tmp_path: Path) -> None:
    """Two intervals and a quarter are 2 h 15 min. The clock of a test starts at zero."""
    found = rules(tmp_path, watching())
    ran = steady("mlspec_monitor_last_success_timestamp_seconds", "0x30 1800x500", monitor="quality")
    rule = one(found, "ModelMonitorStale", monitor="quality")
    said = "fraud: the job that measures the quality has not succeeded for 2h 16m 0s, and is due every 1h"
    proves(tmp_path, [rule], ran, [(165, rule, None), (166, rule, said)])
    drift = one(found, "ModelMonitorStale", monitor="drift")
    proves(tmp_path, [drift], ran, [(400, drift, None)])


@pytest.mark.slow
def test_each_series_that_an_alert_reads_is_missed(tmp_path: Path) -> None:
    found = rules(tmp_path, watching(segments=[], drift=None))
    rule = one(found, "ModelMonitorAbsent", monitor="quality")
    every = ["mlspec_quality", "mlspec_quality_low", "mlspec_quality_high", "mlspec_quality_samples"]
    ran = "mlspec_monitor_last_success_timestamp_seconds"
    absent = [
        (of(rule, series=name, **({"metric": "recall"} if name != ran else {})), _missing(name))
        for name in (*every, ran)
    ]
    proves(tmp_path, [rule], {}, [(125, told, said) for told, said in absent])
    proves(tmp_path, [rule], {}, [(115, told, None) for told, _ in absent])
    whole = {**measured(0.7, 0.65, 0.75, 300), **steady(ran, 0, monitor="quality")}
    proves(tmp_path, [rule], whole, [(125, rule, None)])


def _missing(name: str) -> str:
    return f"fraud: no job exports {name} with the labels that the alerts read, so they cannot fire"


@pytest.mark.parametrize("quality", [MONITORING["quality"], {"metric": "recall", "versus": "naive", "margin": "5%"}])
def test_no_alert_reads_a_series_whose_absence_no_alert_sees(quality: dict[str, Any], tmp_path: Path) -> None:
    """What a job may leave out is optional in the contract."""
    optional = {each.name for each in CONTRACT if each.help.startswith("Optional")}
    found = rules(tmp_path, watching(rules=RULES, quality=quality))
    read: set[str] = set()
    missed: set[str] = set()
    for rule in found:
        names = set(re.findall(r"mlspec_\w+\{[^}]*\}", rule["expr"]))
        (missed if rule["alert"] == "ModelMonitorAbsent" else read).update(names)
    assert {each for each in read if each.partition("{")[0] not in optional} == missed


# The author's own bounds


RULES: list[dict[str, Any]] = [
    {"metric": "null-rate", "of": "amount", "max": "5%"},
    {
        "metric": "violation-rate",
        "max": "1%",
        "severity": "page",
        "for": "30m",
        "action": "Call the owner of the source.",
    },
    {"metric": "skew-rate", "max": "0.1%"},
    {"metric": "feature-age", "of": "card_activity", "max": "15m"},
    {"metric": "label-age", "max": "3d"},
    {"metric": "label-coverage", "min": "60%"},
    {"metric": "capture-age", "max": "10m"},
    {"metric": "exploration-rate", "min": "1%"},
    {"metric": "daily-cost", "max": 40},
    {"metric": "daily-tokens", "max": 1000000},
    {"metric": "precision", "min": 0.3, "severity": "page"},
]

BOUNDS: list[tuple[str, dict[str, str], dict[str, str], dict[str, str], str]] = [
    (
        "ModelNullsHigh",
        steady("mlspec_null_ratio", 0.08, column="amount"),
        {**steady("mlspec_null_ratio", 0.05, column="amount"), **steady("mlspec_null_ratio", 0.9, column="country")},
        {},
        "null-rate of amount is 8%; the limit is 5%",
    ),
    (
        "ModelDataViolations",
        steady("mlspec_data_violation_ratio", 0.02, column="amount"),
        steady("mlspec_data_violation_ratio", 0.01, column="amount"),
        {"column": "amount"},
        "violation-rate of amount is 2%; the limit is 1%",
    ),
    (
        "ModelTrainingServingSkew",
        steady("mlspec_skew_ratio", 0.01, column="amount"),
        steady("mlspec_skew_ratio", 0.0005, column="amount"),
        {"column": "amount"},
        "skew-rate of amount is 1%; the limit is 0.1%",
    ),
    (
        "ModelFeaturesStale",
        steady("mlspec_feature_newest_timestamp_seconds", 0, view="card_activity"),
        steady("mlspec_feature_newest_timestamp_seconds", "0+60x500", view="card_activity"),
        {},
        "feature-age of card_activity is 1h 0m 0s; the limit is 15m",
    ),
    (
        "ModelLabelsLate",
        steady("mlspec_label_newest_timestamp_seconds", -270000),
        steady("mlspec_label_newest_timestamp_seconds", -200000),
        {},
        "label-age is 3d 4h 0m 0s; the limit is 3d",
    ),
    (
        "ModelLabelsMissing",
        steady("mlspec_label_coverage_ratio", 0.55),
        steady("mlspec_label_coverage_ratio", 0.6),
        {},
        "label-coverage is 55%; the limit is 60%",
    ),
    (
        "ModelCaptureStopped",
        steady("mlspec_capture_newest_timestamp_seconds", 0),
        steady("mlspec_capture_newest_timestamp_seconds", "0+60x500"),
        {},
        "capture-age is 1h 0m 0s; the limit is 10m",
    ),
    (
        "ModelExplorationLow",
        steady("mlspec_exploration_ratio", 0.005),
        steady("mlspec_exploration_ratio", 0.01),
        {},
        "exploration-rate is 0.5%; the limit is 1%",
    ),
    (
        "ModelCostHigh",
        steady("mlspec_cost_total", "0+1x500", currency="EUR"),
        steady("mlspec_cost_total", "0+0.5x500", currency="EUR"),
        {"currency": "EUR"},
        "daily-cost of EUR is 60; the limit is 40",
    ),
    (
        "ModelTokensHigh",
        steady("mlspec_tokens_total", "0+30000x500", token_type="prompt"),
        steady("mlspec_tokens_total", "0+10000x500", token_type="prompt"),
        {"token_type": "prompt"},
        "daily-tokens of prompt is 1.8e+06; the limit is 1000000",
    ),
]
"""The alert, what violates the bound for an hour, what does not, the labels of the series, and the summary."""


@pytest.mark.parametrize(("name", "bad", "good", "labels", "said"), BOUNDS, ids=[bound[0] for bound in BOUNDS])
def test_a_bound_on_what_a_job_exports(
    name: str, bad: dict[str, str], good: dict[str, str], labels: dict[str, str], said: str, tmp_path: Path
) -> None:
    rule = one(rules(tmp_path, watching(rules=RULES)), name)
    told, silent = [(HOURS, of(rule, **labels), f"fraud: {said}")], [(HOURS, rule, None)]
    proves_each(tmp_path, [rule], [(bad, told), (good, silent), ({}, silent)])


def test_every_metric_that_a_rule_can_name_has_its_cases() -> None:
    assert {bound[0] for bound in BOUNDS} == {each.alert for each in CONTRACT if each.metric}


def test_a_bound_says_how_long_and_how_urgently_and_what_to_do(tmp_path: Path) -> None:
    found = rules(tmp_path, watching(rules=RULES))
    rule = one(found, "ModelDataViolations")
    assert (rule["for"], rule["labels"]["severity"]) == ("30m", "page")
    assert rule["annotations"]["action"] == "Call the owner of the source."
    assert one(found, "ModelNullsHigh")["labels"]["severity"] == "ticket"
    assert one(found, "ModelQualityLow", metric="precision", segment=None)["labels"]["severity"] == "page"


ABSTAINED = "sum(rate(abstained_total[5m])) / sum(rate(answered_total[5m]))"


@pytest.mark.slow
def test_a_query_of_the_author(tmp_path: Path) -> None:
    made = watching(rules=[{"metric": "abstained", "max": "20%", "for": "10m"}])
    made["metrics"] = {"abstained": {"direction": "minimize", "unit": "ratio", "query": ABSTAINED}}
    found = rules(tmp_path, made)
    rule, blind = one(found, "ModelConditionViolated"), one(found, "ModelConditionBlind")

    def counted(share: float) -> dict[str, str]:
        return {"abstained_total": f"0+{100 * share:g}x500", "answered_total": "0+100x500"}

    said = "fraud: abstained is 30%; the limit is 20%"
    proves(tmp_path, [rule, blind], counted(0.3), [(10, rule, None), (20, rule, said), (200, blind, None)])
    proves(tmp_path, [rule], counted(0.2), [(60, rule, None)])
    told = "fraud: the query of abstained has had no result for 2h, so its alert cannot fire"
    proves(tmp_path, [rule, blind], {}, [(115, blind, None), (125, blind, told), (125, rule, None)])


def test_a_query_that_compares_or_joins_keeps_its_meaning(tmp_path: Path) -> None:
    made = watching(rules=[{"metric": "errors", "min": 5}])
    made["metrics"] = {"errors": {"direction": "maximize", "query": "sum(a_total) or vector(0)"}}
    rule = one(rules(tmp_path, made), "ModelConditionViolated")
    proves(tmp_path, [rule], {}, [(30, rule, "fraud: errors is 0; the limit is 5")])


def test_a_query_belongs_to_one_service(tmp_path: Path) -> None:
    """Its result is the same for all of them, so several would alert on the same thing."""
    made = two_services()
    made["metrics"] = {"abstained": {"direction": "minimize", "query": ABSTAINED}}
    for of_, service in (({}, "a"), ({"of": "b"}, "b")):
        made["monitoring"] = {"rules": [{"metric": "abstained", "max": 0.2, **of_}]}
        result = compile_text(tmp_path, dumped(made), today="2026-11-23")
        names = [name for name in files(result) if "/monitoring/rules-" in name and name.endswith("-model.yaml")]
        assert [name.rpartition("/")[2] for name in names] == [f"rules-{service}-model.yaml"], result.diagnostics


def test_features_and_labels_have_the_limits_of_their_own_sections(tmp_path: Path) -> None:
    """Labels arrive after two days, and the job that joins them runs hourly: 2 d + 2 h = 180,000 s."""
    made = watching()
    made["features"] = {
        "entities": [{"name": "card", "key": "country"}],
        "views": [{"name": "activity", "entity": "card", "source": "payments", "maxAge": "15m", "features": []}],
    }
    made["data"] = {**DATA, "sources": [{"name": "payments", "ingestion": "streaming"}]}
    found = rules(tmp_path, made)
    stale, late = one(found, "ModelFeaturesStale"), one(found, "ModelLabelsLate")
    fresh, old = "0+60x500", "0x500"
    name = "mlspec_feature_newest_timestamp_seconds"
    said = "fraud: the newest record of activity is 31m 0s old; the limit is 15m"
    cases: list[tuple[dict[str, str], int, str | None]] = [
        (steady(name, old, view="activity"), 31, said),
        (steady(name, old, view="activity"), 29, None),
        (steady(name, fresh, view="activity"), 60, None),
        (steady(name, old, view="another"), 60, None),
    ]
    proves_each(tmp_path, [stale], [(series, [(minute, stale, told)]) for series, minute, told in cases])
    name = "mlspec_label_newest_timestamp_seconds"
    said = "fraud: the newest prediction with a label is 2d 2h 30m 0s old; the limit is 2d 2h"
    cases = [(steady(name, -176400), 60, None), (steady(name, -179100), 45, said), (steady(name, -179100), 30, None)]
    proves_each(tmp_path, [late], [(series, [(minute, late, told)]) for series, minute, told in cases])


def test_a_bound_of_the_author_replaces_that_of_a_section(tmp_path: Path) -> None:
    made = watching(rules=[{"metric": "label-age", "max": "9d"}])
    assert one(rules(tmp_path, made), "ModelLabelsLate")["expr"].endswith("> 777600")


# Diagnosis


def test_only_what_training_can_cure_may_start_a_training_run(tmp_path: Path) -> None:
    """From the table of causes: shifts of the outcome, of the population, and of the concept justify a run."""
    found = rules(tmp_path, watching(rules=RULES))
    may = {rule["labels"]["signal"] for rule in found if rule["labels"].get("retrain") == "after-diagnosis"}
    assert may == {"quality-drop", "estimate-drop", "feature-drift", "prediction-drift"}
    never = {rule["labels"]["signal"] for rule in found if rule["labels"].get("retrain") == "never"}
    assert never == {"data-violation", "skew", "labels-late", "features-stale", "loop-broken", "monitor-silent"}


def test_an_alert_lists_its_causes_in_the_order_to_rule_them_out(tmp_path: Path) -> None:
    rule = one(rules(tmp_path, watching()), "ModelFeatureDrift", column=None, segment=None)
    assert rule["labels"]["causes"] == "upstream-change,seasonality,traffic-mix,population-shift"
    steps = rule["annotations"]["action"]
    assert steps.startswith(
        "1. A producer of the data changed a schema, a unit, or a feature? Signs: one or a few columns"
    )
    assert " Check drift by source, the expectations of the columns, and " in steps
    assert " If so, fix the data, backfill it, and " in steps
    assert steps.endswith("Training may help. The reference is s3://models/fraud/profile.json.")
    assert steps.count("Training may help.") == 1


def test_a_platform_can_change_a_cause(tmp_path: Path) -> None:
    platform = """
    apiVersion: mlspec/v1
    kind: Platform
    metadata: {name: acme}
    platform:
      diagnoses:
        upstream-change: {action: "call {{ the data team"}
        seasonality: {signals: []}
    """
    result = compile_text(tmp_path, dumped(watching()), platform=platform, today="2026-11-23")
    (text,) = (text for name, text in files(result).items() if name.endswith("monitoring/rules-model.yaml"))
    rule = one(
        [rule for group in load(text)["groups"] for rule in group["rules"]],
        "ModelFeatureDrift",
        column=None,
        segment=None,
    )
    assert rule["labels"]["causes"] == "upstream-change,traffic-mix,population-shift"
    assert 'If so, call {{ "{{" }} the data team.' in rule["annotations"]["action"]


def alerting(name: str, signal: str, state: str = "firing", **labels: str) -> dict[str, str]:
    """Another alert, as Prometheus exports it."""
    return {labeled("ALERTS", alertname=name, alertstate=state, signal=signal, **{**OWN, **labels}): "1x500"}


@pytest.mark.slow
def test_training_is_due_only_if_nothing_else_explains_the_drop(tmp_path: Path) -> None:
    made = watching()
    made["retraining"] = {"triggers": ["quality-drop", "data-drift"]}
    rule = one(rules(tmp_path, made), "ModelRetrainingDue")
    assert rule["labels"]["retrain"] == "due"
    said = (
        "fraud: the model got worse, and neither the data, nor features, nor labels, nor a silent monitor explains it"
    )
    low = alerting("ModelQualityLow", "quality-drop")
    drift = alerting("ModelFeatureDrift", "feature-drift", column="age")
    estimate = alerting("ModelQualityEstimateLow", "estimate-drop")
    broken = alerting("ModelDataViolations", "data-violation")
    cases: tuple[tuple[dict[str, str], int, str | None], ...] = (
        (low, 65, said),
        (low, 55, None),  # a fault may be seen later than its effect
        ({**drift, **estimate}, 65, said),
        (drift, 65, None),  # drift alone is no damage
        (estimate, 65, None),  # a wrong estimate neither
        ({**low, **broken}, 65, None),
        ({**drift, **estimate, **broken}, 65, None),
        ({**low, **alerting("ModelTrainingServingSkew", "skew", "pending")}, 65, None),
        ({**low, **alerting("ModelMonitorStale", "monitor-silent", monitor="data")}, 65, None),
        ({**low, **alerting("ModelQualitySamplesFew", "labels-late")}, 65, None),
        ({**low, **alerting("ModelQualitySamplesFew", "labels-late", segment="country")}, 65, said),
        ({**low, **alerting("ModelDataViolations", "data-violation", service="another")}, 65, said),
        (alerting("ModelQualityUncertain", "quality-drop"), 65, None),
        (alerting("ModelQualityLow", "quality-drop", "pending"), 65, None),
        ({}, 65, None),
    )
    proves_each(tmp_path, [rule], [(series, [(minute, rule, told)]) for series, minute, told in cases])


def test_without_its_trigger_nothing_asks_for_training(tmp_path: Path) -> None:
    made = watching()
    made["retraining"] = {"diagnosis": {"minNewLabels": 20_000}}
    assert "ModelRetrainingDue" not in {rule["alert"] for rule in rules(tmp_path, made)}


def on_new_labels(**monitoring: object) -> dict[str, Any]:
    made = watching(**monitoring)
    made["retraining"] = {"triggers": ["new-labels"], "diagnosis": {"minNewLabels": "20k"}}
    return made


@pytest.mark.slow
def test_training_is_due_once_enough_labels_are_new(tmp_path: Path) -> None:
    rule = one(rules(tmp_path, on_new_labels()), "ModelRetrainingDue")
    assert rule["labels"]["trigger"] == "new-labels"
    enough = steady("mlspec_label_new_rows", 20_000)
    said = "fraud: 20000 labels are new since the live version was trained"
    cases: tuple[tuple[dict[str, str], int, str | None], ...] = (
        (enough, 65, said),
        (enough, 55, None),  # a fault may be seen later than its effect
        (steady("mlspec_label_new_rows", 19_999), 65, None),
        ({**enough, **alerting("ModelDataViolations", "data-violation", "pending")}, 65, None),
        ({**enough, **alerting("ModelLabelsLate", "labels-late")}, 65, None),
        ({**enough, **alerting("ModelFeatureDrift", "feature-drift", column="age")}, 65, said),
        ({}, 65, None),
    )
    proves_each(tmp_path, [rule], [(series, [(minute, rule, told)]) for series, minute, told in cases])


def test_new_labels_need_no_bar_for_the_quality(tmp_path: Path) -> None:
    found = rules(tmp_path, on_new_labels(quality=None, drift=None))
    assert one(found, "ModelRetrainingDue")["labels"]["trigger"] == "new-labels"
    missing = one(found, "ModelMonitorAbsent", monitor="labels")
    assert "mlspec_label_new_rows" in missing["expr"]


# All of them


@pytest.mark.slow
def test_every_alert_has_a_kind_and_a_test(tmp_path: Path) -> None:
    found = {rule["alert"] for rule in rules(tmp_path, watching(rules=RULES))}
    text = Path(__file__).read_text()
    for name in found:
        assert f'"{name}"' in text, name
    for example in EXAMPLES:
        for content in of_model(files(mlspec.compile(example / "mlspec.yaml"))).values():
            named_ = {rule["alert"] for group in load(content)["groups"] for rule in group["rules"]}
            assert named_ <= {*found, "ModelConditionViolated", "ModelConditionBlind", "ModelRetrainingDue"}


def test_a_batch_service_is_watched_the_same_way(tmp_path: Path) -> None:
    place = tmp_path / "demand-forecast"
    shutil.copytree(ROOT / "examples" / "demand-forecast", place)
    shutil.copy(ROOT / "examples" / "mlspec.platform.yaml", tmp_path)
    (tmp_path / ".git").mkdir()
    spec_ = place / "mlspec.yaml"
    spec_.write_text(spec_.read_text().replace("monitoring:\n", "monitoring:\n  quality: {metric: wape, max: 0.3}\n"))
    result = mlspec.compile(spec_, today="2026-11-23")
    texts = [text for name, text in files(result).items() if name.endswith("production/monitoring/rules-model.yaml")]
    assert len(texts) == 1, result.diagnostics
    low = one([rule for group in load(texts[0])["groups"] for rule in group["rules"]], "ModelQualityLow")
    assert low["labels"]["service"] == "demand-forecast"
    assert "> 0.3" in low["expr"]


def test_each_service_is_watched_alone_unless_a_bound_names_one(tmp_path: Path) -> None:
    for of_, services in (({}, ["a", "b"]), ({"of": "b"}, ["b"])):
        made = two_services()
        made["monitoring"] = {"measured": "elsewhere", "quality": {"metric": "recall", "min": 0.6, **of_}}
        result = compile_text(tmp_path, dumped(made), today="2026-11-23")
        texts = [text for name, text in files(result).items() if "/rules-" in name and name.endswith("-model.yaml")]
        found = [rule for text in texts for group in load(text)["groups"] for rule in group["rules"]]
        named_ = [rule["labels"]["service"] for rule in found if rule["alert"] == "ModelQualityLow"]
        assert named_ == [f"fraud-{service}" for service in services], result.diagnostics


def test_without_a_section_nothing_is_compiled(tmp_path: Path) -> None:
    result = compile_text(tmp_path, dumped(spec(data=DATA)), today="2026-11-23")
    assert not of_model(files(result))


def test_a_key_that_a_bound_does_not_use_is_an_error(tmp_path: Path) -> None:
    made = watching(rules=[{"metric": "null-rate", "max": "5%", "minSamples": 100}])
    assert [text[:6] for text in errors(tmp_path, made)] == ["MLS012"]


@pytest.mark.parametrize(
    "bounds",
    [
        {"quality": {"metric": "recall", "min": 95}},
        {"rules": [{"metric": "null-rate", "max": 5}]},
        {"rules": [{"metric": "null-rate", "max": "5ms"}]},
        {"rules": [{"metric": "null-rate", "max": "100%"}]},
        {"quality": {"metric": "recall", "min": 0}},
    ],
)
def test_a_bound_that_the_metric_never_reaches_is_an_error(bounds: dict[str, Any], tmp_path: Path) -> None:
    assert [text[:6] for text in errors(tmp_path, watching(**bounds))] == ["MLS211"]

"""The traps of analyses: Argo's verdict on each result, the and the results of the queries."""

from __future__ import annotations

import math
import re
from itertools import product
from pathlib import Path

import pytest

from .analyses import NEW, OLD, TRAFFIC, enough, every, guards, limit, metrics, query, ratios, served, steps, windows
from .canaries import judged_steps
from .online import RUNTIMES, emitted, refused
from .scenes import limits, minutes, outcome, reads, verdict

EACH = pytest.mark.parametrize("runtime", RUNTIMES)
NAN, INF = math.nan, math.inf
NONE: list[float] = []


# Conditions


@EACH
def test_the_conditions_hold_without_data_and_otherwise_pass_or_fail(runtime: str, tmp_path: Path) -> None:
    for metric in ratios(emitted(tmp_path, runtime)):
        most = limit(metric)
        assert verdict(metric, NONE) == "Inconclusive", "an empty result cannot be indexed"
        assert verdict(metric, [NAN]) == "Inconclusive"
        assert verdict(metric, [INF]) == "Failed"
        assert verdict(metric, [0.0]) == "Successful"
        assert verdict(metric, [most - 1e-9]) == "Successful"
        assert verdict(metric, [most]) == "Successful"
        assert verdict(metric, [most + 1e-9]) == "Failed"
        assert verdict(metric, [1.0]) == "Failed"


@EACH
def test_functions_that_misread_prometheus_are_not_used(runtime: str, tmp_path: Path) -> None:
    """`default(result, 0)` never helps, as an empty result is not nil; `isNaN(result)` of a vector is a type error."""
    for metric in every(emitted(tmp_path, runtime)):
        for kind in ("successCondition", "failureCondition"):
            assert "default(" not in metric[kind]
            assert "isNaN(result)" not in metric[kind]
            assert metric[kind].startswith("len(result) > 0 && ")


# Runs


@EACH
def test_limits_that_are_not_below_the_count_can_never_fail(runtime: str, tmp_path: Path) -> None:
    for metric in ratios(emitted(tmp_path, runtime)):
        own = limits(metric)
        assert own["failureLimit"] < metric["count"]
        assert own["inconclusiveLimit"] < metric["count"]
        assert own["failureLimit"] + own["inconclusiveLimit"] < metric["count"], "otherwise no window has to be good"


GOOD, BAD = [0.0], [1.0]


@pytest.mark.parametrize(
    ("results", "ends"),
    [
        ([GOOD, GOOD, GOOD, GOOD], "Successful"),
        ([GOOD, BAD, GOOD, GOOD], "Successful"),
        ([BAD, BAD], "Failed"),
        ([BAD, GOOD, GOOD, BAD], "Failed"),
        ([NONE, NONE, BAD, BAD], "Failed"),
        ([NONE, NONE, NONE], "Inconclusive"),
        ([BAD, NONE, NONE, NONE], "Inconclusive"),
        ([NONE, NONE, BAD, GOOD], "Successful"),
        ([GOOD, GOOD, GOOD], "Running"),
    ],
)
def test_the_outcome_of_a_run(results: list[list[float]], ends: str, tmp_path: Path) -> None:
    """Four windows: one may fail, and two may be inconclusive."""
    for name in steps(of := emitted(tmp_path)):
        assert outcome(metrics(of, name)["availability"], results) == ends


@pytest.mark.parametrize("failed", [0, 1, 2])
def test_argo_would_pass_a_run_without_a_good_window(failed: int, tmp_path: Path) -> None:
    """Of 3^n possible runs, none passes without a good window, and a run of bad windows always fails."""
    planning = {"failedWindows": failed, "stepWindows": 2 * failed + 2}
    metric = metrics(emitted(tmp_path, platform__planning=planning), "step-1")["availability"]
    assert metric["count"] == 2 * failed + 2
    for results in product((GOOD, BAD, NONE), repeat=metric["count"]):
        assert outcome(metric, list(results)) != "Successful" or GOOD in results
        assert GOOD in results or NONE in results or outcome(metric, list(results)) == "Failed"


@EACH
def test_five_failed_queries_would_end_a_rollout_while_prometheus_restarts(runtime: str, tmp_path: Path) -> None:
    """An error is retried after ten seconds, whatever the interval: 30 take five minutes. No result may be an error."""
    for metric in every(emitted(tmp_path, runtime)):
        assert limits(metric)["consecutiveErrorLimit"] * 10 == 5 * 60
        assert all(verdict(metric, answer) != "Error" for answer in (NONE, [NAN], [0.0], [1.0], [INF]))


@EACH
def test_a_first_measurement_at_once_would_judge_the_step_before(runtime: str, tmp_path: Path) -> None:
    of = emitted(tmp_path, runtime, serving__load="200s")
    for metric in ratios(of):
        assert metric["initialDelay"] == metric["interval"], "the model is loaded before the step begins"
    for metric in guards(of):
        assert all(minutes(metric["initialDelay"]) >= minutes(each) for each in windows(metric))


@EACH
def test_a_dry_run_by_an_unanchored_pattern_would_switch_metrics_off(runtime: str, tmp_path: Path) -> None:
    for template in emitted(tmp_path, runtime).all("AnalysisTemplate"):
        assert set(template["spec"]) == {"args", "metrics"}


# Queries


@EACH
def test_a_query_without_the_hash_mixes_the_versions(runtime: str, tmp_path: Path) -> None:
    for metric in every(emitted(tmp_path, runtime)):
        selectors = re.findall(r"\{((?:[^{}\"]|\"[^\"]*\")*)\}", query(metric))
        assert selectors
        for selector in selectors:
            new, others = (f'rollouts_pod_template_hash{how}"{{{{args.canary-hash}}}}"' for how in ("=", "!="))
            assert (new in selector) != (others in selector)
            if others in selector:
                assert 'rollouts_pod_template_hash!=""' in selector, "a series without the label is of no version"
            assert 'namespace="default"' in selector
            assert 'job="default/fraud"' in selector, "the shadow's pods have another job"


@EACH
def test_the_window_of_a_rate_is_the_interval_and_four_scrapes(runtime: str, tmp_path: Path) -> None:
    of = emitted(tmp_path, runtime, monitoring={"scrapeInterval": "45s"})
    for metric in ratios(of):
        assert windows(metric) == {metric["interval"]}
        assert minutes(metric["interval"]) >= 3
    for metric in guards(of):
        assert minutes(metric["initialDelay"]) >= 3


@pytest.mark.parametrize(
    ("series", "value"),
    [
        ({}, None),
        (served(NEW, 0, 0), None),  # 0 / 0 would be NaN
        (served(NEW, 1000, None), 0.0),  # no failure yet, and no series of failures
        (served(NEW, 1000, 0), 0.0),
        (served(NEW, 750, 250), 0.25),
        (served(NEW, 0, 1000), 1.0),
        ({**served(NEW, 1000, 0), **served(OLD, 0, 1000)}, 0.0),  # failures of the stable version do not count
        (served(OLD, 1000, 1000), None),
        (served(NEW, 2, 1), None),  # one failure in three does not mean a third of all users
    ],
)
def test_the_result_of_the_ratio(series: dict[str, str], value: float | None, tmp_path: Path) -> None:
    metric = metrics(emitted(tmp_path), "step-1")["availability"]
    reads(tmp_path, f"({query(metric).replace('{{args.canary-hash}}', NEW)})", series, 20, value)


@pytest.mark.parametrize("traffic", TRAFFIC)
def test_one_failure_alone_never_fails_a_window(traffic: dict[str, str] | None, tmp_path: Path) -> None:
    of = emitted(tmp_path, constraints__throughput=traffic)
    for name in steps(of):
        found = metrics(of, name)
        for slo in ("availability", "latency-p99"):
            assert 1 / enough(found[slo]) <= limit(found[slo]), (name, slo)


# What judges a rollout


@pytest.mark.parametrize("runtime", [name for name in RUNTIMES if name != "kserve-huggingface"])  # counts no errors
def test_a_rollback_limit_is_the_analysis_limit(runtime: str, tmp_path: Path) -> None:
    of = emitted(tmp_path, runtime, rollout__rollbackWhen=[{"metric": "error-rate", "max": "2.5%"}])
    assert {limit(metrics(of, name)["availability"]) for name in steps(of)} == {0.025}


def test_a_rollback_limit_applies_without_an_availability_objective_too(tmp_path: Path) -> None:
    of = emitted(
        tmp_path, constraints__availability=None, rollout__rollbackWhen=[{"metric": "error-rate", "max": "2%"}]
    )
    assert {limit(metrics(of, name)["error-rate"]) for name in steps(of)} == {0.02}
    groups = of.one("PrometheusRule")["spec"]["groups"]
    assert not any("error-rate" in group["name"] for group in groups), "there is no objective, so no budget burns"


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (
            {"metric": "latency-p99", "max": "80ms"},
            "MLS012: no rollout analysis can evaluate this condition on `latency-p99`",
        ),
        (
            {"metric": "error-rate", "min": "1%"},
            "MLS012: no rollout analysis can evaluate this condition on `error-rate`",
        ),
        ({"metric": "error-rate", "max": "0%"}, "MLS008: 0% is not a valid limit for a share of requests"),
        ({"metric": "error-rate", "max": "100%"}, "MLS008: 100% is not a valid limit for a share of requests"),
        ({"metric": "error-rate", "max": "50ms"}, "MLS008: 50ms is not a valid limit for a share of requests"),
    ],
)
def test_a_condition_that_no_analysis_can_check_is_refused(
    condition: dict[str, str], said: str, tmp_path: Path
) -> None:
    assert said in refused(tmp_path, "triton", rollout__rollbackWhen=[condition])


@pytest.mark.parametrize("to", ["0.5%", "0.1%", "100%", "150%"])
def test_a_harm_within_the_objective_cannot_be_detected(to: str, tmp_path: Path) -> None:
    stages = [{"canary": {"detect": [{"metric": "error-rate", "to": to}]}}]
    said = refused(tmp_path, "triton", rollout__stages=stages)
    assert f"MLS008: a share of bad requests of {to} is not a regression" in said


def test_a_service_that_never_fails_still_has_a_limit(tmp_path: Path) -> None:
    stages = [{"canary": {"detect": [{"metric": "error-rate", "from": "0%", "to": "1%"}]}}]
    assert limit(metrics(emitted(tmp_path, rollout__stages=stages), "step-1")["availability"]) == 0.005


@pytest.mark.parametrize(
    "traffic",
    [{"mean": "0/s"}, {"mean": "0/s", "peak": "5/s", "trough": "0/s"}, {"mean": "1/d"}, {"mean": "1000000/s"}],
)
@pytest.mark.parametrize("availability", ["99.9999%", "93%", "5%"])
def test_no_traffic_and_very_much_traffic_both_compile(
    traffic: dict[str, str], availability: str, tmp_path: Path
) -> None:
    of = emitted(tmp_path, constraints__throughput=traffic, constraints__availability=availability)
    few = availability == "99.9999%" and traffic["mean"] == "1000000/s"
    assert judged_steps(of.bodies) == (2 if few else 3), "at 5%, a version that fails would spend three months' budget"
    for name in steps(of):
        found = metrics(of, name)
        assert 0 < limit(found["availability"]) < 1
        assert enough(found["availability"]) >= 1

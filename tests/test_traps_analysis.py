"""The traps of analyses: Argo's verdict on each result, the results of the queries, and the odds of the verdicts."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

import mlspec
from mlspec.compiler.check.rules.registry import RULES
from mlspec.compiler.pipeline import compile_system
from mlspec.compiler.plan.rollout.canary import CanaryPlan
from mlspec.compiler.plan.rollout.judgment import Judgment
from mlspec.targets.registry import BACKENDS

from .canaries import GUARDS, judged_steps
from .online import RUNTIMES, Emitted, emitted, refused, spec
from .scenes import counter, labeled, limits, minutes, outcome, reads, verdict

EACH = pytest.mark.parametrize("runtime", RUNTIMES)
NAN, INF = math.nan, math.inf
NO_FAILURES = {"kserve-huggingface"}
"""Runtimes that count no failed requests."""
NONE: list[float] = []


def metrics(of: Emitted, name: str) -> dict[str, dict[str, Any]]:
    listed = of.one("AnalysisTemplate", f"fraud-{name}")["spec"]["metrics"]
    assert len({metric["name"] for metric in listed}) == len(listed), "two metrics with the same name are rejected"
    return {metric["name"]: metric for metric in listed}


def steps(of: Emitted) -> list[str]:
    """The names of the analyses, one for each step."""
    names = [body["metadata"]["name"].removeprefix("fraud-") for body in of.all("AnalysisTemplate")]
    assert names == [f"step-{number}" for number in range(1, len(names) + 1)]
    return names


def every(of: Emitted) -> list[dict[str, Any]]:
    return [metric for name in steps(of) for metric in metrics(of, name).values()]


def ratios(of: Emitted) -> list[dict[str, Any]]:
    """The metrics of objectives."""
    found = [metric for metric in every(of) if metric["name"] not in GUARDS]
    assert found
    return found


def guards(of: Emitted) -> list[dict[str, Any]]:
    return [metric for metric in every(of) if metric["name"] in GUARDS]


def query(metric: dict[str, Any]) -> str:
    asked: str = metric["provider"]["prometheus"]["query"]
    return asked


def limit(metric: dict[str, Any]) -> float:
    """The number in both conditions."""
    (good,) = re.findall(r"result\[0\] <= ([0-9.]+)$", metric["successCondition"])
    (bad,) = re.findall(r"result\[0\] > ([0-9.]+)$", metric["failureCondition"])
    assert good == bad, "a gap would meet neither condition, and an overlap both"
    return float(good)


def enough(metric: dict[str, Any]) -> int:
    """The requests below which a window has no sample."""
    (least,) = re.findall(r"\nand .* >= ([0-9]+)$", query(metric))
    return int(least)


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
def test_a_guard_that_waits_for_enough_requests_comes_too_late(runtime: str, tmp_path: Path) -> None:
    """The guards look every 20 seconds, and the third bad look rolls back, so 40 seconds after the first one."""
    found = guards(emitted(tmp_path, runtime))
    assert {metric["name"] for metric in found} == {*GUARDS} - ({GUARDS[1]} if runtime in NO_FAILURES else set())
    for metric in found:
        assert minutes(metric["interval"]) * 60 * limits(metric)["failureLimit"] == 40
        good, bad = ([1.0], [0.0]) if metric["name"] == "up" else ([0.0], [5.0])
        assert [verdict(metric, result) for result in (good, bad)] == ["Successful", "Failed"]
        assert [verdict(metric, result) for result in (NONE, [NAN])] == ["Inconclusive", "Inconclusive"]
        assert query(metric).endswith("or vector(0)"), "without data it is zero, so it never holds a version"


@pytest.mark.parametrize(("scrape", "looks"), [("15s", 2), ("30s", 2), ("45s", 3), ("1m", 3), ("150s", 8)])
def test_one_failed_scrape_would_roll_back_a_version(scrape: str, looks: int, tmp_path: Path) -> None:
    """Its zero stays until the next scrape, and the guard sees it every 20 seconds: three times in a minute."""
    of = emitted(tmp_path, monitoring={"scrapeInterval": scrape})
    assert {limits(metric)["failureLimit"] for metric in guards(of)} == {looks}
    assert judged_steps(of.bodies) == 3


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


@pytest.mark.parametrize("failed", [0, 1, 2, 3])
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
        assert {metric["initialDelay"]} >= set(re.findall(r"\[(\w+)\]", query(metric)))


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
            assert 'rollouts_pod_template_hash="{{args.canary-hash}}"' in selector
            assert 'namespace="default"' in selector
            assert 'job="default/fraud"' in selector, "the shadow's pods have another job"


@EACH
def test_the_window_of_a_rate_is_the_interval_and_four_scrapes(runtime: str, tmp_path: Path) -> None:
    of = emitted(tmp_path, runtime, monitoring={"scrapeInterval": "45s"})
    for metric in ratios(of):
        assert set(re.findall(r"\[(\w+)\]", query(metric))) == {metric["interval"]}
        assert minutes(metric["interval"]) >= 3
    for metric in guards(of):
        assert minutes(metric["initialDelay"]) >= 3


NEW, OLD = "7f9c", "5d4b"


def served(version: str, good: float, bad: float | None, length: int = 30) -> dict[str, str]:
    """What Triton counts for one version, in requests per minute."""
    own = {"namespace": "default", "job": "default/fraud", "rollouts_pod_template_hash": version, "model": "fraud"}
    made = {labeled("nv_inference_request_success", **own): counter((length, good))}
    if bad is not None:
        made[labeled("nv_inference_request_failure", **own, reason="BACKEND")] = counter((length, bad))
    return made


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


@pytest.mark.parametrize(
    ("bad", "holds"),
    [
        (25.0, True),  # 50 of 100 in two minutes: as many succeed
        (26.0, False),  # 52 of 100
        (50.0, False),
    ],
)
def test_a_version_that_fails_most_requests_would_have_to_wait_for_two_windows(
    bad: float, holds: bool, tmp_path: Path
) -> None:
    metric = metrics(emitted(tmp_path), "step-1")["most-requests-fail"]
    value = 0.0 if holds else 2 * bad
    asked = f"({query(metric).replace('{{args.canary-hash}}', NEW)})"
    reads(tmp_path, asked, served(NEW, 50 - bad, bad), 20, value)
    assert verdict(metric, [value]) == ("Successful" if holds else "Failed")


@pytest.mark.parametrize("series", [{}, served(OLD, 0, 900), served(NEW, 0, 4)], ids=["none", "the old one", "a few"])
def test_no_requests_or_a_few_are_no_catastrophe(series: dict[str, str], tmp_path: Path) -> None:
    """Four per minute are eight in two minutes, below ten."""
    metric = metrics(emitted(tmp_path), "step-1")["most-requests-fail"]
    reads(tmp_path, f"({query(metric).replace('{{args.canary-hash}}', NEW)})", series, 20, 0.0)


def test_a_version_that_may_fail_most_requests_would_be_rolled_back_as_a_catastrophe(tmp_path: Path) -> None:
    condition = {"metric": "error-rate", "max": "60%"}
    of = emitted(tmp_path, constraints__availability=None, rollout__rollbackWhen=[condition])
    assert {metric["name"] for metric in guards(of)} == {"up"}


def alive(version: str, value: str, pod: str = "a") -> dict[str, str]:
    own = {"namespace": "default", "job": "default/fraud", "rollouts_pod_template_hash": version, "pod": pod}
    return {labeled("up", **own): value}


@pytest.mark.parametrize(
    ("series", "value"),
    [
        ({}, 0.0),
        (alive(NEW, "0x30"), 0.0),
        (alive(OLD, "1x30"), 0.0),  # the stable version's pods do not count
        (alive(NEW, "1x30"), 1.0),
        ({**alive(NEW, "0x30"), **alive(NEW, "1x30", "b")}, 1.0),
    ],
)
def test_a_version_without_metrics_would_only_be_held(series: dict[str, str], value: float, tmp_path: Path) -> None:
    metric = metrics(emitted(tmp_path), "step-1")["up"]
    reads(tmp_path, f"({query(metric).replace('{{args.canary-hash}}', NEW)})", series, 20, value)
    assert verdict(metric, [value]) == ("Successful" if value else "Failed")


TRAFFIC = [
    {"mean": "20/s", "peak": "60/s"},
    {"mean": "20/s", "peak": "60/s", "trough": "0.5/s"},
    {"mean": "1/s", "peak": "2/s"},
    {"mean": "900/s", "peak": "2000/s"},
    None,
]


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


@pytest.mark.parametrize("to", ["0.5%", "0.1%"])
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
    assert judged_steps(of.bodies) == 3
    for name in steps(of):
        found = metrics(of, name)
        assert 0 < limit(found["availability"]) < 1
        assert enough(found["availability"]) >= 1


# Odds


def canary(tmp_path: Path, **changes: object) -> CanaryPlan:
    (tmp_path / ".git").mkdir(exist_ok=True)
    (tmp_path / "mlspec.yaml").write_text(yaml.safe_dump(spec(**changes)))
    (environment,) = compile_system(mlspec.load(tmp_path / "mlspec.yaml")._input, BACKENDS, RULES).environments
    return environment.plan.online["fraud"].canary


SAID = re.compile(
    r"(?P<n>[0-9,]+) requests per window of (?P<minutes>[0-9]+) min at (?P<share>[0-9.]+)% of traffic; with a limit of "
    r"(?P<limit>[0-9.]+)% and (?P<failures>[0-9]+) of (?P<windows>[0-9]+) windows? allowed to fail, the probability of "
    r"a false abort is (?P<abort>(?:less than )?[0-9.]+)%, and that of missing (?P<harm>[0-9.]+)% bad requests is "
    r"(?P<missed>(?:less than )?[0-9.]+)%"
)


def more_than(most: int, n: int, p: Decimal) -> Decimal:
    """P(X > most) for a binomial X: 1 minus the sum of C(n, k) p^k (1 - p)^(n - k) for k up to most."""
    return 1 - sum((math.comb(n, k) * power(p, k) * power(1 - p, n - k) for k in range(most + 1)), Decimal(0))


def power(base: Decimal, exponent: int) -> Decimal:
    return base**exponent if exponent else Decimal(1)


def is_said(probability: Decimal, percent: str) -> bool:
    """Whether a probability is what the explanation says in percent."""
    if percent == "less than 0.1":
        return float(probability) == pytest.approx(0, abs=0.0005)
    return float(percent) == pytest.approx(float(probability * 100), abs=0.06)


def told(judgment: Judgment) -> re.Match[str]:
    (why,) = {source.why for source in judgment.limit.sources if hasattr(source, "why")}
    found = SAID.fullmatch(why)
    assert found is not None, why
    return found


@pytest.mark.slow
@pytest.mark.parametrize("traffic", TRAFFIC[:4])
@pytest.mark.parametrize("usual", [{"availability": "99.5%"}, {"availability": "99.9%"}])
def test_the_odds_in_the_explanation_are_binomial(
    traffic: dict[str, str], usual: dict[str, str], tmp_path: Path
) -> None:
    plan = canary(tmp_path, constraints__throughput=traffic, constraints__availability=usual["availability"])
    budgets = {"availability": 1 - Decimal(usual["availability"][:-1]) / 100, "latency-p99": Decimal("0.01")}
    for judgment in (judgment for step in plan.steps for judgment in step.judgments):
        said = told(judgment)
        n, windows, failures = (int(said[name].replace(",", "")) for name in ("n", "windows", "failures"))
        most = int(Decimal(said["limit"]) / 100 * n)
        before, after = budgets[judgment.objective.name], Decimal(said["harm"]) / 100
        abort = more_than(failures, windows, more_than(most, n, before))
        missed = 1 - more_than(failures, windows, more_than(most, n, after))
        assert is_said(abort, said["abort"])
        assert is_said(missed, said["missed"])
        rate = Decimal(traffic["mean"].removesuffix("/s")) * Decimal(said["share"]) / 100
        assert n == int(rate * 60 * int(said["minutes"]))


def test_the_odds_of_one_case_calculated_by_hand(tmp_path: Path) -> None:
    """5% of 20/s gives 120 requests in two minutes. The normal error rate is 0.5%, and the harm is 14.4 times that.

    A limit of 1.94% of 120 allows two failures. At 0.5%, the probabilities of zero, one, and two failures are 0.54799,
    0.33044, and 0.09880, which leaves 0.02277 for more. At 7.2%, they are 0.00013, 0.00119, and 0.00548, which leaves
    0.99320. The step needs 129 requests, which is two windows, so it has four: more than one fails without cause with
    probability 6 x 0.02277^2 x 0.97723^2 + 4 x 0.02277^3 x 0.97723 = 0.00302, and fewer than two fail despite the harm
    with probability 4 x 0.99320 x 0.00680^3 = 1.2e-6.
    """
    plan = canary(tmp_path)
    said = told(plan.steps[0].judgments[0])
    assert (said["minutes"], said["n"], said["limit"], said["windows"]) == ("2", "120", "1.94", "4")
    assert float(more_than(2, 120, Decimal("0.005"))) == pytest.approx(0.02277, abs=1e-5)
    assert float(more_than(2, 120, Decimal("0.072"))) == pytest.approx(0.99320, abs=1e-5)
    assert (said["abort"], said["missed"]) == ("0.3", "less than 0.1")


@pytest.mark.parametrize("traffic", TRAFFIC)
def test_a_step_has_enough_windows_for_its_requests_and_at_least_four(
    traffic: dict[str, str] | None, tmp_path: Path
) -> None:
    plan = canary(tmp_path, constraints__throughput=traffic, serving__load="3m")
    for share, step in zip(plan.shares, plan.steps, strict=True):
        needed = float(plan.arm(share).value)
        for judgment in step.judgments:
            window = 60 * minutes(judgment.window.value)
            assert judgment.windows.value == max(4, math.ceil(needed / window))
            assert float(step.lasts.value) == judgment.windows.value * window


def test_windows_that_are_enough_for_one_objective_can_be_too_short_for_another(tmp_path: Path) -> None:
    """5% of 0.3/s is 0.9 requests per minute, and the step needs 61 requests, which is 68 min.

    Alone, the availability would have 34 windows of 2 min with one request each, and no failure may be among them: at
    1%, more than one window fails with probability 1 - 0.99^34 - 34 x 0.01 x 0.99^33 = 4.5%. In the 14 windows of 5 min
    that the latency needs, with four requests each, 3.9% of windows have a failure, so it is 10.3%. In four of 30 min,
    with 27 requests and one failure allowed, 3.0% of windows fail, so it is 0.5%.
    """
    odd = {"constraints__availability": "99%", "constraints__latency": {"p95": "100ms"}}
    plan = canary(tmp_path, constraints__throughput={"mean": "0.3/s", "peak": "1/s"}, **odd)
    both = plan.steps[0].judgments
    assert [judgment.window.value for judgment in both] == ["30m", "30m"]
    assert [told(judgment)["abort"] for judgment in both] == ["0.5", "less than 0.1"]
    assert all(judgment.verdict.value.sure for judgment in both)

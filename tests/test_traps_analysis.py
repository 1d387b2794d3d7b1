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
from mlspec.compiler.plan.rollout.comparison import differs
from mlspec.compiler.plan.rollout.judgment import Judgment
from mlspec.targets.registry import BACKENDS

from .canaries import GUARDS, VERSUS, judged_steps
from .online import RUNTIMES, Emitted, emitted, refused, spec
from .scenes import counter, labeled, limits, minutes, outcome, reads, verdict

EACH = pytest.mark.parametrize("runtime", RUNTIMES)
NAN, INF = math.nan, math.inf
NO_FAILURES = {"kserve-huggingface"}
"""Runtimes that count no failed requests."""
TIME_SUCCESSES = {"vllm", "sglang", "tgi", "tensorflow-serving"}
"""Runtimes whose latency histogram has no sample of a request that fails or breaks off."""
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
    found = [metric for metric in every(of) if metric["name"] not in GUARDS and not metric["name"].endswith(VERSUS)]
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
    absent = {"most-requests-fail"} if runtime in NO_FAILURES else set()
    absent |= {"most-requests-unfinished"} - ({"most-requests-unfinished"} if runtime in TIME_SUCCESSES else set())
    assert {metric["name"] for metric in found} == {*GUARDS} - absent
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


@pytest.mark.parametrize(
    ("mean", "window", "lasts", "looks"),
    [
        ("20/s", 2, 8, 2),  # 24 looks: one failed scrape of 30 s is seen at most twice
        ("1/s", 10, 40, 6),  # 120 looks, and 5% of them
        ("0.3/s", 45, 180, 27),
    ],
)
def test_two_failed_scrapes_in_three_hours_would_roll_back_a_good_version(
    mean: str, window: int, lasts: int, looks: int, tmp_path: Path
) -> None:
    """A failure limit counts over the whole step. If one of 200 scrapes fails, two of the 360 in three hours do."""
    of = emitted(tmp_path, constraints__throughput={"mean": mean}, constraints__availability="99%")
    found = metrics(of, "step-1")
    objective = found["availability"]
    assert (minutes(objective["interval"]), minutes(objective["interval"]) * objective["count"]) == (window, lasts)
    assert limits(found["up"])["failureLimit"] == looks
    assert looks * 20 <= 60 * window, "it fails within a window, long before a lack of requests holds the version"


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
        assert all(minutes(metric["initialDelay"]) >= minutes(each) for each in re.findall(r"\[(\w+)\]", query(metric)))


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
    assert {metric["name"] for metric in guards(of)} == {"up", "answers"}


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


# A version that never answers


def asked(metric: dict[str, Any]) -> str:
    return f"({query(metric).replace('{{args.canary-hash}}', NEW)})"


@pytest.mark.parametrize(
    ("series", "value"),
    [
        ({}, 0.0),  # no caller
        (served(OLD, 150, 0), 15.0),  # 300 requests in two minutes, and 5% of them would have been the new version's
        (served(OLD, 149, 0), 0.0),  # 14.9: too few to tell
        (served(OLD, 0, 150), 15.0),  # the old version fails, but it answers
        ({**served(OLD, 150, 0), **served(NEW, 0, 0)}, 15.0),  # its counters exist, and do not move
        ({**served(OLD, 150, 0), **served(NEW, 1, 0)}, 0.0),
        ({**served(OLD, 150, 0), **served(NEW, 0, 1)}, 0.0),  # a failure is an answer
        (served("", 150, 0), 0.0),  # pods without the label are of no version
    ],
)
def test_a_version_that_answers_nothing_would_only_be_held(
    series: dict[str, str], value: float, tmp_path: Path
) -> None:
    metric = metrics(emitted(tmp_path), "step-1")["answers"]
    reads(tmp_path, asked(metric), series, 20, value)
    assert verdict(metric, [value]) == ("Failed" if value else "Successful")


def test_none_of_enough_requests_has_a_probability_of_three_in_ten_million() -> None:
    """(1 - p)^(15 / p) for every share p is at most e^-15. With p / (1 - p) instead, it would be 0.5^15 at 50%."""
    for percent in range(1, 100):
        share = Decimal(percent) / 100
        assert (1 - share) ** (15 / share) <= Decimal(-15).exp() < Decimal("3.1e-7")
    assert Decimal("0.5") ** 15 > Decimal("3e-5")


@pytest.mark.parametrize(
    ("mean", "window"),
    [
        ("20/s", "2m"),  # 20/s x 95% x 5% x 2 min = 114
        ("5/s", "5m"),  # 28.5 in 2 min are fewer than 30
        ("1/s", "15m"),  # the windows of the objectives, although 42.75 in 15 min are enough
    ],
)
def test_a_window_with_too_few_requests_could_never_tell(mean: str, window: str, tmp_path: Path) -> None:
    metric = metrics(emitted(tmp_path, constraints__throughput={"mean": mean}), "step-1")["answers"]
    (found,) = set(re.findall(r"\[(\w+)\]", query(metric)))
    assert found == window


@pytest.mark.parametrize(("timeout", "delay"), [("90s", 210), ("250ms", 121)])
def test_a_request_that_still_runs_is_not_lost(timeout: str, delay: int, tmp_path: Path) -> None:
    """Two minutes of requests, and all had the time to be answered."""
    metric = metrics(emitted(tmp_path, serving__endpoint={"timeout": timeout}), "step-1")["answers"]
    assert round(minutes(metric["initialDelay"]) * 60) == delay


def test_a_guard_that_fails_after_the_rollout_is_held_is_left_out(tmp_path: Path) -> None:
    """Windows of 2 min hold after 6 min. A request may take 4 min, so the guard would fail after 6 min 40 s."""
    for timeout, found in (("3m", True), ("4m", False)):
        of = emitted(tmp_path, serving__endpoint={"timeout": timeout})
        assert ("answers" in metrics(of, "step-1")) is found
        assert judged_steps(of.bodies) == 3


# Requests that leave no sample of their latency


def called(version: str, answered: float, timed: float) -> dict[str, str]:
    """What vLLM counts for one version, in requests per minute."""
    own = {"namespace": "default", "job": "default/fraud", "rollouts_pod_template_hash": version}
    posted = {"handler": "/v1/chat/completions", "method": "POST", "status": "2xx"}
    return {
        labeled("http_requests_total", **own, **posted): counter((30, answered)),
        labeled("vllm:e2e_request_latency_seconds_count", **own): counter((30, timed)),
    }


@pytest.mark.parametrize(
    ("series", "value"),
    [
        ({}, 0.0),
        ({**called(OLD, 900, 880), **called(NEW, 50, 48)}, 0.0),  # callers who give up
        ({**called(OLD, 900, 880), **called(NEW, 50, 25)}, 0.0),  # half of them
        ({**called(OLD, 900, 880), **called(NEW, 50, 24)}, 52.0),  # 26 of 50 break off, in each of two minutes
        ({**called(OLD, 900, 880), **called(NEW, 50, 0)}, 100.0),
        ({**called(OLD, 900, 880), **called(NEW, 4, 0)}, 0.0),  # eight in two minutes are too few
        ({**called(OLD, 900, 100), **called(NEW, 50, 0)}, 0.0),  # the callers, not the version
        (called(NEW, 50, 0), 100.0),
    ],
)
def test_streams_that_break_count_as_answered_and_would_only_be_held(
    series: dict[str, str], value: float, tmp_path: Path
) -> None:
    """vLLM answers 200 before the stream breaks, and times only the requests that it finishes."""
    of = emitted(tmp_path, "vllm", constraints__throughput={"mean": "30/s", "peak": "60/s"})
    metric = metrics(of, "step-1")["most-requests-unfinished"]
    assert set(re.findall(r"\[(\w+)\]", query(metric))) == {"2m"}
    reads(tmp_path, asked(metric), series, 20, value)
    assert verdict(metric, [value]) == ("Failed" if value else "Successful")


# The comparison with the live version


def versus(of: Emitted) -> list[str]:
    """The steps that compare the failures with those of the live version."""
    return [name for name in steps(of) if f"availability{VERSUS}" in metrics(of, name)]


@pytest.mark.parametrize(
    ("new", "old", "worse"),
    [
        ((600, 0), (600, 0), 0.0),
        ((600, 6), (600, 0), 0.01),  # 12 of 1,200 and none: 2 x sqrt(0.01) = 0.2, and 2.5 x sqrt(2 / 1200) = 0.102
        ((600, 3), (600, 0), 0.0),  # 0.5% is not above the margin of 0.5%
        ((600, 6), (600, 3), 0.0),  # 1% and 0.5%: the difference is not above the margin
        ((600, 9), (600, 5), 0.0),  # 1.5% and 0.833%: material, but 2 x (0.1225 - 0.0913) = 0.062 is chance
        ((600, 15), (600, 3), 0.02),  # 2.5% and 0.5%: 2 x (0.1581 - 0.0707) = 0.175
        ((600, 30), (600, 60), 0.0),  # both are bad, and the new version is better
        ((0, 0), (600, 3), 0.0),  # without requests, the objective itself has no verdict
        ((600, 6), (0, 0), 0.0),
    ],
)
def test_a_version_within_the_limit_could_be_much_worse_than_the_live_one(
    new: tuple[int, int], old: tuple[int, int], worse: float, tmp_path: Path
) -> None:
    """At 50% of 20/s, the limit is 1.94% and a window of two minutes has 1,200 requests of each version."""
    metric = metrics(emitted(tmp_path), "step-3")[f"availability{VERSUS}"]
    series = {**served(NEW, new[0] - new[1], new[1]), **served(OLD, old[0] - old[1], old[1])}
    reads(tmp_path, asked(metric), series, 20, worse)
    assert verdict(metric, [worse]) == ("Failed" if worse else "Successful")


def test_without_any_series_a_comparison_holds_nothing(tmp_path: Path) -> None:
    metric = metrics(emitted(tmp_path), "step-3")[f"availability{VERSUS}"]
    reads(tmp_path, asked(metric), {}, 20, 0.0)


def by_hand(new: int, old: int, p_new: float, p_old: float, margin: float) -> float:
    """The sum of both Poisson distributions over all pairs of counts that fail a window."""
    ours = [math.exp(-new * p_new) * (new * p_new) ** k / math.factorial(k) for k in range(60)]
    theirs = [math.exp(-old * p_old) * (old * p_old) ** k / math.factorial(k) for k in range(60)]
    spread = 2.5 * math.sqrt(1 / new + 1 / old)
    return sum(
        ours[a] * theirs[b]
        for a, b in product(range(60), repeat=2)
        if a / new - b / old > margin and 2 * (math.sqrt(a / new) - math.sqrt(b / old)) > spread
    )


@pytest.mark.parametrize(
    ("new", "old", "p_new", "p_old"),
    [(120, 2280, 0.0194, 0.005), (1200, 1200, 0.005, 0.005), (1200, 1200, 0.0194, 0.005), (600, 1800, 0.01, 0.0)],
)
def test_the_odds_of_a_comparison_are_sums_over_all_counts(new: int, old: int, p_new: float, p_old: float) -> None:
    assert differs(new, old, p_new, p_old, 0.005) == pytest.approx(by_hand(new, old, p_new, p_old, 0.005), abs=1e-9)


def test_the_odds_of_many_failures_are_normal() -> None:
    """At 690 and at 710 expected failures, the two formulas must agree."""
    exact, normal = (differs(each, each, 0.0069, 0.0051, 0.001) for each in (100_000, 103_000))
    assert exact == pytest.approx(normal, abs=0.02)
    assert 0.9 < exact < 1


def test_a_single_failure_would_end_a_rollout() -> None:
    """None of the 9,900 requests of the live version fails, and a window needs two failures of 100 to fail.

    One is expected at 1%, so there are two or more with probability 1 - 2/e = 26.4%.
    """
    fails = [2 * math.sqrt(bad / 100) > 2.5 * math.sqrt(1 / 100 + 1 / 9900) for bad in (1, 2)]
    assert fails == [False, True]
    assert differs(100, 9900, 0.01, 0.0, 0.005) == pytest.approx(1 - 2 / math.e, abs=1e-9)


@pytest.mark.parametrize(
    ("mean", "compared"), [("1/s", []), ("20/s", ["step-3"]), ("60/s", ["step-2", "step-3"]), (None, [])]
)
def test_a_comparison_of_too_few_requests_would_find_nothing(
    mean: str | None, compared: list[str], tmp_path: Path
) -> None:
    of = emitted(tmp_path, constraints__throughput={"mean": mean} if mean is not None else None)
    assert versus(of) == compared
    assert judged_steps(of.bodies) == 3


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
    r"a false abort is (?P<abort>(?:less than )?[0-9.]+)%, that of missing (?P<harm>[0-9.]+)% bad requests is "
    r"(?P<missed>(?:less than )?[0-9.]+)%, and that of waiting for an engineer, because windows have fewer than "
    r"(?P<least>[0-9,]+) requests?, is (?P<held>(?:less than )?[0-9.]+)%"
)


def more_than(most: int, n: int, p: Decimal) -> Decimal:
    """P(X > most) for a binomial X: 1 minus the sum of C(n, k) p^k (1 - p)^(n - k) for k up to most."""
    return 1 - sum((math.comb(n, k) * power(p, k) * power(1 - p, n - k) for k in range(most + 1)), Decimal(0))


def fewer_than(least: int, mean: Decimal) -> Decimal:
    """P(X < least) for a Poisson X: the sum of e^-mean mean^k / k! for k below least."""
    return sum(((-mean).exp() * power(mean, k) / math.factorial(k) for k in range(least)), Decimal(0))


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
def test_the_odds_in_the_explanation_are_binomial_and_poisson(
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
        least = int(said["least"].replace(",", ""))
        assert least == int(judgment.volume.value)
        if n < 10_000:
            held = more_than(failures + 1, windows, fewer_than(least, rate * 60 * int(said["minutes"])))
            assert is_said(held, said["held"])


def test_the_odds_of_one_case_calculated_by_hand(tmp_path: Path) -> None:
    """5% of 20/s gives 120 requests in two minutes. The normal error rate is 0.5%, and the harm is 14.4 times that.

    A limit of 1.94% of 120 allows two failures. At 0.5%, the probabilities of zero, one, and two failures are 0.54799,
    0.33044, and 0.09880, which leaves 0.02277 for more. At 7.2%, they are 0.00013, 0.00119, and 0.00548, which leaves
    0.99320. The step needs 129 requests, which is two windows, so it has four: more than one fails without cause with
    probability 6 x 0.02277^2 x 0.97723^2 + 4 x 0.02277^3 x 0.97723 = 0.00302, and fewer than two fail despite the harm
    with probability 4 x 0.99320 x 0.00680^3 = 1.2e-6. One failure in 52 requests is within 1.94%, and fewer than 52 of
    120 expected arrive with probability 2.7e-12.
    """
    plan = canary(tmp_path)
    said = told(plan.steps[0].judgments[0])
    assert (said["minutes"], said["n"], said["limit"], said["windows"]) == ("2", "120", "1.94", "4")
    assert float(more_than(2, 120, Decimal("0.005"))) == pytest.approx(0.02277, abs=1e-5)
    assert float(more_than(2, 120, Decimal("0.072"))) == pytest.approx(0.99320, abs=1e-5)
    assert (said["abort"], said["missed"]) == ("0.3", "less than 0.1")
    assert (said["least"], said["held"]) == ("52", "less than 0.1")


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
    that the latency needs, with four requests each, 3.9% of windows have a failure, so it is 10.3%. In four of 45 min,
    with 40 requests and one failure allowed, 6.1% of windows fail, so it is 2.0%.
    """
    odd = {"constraints__availability": "99%", "constraints__latency": {"p95": "100ms"}}
    plan = canary(tmp_path, constraints__throughput={"mean": "0.3/s", "peak": "1/s"}, **odd)
    both = plan.steps[0].judgments
    assert [judgment.window.value for judgment in both] == ["45m", "45m"]
    assert [told(judgment)["abort"] for judgment in both] == ["2.0", "less than 0.1"]
    assert all(judgment.verdict.value.sure for judgment in both)


def test_windows_of_the_mean_rate_would_often_lack_requests_and_hold_a_good_version(tmp_path: Path) -> None:
    """5% of 0.3/s is 27 requests in 30 min, and one failure is within the limit of 3.96% from 26 requests on.

    Fewer than 26 of 27 arrive with probability 39.8%, so more than two of four windows lack requests with
    4 x 0.398^3 x 0.602 + 0.398^4 = 17.7%. Of the 40.5 in 45 min, fewer than 26 arrive with probability 0.6%: 8e-7.
    """
    for mean, windows in (("27", Decimal("0.177")), ("40.5", Decimal("0"))):
        held = more_than(2, 4, fewer_than(26, Decimal(mean)))
        assert float(held) == pytest.approx(float(windows), abs=5e-4)
    plan = canary(tmp_path, constraints__throughput={"mean": "0.3/s", "peak": "1/s"}, constraints__availability="99%")
    (judgment,) = (each for each in plan.steps[0].judgments if each.objective.name == "availability")
    assert (judgment.window.value, judgment.volume.value) == ("45m", "26")
    assert judgment.verdict.value.held == pytest.approx(8e-7, abs=5e-7)


def test_a_minimum_that_the_traffic_never_reaches_would_hold_every_version(tmp_path: Path) -> None:
    """`minSamples: 2k` needs 2,000 requests per window. 5% of 20/s is 1 per second: 30 min have 1,800, 45 min 2,700."""
    condition = {"metric": "error-rate", "max": "2%", "minSamples": "2k"}
    plan = canary(tmp_path, rollout__rollbackWhen=[condition])
    (judgment,) = (each for each in plan.steps[0].judgments if each.objective.name == "availability")
    assert (judgment.window.value, judgment.volume.value) == ("45m", "2000")
    assert judgment.verdict.value.held_at(1800 / (45 * 60)) > 0.99

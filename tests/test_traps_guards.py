"""The traps of the guards that look every 20 seconds: versions that are down, fail, hang, or break requests off."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path

import pytest

from mlspec.compiler.because import fixed
from mlspec.compiler.plan.rollout.guards import answers
from mlspec.schema.units import Duration, Percent, Rate

from .analyses import NEW, OLD, SMALL_STEPS, asked, guards, metrics, query, served, windows
from .canaries import GUARDS, judged_steps
from .online import RUNTIMES, emitted
from .scenes import counter, labeled, limits, minutes, reads, verdict

EACH = pytest.mark.parametrize("runtime", RUNTIMES)
NAN = math.nan
TIME_SUCCESSES = {"vllm", "sglang", "tgi", "tensorflow-serving"}
"""Runtimes whose latency histogram has no sample of a request that fails or breaks off."""
NONE: list[float] = []


@EACH
def test_a_guard_that_waits_for_enough_requests_comes_too_late(runtime: str, tmp_path: Path) -> None:
    """The guards look every 20 seconds, and the third bad look rolls back, so 40 seconds after the first one.

    In a step of 20 min, which is 60 looks, three may find no pod: 5%.
    """
    found = guards(emitted(tmp_path, runtime))
    absent = {"most-requests-unfinished"} - ({"most-requests-unfinished"} if runtime in TIME_SUCCESSES else set())
    assert {metric["name"] for metric in found} == {*GUARDS} - absent
    for metric in found:
        looks = 3 if metric["name"] == "up" and metric["count"] >= 50 else 2
        assert minutes(metric["interval"]) * 60 == 20
        assert limits(metric)["failureLimit"] == looks
        good, bad = ([1.0], [0.0]) if metric["name"] == "up" else ([0.0], [5.0])
        assert [verdict(metric, result) for result in (good, bad)] == ["Successful", "Failed"]
        assert [verdict(metric, result) for result in (NONE, [NAN])] == ["Inconclusive", "Inconclusive"]
        assert query(metric).endswith("or vector(0)"), "without data it is zero, so it never holds a version"


@pytest.mark.parametrize(("scrape", "looks"), [("15s", 2), ("30s", 2), ("45s", 3), ("1m", 3), ("150s", 8)])
def test_one_failed_scrape_would_roll_back_a_version(scrape: str, looks: int, tmp_path: Path) -> None:
    """Its zero stays until the next scrape, and the guard sees it every 20 seconds: three times in a minute."""
    of = emitted(tmp_path, monitoring={"scrapeInterval": scrape})
    last = [metric for metric in guards(of) if metric["name"] == "up"][-1]
    assert limits(last)["failureLimit"] == max(3, looks), "5% of the 60 looks in 20 min"
    assert {limits(metric)["failureLimit"] for metric in guards(of) if metric is not last} == {looks}
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
    of = emitted(
        tmp_path,
        constraints__throughput={"mean": mean},
        constraints__availability="99%",
        rollout__stages=SMALL_STEPS,
    )
    found = metrics(of, "step-1")
    objective = found["availability"]
    assert (minutes(objective["interval"]), minutes(objective["interval"]) * objective["count"]) == (window, lasts)
    assert limits(found["up"])["failureLimit"] == looks
    assert looks * 20 <= 60 * window, "it fails within a window, long before a lack of requests holds the version"


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
    of = emitted(tmp_path, constraints__throughput={"mean": mean}, rollout__stages=SMALL_STEPS)
    metric = metrics(of, "step-1")["answers"]
    (found,) = windows(metric)
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


def test_requests_that_bypass_the_gateway_never_reach_a_new_version() -> None:
    """10% of the half that passes the gateway is 5% of all requests."""
    found = answers(
        fixed(Rate.parse("20/s"), ""),
        fixed(10, ""),
        fixed(Percent.parse("50%"), ""),
        fixed(Duration(120), ""),
        fixed("10m", ""),
        fixed(Duration(30), ""),
    )
    assert (found.share.value, found.window.value, found.delay.value) == ("0.05", "2m", Duration(150))


def test_a_provider_that_cannot_select_the_other_versions_has_no_such_guard(tmp_path: Path) -> None:
    provider = {"newPods": {"others": None}}
    of = emitted(tmp_path, "vllm", platform__providers={"rollout": {"argo-rollouts": provider}})
    assert {metric["name"] for metric in guards(of)} == {"up", "most-requests-fail"}
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
    assert windows(metric) == {"2m"}
    reads(tmp_path, asked(metric), series, 20, value)
    assert verdict(metric, [value]) == ("Failed" if value else "Successful")

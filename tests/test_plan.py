"""The planner's arithmetic, against numbers worked out by hand."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.answer.memo import memo
from mlspec.compiler.because import fixed
from mlspec.compiler.plan.distributions import exceeds
from mlspec.compiler.plan.objectives.burn import factor
from mlspec.compiler.plan.rollout.odds import sample
from mlspec.compiler.plan.rollout.verdict import verdict
from mlspec.compiler.plan.serving.capacity import carrying
from mlspec.compiler.plan.serving.queueing import erlang_c
from mlspec.schema.units import Duration, Percent, Rate

from .support import CARE, compile_text, demand, minimal, objects


def test_erlang_c_of_the_textbook() -> None:
    """Two Erlangs offered to three servers: B = 4/19, C = 4/9 (Kleinrock, Queueing Systems I, section 3.4)."""
    assert erlang_c(3, 2.0) == pytest.approx(4 / 9)
    assert erlang_c(1, 0.5) == pytest.approx(0.5)  # one server: C is the utilization
    assert erlang_c(2, 2.0) == 1.0  # load reaches the slots: every request waits


def test_trap_a_service_time_of_ages_hangs_the_planner() -> None:
    """Erlang's recursion takes one step per slot, so a load of 10^14 slots must not start it."""
    rate = fixed(Rate.parse("100000/s"), "")
    ages = demand("36500d", 1, {"p99": "50ms"}, "least-request")
    assert carrying(rate, ages, CARE).value >= math.ceil(100_000 * 36500 * 86400 / 0.7)


@pytest.mark.parametrize(
    ("period", "factors"),
    [
        ("30d", ["14.4", "6", "3", "1"]),
        ("28d", ["13.44", "5.6", "2.8", "0.9333"]),
        ("7d", ["3.36", "1.4", "0.7", "0.2333"]),
    ],
)
def test_burn_rate_factors(period: str, factors: list[str]) -> None:
    """What 2, 5, 10 and 10 % of the budget are in each period: 28 days are not 14.4, 6, 3 and 1."""
    windows = ((2, "1h"), (5, "6h"), (10, "1d"), (10, "3d"))
    found = [
        factor(Percent(Decimal(share) / 100), Duration.parse(period), Duration.parse(long)) for share, long in windows
    ]
    assert found == [Decimal(f) for f in factors]


@pytest.mark.parametrize(
    ("p1", "p2", "n"),
    [(0.01, 0.02, 2319), (0.005, 0.015, 1553), (0.001, 0.005, 2934), (0.001, 0.015, 635), (0.05, 0.06, 8158)],
)
def test_sample_sizes(p1: float, p2: float, n: int) -> None:
    assert sample(p1, p2) == n


def exact(n: int, p: float, most: int) -> float:
    """P(X > most), from the largest term of the sum on."""
    sums = (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(most + 1, n + 1))
    logs = [of + k * math.log(p) + (n - k) * math.log1p(-p) for k, of in zip(range(most + 1, n + 1), sums, strict=True)]
    most_likely = max(logs)
    return math.exp(most_likely) * sum(math.exp(one - most_likely) for one in logs)


@pytest.mark.parametrize("p", [0.001, 0.05, 0.28, 0.5, 0.72, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("n", [1, 4, 50, 299, 1000, 2400, 20_000])
def test_trap_a_sum_that_begins_with_zero_is_certain(n: int, p: float) -> None:
    """0.01^299 is zero to a float, and a sum of its multiples stayed zero: every share near 1 was exceeded for sure."""
    for most in sorted({0, int(0.25 * n), int(0.7 * n * p), int(n * p), min(n - 1, int(1.1 * n * p)), n - 1}):
        assert exceeds(n, p, most) == pytest.approx(exact(n, p, most), abs=0.002), most


def test_binomial_odds() -> None:
    """345 requests and a limit of 0.5 %: one bad request is borne; 1,725 and 0.75 %: twelve are."""
    assert exceeds(345, 0.001, 1) == pytest.approx(0.047, abs=0.001)
    assert 1 - exceeds(345, 0.015, 1) == pytest.approx(0.034, abs=0.001)
    assert exceeds(1725, 0.001, 12) < 1e-6
    assert 1 - exceeds(1725, 0.015, 12) == pytest.approx(0.002, abs=0.0005)


def test_binomial_odds_of_many_requests_are_normal() -> None:
    """Where the exact sum would underflow the two must agree."""
    exact = exceeds(60_000, 0.0116, 720)  # 696 expected
    assert exceeds(60_500, 0.0116, 726) == pytest.approx(exact, abs=0.01)


def test_a_verdict_is_sure_or_says_that_it_is_not() -> None:
    assert verdict(23 * 0.25, 0.001, 0.015, windows=3, failures=1).sure
    assert not verdict(0.001, 0.001, 0.002, windows=3, failures=1).sure


def test_a_pair_that_can_never_fire_is_left_out(tmp_path: Path) -> None:
    """At 90 % a failure rate of 14.4 x 10 % would be needed: more than all requests."""
    spec = minimal(constraints__availability="90%", constraints__latency=None)
    rule = objects(compile_text(tmp_path, spec), "PrometheusRule")[0]
    groups = rule["spec"]["groups"]  # type: ignore[index]
    recorded = {r["record"] for r in groups[0]["rules"] if "record" in r}
    assert "mlspec:sli_error:ratio_rate5m" not in recorded
    assert "mlspec:sli_error:ratio_rate30m" in recorded
    thresholds = [r["expr"] for r in groups[0]["rules"] if "alert" in r]
    assert "> 0.6" in thresholds[0]
    assert all("> 1." not in expression for expression in thresholds)


# Extremes


def _burn(budget: str, long: str, short: str) -> dict[str, Any]:
    return {"monitoring": {"slo": {"burn": [{"severity": "page", "budget": budget, "long": long, "short": short}]}}}


def _buckets(*bounds: float) -> dict[str, Any]:
    latency = {"buckets": list(bounds), "settable": False}
    platform = {"runtimes": {"triton": {"metrics": {"latency": latency}}}}
    return {"platform": platform, "constraints__latency": {"p99": "2s"}}


def _detect(usual: str, harm: str) -> dict[str, Any]:
    asked = {"metric": "error-rate", "from": usual, "to": harm}
    return {"rollout": {"stages": [{"canary": {"detect": [asked]}}]}}


EXTREMES = (
    # a change, what is said of it, and the text that it points at
    ({"platform": {"planning": {"utilization": "0%"}}}, "MLS006: `0%` is not a percentage above 0%", "0%"),
    ({"platform": {"planning": {"power": "100%"}}}, "MLS006: `100%` is not a percentage above 0% and below", "100%"),
    (
        {"platform": {"planning": {"failedWindows": 9}}},
        "MLS008: 4 windows at each step cannot judge a version if 9 may fail",
        "9",
    ),
    ({"serving__serviceTime": {"mean": "0s"}}, "MLS006: `0s` is not a duration above zero", "0s"),
    ({"rollout": {"progressDeadline": "1s"}}, "MLS008: every new version would fail after 1s", "1s"),
    (
        {"monitoring": {"scrapeInterval": "0.5ms"}},
        "MLS006: `0.5ms` is not a duration above zero in whole milliseconds",
        "0.5ms",
    ),
    (_burn("2%", "1h", "30s"), "MLS008: a scrape interval of 30s does not work with a window of 30s", "30s"),
    (_burn("2%", "11s", "30s"), "MLS008: the short window of 30s is not shorter than the long window of 11s", "30s"),
    (_burn("2%", "3600.5s", "5m"), "MLS008: a window of 3600500ms is not a whole number of seconds", "3600.5s"),
    (_burn("2%", "100s", "60s"), "MLS502: no alert on `availability` could ever fire", "99.5%"),
    (_detect("-1", "50%"), "MLS008: -1 is not a share of requests", "-1"),
    (_detect("0%", "500ms"), "MLS008: 500ms is not a share of requests", "500ms"),
    (_buckets(10, 1e299), "MLS501: the latency bound is not a histogram bucket of this runtime", "2s"),
)


@pytest.mark.parametrize(("change", "said", "at"), EXTREMES, ids=[said for _, said, _ in EXTREMES])
def test_an_amount_that_no_formula_can_take_is_refused_where_it_stands(
    change: dict[str, Any], said: str, at: str, tmp_path: Path
) -> None:
    found = [one for one in compile_text(tmp_path, minimal(**change)).diagnostics if one.severity == "error"]
    assert [f"{one.id}: {one.message}".startswith(said) for one in found] == [True]
    span = found[0].span
    assert span.file.lines[span.line][span.column : span.end_column].strip("'\"") == at
    assert found[0].help


def test_a_peak_beyond_all_bounds_has_a_headroom(tmp_path: Path) -> None:
    """Fifteen digits are written, and sixteen come out."""
    made = compile_text(tmp_path, minimal(constraints__throughput={"peak": "999999999999999/s"}))
    assert made.ok
    assert memo(made._compiled.environments[0]).areas


def test_a_test_with_next_to_no_power_needs_a_request() -> None:
    """Below half the significance the quantiles cancel: z of 97.5 % is 1.96, and of 1 % -2.33."""
    assert sample(0.01, 0.02, 0.05, 0.01) == 1

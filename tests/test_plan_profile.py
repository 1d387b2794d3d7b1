"""The rate over a day, and the bill that follows it, against numbers worked by hand and against counting every hour."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlspec.compiler.because import Because, because, fixed
from mlspec.compiler.plan.budget.cost import CostPlan
from mlspec.compiler.plan.serving import day as days
from mlspec.compiler.simulate.arrivals import Load
from mlspec.compiler.simulate.planned import planned as simulated
from mlspec.schema.units import Rate

from .support import changed, compile_text, minimal
from .test_plan_cost import PLATFORM, cost, parts

HOUR = 730 * 0.14
"""What a replica costs per month, in EUR."""


def rate(amount: object) -> Because[Rate]:
    return fixed(Rate(Decimal(str(amount))), "a test")


def day(mean: object, peak: object, trough: object = None) -> days.Day:
    return days.day(rate(mean), rate(peak), rate(trough) if trough is not None else None).value


def hourly(made: days.Day) -> list[tuple[float, float]]:
    return [(float(part.hours), float(part.rate.amount)) for part in made]


# The shape of a day


def test_with_the_mean_in_the_middle_it_is_a_cosine() -> None:
    made = hourly(day(mean=10, peak=20, trough=0))
    expected = [(1 if hour in (0, 12) else 2, 10 + 10 * math.cos(hour * math.pi / 12)) for hour in range(12, -1, -1)]
    assert made == [pytest.approx(pair, abs=1e-4) for pair in expected]


RATES = st.floats(0.001, 1e6)


@settings(max_examples=300)
@given(RATES, RATES, RATES)
def test_it_has_the_mean_the_peak_and_the_trough_that_are_given(a: float, b: float, c: float) -> None:
    trough, mean, peak = sorted(float(f"{value:.6g}") for value in (a, b, c))
    made = hourly(day(mean, peak, trough))
    assert sum(hours for hours, _ in made) == pytest.approx(24)
    assert sum(hours * rate for hours, rate in made) / 24 == pytest.approx(mean, rel=1e-3)
    assert [rate for _, rate in made] == sorted(rate for _, rate in made)
    if trough < mean < peak and all(hours >= 1 for hours, _ in made):
        assert made[0][1] == pytest.approx(trough, rel=1e-5)
        assert made[-1][1] == pytest.approx(peak, rel=1e-5)


def test_trap_a_peak_of_minutes_lasts_an_hour() -> None:
    """20/s on average with a peak of 20,000/s: (20 - 0) / 20,000 of 24 h, or 86 s."""
    assert hourly(day(mean=20, peak=20000)) == [(23.976, 0), (0.024, 20000)]


def test_a_trough_of_minutes() -> None:
    """At 99/s on average, 100/s last 24 x (99 - 0) / (100 - 0) = 23.76 h."""
    assert hourly(day(mean=99, peak=100, trough=0)) == [(0.24, 0), (23.76, 100)]


@pytest.mark.parametrize(("mean", "peak", "trough"), [(10, 18, 2), (10, 30, 0), (10, 10, 10)])
def test_a_trough_that_is_left_out_is_as_far_below_the_mean(mean: int, peak: int, trough: int) -> None:
    assert day(mean, peak) == day(mean, peak, trough)


# A day that is given

OFFICE = ["5/s"] * 8 + ["200/s"] * 4 + ["100/s"] + ["200/s"] * 4 + ["5/s"] * 7
"""Two shifts of four hours, and an hour of lunch: (15 x 5 + 8 x 200 + 100) / 24 = 73.96/s."""


def test_a_day_that_is_given_is_itself() -> None:
    given = tuple(rate(one.removesuffix("/s")) for one in OFFICE)
    assert hourly(days.day(rate(73.96), rate(200), rate(5), given).value) == [(15, 5), (1, 100), (8, 200)]


def test_the_bill_follows_the_hours_that_are_given(tmp_path: Path) -> None:
    """A replica carries 70/s: two for 16 h, and three for 8 h. (16 x 2 + 8 x 3) / 24 = 2.333."""
    made = cost(tmp_path, **traffic(profile=OFFICE))
    serving = made.parts["serving scorer"]
    assert float(serving.value.amount) == pytest.approx(2.333 * HOUR, abs=0.01)
    assert serving.reason.startswith(
        "2.333 replicas x 730 h x 0.14 EUR/h; 2 replicas for 16 h and 3 replicas for 8 h of a day: the 24 hours of "
        "`profile`, from 5/s to 200/s"
    )
    service = made.online["scorer"].service
    known = [service.traffic(name) for name in ("mean", "peak", "trough")]
    assert [float(one.value) for one in known if one is not None] == pytest.approx([73.9583, 200, 5], abs=1e-4)


def test_rates_of_their_own_replace_those_of_the_hours(tmp_path: Path) -> None:
    """The peak of a minute is above that of an hour, and sizes the maximum."""
    made = cost(tmp_path, **traffic(profile=OFFICE, peak="700/s"))
    service = made.online["scorer"].service
    assert service.for_peak.value == 10
    assert float(made.parts["serving scorer"].value.amount) == pytest.approx(2.333 * HOUR, abs=0.01)


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ({"profile": OFFICE[1:]}, "a day has 24 hours, and the profile has 23 rates"),
        ({"profile": OFFICE, "mean": "100/s"}, "the mean is 100/s, and the mean of the 24 rates of `profile` is "),
        (
            {"profile": OFFICE, "peak": "150/s"},
            "the peak is 150/s, and the highest of the 24 rates of `profile` is 200/s",
        ),
        ({"profile": OFFICE, "trough": "6/s"}, "the trough is 6/s, and the lowest of the 24 rates of `profile` is 5/s"),
    ],
)
def test_hours_that_contradict_are_refused(rates: dict[str, Any], said: str, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    found = compile_text(tmp_path, minimal(constraints__throughput=rates)).diagnostics
    [one] = [one for one in found if one.id == "MLS008"]
    assert one.message.startswith(said)


def test_the_simulated_day_is_the_given_one(tmp_path: Path) -> None:
    [environment] = compile_text(tmp_path, minimal(constraints__throughput={"profile": OFFICE}))._compiled.environments
    load = Load(simulated(environment.plan.online["digit-reader"]).profile)
    assert [load.at(hour * 3600) for hour in (0, 8, 12, 12.5, 16.5, 23)] == [5, 200, 100, 150, 102.5, 5]


# Replicas


@settings(max_examples=200)
@given(RATES, RATES, st.floats(0.001, 100))
def test_skipped_hours_have_the_replicas_that_asking_for_each_gives(a: float, b: float, each: float) -> None:
    mean, peak = sorted((a, b))
    made = days.day(rate(mean), rate(peak), None)
    asked: list[float] = []

    def needed(one: Because[Rate]) -> Because[int]:
        asked.append(float(one.value))
        return because(max(2, math.ceil(float(one.value) / each)), "a test", one)

    found = [many.value for many in days.follow(made, needed)]
    assert found == [max(2, math.ceil(float(part.rate.amount) / each)) for part in made.value]
    assert len(asked) == len(set(asked)), "a rate is judged once"
    if len(set(found)) == 1:
        assert len(asked) <= 2


def traffic(**rates: object) -> dict[str, Any]:
    return {"constraints__throughput": rates}


def test_serving_costs_more_than_the_minimum_for_half_of_the_day(tmp_path: Path) -> None:
    """A replica carries 0.7 / 10 ms = 70/s. 100/s + 100/s x cos(15 deg x h) are above 140/s while the cosine is above
    0.4, so up to 66.4 deg: for 4 hours before the peak, its own, and 4 after it. (15 x 2 + 9 x 3) / 24 = 2.375.
    """
    made = cost(tmp_path, **traffic(mean="100/s", peak="200/s"))
    service = made.online["scorer"]
    assert made.parts["serving scorer"] is service.serving
    assert [float(one.value.amount) for one in service.span] == pytest.approx([2 * HOUR, 2.375 * HOUR, 3 * HOUR], 1e-4)
    assert made.parts["serving scorer"].reason.startswith(
        "2.375 replicas x 730 h x 0.14 EUR/h; 2 replicas for 15 h and 3 replicas for 9 h of a day: a day from 0/s to "
        "200/s with a mean of 100/s"
    )
    assert "with the minimum replicas, and" in made.total.reason


def test_a_canary_takes_its_share_of_the_pods_of_each_hour(tmp_path: Path) -> None:
    """A replica carries 53.8/s: the cosine is above 61.5/s of 100/s for 7 h, which need 4 replicas, and above 7.7/s for
    11 h, which need 3: (13 x 2 + 4 x 3 + 7 x 4) / 24 = 2.75. 10% of them are always 1 pod. 60% of 2 and of 3 replicas
    are 2 pods, and of 4 they are 3: 2 + 7 / 24 = 2.292.
    """
    made = cost(tmp_path, **traffic(mean="100/s", peak="200/s"), serving__serviceTime__mean="13ms")
    canary = made.parts["canary pods of scorer"].reason
    assert "1 pod x 1h + 2.29 pods x 1h" in canary
    assert made.parts["serving scorer"].reason.startswith("2.75 replicas x 730 h")


def test_the_bill_never_falls_below_the_minimum_or_exceeds_the_maximum(tmp_path: Path) -> None:
    busy = traffic(mean="100/s", peak="700/s", trough="10/s")  # 2 to 10 replicas
    free = parts(cost(tmp_path / "a", **busy))["serving scorer"]
    limited = parts(cost(tmp_path / "b", **busy, serving__replicas={"max": 3}))["serving scorer"]
    kept = parts(cost(tmp_path / "c", **busy, serving__replicas={"min": 12, "max": 20}))["serving scorer"]
    assert 2 * HOUR < limited < free < 10 * HOUR < kept
    assert limited < 3 * HOUR
    assert kept == pytest.approx(12 * HOUR, abs=0.005)


def test_without_an_autoscaler_the_replicas_are_always_the_same(tmp_path: Path) -> None:
    platform = changed(PLATFORM, platform__autoscaling={"provider": "none"})
    made = cost(tmp_path, platform, **traffic(mean="100/s", peak="700/s"))
    assert {float(one.value.amount) for one in made.online["scorer"].span} == {10 * 102.2}


@pytest.mark.parametrize("rates", [{"mean": "100/s"}, {"peak": "100/s"}, {"mean": "100/s", "trough": "1/s"}, {}])
def test_without_a_mean_or_a_peak_the_rate_is_constant(tmp_path: Path, rates: dict[str, str]) -> None:
    made = cost(
        tmp_path, **traffic(**rates), constraints__availability=None, rollout=None, platform__rollout__provider="none"
    )
    assert [float(one.value.amount) for one in made.online["scorer"].span] == [204.40] * 3


def test_a_budget_that_the_minimum_keeps_and_the_day_breaks(tmp_path: Path) -> None:
    """The month at the minimum costs 204.40 EUR, the month as it will be 242.73."""
    alone: dict[str, Any] = {"training": None, "rollout": None, "platform__rollout__provider": "none"}
    made = cost(tmp_path, **traffic(mean="100/s", peak="200/s"), **alone)
    assert float(made.total.value.amount) == pytest.approx(242.73, abs=0.01)


# What grows with what


def bill(mean: float, peak: float, trough: float, service: float = 0.01) -> Decimal:
    """The mean replicas of a service that carries 0.7 / service requests per second per replica, two or more."""
    made = days.day(rate(mean), rate(peak), rate(trough))

    def needed(one: Because[Rate]) -> Because[int]:
        return because(max(2, math.ceil(float(one.value) * service / 0.7)), "a test", one)

    return days.average(made, days.follow(made, needed)).value


@settings(max_examples=200)
@given(RATES, RATES, RATES, st.floats(1, 5), st.floats(0.0001, 0.1))
def test_more_traffic_never_costs_less(a: float, b: float, c: float, times: float, service: float) -> None:
    """A higher mean with the same extremes, and all rates times a factor."""
    trough, mean, peak = sorted((a, b, c))
    before = bill(mean, peak, trough, service)
    assert bill(min(mean * times, peak), peak, trough, service) >= before - Decimal("0.001") * before
    assert bill(mean * times, peak * times, trough * times, service) >= before - Decimal("0.001") * before
    assert bill(mean, peak, trough, service * times) >= before


def test_the_day_of_a_budget_rests_on_the_rates(tmp_path: Path) -> None:
    made: CostPlan = cost(tmp_path, **traffic(mean="100/s", peak="200/s", trough="30/s"))

    def reached(value: Because[object]) -> set[int]:
        own = {id(value)}
        return own.union(*(reached(source) for source in value.sources if isinstance(source, Because)))

    rates = made.plan.system.constraints.throughput
    assert {id(rates.mean), id(rates.peak), id(rates.trough)} <= reached(made.total)

"""The shape of a day, against what defines it: its lowest, mean, and highest rate."""

from __future__ import annotations

import math
from statistics import mean as average

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlspec.compiler.day import HOURS, Shape, lowest, shape


def sampled(day: Shape) -> list[float]:
    """The rate in the middle of each minute."""
    return [day.at((minute + 0.5) / 60) for minute in range(HOURS * 60)]


@settings(max_examples=200)
@given(st.floats(0, 1e6), st.floats(0, 1), st.floats(0.01, 1e6))
def test_its_mean_is_the_mean_and_its_ends_are_the_trough_and_the_peak(trough: float, at: float, more: float) -> None:
    mean, peak = trough + at * more, trough + more
    day = shape(trough, mean, peak)
    assert sum(hours for hours, _ in day.stretches) == pytest.approx(HOURS)
    assert sum(hours * rate for hours, rate in day.stretches) / HOURS == pytest.approx(mean, rel=1e-6, abs=1e-6)
    assert all(trough - 1e-6 <= rate <= peak + 1e-6 for _, rate in day.stretches)
    if len(day.rates) == HOURS:
        assert (day.at(0), day.at(12)) == pytest.approx((trough, peak))
        assert average(sampled(day)) == pytest.approx(mean, rel=1e-6, abs=1e-6)


def test_with_the_mean_in_the_middle_it_is_a_cosine() -> None:
    day = shape(0, 10, 20)
    assert day.rates == pytest.approx([10 - 10 * math.cos(hour * math.pi / 12) for hour in range(HOURS)], abs=1e-6)


def test_a_peak_of_minutes_is_at_noon() -> None:
    """20/s on average with a peak of 960/s and a trough of 0/s: 24 h x 20 / 960 is half an hour."""
    day = shape(0, 20, 960)
    assert [day.at(hour) for hour in (11.7, 11.8, 12.2, 12.3, 36)] == [0, 960, 960, 0, 960]
    assert day.steepest == math.inf


def test_the_steepest_rise_of_a_cosine() -> None:
    """10 - 10 cos rises fastest around hour 6, from 5 to 6 or 6 to 7: 10 x cos(75 deg) = 2.588 per hour."""
    assert shape(0, 10, 20).steepest == pytest.approx(10 * math.cos(math.radians(75)), rel=1e-6)


def test_a_constant_rate_never_rises() -> None:
    day = shape(5, 5, 5)
    assert (day.at(3.5), day.steepest, day.stretches) == (5, 0, ((24, 5),))


@pytest.mark.parametrize(("mean", "peak", "trough"), [(10, 18, 2), (10, 30, 0), (10, 10, 10)])
def test_a_trough_that_is_left_out_is_as_far_below_the_mean(mean: float, peak: float, trough: float) -> None:
    assert lowest(mean, peak) == trough

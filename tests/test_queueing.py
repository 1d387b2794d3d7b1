"""The rule of waiting: held to a simulation of queues, and monotone in everything that it depends on."""

from __future__ import annotations

import heapq
import math
import random
from statistics import NormalDist

import pytest

from mlspec.compiler.because import fixed
from mlspec.compiler.plan.serving.capacity import Demand, carried, carrying, in_flight
from mlspec.compiler.plan.serving.queueing import Work, late, mean_wait, work
from mlspec.schema.units import Percent, Rate

from .support import CARE, demand


def simulated(slots: int, load: float, of: Work, time: float, requests: int = 300_000) -> tuple[float, float]:
    """The share of requests that take longer than `time` in one queue, first come, first served, and the mean wait."""
    rng = random.Random(2026)
    free, now, slow, waited = [0.0] * slots, 0.0, 0, 0.0
    for _ in range(requests):
        now += rng.expovariate(load / of.mean)
        start = max(now, free[0])
        took = rng.expovariate(1 / of.mean) if of.spread is None else rng.lognormvariate(of.middle, of.spread)
        heapq.heapreplace(free, start + took)
        slow += start + took - now > time
        waited += start - now
    return slow / requests, waited / requests


@pytest.mark.parametrize(
    ("slots", "load", "of", "time"),
    [
        (1, 0.30, work(0.35), 1.5),
        (1, 0.17, work(0.009), 0.05),
        (4, 2.0, work(0.2), 1.0),
        (4, 2.8, work(0.2), 1.0),
        (8, 5.0, work(1.0), 3.0),
        (4, 3.0, work(0.2), 0.2),
    ],
)
def test_exponential_answers_are_exact(slots: int, load: float, of: Work, time: float) -> None:
    """For M/M/m the formula is exact: three standard errors of the simulation, and correlation triples them."""
    found, waited = simulated(slots, load, of, time)
    expected = late(slots, load, of, time)
    assert found == pytest.approx(expected, abs=9 * math.sqrt(expected / 300_000))
    assert waited == pytest.approx(mean_wait(slots, load, of), rel=0.05)


@pytest.mark.parametrize(
    ("slots", "load", "of", "time"),
    [
        (1, 0.55, work(0.009, 0.01, 0.011), 0.05),
        (1, 0.26, work(0.06, 0.01, 0.09), 0.2),
        (4, 2.4, work(0.1, 0.01, 0.25), 0.4),
        (1, 0.6, work(0.1, 0.01, 1.2), 1.5),
        (1, 0.5, work(0.1, 0.01, 0.6), 0.9),
    ],
)
def test_log_normal_answers_are_close(slots: int, load: float, of: Work, time: float) -> None:
    """Allen and Cunneen's wait is an approximation: cautious if the model is steady, and a quarter too low at worst.

    The first two rows are planned with 13 and 7 replicas. A simulation needs 13 and 6.
    """
    found, waited = simulated(slots, load, of, time)
    assert 0.75 * found <= late(slots, load, of, time) <= 3 * found
    assert mean_wait(slots, load, of) == pytest.approx(waited, rel=0.15)


def test_the_time_through_a_percentile_has_its_mean() -> None:
    """ln(90 / 60) = 0.4055 and z = 2.3263: s = z - sqrt(z² - 0.8109) = 0.1814; exp(ln 90 - z·s + s²/2) = 60."""
    of = work(0.06, 0.01, 0.09)
    assert of.spread == pytest.approx(0.1814, abs=1e-4)
    assert of.spread is not None
    assert math.exp(of.middle + of.spread**2 / 2) == pytest.approx(0.06)
    assert of.beyond(0.09) == pytest.approx(0.01)
    assert of.within(0.01) == pytest.approx(0.09)
    assert of.variation == pytest.approx(math.exp(0.1814**2) - 1, rel=1e-3)


def test_a_percentile_too_far_above_the_mean_still_counts() -> None:
    """No log-normal distribution has a p99 above exp(z²/2) = 15 means; its own mean is then larger than measured."""
    of = work(0.01, 0.01, 1.0)
    assert of.spread == pytest.approx(NormalDist().inv_cdf(0.99))
    assert of.beyond(1.0) == pytest.approx(0.01)


# Monotone: tighter bounds, more requests, and slower models never need fewer replicas


BOUNDS = (("p50", 0.5), ("p90", 0.1), ("p95", 0.05), ("p99", 0.01), ("p999", 0.001))


def drawn(rng: random.Random) -> tuple[float, float, int, str, str, tuple[float, str] | None]:
    """A rate, a mean time, slots, a percentile, a way to queue, and maybe a measured tail."""
    mean = 10 ** rng.uniform(-3, 0.5)
    rate = 10 ** rng.uniform(-1, 3)
    tail = (rng.choice((0.01, 0.005)), f"{mean * rng.uniform(1.05, 8):.6f}s") if rng.random() < 0.5 else None
    queues = rng.choice(("random", "least-request", "workers"))
    return rate, mean, rng.choice((1, 2, 4, 16)), rng.choice(BOUNDS)[0], queues, tail


def replicas(rate: float, of: Demand) -> int:
    return carrying(fixed(Rate.parse(f"{rate:.6f}/s"), ""), of, CARE).value


@pytest.mark.slow
def test_a_tighter_bound_never_needs_fewer_replicas() -> None:
    """From twenty times the mean down to a tenth of it, where no replica can keep the bound: there is no cliff."""
    rng = random.Random(1)
    for _ in range(300):
        rate, mean, slots, percentile, queues, tail = drawn(rng)
        needed = [
            replicas(rate, demand(f"{mean:.6f}s", slots, {percentile: f"{mean * times:.6f}s"}, queues, tail))
            for times in (20, 10, 6, 5, 4.5, 4, 3, 2, 1.5, 1, 0.5, 0.1)
        ]
        assert needed == sorted(needed), (rate, mean, slots, percentile, queues, tail)


@pytest.mark.slow
def test_more_requests_never_need_fewer_replicas() -> None:
    rng = random.Random(2)
    for _ in range(300):
        rate, mean, slots, percentile, queues, tail = drawn(rng)
        of = demand(f"{mean:.6f}s", slots, {percentile: f"{mean * rng.uniform(1, 12):.6f}s"}, queues, tail)
        needed = [replicas(rate * times, of) for times in (0.1, 0.5, 1, 1.1, 2, 5)]
        assert needed == sorted(needed), (rate, mean, slots, percentile, queues, tail)


@pytest.mark.slow
def test_a_slower_model_never_needs_fewer_replicas() -> None:
    rng = random.Random(3)
    for _ in range(300):
        rate, mean, slots, percentile, queues, _ = drawn(rng)
        bound, ratio = f"{mean * rng.uniform(2, 12):.6f}s", rng.uniform(1.1, 6)
        needed = [
            replicas(
                rate,
                demand(
                    f"{mean * times:.6f}s", slots, {percentile: bound}, queues, (0.01, f"{mean * times * ratio:.6f}s")
                ),
            )
            for times in (0.2, 0.5, 0.9, 1, 1.1, 1.5, 3)
        ]
        assert needed == sorted(needed), (rate, mean, slots, percentile, queues, ratio)


@pytest.mark.slow
def test_the_rate_that_replicas_carry_is_the_inverse() -> None:
    """The replicas for a rate carry it, and one less does not."""
    rng = random.Random(4)
    for _ in range(200):
        rate, mean, slots, percentile, queues, tail = drawn(rng)
        of = demand(f"{mean:.6f}s", slots, {percentile: f"{mean * rng.uniform(1, 12):.6f}s"}, queues, tail)
        needed = replicas(rate, of)
        able = [float(carried(fixed(n, ""), of, CARE).value) for n in (needed, max(1, needed - 1))]
        assert able[0] >= rate * 0.99 - 0.006
        assert needed == 1 or able[1] < rate * 1.01 + 0.006


def test_an_autoscaler_that_keeps_the_target_runs_the_planned_replicas() -> None:
    """12/s x 350 ms on 14 replicas: 0.3 busy, and 0.3 / 0.7 in flight on each of M/M/1. 6 / 0.42 = 14.3, rounded up 15:
    never fewer than 14.
    """
    of = demand("350ms", 1, {"p95": "1500ms"})
    rate = fixed(Rate.parse("12/s"), "")
    target = in_flight(rate, fixed(14, ""), of, CARE).value
    assert target == 0.42
    assert math.ceil(14 * 0.3 / 0.7 / target) >= 14


@pytest.mark.parametrize("zones", [2, 3, 5, 10])
@pytest.mark.parametrize("share", ["99.9%", "99.99%"])
def test_the_fewest_replicas_that_leave_enough_when_some_are_lost(zones: int, share: str) -> None:
    """Compared with a search, one replica after another, which takes minutes for the largest rates."""
    care, availability = CARE._replace(zones=fixed(zones, "given")), fixed(Percent.parse(share), "given")
    for enough in range(1, 200):
        found = next(n for n in range(1, 500) if n - care.lost(n, availability) >= enough)
        assert care.leaving(enough, availability) == found
    assert care.leaving(10**9, availability) - care.lost(care.leaving(10**9, availability), availability) >= 10**9

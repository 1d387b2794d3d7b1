"""The queues of a simulation, against the closed forms of queueing theory, and against arithmetic by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from random import Random

import pytest

from mlspec.compiler.plan.serving.queueing import erlang_c, work
from mlspec.compiler.simulate.arrivals import DAY, Burst, Load, Profile
from mlspec.compiler.simulate.fleet import LATE, LOST, REFUSED, SERVED, Loss, Trace
from mlspec.compiler.simulate.measure import share
from mlspec.compiler.simulate.queues import Batching, Server, served
from mlspec.compiler.simulate.times import Times

SERVER = Server(times=Times(mean=1.0), slots=1, routing="random", room=None, timeout=1e9, startup=60.0)


def through(mean: float, value: float) -> Times:
    """The log-normal with this mean and this p99."""
    return Times(mean=mean, sigma=work(mean, 0.01, value).spread)


def run(
    rate: float, seconds: float, replicas: int = 1, seed: int = 1, losses: tuple[Loss, ...] = (), **how: object
) -> Trace:
    return served(
        SERVER.but(**how), Load(rate).arrivals(seconds, Random(seed)), seconds, replicas, Random(seed), None, losses
    )


def mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)


@pytest.mark.slow
@pytest.mark.parametrize("busy", [0.3, 0.5, 0.7])
def test_one_server_waits_as_long_as_in_the_textbook(busy: float) -> None:
    """M/M/1 that is busy for a share u of the time: it waits u / (1 - u), and P(T > t) = e^(-(1 - u) t)."""
    trace = run(busy, 100_000 / busy)
    assert mean(trace.waited) == pytest.approx(busy / (1 - busy), rel=0.05)
    assert mean(took > 3 for took in trace.latency) == pytest.approx(math.exp(-3 * (1 - busy)), rel=0.05)
    assert trace.busy / trace.able == pytest.approx(busy, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(("slots", "load"), [(2, 1.4), (4, 2.0), (8, 6.4)])
def test_several_slots_wait_as_erlang_c_says(slots: int, load: float) -> None:
    """M/M/c: a request waits with the probability C, and then 1 / (c - a) service times on average."""
    trace = run(load, 150_000 / load, slots=slots)
    wait = erlang_c(slots, load)
    assert mean(waited > 0 for waited in trace.waited) == pytest.approx(wait, rel=0.05)
    assert mean(trace.waited) == pytest.approx(wait / (slots - load), rel=0.07)


@pytest.mark.slow
@pytest.mark.parametrize("tail", [1.2, 1.5, 4.0])
def test_the_variation_of_service_times_counts_as_pollaczek_and_khinchine_say(tail: float) -> None:
    """M/G/1: it waits u (1 + CV²) / (2 (1 - u)) service times; tails at p99 of 1.2, 1.5, and 4 means."""
    times, busy = through(1.0, tail), 0.6
    trace = run(busy, 250_000, times=times)
    assert mean(trace.waited) == pytest.approx(busy * (1 + times.variation) / (2 * (1 - busy)), rel=0.06)


@pytest.mark.slow
def test_random_routing_makes_one_queue_for_each_replica() -> None:
    """Six replicas with 2/s and 350 ms each: P(T > 1.5 s) = e^(-(1/0.35 - 2) 1.5) = 14.5%."""
    trace = run(12.0, 15_000, replicas=6, times=Times(mean=0.35))
    assert mean(took > 1.5 for took in trace.latency) == pytest.approx(math.exp(-(1 / 0.35 - 2) * 1.5), rel=0.04)


@pytest.mark.slow
def test_a_queue_for_each_worker_is_as_slow_as_replicas_of_one_slot() -> None:
    """Three workers with 0.7 Erlangs each are three M/M/1: 7/3 service times. One queue for all waits a fifth of it."""
    trace = run(2.1, 100_000, slots=3, routing="workers")
    assert mean(trace.waited) == pytest.approx(0.7 / 0.3, rel=0.05)
    assert mean(run(2.1, 100_000, slots=3).waited) < 0.3 * 0.7 / 0.3


@pytest.mark.slow
def test_the_less_busy_of_two_replicas_waits_less_than_a_random_one_and_more_than_one_queue() -> None:
    waits = [mean(run(7.0, 15_000, replicas=10, routing=how).waited) for how in ("random", "least-request")]
    pooled = mean(run(7.0, 15_000, slots=10).waited)
    assert pooled < waits[1] < waits[0] / 2


def test_a_log_normal_goes_through_its_mean_and_its_percentile() -> None:
    times, random = through(0.06, 0.09), Random(3)
    draw = times.sampler(random)
    drawn = sorted(draw() for _ in range(200_000))
    assert mean(drawn) == pytest.approx(0.06, rel=0.005)
    assert drawn[198_000] == pytest.approx(0.09, rel=0.01)
    assert mean(each**2 for each in drawn) / mean(drawn) ** 2 - 1 == pytest.approx(times.variation, rel=0.05)


@pytest.mark.parametrize("routing", ["random", "least-request", "workers"])
def test_every_request_is_counted_once(routing: str) -> None:
    """Those that arrive are those that are served, refused, lost, or too late: also with batches, and a loss."""
    arrivals = list(Load(40.0).arrivals(600, Random(5)))
    server = SERVER.but(
        times=Times(mean=0.2), slots=4, routing=routing, room=3, timeout=0.5, batching=Batching(size=4, delay=0.01)
    )
    trace = served(server, arrivals, 600, 3, Random(6), None, [Loss(what="zone", at=200.0)])
    counts = [trace.outcome.count(outcome) for outcome in (SERVED, REFUSED, LOST, LATE)]
    assert sum(counts) == len(arrivals)
    assert all(counts)
    assert sorted(trace.arrived) == arrivals


def test_a_full_queue_refuses() -> None:
    """M/M/1/K with one that runs and one that may wait: at 1 Erlang, each state has a third, and a third is refused."""
    trace = run(1.0, 100_000, room=1)
    assert mean(outcome == REFUSED for outcome in trace.outcome) == pytest.approx(1 / 3, rel=0.03)


def test_a_batch_begins_when_it_is_full_or_has_waited_long_enough() -> None:
    """Arrivals at 0, 10, 20, and 500 ms; a batch of three waits 100 ms at most. The server is fast and has room."""
    server = SERVER.but(times=through(0.001, 0.001), slots=8, batching=Batching(size=3, delay=0.1))
    trace = served(server, [0.0, 0.01, 0.02, 0.5], 2, 1, Random(1))
    assert [round(waited, 6) for waited in trace.waited] == [0.02, 0.01, 0.0, 0.1]


def test_a_lost_replica_loses_what_it_works_on_and_is_replaced_after_it_has_started() -> None:
    """Gone at 100 s and forgotten at 101 s; the next one starts then, and is ready 60 s later."""
    trace = run(10.0, 400, replicas=2, times=Times(mean=0.15), losses=(Loss(what="replica", at=100.0),))
    lost = [at for at, outcome in zip(trace.arrived, trace.outcome, strict=True) if outcome == LOST]
    assert lost
    assert all(95 < at < 101 for at in lost)
    assert [(round(at), ready) for at, ready, *_ in trace.replicas] == [(0, 2), (100, 1), (161, 2)]


def test_the_same_seed_gives_the_same_trace_and_another_one_another() -> None:
    first, again, other = (run(5.0, 1000, replicas=2, seed=seed, slots=4) for seed in (7, 7, 8))
    assert (first.latency, first.served_by) == (again.latency, again.served_by)
    assert first.latency != other.latency


# Arrivals


@pytest.mark.parametrize("profile", [(8.0, 40.0, 150.0), (0.0, 50.0, 100.0), (20.0, 90.0, 100.0), (5.0, 5.0, 5.0)])
def test_a_day_goes_from_the_trough_to_the_peak_and_has_the_mean(profile: tuple[float, float, float]) -> None:
    trough, usual, peak = profile
    day = Profile(trough=trough, mean=usual, peak=peak)
    rates = [day.shape.at(second / 3600) for second in range(0, DAY, 10)]
    assert (min(rates), max(rates)) == pytest.approx((trough, peak), rel=0.001, abs=0.001)
    assert mean(rates) == pytest.approx(usual, rel=0.001)


def test_a_burst_multiplies_the_arrivals_of_its_time_only() -> None:
    times = list(Load(20.0, Burst(times=3.0, lasts=300.0, at=600.0)).arrivals(1800, Random(2)))
    during = sum(600 <= at < 900 for at in times)
    assert during == pytest.approx(20 * 3 * 300, abs=3 * math.sqrt(18_000))
    assert len(times) - during == pytest.approx(20 * 1500, abs=3 * math.sqrt(30_000))


@pytest.mark.slow
def test_the_confidence_interval_has_the_truth_as_often_as_it_says() -> None:
    """M/M/1 at 60%: P(T > 3) is e^-1.2. Of 60 runs, about 95% have it in their interval."""
    truth, hits = math.exp(-1.2), 0
    for seed in range(60):
        found = share([[took > 3 for took in run(0.6, 8_000, seed=seed).latency]])
        hits += abs(found.value - truth) <= found.error
    assert hits >= 50

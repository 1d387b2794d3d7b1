"""The autoscaler of a simulation, look by look, against what Kubernetes would do by hand."""

from __future__ import annotations

from random import Random

from mlspec.compiler.simulate.arrivals import Load
from mlspec.compiler.simulate.fleet import Meter
from mlspec.compiler.simulate.queues import Server, served
from mlspec.compiler.simulate.scaler import Autoscaler, Controller, Pace
from mlspec.compiler.simulate.times import Times

SCALER = Autoscaler(
    signal="in-flight",
    window=0.0,
    scrape=15.0,
    target=5.0,
    least=2,
    most=10,
    up=Pace(stable=30.0, percent=100.0, pods=None, period=60.0),
    down=Pace(stable=300.0, percent=None, pods=1.0, period=120.0),
)


def replayed(loads: dict[float, float], until: int, scaler: Autoscaler = SCALER, replicas: int = 2) -> dict[int, int]:
    """The replicas after each look at which they change; a load lasts until the next one."""
    controller, found = Controller(scaler), {}
    for now in range(15, until + 1, 15):
        load = next(load for since, load in reversed(loads.items()) if now >= since)
        count, _ = controller.decide(float(now), replicas, load)
        if count != replicas:
            found[now], replicas = count, count
    return found


def test_a_step_of_the_load_is_followed_as_the_policies_allow() -> None:
    """10 requests in flight are 2 replicas; 40 from 75 s on are 8, and 10 again from 180 s on.

    Up: the wish of 2 at 60 s counts for 30 s, so the first step is at 90 s, to at most double. The next may be 60 s
    after it: 8 at 150 s. Down: the last wish of 8, at 165 s, counts for 300 s, so the first replica goes at 465 s, and
    then one every 120 s.
    """
    assert replayed({0: 10, 75: 40, 180: 10}, 1200) == {90: 4, 150: 8, 465: 7, 585: 6, 705: 5, 825: 4, 945: 3, 1065: 2}


def test_a_load_within_the_tolerance_changes_nothing() -> None:
    """10.9 requests on 2 replicas are 9% above the target, and 11.1 are 11%."""
    assert replayed({0: 10.9}, 600) == {}
    assert replayed({0: 11.1}, 600) == {45: 3}


def test_a_spike_shorter_than_the_window_adds_nothing() -> None:
    assert replayed({0: 10, 75: 100, 90: 10}, 300) == {}


def test_the_maximum_and_the_minimum_hold() -> None:
    assert max(replayed({0: 10, 75: 500}, 1200).values()) == 10
    assert min(replayed({0: 40, 300: 0}, 3000, replicas=8).values()) == 2


def test_the_first_look_does_not_remove_what_the_plan_has() -> None:
    """Kubernetes counts the replicas that it finds as its first wish, so a new autoscaler waits its window, too."""
    assert replayed({0: 0.0}, 500, replicas=6) == {315: 5, 435: 4}


def test_a_replica_serves_only_after_it_has_started() -> None:
    """Load for 6 replicas on 2: the autoscaler asks for 4 and later for more, and each is ready 100 s later."""
    server = Server(times=Times(mean=1.0), slots=4, routing="random", room=None, timeout=1e9, startup=100.0)
    arrivals = Load(20.0).arrivals(1800, Random(1))
    trace = served(server, arrivals, 1800, 2, Random(2), SCALER.but(target=3.0, most=20))
    asked = next(at for at, _, count, _ in trace.replicas if count > 2)
    ready = next(at for at, count, _, _ in trace.replicas if count > 2)
    assert ready == asked + 100
    assert trace.replicas[-1][1] >= 6


def test_the_signal_is_what_prometheus_has_seen() -> None:
    """Three requests: 0 to 40 s, 10 to 20 s with a wait of 5 s, and 31 to 100 s. Scrapes are every 15 s."""
    meter = Meter(200.0)
    meter.add(0.0, 0.0, 40.0)
    meter.add(10.0, 15.0, 20.0)
    meter.add(31.0, 35.0, 100.0)
    assert meter.seen(14.0, "in-flight", 0.0, 1.0, 60.0) == 0, "an adapter serves what a rule recorded at 0 s"
    assert meter.seen(14.0, "in-flight", 0.0, 1.0) == 2
    assert meter.seen(14.0, "queue", 0.0, 1.0) == 1
    assert meter.seen(31.0, "in-flight", 0.0, 15.0) == 1, "at the scrape at 30 s, the third had not arrived"
    assert meter.seen(60.0, "in-flight", 60.0, 15.0) == (40 + 10) / 60, "the time of those that ended in the window"

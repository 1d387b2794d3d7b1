"""The replicas of a service while time passes: they start, serve, drain, and are lost, and the autoscaler counts them.

A simulation hands over each arrival and moves the clock; the fleet runs everything that is due before it. Engines say
how a replica serves (`queues`, `batching`).
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Callable
from random import Random
from typing import Generic, TypeVar

from ..record import Record
from .scaler import SYNC, Autoscaler, Controller

__all__ = ["EVICTION", "GONE", "UNNOTICED", "Fleet", "Loss", "Meter", "Replica", "Trace"]

GONE = 1.0
"""The seconds until the gateway knows that a pod has ended."""

UNNOTICED = 50.0
"""The seconds until a cluster knows that nodes are gone: `--node-monitor-grace-period`, by default."""

EVICTION = 300.0
"""The seconds after that until it replaces their pods: `tolerationSeconds` of `unreachable`, by default."""

SERVED, REFUSED, LOST, LATE = 0, 1, 2, 3
"""What became of a request: it was answered, the replica refused it, the replica was lost, or the gateway gave up."""


class Loss(Record):
    """A replica, or all replicas of a zone, are lost."""

    what: str
    """`replica` or `zone`."""
    at: float
    """In seconds."""
    zones: int = 3
    """The zones of the cluster. Replicas spread over them, in turn."""


class Replica:
    """One replica."""

    __slots__ = ("dead", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.dead = False


class Trace:
    """What happened: the columns of all requests in the order of their arrival, and of the replicas over time."""

    def __init__(self) -> None:
        self.arrived = array("d")
        self.latency = array("d")
        """From the arrival to the end of the response; that of a request without a response does not count."""
        self.waited = array("d")
        """Until a replica began to work on it; for a language model, until its first token."""
        self.served_by = array("i")
        self.outcome = bytearray()
        self.gaps: list[tuple[float, float]] = []
        """For a language model: the time between two tokens of a response, and how many gaps were so long."""
        self.replicas: list[tuple[float, int, int, int]] = []
        """Time, replicas that are ready, replicas that are asked for, and those that the load alone would need."""
        self.busy = 0.0
        """Slot-seconds that were worked; replica-seconds for a language model."""
        self.able = 0.0
        """Slot-seconds that there were."""
        self.seconds = 0.0
        """The simulated time."""

    def add(self, arrived: float, replica: int, waited: float, latency: float, outcome: int) -> None:
        """Record a request."""
        self.arrived.append(arrived)
        self.latency.append(latency)
        self.waited.append(waited)
        self.served_by.append(replica)
        self.outcome.append(outcome)


class Meter:
    """What Prometheus would see, by the second: requests that arrived, began, and ended, and how long they took."""

    def __init__(self, seconds: float) -> None:
        many = int(seconds) + 2
        self.arrived, self.began, self.ended = ([0] * many for _ in range(3))
        self.took = [0.0] * many
        self._last, self._flying, self._waiting = 0, 0, 0

    def add(self, arrived: float, began: float, ended: float) -> None:
        """Count a request, whose beginning and end may be in the future."""
        last = len(self.took) - 1
        self.arrived[min(last, int(arrived))] += 1
        self.began[min(last, int(began))] += 1
        self.ended[min(last, int(ended))] += 1
        self.took[min(last, int(ended))] += ended - arrived

    def counts(self, now: float) -> tuple[int, int]:
        """The requests in flight, and those of them that wait, at a time that never decreases."""
        for second in range(self._last, min(int(now), len(self.took) - 1)):
            self._flying += self.arrived[second] - self.ended[second]
            self._waiting += self.arrived[second] - self.began[second]
        self._last = max(self._last, int(now))
        return self._flying, self._waiting

    def seen(self, now: float, signal: str, window: float, scrape: float, recorded: float = 0.0) -> float:
        """The signal of an autoscaler, as of the last scrape before the rule that records it ran, or before `now`."""
        at = now - now % recorded if recorded else now
        at -= at % scrape if scrape else 0.0
        flying, waiting = self.counts(at)
        if signal == "queue":
            return float(waiting)
        if not window:
            return float(flying)
        first = max(0, int(at - window))
        return sum(self.took[first : int(at)]) / max(1.0, min(window, at))


R = TypeVar("R", bound=Replica)


class Fleet(Generic[R]):
    """The replicas, the clock, and what is due when."""

    def __init__(
        self,
        count: int,
        make: Callable[[int], R],
        startup: float,
        slots: int,
        seconds: float,
        random: Random,
        autoscaler: Autoscaler | None,
    ) -> None:
        self.make, self.startup, self.slots, self.random = make, startup, slots, random
        self.trace = Trace()
        self.trace.seconds = seconds
        self.meter = Meter(seconds)
        self.all: list[R] = []
        self.routed: list[R] = []
        """The replicas that get requests. A lost one gets them until the gateway knows."""
        self.asked = count
        self.starting: list[R] = []
        self.lost: Callable[[R, float], None] = lambda _replica, _now: None
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = 0
        self._since = 0.0
        self.routed = [self._new() for _ in range(count)]
        self._note(0.0)
        if autoscaler is not None:
            self._controller = Controller(autoscaler)
            self.at(SYNC, self._look)

    def at(self, when: float, what: Callable[[float], None]) -> None:
        """Do something at a time."""
        self._order += 1
        heapq.heappush(self._due, (when, self._order, what))

    def until(self, now: float) -> None:
        """Run everything that is due."""
        while self._due and self._due[0][0] <= now:
            when, _, what = heapq.heappop(self._due)
            what(when)

    @property
    def next(self) -> float:
        """When something is due next."""
        return self._due[0][0] if self._due else float("inf")

    def finish(self) -> Trace:
        """Run to the end, and return what happened."""
        self.until(self.trace.seconds)
        self._count(self.trace.seconds)
        return self.trace

    # Replicas

    def _new(self) -> R:
        replica = self.make(len(self.all))
        self.all.append(replica)
        return replica

    def _up(self, replica: R, now: float) -> None:
        self._count(now)
        self.routed.append(replica)
        self._note(now)

    def _start(self, now: float) -> None:
        replica = self._new()
        self.starting.append(replica)

        def ready(then: float) -> None:
            if replica in self.starting:
                self.starting.remove(replica)
                self._up(replica, then)

        self.at(now + self.startup, ready)

    def _scale(self, now: float, count: int) -> None:
        """Start replicas, or remove some: those that are not ready first, and then the newest."""
        for _ in range(count - self.asked):
            self._start(now)
        for _ in range(self.asked - count):
            self._count(now)
            if self.starting:
                self.starting.pop()
            elif len(self.routed) > 1:
                self.routed.pop()
        self.asked = count

    def _look(self, now: float) -> None:
        scaler = self._controller.autoscaler
        if scaler.signal == "processors":
            flying, waiting = self.meter.counts(now)
            load = float(min(flying - waiting, len(self.routed) * self.slots))
        else:
            load = self.meter.seen(now, scaler.signal, scaler.window, scaler.scrape, scaler.recorded)
        count, wanted = self._controller.decide(now, self.asked, load)
        self._scale(now, count)
        self._note(now, wanted)
        self.at(now + SYNC, self._look)

    def _count(self, now: float) -> None:
        """Add the slots that there were since the last change."""
        self.trace.able += sum(not replica.dead for replica in self.routed) * self.slots * (now - self._since)
        self._since = now

    def _note(self, now: float, wanted: int | None = None) -> None:
        ready = sum(not replica.dead for replica in self.routed)
        self.trace.replicas.append((now, ready, self.asked, self.asked if wanted is None else wanted))

    # Losses

    def lose(self, loss: Loss) -> None:
        """Plan a loss."""
        self.at(loss.at, lambda now: self._lose(loss.what, loss.zones, now))

    def _lose(self, what: str, zones: int, now: float) -> None:
        alive = [replica for replica in self.routed if not replica.dead]
        zone = alive[0].number % zones
        victims = alive[:1] if what == "replica" else [one for one in alive if one.number % zones == zone]
        self._count(now)
        for replica in victims:
            replica.dead = True
            self.lost(replica, now)
        noticed = now + (GONE if what == "replica" else UNNOTICED)
        replaced = noticed if what == "replica" else noticed + EVICTION
        self._note(now)
        self.at(noticed, lambda _: self._forget(victims))
        for _ in victims:
            self.at(replaced, self._start)

    def _forget(self, victims: list[R]) -> None:
        self.routed = [replica for replica in self.routed if replica not in victims]

"""Replicas that each work on a few requests at once: the queues that the capacity rules of the plan assume.

The replica of a request is chosen at its arrival, and a queue is first come, first served. So the beginning and the end
of a request are known as soon as it arrives, and no event is needed for them: it begins when the earliest slot is free.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from random import Random

from ..record import Record
from .fleet import LATE, LOST, REFUSED, SERVED, Fleet, Loss, Replica, Trace
from .scaler import Autoscaler
from .times import Times

__all__ = ["Batching", "Server", "served"]

FOREVER = float("inf")


class Batching(Record):
    """A server that waits for more requests before it begins with one."""

    size: int
    delay: float
    """In seconds."""


class Server(Record):
    """How a replica serves."""

    times: Times
    slots: int
    routing: str
    """`random`, `least-request` (the better of two random replicas), or `workers` (a random slot with a queue)."""
    room: int | None
    """How many requests may wait on a replica; None without a limit."""
    timeout: float
    """The seconds after which the gateway gives up. The replica ends its work all the same."""
    startup: float
    """The seconds from the decision to add a replica until it is ready."""
    batching: Batching | None = None


class Slots(Replica):
    """A replica with some slots, each free from some time on."""

    __slots__ = ("batch", "closes", "ends", "free")

    def __init__(self, number: int, slots: int) -> None:
        super().__init__(number)
        self.free = [0.0] * slots
        self.ends: list[float] = []
        """The ends of the requests in flight, as a heap, if they are counted."""
        self.batch: list[float] = []
        self.closes = 0

    def flying(self, now: float) -> int:
        """The requests in flight, with those that wait."""
        ends = self.ends
        while ends and ends[0] <= now:
            heapq.heappop(ends)
        return len(ends) + len(self.batch)


def served(
    server: Server,
    arrivals: Iterable[float],
    seconds: float,
    replicas: int,
    random: Random,
    autoscaler: Autoscaler | None = None,
    losses: Sequence[Loss] = (),
) -> Trace:
    """Serve the arrivals with so many replicas at first."""
    fleet = Fleet(
        replicas,
        lambda number: Slots(number, server.slots),
        server.startup,
        server.slots,
        seconds,
        random,
        autoscaler,
    )
    run = _Run(server, fleet, random)
    fleet.lost = run.lose
    for loss in losses:
        fleet.lose(loss)
    for now in arrivals:
        if fleet.next <= now:
            fleet.until(now)
        run.arrive(now)
    fleet.until(seconds)
    for replica in fleet.all:
        run.close(replica, seconds)
    return fleet.finish()


class _Run:
    def __init__(self, server: Server, fleet: Fleet[Slots], random: Random) -> None:
        self.server, self.fleet, self.trace, self.meter = server, fleet, fleet.trace, fleet.meter
        self.draw, self.sample = random.random, server.times.sampler(random)
        self.counts = server.routing == "least-request" or server.room is not None
        self.timeout, self.seconds = server.timeout, fleet.trace.seconds

    def arrive(self, now: float) -> None:
        """Route a request, and queue it."""
        routed = self.fleet.routed
        if not routed:
            self.trace.add(now, -1, 0.0, 0.0, LOST)
            return
        replica = routed[int(self.draw() * len(routed))]
        if self.server.routing == "least-request":
            other = routed[int(self.draw() * len(routed))]
            if other.flying(now) < replica.flying(now):
                replica = other
        if replica.dead:
            self.trace.add(now, replica.number, 0.0, 0.0, LOST)
            return
        room = self.server.room
        if room is not None and replica.flying(now) - self.server.slots >= room:
            self.trace.add(now, replica.number, 0.0, 0.0, REFUSED)
            return
        if self.server.batching is None:
            self.begin(replica, now, now)
        else:
            self.join(replica, now, self.server.batching)

    def begin(self, replica: Slots, arrived: float, now: float) -> None:
        """Queue a request that may begin at `now`."""
        free, took = replica.free, self.sample()
        if self.server.routing == "workers":
            worker = int(self.draw() * len(free))
            start = max(now, free[worker])
            free[worker] = end = start + took
        else:
            start = free[0] if free[0] > now else now
            end = start + took
            heapq.heapreplace(free, end)
        if self.counts:
            heapq.heappush(replica.ends, end)
        if start < self.seconds:
            self.trace.busy += min(end, self.seconds) - start
        self.meter.add(arrived, start, end)
        late = LATE if end - arrived > self.timeout else SERVED
        self.trace.add(arrived, replica.number, start - arrived, end - arrived, late)

    def join(self, replica: Slots, now: float, batching: Batching) -> None:
        """Wait for a batch, which begins when it is full, or its first request has waited long enough."""
        replica.batch.append(now)
        if len(replica.batch) >= batching.size:
            self.close(replica, now)
        elif len(replica.batch) == 1:
            closing = replica.closes
            self.fleet.at(
                now + batching.delay, lambda then: self.close(replica, then) if replica.closes == closing else None
            )

    def close(self, replica: Slots, now: float) -> None:
        """Begin with a batch."""
        replica.closes += 1
        batch, replica.batch = replica.batch, []
        for arrived in batch:
            if replica.dead:
                self.trace.add(arrived, replica.number, 0.0, 0.0, LOST)
            else:
                self.begin(replica, arrived, now)

    def lose(self, replica: Slots, now: float) -> None:
        """Fail what the replica works on, and what waits on it."""
        trace = self.trace
        for at, number in enumerate(trace.served_by):
            if number == replica.number and trace.arrived[at] + trace.latency[at] > now:
                trace.outcome[at] = LOST

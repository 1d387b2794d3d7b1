"""The HorizontalPodAutoscaler, which KEDA creates too: when it looks, what it wants, and how fast it may go.

Source: pkg/controller/podautoscaler of Kubernetes: `GetExternalPerPodMetric` (the wanted replicas and the tolerance),
`stabilizeRecommendationWithBehaviors` and `convertDesiredReplicasWithBehaviorRate` (the windows and the policies).
"""

from __future__ import annotations

import math
from collections import deque

from ..record import Record

__all__ = ["SYNC", "TOLERANCE", "Autoscaler", "Controller", "Pace"]

SYNC = 15.0
"""The seconds between two looks: `--horizontal-pod-autoscaler-sync-period`, by default."""

TOLERANCE = 0.1
"""How far the load may be from its target: `--horizontal-pod-autoscaler-tolerance`, by default."""


class Pace(Record):
    """How fast replicas are added or removed: stable for so many seconds, and at most so many in a period."""

    stable: float
    percent: float | None
    """The largest change in percent of the replicas; None if `pods` says it."""
    pods: float | None
    period: float

    def most(self, replicas: int) -> float:
        """The largest change in a period that begins with so many replicas."""
        return replicas * self.percent / 100 if self.percent is not None else self.pods or 0.0


class Autoscaler(Record):
    """An emitted autoscaler."""

    signal: str
    """`in-flight` or `queue`, a number of requests, or `processors`, the busy share of the requested CPU."""
    window: float
    """The seconds that the signal is an average of; 0 for the value at the last scrape."""
    scrape: float
    """The seconds between two scrapes."""
    target: float
    """Of the signal, per replica."""
    least: int
    most: int
    up: Pace
    down: Pace
    recorded: float = 0.0
    """The seconds between two evaluations of the rule that an adapter reads; 0 without an adapter."""

    def wants(self, load: float, replicas: int) -> int:
        """The replicas for a load that is a total over all replicas, before limits."""
        ratio = load / (self.target * replicas)
        return replicas if abs(ratio - 1) <= TOLERANCE else math.ceil(load / self.target - 1e-9)


class Controller:
    """An autoscaler at work."""

    def __init__(self, autoscaler: Autoscaler) -> None:
        self.autoscaler = autoscaler
        self._wanted: deque[tuple[float, int]] = deque()
        """What it wanted, and when. Before its first look, it wanted what there is."""
        self._changes: deque[tuple[float, int]] = deque()

    def decide(self, now: float, replicas: int, load: float) -> tuple[int, int]:
        """The replicas that it sets now, and those that the load alone would need."""
        scaler = self.autoscaler
        wanted = scaler.wants(load, replicas) if replicas else scaler.least
        if not self._wanted:
            self._wanted.append((now, replicas))
        self._wanted.append((now, wanted))
        chosen = self._limited(now, replicas, self._stable(now, replicas))
        chosen = max(scaler.least, min(scaler.most, chosen))
        if chosen != replicas:
            self._changes.append((now, chosen - replicas))
        return chosen, wanted

    def _stable(self, now: float, replicas: int) -> int:
        """The smallest wish of the upward window, and the largest of the downward one."""
        up, down = self.autoscaler.up.stable, self.autoscaler.down.stable
        while self._wanted[0][0] <= now - max(up, down):
            self._wanted.popleft()
        least = min(wish for when, wish in self._wanted if when > now - up)
        most = max(wish for when, wish in self._wanted if when > now - down)
        return min(max(replicas, least), most)

    def _limited(self, now: float, replicas: int, wanted: int) -> int:
        """What the policies allow, from the number of replicas at the beginning of the period."""
        while self._changes and self._changes[0][0] < now - max(self.autoscaler.up.period, self.autoscaler.down.period):
            self._changes.popleft()
        if wanted > replicas:
            pace = self.autoscaler.up
            before = replicas - sum(by for when, by in self._changes if by > 0 and when > now - pace.period)
            return max(replicas, min(wanted, math.ceil(before + pace.most(before) - 1e-9)))
        pace = self.autoscaler.down
        before = replicas - sum(by for when, by in self._changes if by < 0 and when > now - pace.period)
        return min(replicas, max(wanted, math.floor(before - pace.most(before) + 1e-9)))

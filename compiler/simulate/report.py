"""What a simulation found: for each promise of the plan, what was promised, what happened, and whether it was kept."""

from __future__ import annotations

from ..record import Record, one_line

__all__ = [
    "BROKEN",
    "CANARY",
    "KEPT",
    "OPEN",
    "TimeSlice",
    "Promise",
    "SimulatedRollouts",
    "SimulatedService",
    "Simulation",
    "Unsimulated",
    "judged",
    "percent",
]

KEPT, BROKEN, OPEN = "kept", "broken", "unclear"

CANARY = ("false abort of a canary", "canary that waits", "bad version not rolled back")
"""The promises that are about rollouts: good versions that are rolled back or held, and bad ones that are not."""


class Promise(Record):
    """One promise, and what happened. The numbers are shares, or counts of replicas."""

    title: str
    promised: str
    """In words: `at most 1% over 50 ms`."""
    happened: str
    """In words: `0.62% ± 0.05%, p99 43.1 ms`."""
    verdict: str
    """`kept`, `broken` (missed by more than the error of the simulation), or `unclear` (missed by less)."""
    allowed: float
    measured: float
    error: float
    """Half of the 95% confidence interval of what was measured."""
    at_least: bool = False
    """Whether `allowed` is the minimum rather than the maximum."""

    @property
    def margin(self) -> float:
        """How far it is from the limit, as a share of the limit: negative if it is broken."""
        left = self.measured - self.allowed if self.at_least else self.allowed - self.measured
        return left / self.allowed if self.allowed else 0.0 if not left else left / abs(left)


def judged(allowed: float, measured: float, error: float, *, at_least: bool = False) -> str:
    """Whether a promise was kept, beyond the error of the simulation."""
    over = allowed - measured if at_least else measured - allowed
    return KEPT if over <= 0 else BROKEN if over > error else OPEN


def percent(value: float) -> str:
    """A share in percent, with two significant digits below 10%: `0.62%`; `0%` below one in a million."""
    amount = 100 * value
    if amount >= 10:
        return f"{amount:,.0f}%" if amount >= 100 else f"{amount:.3g}%"
    return f"{amount:.2g}%" if amount >= 0.0001 else "0%"


class TimeSlice(Record):
    """A part of the simulated time, to draw it."""

    at: float
    """Its beginning, in seconds."""
    rate: float
    """Requests per second."""
    ready: float
    """Replicas that were ready."""
    asked: float
    """Replicas that were asked for."""
    median: float | None
    """Of the latency, in seconds; None without responses."""
    tail: float | None
    """Its 99th percentile."""
    failed: float
    """The share of the requests that failed."""


class SimulatedRollouts(Record):
    """How many simulated rollouts of a new version ended."""

    version: str
    """In words: `5% of its requests fail`."""
    rate: float
    """Requests per second of all versions together."""
    runs: int
    asked: int
    """More than the runs if each takes so long that fewer were simulated."""
    promoted: int
    rolled_back: int
    held: int
    seconds: float | None
    """The median time to the verdict of those that were rolled back."""
    slowest: float | None
    """Their 95th percentile."""
    spent: float | None
    """The median share of the error budget of availability that the version spent before its verdict."""
    most_spent: float | None
    """The 95th percentile of that."""
    by: tuple[tuple[str, int], ...]
    """The metrics that decided, and how often."""
    windows: tuple[tuple[float, float, float, str], ...]
    """The windows of the first rollout, to draw them: when, the bad share, the limit, and what it means."""
    ended: tuple[str, float]
    """How and when the first rollout ended."""
    promises: tuple[Promise, ...]


class SimulatedService(Record):
    """One service."""

    name: str
    conditions: str
    """In words: what was simulated."""
    requests: int
    seconds: float
    """The simulated time of each run."""
    runs: int
    replicas: tuple[int, int]
    """The fewest and the most replicas that were ready."""
    promises: tuple[Promise, ...]
    rollouts: SimulatedRollouts | None
    unjudged: tuple[str, ...]
    """Promises that cannot be simulated, and why."""
    assumptions: tuple[str, ...]
    bins: tuple[TimeSlice, ...]
    """The first run over time."""
    bound: float | None
    """The highest bound on the latency, in seconds, to draw it."""
    bound_name: str
    """Its percentile."""

    @property
    def broken(self) -> bool:
        """Whether a promise was broken."""
        return any(promise.verdict == BROKEN for promise in self.promises)


class Unsimulated(Record):
    """A part of the system that is not simulated."""

    name: str
    why: str


class Simulation(Record):
    """One environment."""

    environment: str
    services: tuple[SimulatedService, ...]
    unsimulated: tuple[Unsimulated, ...]

    @property
    def broken(self) -> bool:
        """Whether a promise was broken."""
        return any(service.broken for service in self.services)

    def __repr__(self) -> str:
        promises = [promise for service in self.services for promise in service.promises]
        kept = sum(promise.verdict == KEPT for promise in promises)
        return one_line(self, f"{self.environment}: {kept} of {len(promises)} promises kept")

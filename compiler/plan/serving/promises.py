"""What bounds the time of a response: the promised percentiles, the model's own time, and the wait for a batch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal

from ....schema.units import Duration, Percent
from ...because import Because, decision
from ...row import Row
from ...system import Batching, Latency, ServiceTime
from ..choose import assumed, seconds
from .queueing import Work, work

__all__ = ["LATE", "Promise", "Promises", "own_time", "promises"]

LATE: dict[str, Decimal] = {
    "p50": Decimal("0.5"),
    "p90": Decimal("0.1"),
    "p95": Decimal("0.05"),
    "p99": Decimal("0.01"),
    "p999": Decimal("0.001"),
}
"""The share of requests that may exceed the bound of each percentile."""


SHARES = {"p99": 0.01, "p995": 0.005}

TAIL = Decimal("5.3")
"""The 99.5th percentile of an exponential distribution as a multiple of its mean: ln 200."""


class Promise(Row):
    """One bounded percentile of the response time."""

    percentile: str
    bound: Because[Duration]

    @property
    def late(self) -> float:
        """The share of requests that may take longer."""
        return float(LATE[self.percentile])

    @property
    def words(self) -> str:
        """The promise in words: `99% of requests within 50ms`."""
        return f"{Percent(1 - LATE[self.percentile])} of requests within {self.bound.value}"


class Promises(Row):
    """All that the response times of a service must keep, and what they consist of besides the wait."""

    bounds: tuple[Promise, ...]
    work: Because[Work]
    """How long the model works on a request."""
    delay: Because[Duration] | None
    """How long a request may wait for its batch to fill; None without a delay."""
    own: Because[Percent]
    """The share of the late requests that the model's own tail may use up."""
    hops: tuple[Because[Duration], ...] = ()
    """What hops and lookups take of every bound."""

    @property
    def measured(self) -> bool:
        """Whether more than the mean of the work is known."""
        return self.work.value.spread is not None

    @property
    def waits(self) -> float:
        """The wait for the batch, with hops and lookups, in seconds."""
        delays = (*self.hops, *((self.delay,) if self.delay is not None else ()))
        return sum((float(delay.value) for delay in delays), 0.0)

    def alone(self, promise: Promise) -> float:
        """The share of requests that an idle replica answers too late."""
        return self.work.value.beyond(float(promise.bound.value) - self.waits)

    def possible(self, promise: Promise) -> bool:
        """Whether replicas can keep the promise: an idle one uses up little enough of what may be late."""
        return self.alone(promise) <= promise.late * float(self.own.value.amount)

    def least(self, promise: Promise) -> Duration:
        """The lowest bound that replicas can keep, in whole milliseconds."""
        return Duration(Decimal(math.ceil(1000 * (self._work(promise) + self.waits))) / 1000)

    def left(self, promise: Promise) -> float:
        """The seconds left for the wait in the queue and the work. An impossible bound counts as the lowest one that is
        possible, so that a tighter bound never makes a system smaller.
        """
        return max(float(promise.bound.value) - self.waits, self._work(promise))

    def _work(self, promise: Promise) -> float:
        """The time that an idle replica exceeds as rarely as it must."""
        return self.work.value.within(promise.late * float(self.own.value.amount))


def promises(
    bounds: Latency,
    time: ServiceTime,
    selected: Because[Duration] | None,
    batching: Batching | None,
    own: Because[Percent],
    hops: tuple[Because[Duration], ...] = (),
) -> Promises:
    """What a service promises. `selected` is the p99 of the selected candidate."""
    return Promises(tuple(_bounded(bounds)), own_time(time, selected), _delay(batching), own, hops)


def _bounded(bounds: Latency) -> Iterator[Promise]:
    for percentile in bounds.fields:
        bound = getattr(bounds, percentile)
        if bound is not None:
            yield Promise(percentile, bound)


def _delay(batching: Batching | None) -> Because[Duration] | None:
    return batching.max_delay if batching is not None else None


def own_time(time: ServiceTime, selected: Because[Duration] | None) -> Because[Work]:
    """How long the model works on a request: log-normal through the mean and its slowest measured percentile, which is
    the most cautious one, else exponential, as if nothing but the mean were known.
    """
    measured = (("p995", time.p995, "its measured p99.5"), ("p99", time.p99, "its measured p99"))
    known = [_through(time.mean, tail, name, why) for name, tail, why in measured if tail is not None]
    if known:
        return max(known, key=lambda one: one.value.variation)
    if selected is not None and selected.value > time.mean.value:
        return _through(time.mean, selected, "p99", "the p99 of the selected candidate")
    guess = Duration((TAIL * time.mean.value.amount).normalize())
    return _exponential(time.mean, assumed(f"{time.spec_path}.p995", guess, "an exponential tail", time.mean))


@decision
def _through(mean: Because[Duration], tail: Because[Duration], name: str, which: str) -> tuple[Work, str]:
    of = work(float(mean.value), SHARES[name], max(float(tail.value), float(mean.value)))
    return of, f"{mean.value} on average, and {tail.value} at {which}"


@decision
def _exponential(mean: Because[Duration], guess: Because[Duration]) -> tuple[Work, str]:
    slow = seconds(float(guess.value))
    return work(float(mean.value)), f"{mean.value} on average, and {slow} at p99.5, because its tail is unknown"

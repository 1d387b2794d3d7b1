"""How long requests take at a replica: their wait, and the work itself.

A replica has m slots and a load of `a` Erlangs (arrival rate times mean service time). Requests arrive at random
(Poisson). The probability of a wait is Erlang's C (A. K. Erlang, 1917; L. Kleinrock, Queueing Systems I, 1975, section
3.4). All times are in seconds, and all probabilities are between 0 and 1.
"""

from __future__ import annotations

import math
from functools import lru_cache

from ...record import Record
from ..distributions import normal_below, normal_quantile

__all__ = ["Work", "erlang_c", "late", "mean_wait", "queue", "work"]

STEADY = 1e-3
"""The least standard deviation of a logarithm: below it, all requests take the same time for every purpose here."""

POINTS = 96
"""Intervals of Simpson's rule over the times of a log-normal service; twice as many change no probability by 1e-6."""

LOWEST = -8.0
"""The standard score that the integral starts at; a normal variable is below it once in 10^15."""


class Work(Record):
    """How long the model works on a request: a distribution with a mean."""

    mean: float
    spread: float | None
    """The standard deviation of the logarithm (log-normal); None for an exponential distribution."""
    middle: float = 0.0
    """The mean of the logarithm."""

    def __str__(self) -> str:
        return "exponential" if self.spread is None else "log-normal"

    @property
    def variation(self) -> float:
        """The squared coefficient of variation."""
        return 1.0 if self.spread is None else math.expm1(self.spread**2)

    def beyond(self, time: float) -> float:
        """P(S > time)."""
        if time <= 0:
            return 1.0
        if self.spread is None:
            return math.exp(-time / self.mean)
        return normal_below(-self.score(time))

    def within(self, share: float) -> float:
        """The time that `share` of the requests exceed."""
        if self.spread is None:
            return -self.mean * math.log(share)
        return math.exp(self.middle + self.spread * normal_quantile(1 - share))

    def score(self, time: float) -> float:
        """The standard score of a time in a log-normal distribution."""
        assert self.spread is not None
        return (math.log(time) - self.middle) / self.spread


def work(mean: float, share: float | None = None, time: float = 0.0) -> Work:
    """The distribution with a mean that exceeds `time` with probability `share`: log-normal, or exponential without.

    With z the standard score of the share, ln(time / mean) = z·s - s²/2. The root is the smaller s. A log-normal
    distribution cannot have a percentile above exp(z²/2) means; then s = z, through the percentile, with a larger mean.
    """
    if share is None:
        return Work(mean=mean, spread=None)
    score, ratio = normal_quantile(1 - share), math.log(time / mean)
    spread = max(STEADY, score - math.sqrt(max(0.0, score**2 - 2 * ratio)))
    middle = math.log(time) - score * spread
    return Work(mean=mean, spread=spread, middle=middle)


@lru_cache(maxsize=4096)
def erlang_c(slots: int, load: float) -> float:
    """The probability that a request waits, by the stable Erlang B recursion; 1 if the load reaches the slots."""
    if load >= slots:
        return 1.0
    blocked = 1.0
    for k in range(1, slots + 1):
        blocked = load * blocked / (k + load * blocked)
    busy = load / slots
    return blocked / (1 - busy * (1 - blocked))


def queue(how: str, slots: int, replicas: int, load: float) -> tuple[int, float]:
    """The servers of one queue, and its load in Erlangs: of all replicas, of each, or of each worker."""
    if how == "least-request":
        return slots * replicas, load
    if how == "workers":
        return 1, load / (slots * replicas)
    return slots, load / replicas


def _leaving(slots: int, load: float, of: Work) -> float:
    """The rate at which a wait ends, per second: (m - a) / S, slower the more the service times vary (A. O. Allen,
    Probability, Statistics, and Queueing Theory, 1990, section 5.2.2: the Allen-Cunneen approximation).
    """
    return (slots - load) / of.mean * 2 / (1 + of.variation)


def mean_wait(slots: int, load: float, of: Work) -> float:
    """The mean time in the queue; infinite if the load reaches the slots."""
    if load >= slots:
        return math.inf
    return erlang_c(slots, load) / _leaving(slots, load, of)


@lru_cache(maxsize=4096)  # replicas are planned for several rates, and again for each hour of a day
def late(slots: int, load: float, of: Work, time: float) -> float:
    """P(wait + service > time) in one queue with `slots` servers and `load` Erlangs.

    Who waits (probability C) waits for an exponential time with rate t. With exponential service of rate u, the sum of
    both exceeds `time` with probability (t·exp(-u·time) - u·exp(-t·time)) / (t - u), which is exact for M/M/m. For a
    log-normal service the sum is integrated over the service times; there, the share is an approximation, between 0.75
    and 3 times that of a simulation, cautious for models whose answers take nearly the same time.
    """
    if load >= slots:
        return 1.0
    if time <= 0:
        return 1.0
    alone, waits, leaving = of.beyond(time), erlang_c(slots, load), _leaving(slots, load, of)
    both = _both(1 / of.mean, leaving, time) if of.spread is None else alone + _integral(of, leaving, time)
    return min(1.0, (1 - waits) * alone + waits * both)


def _both(served: float, leaving: float, time: float) -> float:
    """P(E1 + E2 > time) for exponential variables with these rates."""
    if abs(leaving - served) <= 1e-6 * served:
        return (1 + served * time) * math.exp(-served * time)
    shorter = leaving * math.exp(-served * time) - served * math.exp(-leaving * time)
    return min(1.0, max(0.0, shorter / (leaving - served)))


def _integral(of: Work, leaving: float, time: float) -> float:
    """P(S <= time, S + W > time) by Simpson's rule over the standard scores of the service time."""
    assert of.spread is not None
    highest = min(of.score(time), -LOWEST)
    if highest <= LOWEST:
        return 0.0
    step = (highest - LOWEST) / POINTS
    total = 0.0
    for index in range(POINTS + 1):
        score = LOWEST + index * step
        served = math.exp(of.middle + of.spread * score)
        weight = 1 if index in (0, POINTS) else 4 if index % 2 else 2
        total += weight * math.exp(-score * score / 2 - leaving * max(0.0, time - served))
    return total * step / 3 / math.sqrt(2 * math.pi)

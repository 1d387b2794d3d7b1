"""When requests arrive: a Poisson process whose rate follows the time of day, and a burst on top of it.

A nonhomogeneous Poisson process is sampled by thinning: candidates arrive at the highest rate, and each is kept with
the probability of the rate at its time (P. Lewis and G. Shedler, Simulation of nonhomogeneous Poisson processes by
thinning, 1979).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random

from ..day import Shape, shape
from ..record import Record

__all__ = ["DAY", "Burst", "Load", "Profile"]

DAY = 86_400


class Burst(Record):
    """Many times the traffic for a while."""

    times: float
    """How many times the rate without it."""
    lasts: float
    """In seconds."""
    at: float = 0.0
    """When it begins, in seconds."""


class Profile(Record):
    """A day: the lowest rate at midnight, the highest at noon, and a given mean, or its hours if they are known. Rates
    are in requests per second.
    """

    trough: float
    mean: float
    peak: float
    hours: tuple[float, ...] = ()
    """The rates at the full hours from midnight on."""

    @property
    def shape(self) -> Shape:
        """The day that the bill rests on, too."""
        return Shape(self.hours) if self.hours else shape(self.trough, self.mean, self.peak)


class Load:
    """The rate of arrivals over a simulated time: constant, or a day from some second of it on, and a burst."""

    def __init__(self, rate: float | Profile, burst: Burst | None = None, begins: float = 0.0) -> None:
        self._rate = rate
        self._begins = begins
        self._shape = rate.shape if isinstance(rate, Profile) else None
        self.burst = burst

    def at(self, second: float) -> float:
        """The rate at a second of the simulation."""
        rate = self.usual if self._shape is None else self._shape.at((self._begins + second) / 3600)
        burst = self.burst
        return rate * burst.times if burst is not None and burst.at <= second < burst.at + burst.lasts else rate

    @property
    def usual(self) -> float:
        """The highest rate without the burst."""
        return self._rate.peak if isinstance(self._rate, Profile) else self._rate

    def arrivals(self, until: float, random: Random) -> Iterator[float]:
        """The times of the requests, in seconds, ascending."""
        highest = self.usual * max(1.0, self.burst.times if self.burst is not None else 1.0)
        steady = not isinstance(self._rate, Profile) and self.burst is None
        second, draw = 0.0, random.random
        while highest > 0:
            second -= math.log(1.0 - draw()) / highest
            if second >= until:
                return
            if steady or draw() * highest < self.at(second):
                yield second

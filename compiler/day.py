"""The shape of a day: the request rate at each hour, from its lowest, mean, and highest rate.

r(h) = trough + (peak - trough) · ((1 - cos(2πh / 24)) / 2)^k at the full hours h = 0 to 23, and a straight line between
them. Midnight has the trough, noon has the peak, and k is such that the 24 rates have the given mean, which is also the
mean of the lines between them. With the mean in the middle, k is 1, a plain cosine. With a mean near the trough, k is
larger, and the peak is shorter. The form is ours: the simplest one with three given numbers that a day can have.

If the mean is so close to the trough that the peak lasts less than an hour, or so close to the peak that the trough
does, the day has only these two rates, for as long as the mean requires.

A day whose 24 rates are known needs no formula. The bill and the minimum of replicas read the hours, and the simulation
reads the rate at a time.
"""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache

from .row import Row

__all__ = ["HOURS", "MONTH", "Shape", "lowest", "shape"]

HOURS = 24

MONTH = 730
"""Hours per month: 365 x 24 / 12."""

BISECTIONS = 60
"""Steps in the search for the exponent; each halves the interval, so the result is exact for a float."""


class Shape(Row):
    """A day. Rates are in requests per second, or in any other unit that the given ones have."""

    rates: tuple[float, ...]
    """The rate at each full hour from midnight on; one rate of a constant day; two with a short peak or trough."""
    noon: float = 0.0
    """How many hours the peak lasts around noon, if the day has only two rates."""

    @property
    def stretches(self) -> tuple[tuple[float, float], ...]:
        """Hours and their rate, in ascending order of the rates; the hours add up to 24."""
        if len(self.rates) == 2:
            both = zip((HOURS - self.noon, self.noon), self.rates, strict=True)
            return tuple((hours, rate) for hours, rate in both if hours)
        each = HOURS // len(self.rates)
        return tuple((each * many, rate) for rate, many in sorted(Counter(self.rates).items()))

    def at(self, hour: float) -> float:
        """The rate at an hour of the day or of a later day."""
        if len(self.rates) == 2:
            return self.rates[abs(hour % HOURS - HOURS / 2) < self.noon / 2]
        whole = math.floor(hour)
        low, high = (self.rates[(whole + next_) % len(self.rates)] for next_ in (0, 1))
        return low + (high - low) * (hour - whole)

    @property
    def steepest(self) -> float:
        """The fastest rise, in the rate per hour; infinite if the day has only two rates."""
        if len(self.rates) == 2:
            return math.inf
        return max(self.rates[hour] - self.rates[hour - 1] for hour in range(len(self.rates)))


def lowest(mean: float, peak: float) -> float:
    """The trough of a day that has none declared: as far below the mean as the peak is above it, and at least 0."""
    return max(0.0, 2 * mean - peak)


@lru_cache(maxsize=256)  # the exponent takes 60 steps, and replicas and the bill read the same day
def shape(trough: float, mean: float, peak: float) -> Shape:
    """The day through three rates in ascending order."""
    if trough >= peak:
        return Shape((mean,))
    share = (mean - trough) / (peak - trough)
    if not 1 / HOURS < share < 1 - 1 / HOURS:
        return Shape((trough, peak), HOURS * share)
    power = _power(share)
    morning = [trough + (peak - trough) * _cosine(hour) ** power for hour in range(HOURS // 2 + 1)]
    return Shape((*morning, *morning[-2:0:-1]))


def _cosine(hour: int) -> float:
    """From 0 at midnight to 1 at noon."""
    return (1 - math.cos(2 * math.pi * hour / HOURS)) / 2


def _power(share: float) -> float:
    """The exponent with which the mean of the cosines is `share`, from 1/24 to 23/24; the mean falls as it grows."""
    cosines = [_cosine(hour) for hour in range(HOURS)]
    low, high = -20.0, 20.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        mean = sum(cosine ** math.exp(middle) for cosine in cosines) / HOURS
        low, high = (middle, high) if mean > share else (low, middle)
    return math.exp(high)

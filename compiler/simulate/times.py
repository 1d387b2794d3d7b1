"""How long a request takes once it has begun: exponential, or log-normal if a percentile was measured.

The planner's capacity rules make the same assumption. For a log-normal through the mean m and the value v at a
percentile with the normal quantile z: ln(v / m) = z · s - s² / 2, so s = z - √(z² - 2 · ln(v / m)).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

from ..record import Record

__all__ = ["Times"]


class Times(Record):
    """A distribution of service times, in seconds."""

    mean: float
    sigma: float | None = None
    """The standard deviation of the logarithm; None for an exponential distribution."""

    def slower(self, factor: float) -> Times:
        """The same distribution with every time multiplied."""
        return self.but(mean=self.mean * factor)

    @property
    def variation(self) -> float:
        """The squared coefficient of variation: 1 for an exponential distribution."""
        return 1.0 if self.sigma is None else math.exp(self.sigma**2) - 1

    def sampler(self, random: Random) -> Callable[[], float]:
        """A function that draws a service time."""
        if self.sigma is None:
            rate, draw = 1 / self.mean, random.expovariate
            return lambda: draw(rate)
        sigma, mu, gauss = self.sigma, math.log(self.mean) - self.sigma**2 / 2, random.gauss
        return lambda: math.exp(gauss(mu, sigma))

    def __str__(self) -> str:
        return "exponential" if self.sigma is None else f"log-normal, sigma {self.sigma:.2f}"

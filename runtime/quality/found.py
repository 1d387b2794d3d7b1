"""What is known about one metric: its value, its 95% interval, and the observations behind it."""

from __future__ import annotations

from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np

from ...compiler.record import Record
from ..intervals import t_quantile

__all__ = ["CONFIDENCE", "SEED", "Z", "Floats", "Found", "Unmeasured", "mean_of", "student_ends", "t_of"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

CONFIDENCE = 0.95
"""The confidence of every interval of the metric contract."""

Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)

SEED = 0
"""The seed of every bootstrap: the same rows give the same interval."""

MANY = 10_000
"""The degrees of freedom above which Student's distribution is the normal one to four digits."""


class Unmeasured(Exception):  # noqa: N818 - an expected result, not a fault of the program
    """Why a metric has no value on some rows; `samples` are the observations that there are."""

    def __init__(self, why: str, samples: int = 0) -> None:
        super().__init__(why)
        self.samples = samples


class Found(Record):
    """A value between the ends of its interval."""

    value: float
    low: float
    high: float
    samples: int
    """The observations behind it, as the metric contract counts them."""


@cache
def t_of(degrees: int) -> float:
    """The distance of each end of a 95% interval in standard errors."""
    return Z if degrees > MANY else t_quantile((1 + CONFIDENCE) / 2, max(1, degrees))


def student_ends(value: float, error: float, degrees: int) -> tuple[float, float]:
    """Student's interval around a value with this standard error."""
    half = t_of(degrees) * error
    return value - half, value + half


def mean_of(values: Floats, samples: int | None = None) -> Found:
    """The mean of values, with Student's interval. Raises Unmeasured below two values."""
    if len(values) < 2:
        raise Unmeasured(f"{len(values)} rows have no spread, and at least 2 are needed", len(values))
    middle = float(values.mean())
    error = float(values.std(ddof=1)) / len(values) ** 0.5
    low, high = student_ends(middle, error, len(values) - 1)
    return Found(value=middle, low=low, high=high, samples=len(values) if samples is None else samples)

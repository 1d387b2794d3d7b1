"""The analyses of a rollout as its controller runs them: queries, times, limits, and conditions."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence

from ..record import Record

__all__ = ["Condition", "Measured", "Replayed", "Step"]

_COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}

_CONDITION = re.compile(r"len\(result\) > 0 && !isNaN\(result\[0\]\) && result\[0\] (<=|>=|<|>) ([0-9.]+)")


class Condition(Record):
    """A comparison of the only result; false without a result, and for NaN."""

    compared: str
    limit: float

    def holds(self, result: float | None) -> bool:
        """Whether a result meets it."""
        return result is not None and not math.isnan(result) and _COMPARED[self.compared](result, self.limit)

    @classmethod
    def read(cls, text: str) -> Condition | None:
        """A condition of an analysis; None if it is not one that mlspec writes."""
        found = _CONDITION.fullmatch(text)
        return cls(compared=found[1], limit=float(found[2])) if found is not None else None


class Measured(Record):
    """One metric of an analysis."""

    name: str
    query: str
    first: int
    """The seconds from the start of the step to the first measurement."""
    every: int
    times: int
    failures: int
    """The measurements that may fail."""
    idle: int
    """The measurements that may be inconclusive."""
    good: Condition
    bad: Condition

    @property
    def looks(self) -> range:
        """When it is measured, in seconds from the start of the step."""
        return range(self.first, self.first + self.every * self.times, self.every)

    def verdict(self, result: float | None) -> bool | None:
        """Whether a result is good; None if it is inconclusive."""
        if self.bad.holds(result):
            return False
        return True if self.good.holds(result) else None


class Step(Record):
    """One step of a rollout."""

    share: int
    """The share of the traffic that the new version gets, in percent."""
    metrics: tuple[Measured, ...]
    pause: int = 0
    """The seconds of a step without an analysis."""

    @property
    def lasts(self) -> int:
        """The seconds until the last measurement, if no metric decides earlier."""
        return max((metric.looks[-1] for metric in self.metrics), default=self.pause)


class Replayed(Record):
    """A rollout, and how Prometheus distinguishes its versions."""

    steps: Sequence[Step]
    new: Mapping[str, str]
    """The labels of the series of the new version."""
    live: Mapping[str, str]
    """Those of the live version."""

"""What a Prometheus server says about one environment: the values of queries, and the rules that it has loaded."""

from __future__ import annotations

import math
from typing import Literal

from ...record import Record

__all__ = ["Answers", "Firing", "LoadedRule", "Sample"]


class Sample(Record):
    """One series of an instant vector."""

    labels: dict[str, str]
    value: float


class Firing(Record):
    """One alert of a rule that is firing or pending."""

    state: Literal["firing", "pending"]
    since: float
    """Since when its condition is true, in Unix time."""
    labels: dict[str, str]
    annotations: dict[str, str]


class LoadedRule(Record):
    """An alerting rule that the server evaluates."""

    name: str
    labels: dict[str, str]
    health: str
    """`ok`, `err`, or `unknown` before its first evaluation."""
    error: str
    evaluated: float
    """When it was last evaluated, in Unix time; 0 if never."""
    interval: float
    """The seconds between two evaluations."""
    alerts: tuple[Firing, ...]


class Answers(Record):
    """Everything that a status is derived from."""

    at: float
    """The time of the queries, in Unix time."""
    values: dict[str, tuple[Sample, ...]]
    """By the key of a question. A question without an answer has no samples."""
    rules: tuple[LoadedRule, ...]
    history: dict[str, tuple[tuple[float, float], ...]]
    """The time and the value of each point, by the key of a question."""
    warnings: tuple[str, ...] = ()
    """What the server warned about."""

    def samples(self, key: str) -> tuple[Sample, ...]:
        """The series that answer a question. NaN and infinity are no data: a share without requests is NaN."""
        return tuple(one for one in self.values.get(key, ()) if math.isfinite(one.value))

    def value(self, key: str) -> float | None:
        """The answer to a question with one value; None without data."""
        found = self.samples(key)
        return found[0].value if found else None

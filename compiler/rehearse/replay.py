"""Replay a rollout on series: which query is asked when, and what the controller makes of the results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from ..record import Record
from ..scenes.analysis import Measured, Replayed
from ..simulate.canary import PROMOTED, Metric, judged
from .scenes import BEFORE

__all__ = ["Ended", "questions", "replay"]

Question = tuple[str, int]
"""A query, and the second at which it is asked."""


class Ended(Record):
    """How a rollout ended."""

    verdict: str
    """`promoted`, `rolled back`, or `held`."""
    step: int
    """The number of the step that decided, from 1."""
    by: str
    """The metric that decided; empty for a promotion."""
    seconds: int
    """From the first request of the new version."""


def questions(replayed: Replayed, start: int = BEFORE) -> Iterator[Question]:
    """Every measurement of a rollout that is promoted, which starts at a second."""
    for step in replayed.steps:
        for metric in step.metrics:
            for at in metric.looks:
                yield metric.query, start + at
        start += step.lasts + 1


def replay(replayed: Replayed, results: Mapping[Question, float | None], start: int = BEFORE) -> Ended:
    """The verdict of the controller. A question without a result has none."""
    began, at = start, start
    for number, step in enumerate(replayed.steps, 1):
        ended, verdict, by = judged(_metrics(step.metrics, results, start), step.lasts)
        at = start + ended
        if verdict != PROMOTED:
            return Ended(verdict=verdict, step=number, by=by, seconds=at - began)
        start += step.lasts + 1
    return Ended(verdict=PROMOTED, step=len(replayed.steps), by="", seconds=at - began)


def _metrics(metrics: Sequence[Measured], results: Mapping[Question, float | None], start: int) -> tuple[Metric, ...]:
    return tuple(Metric(one.name, one.looks, one.failures, one.idle, _measure(one, results, start)) for one in metrics)


def _measure(metric: Measured, results: Mapping[Question, float | None], start: int) -> Callable[[int], bool | None]:
    return partial(_at, metric, results, start)


def _at(metric: Measured, results: Mapping[Question, float | None], start: int, at: int) -> bool | None:
    return metric.verdict(results.get((metric.query, start + at)))

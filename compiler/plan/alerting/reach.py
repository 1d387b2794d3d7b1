"""How far back the compiled rules look. What Prometheus no longer keeps is missing from a range, and an `offset` that
reaches before it finds nothing, so the alert never fires.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ....schema.units import Duration
from ...because import Because, decision
from ...exported import condition
from ...promql import BEFORE
from ...record import Record

if TYPE_CHECKING:
    from .. import Plan

__all__ = ["Reach", "reaches", "remembered"]

HOUR, DAY = 3600, 86400

LONGEST = Duration(DAY)
"""The most that all rules look back that the spec does not decide."""


class Reach(Record):
    """How far an alert looks back."""

    length: Because[Duration]
    of: object
    """What asks for it."""
    why: str
    """What that is."""
    field: str = ""
    """The field that could be shorter instead."""


def reaches(plan: Plan) -> Iterator[Reach]:
    """What the rules of an environment need Prometheus to keep, as far as the spec decides it."""
    for service in plan.online.values():
        for objective in service.objectives.all:
            for pair in service.objectives.pairs(objective):
                yield Reach(length=_before(pair.long), of=objective.target, why="the objective that it protects")
    if not plan.runs("monitoring").value:
        return
    for batch in plan.batch.values():
        if batch.late_from is not None:
            yield Reach(length=batch.late_from, of=batch.deadline, why="the deadline of a run")
    monitoring = plan.system.monitoring
    if plan.drift is not None and plan.drift.watched:
        window = plan.drift.part.window
        twice, noticed = _twice(plan.drift.lookback, window), _noticed(window)
        field, said = "monitoring.drift.window", "a column that is no longer measured is noticed after two"
        yield Reach(length=twice, of=window, why="two windows in a row are compared", field=field)
        yield Reach(length=noticed, of=window, why=said, field=field)
    asked = (*((monitoring.quality,) if monitoring.quality is not None else ()), *monitoring.rules)
    if any(plan.system.metrics[one.metric.value.partition("@")[0]].needs_labels.value for one in asked):
        interval = monitoring.interval
        yield Reach(
            length=_noticed(interval), of=interval, why="a group that is no longer measured is noticed after two"
        )
    for rule in monitoring.rules:
        exported = condition(rule.metric.value)
        if exported is not None and exported.since == "daily":
            yield Reach(length=_day(rule.metric), of=rule.metric, why="counts a day")


@decision
def remembered(interval: Because[Duration], kept: Because[Duration]) -> tuple[Duration, str]:
    """How long a series still counts after its end."""
    four = max(Duration(4 * interval.value.amount), Duration(HOUR))
    if four > kept.value:
        return kept.value, "all that Prometheus keeps; an alert on the end of a series waits for two intervals"
    return four, "four intervals, because an alert on the end of a series waits for two, and at least an hour"


@decision
def _before(long: Because[Duration]) -> tuple[Duration, str]:
    before = Duration.parse(BEFORE)
    return Duration(long.value.amount + before.amount), f"{long.value}, and {before} before it"


@decision
def _twice(lookback: Because[Duration], window: Because[Duration]) -> tuple[Duration, str]:
    total = Duration(lookback.value.amount + window.value.amount / 4)
    return total, f"{lookback.reason}, and a quarter of a window before that"


@decision
def _noticed(interval: Because[Duration]) -> tuple[Duration, str]:
    return Duration(2 * interval.value.amount + HOUR), f"2 x {interval.value}, and an hour to see the alert"


@decision
def _day(_: Because[str]) -> tuple[Duration, str]:
    return LONGEST, "the increase in a day"

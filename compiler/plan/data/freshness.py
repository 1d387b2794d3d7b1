"""How old the values of a feature view are when the model uses them.

A value can be as old as the newest record of its source (`freshness`), plus the time since the view was last
materialized. Without `freshness`, it is at least as old as that. The job leaves out what is newer than the `lag` of the
source, so the newest record that it reads is at least that old. A request can come just before the next
materialization; a batch run comes at its own time.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from decimal import Decimal
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING

from ....schema.units import Duration
from ...because import Because, decision
from ...record import Record
from ...system import DataSource, FeatureView, RunVersion
from .. import cron
from ..choose import readable

if TYPE_CHECKING:
    from .. import Plan

__all__ = ["Age", "FreshnessPlan"]

DAY = 1440


class Age(Record):
    """How old the values of a view get."""

    view: FeatureView
    oldest: Because[Duration]
    least: bool
    """Whether they get at least this old, because the age of their source is unknown."""
    lag: Because[Duration] | None
    """The lag of the source, if that is older than its newest record."""
    given: dict[str, Because[Duration]]
    """What the source says about the age of the newest record that the job reads, by field."""

    @property
    def newest(self) -> Decimal:
        """The age of that record in seconds."""
        return max((one.value.amount for one in self.given.values()), default=Decimal(0))


class FreshnessPlan:
    """The age of features in one environment."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @cached_property
    def views(self) -> tuple[Age, ...]:
        """The views that are materialized on a schedule, with the largest age of a value when it is used."""
        features = self.plan.system.features
        known = [self._oldest(view) for view in features.views] if features is not None else []
        return tuple(age for age in known if age is not None)

    def _oldest(self, view: FeatureView) -> Age | None:
        sources = {source.name.value: source for source in self.plan.system.data.sources}
        source = sources.get(view.source.value)
        if source is None or view.schedule is None:
            return None
        fresh, lag = source.freshness, _lag(source)
        online, runs = self.plan.online, tuple(self.plan.batch.values())
        gap = cron.gap(view.schedule, cron.longest_gap)  # refuses a schedule that never fires, as that of a run does
        if not online and runs and all(run.part.time_zone.value == "UTC" and run.gap is not None for run in runs):
            each = tuple((run.part.schedule, run.part.time_zone) for run in runs)
            oldest = _at_a_run(fresh, lag, view.schedule, each)
        else:
            oldest = _at_any_time(fresh, lag, gap)
        given = {"freshness": fresh, "lag": _given_lag(source)}
        known = {name: value for name, value in given.items() if value is not None}
        return Age(view=view, oldest=oldest.also(view.source), least=fresh is None, lag=lag, given=known)


def _given_lag(source: DataSource) -> Because[Duration] | None:
    return source.version.lag if isinstance(source.version, RunVersion) else None


def _lag(source: DataSource) -> Because[Duration] | None:
    """How far the job stays behind its source; None if the newest record is as old anyway."""
    lag = _given_lag(source)
    fresh = source.freshness.value.amount if source.freshness is not None else 0
    return lag if lag is not None and lag.value.amount > fresh else None


@decision
def _at_any_time(
    fresh: Because[Duration] | None, lag: Because[Duration] | None, gap: Because[Duration]
) -> tuple[Duration, str]:
    return _sum(fresh, lag, gap.value, "until the next materialization")


@decision
def _at_a_run(
    fresh: Because[Duration] | None,
    lag: Because[Duration] | None,
    schedule: Because[str],
    runs: tuple[tuple[Because[str], Because[str]], ...],
) -> tuple[Duration, str]:
    waits = [_longest_wait(schedule.value, run.value) for run, _ in runs]
    return _sum(fresh, lag, Duration(max(waits) * 60), "from the materialization to the run")


def _sum(
    fresh: Because[Duration] | None, lag: Because[Duration] | None, since: Duration, what: str
) -> tuple[Duration, str]:
    unknown = ", without the age of the source, which has no `freshness`" if fresh is None else ""
    newest, whose = (lag, "of `lag`") if lag is not None else (fresh, "of the source")
    if newest is None:
        return since, f"{readable(since)} {what}{unknown}"
    total = Duration(newest.value.amount + since.amount)
    return total, f"{readable(newest.value)} {whose} + {readable(since)} {what}{unknown}"


def _longest_wait(before: str, after: str) -> int:
    """The longest time in minutes from the last firing of one schedule to a firing of another. What fires in the same
    minute has not finished yet.
    """
    first, second = cron.read(before), cron.read(after)
    return max((_wait(first, minute, *day) for day in _days(first, second) for minute in second.minutes), default=0)


def _days(first: cron.Schedule, second: cron.Schedule) -> set[tuple[bool, int]]:
    """The kinds of days on which the second schedule fires: whether the first does too, and the days since it did."""
    enough = 3 * 7 if first.weekly and second.weekly else math.inf
    days, kinds, at = [*takewhile(lambda day: day < enough, first.days())], set[tuple[bool, int]](), -1
    for day in takewhile(lambda day: day < enough, second.days()):
        while at + 1 < len(days) and days[at + 1] < day:
            at += 1
        if at >= 0:
            kinds.add((at + 1 < len(days) and days[at + 1] == day, day - days[at]))
    return kinds


def _wait(first: cron.Schedule, minute: int, today: bool, ago: int) -> int:
    earlier = bisect_left(first.minutes, minute) if today else 0
    return minute - first.minutes[earlier - 1] if earlier else ago * DAY + minute - first.minutes[-1]

"""How old the values of a feature view are when the model uses them.

A value can be as old as the newest record of its source (`freshness`), plus the time since the view was last
materialized. Without `freshness`, it is at least as old as that. The job leaves out what is newer than the `lag` of the
source, so the newest record that it reads is at least that old. A request can come just before the next
materialization; a batch run comes at its own time. Views are materialized in UTC, and a run may have a time zone, whose
clocks are ahead of UTC by more in summer.

The newest record of a view gets as old as that at any time, also between two runs. Alerts compare that age.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from decimal import Decimal
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING

from ....schema.units import Duration
from ...because import Because, decision, fixed
from ...catalog.load import offsets
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
    """When the model uses them."""
    always: Because[Duration]
    """At any time, just before the next materialization."""
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

    def always(self, view: Because[str] | None) -> Because[Duration]:
        """The age that the newest record of a view reaches when all is well; of the view whose record gets oldest, if
        none is named.
        """
        known = [age.always for age in self.views if view is None or age.view.name.value == view.value]
        return max(known, key=lambda age: age.value, default=fixed(Duration(0), "as it is"))

    def limit(self, view: FeatureView, most: Because[Duration], seen: Because[Duration] | None) -> Because[Duration]:
        """The age that fires an alert on a view: its maximum, or more if records get as old when all is well, because a
        batch run reads them when they are new. `seen` is the age that the process that measures sees; None without it.
        """
        age = next((age for age in self.views if age.view is view), None)
        if age is None or view.schedule is None:
            return most
        store = self.plan.store
        run = store.deadline if store is not None else cron.deadline(cron.gap(view.schedule))
        return _limit(most, seen if seen is not None else age.always, run)

    def _oldest(self, view: FeatureView) -> Age | None:
        sources = {source.name.value: source for source in self.plan.system.data.sources}
        source = sources.get(view.source.value)
        if source is None or view.schedule is None:
            return None
        fresh, lag = source.freshness, _lag(source)
        online, runs = self.plan.online, tuple(self.plan.batch.values())
        gap = cron.gap(view.schedule, cron.longest_gap)  # refuses a schedule that never fires, as that of a run does
        always = oldest = _at_any_time(fresh, lag, gap).also(view.source)
        if not online and runs and all(run.gap is not None for run in runs):
            each = tuple((run.part.schedule, run.part.time_zone) for run in runs)
            oldest = _at_a_run(fresh, lag, view.schedule, each).also(view.source)
        given = {"freshness": fresh, "lag": _given_lag(source)}
        known = {name: value for name, value in given.items() if value is not None}
        return Age(view=view, oldest=oldest, always=always, least=fresh is None, lag=lag, given=known)


def _given_lag(source: DataSource) -> Because[Duration] | None:
    return source.version.lag if isinstance(source.version, RunVersion) else None


def _lag(source: DataSource) -> Because[Duration] | None:
    """How far the job stays behind its source; None if the newest record is as old anyway."""
    lag = _given_lag(source)
    fresh = source.freshness.value.amount if source.freshness is not None else 0
    return lag if lag is not None and lag.value.amount > fresh else None


@decision
def _limit(most: Because[Duration], seen: Because[Duration], run: Because[Duration]) -> tuple[Duration, str]:
    if most.value > seen.value:
        return most.value, f"the maximum age of {most.value}"
    total = Duration(seen.value.amount + run.value.amount)
    why = f"when all is well, its newest record gets as old as {readable(seen.value)}: {seen.reason}"
    return total, f"{why}; and {readable(run.value)} for the materialization"


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
    waits = [_longest_wait(schedule.value, run.value, ahead) for run, zone in runs for ahead in offsets(zone.value)]
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


def _longest_wait(before: str, after: str, ahead: int = 0) -> int:
    """The longest time in minutes from the last firing of one schedule to a firing of another, whose clocks are some
    minutes ahead. What fires in the same minute has not finished yet.
    """
    first, second = cron.read(before), cron.read(after)
    minutes: dict[int, list[int]] = {}
    for each in second.minutes:
        day, minute = divmod(each - ahead, DAY)
        minutes.setdefault(day, []).append(minute)
    found = (
        _wait(first, at, *kind) for day, some in minutes.items() for kind in _days(first, second, day) for at in some
    )
    return max(found, default=0)


def _days(first: cron.Schedule, second: cron.Schedule, later: int) -> set[tuple[bool, int]]:
    """The kinds of days on which the second schedule fires, some days later than it says: whether the first does too,
    and the days since it did.
    """
    enough = 3 * 7 if first.weekly and second.weekly else math.inf
    days, kinds, at = [*takewhile(lambda day: day < enough, first.days())], set[tuple[bool, int]](), -1
    for day in takewhile(lambda day: day < enough, (day + later for day in second.days())):
        while at + 1 < len(days) and days[at + 1] < day:
            at += 1
        if at >= 0:
            kinds.add((at + 1 < len(days) and days[at + 1] == day, day - days[at]))
    return kinds


def _wait(first: cron.Schedule, minute: int, today: bool, ago: int) -> int:
    earlier = bisect_left(first.minutes, minute) if today else 0
    return minute - first.minutes[earlier - 1] if earlier else ago * DAY + minute - first.minutes[-1]

"""How old the values of a feature view are when the model uses them.

A value can be as old as the newest record of its source (`freshness`), plus the time since the view was last
materialized. A request can come just before the next materialization; a batch run comes at its own time.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ....schema.units import Duration
from ...because import Because, decision
from ...system import FeatureView
from .. import cron
from ..choose import readable

if TYPE_CHECKING:
    from .. import Plan

__all__ = ["FreshnessPlan"]

DAY = 1440


class FreshnessPlan:
    """The age of features in one environment."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @cached_property
    def views(self) -> tuple[tuple[FeatureView, Because[Duration]], ...]:
        """The views whose age is known, with the largest age of a value when it is used."""
        features = self.plan.system.features
        known = [(view, self._oldest(view)) for view in features.views] if features is not None else []
        return tuple((view, age) for view, age in known if age is not None)

    def _oldest(self, view: FeatureView) -> Because[Duration] | None:
        sources = {source.name.value: source for source in self.plan.system.data.sources}
        source = sources.get(view.source.value)
        fresh = source.freshness if source is not None else None
        if fresh is None or view.schedule is None:
            return None
        online, runs = self.plan.online, tuple(self.plan.batch.values())
        if not online and runs and all(run.part.time_zone.value == "UTC" for run in runs):
            return _at_a_run(fresh, view.schedule, tuple((run.part.schedule, run.part.time_zone) for run in runs))
        return _at_any_time(fresh, cron.gap(view.schedule, cron.longest_gap))


@decision
def _at_any_time(fresh: Because[Duration], gap: Because[Duration]) -> tuple[Duration, str]:
    total = Duration(fresh.value.amount + gap.value.amount)
    return total, f"{readable(fresh.value)} of the source + {readable(gap.value)} until the next materialization"


@decision
def _at_a_run(
    fresh: Because[Duration], schedule: Because[str], runs: tuple[tuple[Because[str], Because[str]], ...]
) -> tuple[Duration, str]:
    waits = [_longest_wait(schedule.value, run.value) for run, _ in runs]
    total = Duration(fresh.value.amount + max(waits) * 60)
    since = readable(Duration(max(waits) * 60))
    return total, f"{readable(fresh.value)} of the source + {since} from the materialization to the run"


def _longest_wait(before: str, after: str) -> int:
    """The longest time in minutes from the last firing of one schedule to a firing of another."""
    first, second = cron.read(before), cron.read(after)
    starts = [day * DAY + minute for day in first.days() for minute in first.minutes]
    longest, at = 0, 0
    for run in (day * DAY + minute for day in second.days() for minute in second.minutes):
        while at + 1 < len(starts) and starts[at + 1] <= run:
            at += 1
        if starts[at] <= run:
            longest = max(longest, run - starts[at])
    return longest

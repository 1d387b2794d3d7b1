"""When a schedule fires next, in a time zone."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ...plan.cron import read

__all__ = ["upcoming"]

LONGEST = 366 * 28
"""The days to look ahead: after that, dates fall on the same days of the week again."""


def upcoming(schedule: str, zone: str, now: float) -> datetime | None:
    """The first time after `now`, in Unix time, at which a CronJob starts; None if its days never come.

    A local time that the clocks skip in spring is returned as it is written, although Kubernetes skips that run.
    """
    fires, local = read(schedule), ZoneInfo(zone)
    after = datetime.fromtimestamp(now, local)
    for days in range(LONGEST):
        day = (after + timedelta(days=days)).date()
        if day.month in fires.months and fires.fires(day.day, day.isoweekday() % 7):
            for minute in fires.minutes:
                moment = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=local)
                if moment > after:
                    return moment
    return None

"""Cron schedules with five fields: when they fire, the gaps between runs, and the limits that follow for each run.

The parser matches the one in Kubernetes (robfig/cron v3, `ParseStandard`). Its traps: Sunday is 0 and never 7; if both
the day of the month and the day of the week are set, either one is enough, unless one of them is `*`; `*/2` does not
count as `*` in that rule; a range does not wrap around. Gaps are calendar gaps: when clocks change, one of them is an
hour off.

Traps with runs that this module handles:

- `Forbid` silently skips a run if the previous one is still running, so a run must end before the next one is due.
- If the start deadline is longer than the gap, missed starts accumulate, and 100 of them stop the schedule forever.
- If the start deadline is shorter than 10 s, a run may never start, because the controller checks every 10 s
  (kubernetes.io, cron jobs).
- A schedule such as "weekdays at four" has gaps of one day and of three days, so deadlines follow the shortest gap and
  alerts follow the longest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise

from ...schema.units import Duration, UnitError
from ..because import Because, decision
from ..finding import Refusal, refusal
from ..record import Record
from .choose import readable

__all__ = [
    "LEAST_LATE",
    "LONGEST_RUN",
    "Schedule",
    "cadence",
    "deadline",
    "gap",
    "kept",
    "late",
    "longest_gap",
    "overdue",
    "read",
    "shortest_gap",
    "stale",
    "stopped",
]

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

DAY = 1440
"""Minutes per day."""

CYCLE = 28
"""Years until dates fall on the same weekdays again, as long as no century year skips its leap day."""


class Field(Record):
    """One of the five fields: its name, its bounds, and the names of its values."""

    what: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_FIELDS = (
    Field(what="minute", low=0, high=59),
    Field(what="hour", low=0, high=23),
    Field(what="day of the month", low=1, high=31),
    Field(what="month", low=1, high=12, names=_MONTHS),
    Field(what="day of the week", low=0, high=6, names=_WEEKDAYS),
)


class Schedule(Record):
    """When a schedule fires: the minutes of a day, and the days."""

    minutes: tuple[int, ...]
    """Minutes after midnight, in order."""
    dates: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """Sunday is 0."""
    either: bool
    """Whether a matching date or a matching weekday is enough; otherwise both must match."""

    def fires(self, date: int, weekday: int) -> bool:
        """Whether it fires on a day of a matching month."""
        by_date, by_weekday = date in self.dates, weekday in self.weekdays
        return by_date or by_weekday if self.either else by_date and by_weekday

    @property
    def weekly(self) -> bool:
        """Whether it fires on the same days of every week."""
        return len(self.dates) == 31 and len(self.months) == 12 and not self.either

    def days(self) -> Iterator[int]:
        """The days on which it fires, as day numbers, over one calendar cycle plus one year."""
        first = 0  # the day number of the first of the month; January 1, 2001 was a Monday
        for year in range(2001, 2001 + CYCLE + 1):
            for month, length in enumerate(_LENGTHS, 1):
                long = length + (month == 2 and year % 4 == 0)
                if month in self.months:
                    yield from (first + d - 1 for d in range(1, long + 1) if self.fires(d, (first + d) % 7))
                first += long


def read(schedule: str) -> Schedule:
    """Parse a schedule. Raises `UnitError` if a field has an invalid value, or if the schedule never fires."""
    sets, stars = zip(*(_field(t, f) for t, f in zip(_texts(schedule), _FIELDS, strict=True)), strict=True)
    minutes, hours, dates, months, weekdays = sets
    made = Schedule(
        minutes=tuple(60 * hour + minute for hour in sorted(hours) for minute in sorted(minutes)),
        dates=dates,
        months=months,
        weekdays=weekdays,
        either=not stars[2] and not stars[4],
    )
    if next(made.days(), None) is None:
        raise UnitError("never fires", "choose a day that exists in at least one of its months")
    return made


def _texts(schedule: str) -> list[str]:
    texts = _MACROS.get(schedule, schedule).split(" ")
    if len(texts) != len(_FIELDS):
        raise UnitError("is not a cron schedule with five fields", "write it like `0 3 * * 1`")
    return texts


def _field(text: str, field: Field) -> tuple[frozenset[int], bool]:
    """The numbers that a field selects, and whether a star selects them all."""
    parts = [_part(part, field) for part in text.split(",")]
    return frozenset(number for numbers, _ in parts for number in numbers), any(star for _, star in parts)


def _part(text: str, field: Field) -> tuple[range, bool]:
    bounds, slash, every = text.partition("/")
    step = _number(every, field, 1) if slash else 1
    if bounds in ("*", "?"):
        return range(field.low, field.high + 1, step), step == 1
    start, dash, end = bounds.partition("-")
    low = _value(start, field)
    high = _value(end, field) if dash else field.high if slash else low
    if low > high:
        message = f"has a range from `{start}` down to `{end}` as its {field.what}"
        raise UnitError(message, "write two ranges, because a range cannot wrap around")
    return range(low, high + 1, step), False


def _value(text: str, field: Field) -> int:
    if text.lower() in field.names:
        return field.names.index(text.lower()) + field.low
    number = _number(text, field, field.low)
    if number > field.high:
        raise _wrong(text, field)
    return number


def _number(text: str, field: Field, least: int) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 4 or int(text) < least:
        raise _wrong(text, field)
    return int(text)


def _wrong(text: str, field: Field) -> UnitError:
    if text == "7" and field.names == _WEEKDAYS:
        return UnitError(
            "has `7` as its day of the week", "write `0` or `SUN`: Kubernetes numbers the days from 0 (Sunday) to 6"
        )
    names = f", or `{field.names[0].upper()}` to `{field.names[-1].upper()}`" if field.names else ""
    return UnitError(f"has an invalid {field.what}: `{text}`", f"write numbers from {field.low} to {field.high}{names}")


@cache
def _gaps(schedule: str) -> tuple[int, int]:
    """The shortest and the longest gap, in minutes."""
    made = read(schedule)
    within = [later - sooner for sooner, later in pairwise(made.minutes)]
    overnight = made.minutes[0] - made.minutes[-1]
    across = [days * DAY + overnight for days in _between(made)]
    return min(*within, *across), max(*within, *across)


def _between(schedule: Schedule) -> tuple[int, int]:
    """The minimum and maximum number of days between two days on which it fires."""
    if schedule.weekly:
        days = sorted(schedule.weekdays)
        apart = {later - sooner for sooner, later in pairwise((*days, days[0] + 7))}
    else:
        apart = {later - sooner for sooner, later in pairwise(schedule.days())}
    return min(apart), max(apart)


def shortest_gap(schedule: str) -> Duration:
    """The shortest time between two runs: `0 9,17 * * 1-5` has 8 h and 16 h between them, and 64 h over a weekend."""
    return Duration(_gaps(schedule)[0] * 60)


def longest_gap(schedule: str) -> Duration:
    """The longest time between two runs, ignoring leap days that century years skip."""
    return Duration(_gaps(schedule)[1] * 60)


def gap(schedule: Because[str], which: Callable[[str], Duration] = shortest_gap) -> Because[Duration]:
    """The shortest or the longest gap of a schedule in the spec. Refuses a schedule that Kubernetes would reject."""
    try:
        found = which(schedule.value)
    except UnitError as error:
        raise refusal("MLS006", f"`{schedule.value}` {error}", schedule, help=error.help) from None
    named = "shortest" if which is shortest_gap else "longest"
    return Because(found, f"the {named} time between two runs of `{schedule.value}`", (schedule,))


# Limits for each run

LONGEST_RUN = Duration(86400)
"""The maximum deadline that the planner derives: a run that has hung for a day will not recover."""

LEAST_LATE = 20
"""The minimum start deadline in seconds: two checks of the controller."""

LEAST_KEPT = 7 * 86400
"""The minimum retention of a finished run in seconds, so that its logs are still there after a week of vacation."""

UNNOTICED = 900
"""Seconds after which a run that is due and has not started counts as missed. The controller needs only seconds."""

CHANGE = 3600
"""How many seconds longer or shorter a day is when clocks change."""


def cadence(schedule: Because[str], zone: Because[str]) -> Because[Duration]:
    """The shortest time between two runs, including the day when clocks go forward."""
    return _cadence(gap(schedule), zone)


@decision
def _cadence(shortest: Because[Duration], zone: Because[str]) -> tuple[Duration, str]:
    if zone.value == "UTC" or shortest.value <= Duration(2 * CHANGE):
        return shortest.value, shortest.reason
    return Duration(
        shortest.value.amount - CHANGE
    ), f"{shortest.reason}, minus an hour for the day when clocks go forward"


@decision
def deadline(gap: Because[Duration]) -> tuple[Duration, str]:
    """The deadline of a run whose duration is unknown."""
    half = Duration(math.floor(gap.value.amount / 2))
    why = f"half of the {gap.value} between two runs, so that a run that starts late still ends before the next one"
    if half > LONGEST_RUN:
        return LONGEST_RUN, f"{why}, but at most {LONGEST_RUN}"
    return half, why


def stopped(deadline: Because[Duration], wait: Because[Duration], schedule: Because[str], field: str) -> Refusal | None:
    """What is wrong with half of the gap as the deadline of a run: the wait for a node alone may take longer."""
    if deadline.value > wait.value:
        return None
    return refusal(
        "MLS705",
        f"a run has {deadline.value} until it is stopped, and a pod may wait {wait.value} for a node",
        schedule,
        others=((wait, "how long a pod may wait"),),
        note=f"{deadline.reason}; the deadline counts from the start of the run, with its wait, its image, and its "
        "retries, so on a busy day every run would be stopped before it has done anything",
        help=f"start it less often, or write how long a run may take, as `{field}`, if nodes are always free",
    )


@decision
def late(gap: Because[Duration], deadline: Because[Duration]) -> tuple[int, str]:
    """The start deadline in seconds."""
    left = math.floor(gap.value.amount - deadline.value.amount)
    why = f"{gap.value} between two runs minus {readable(deadline.value)} for the run itself"
    if left < LEAST_LATE:
        return LEAST_LATE, f"{why}, but at least {LEAST_LATE} s because the controller checks every 10 s"
    return left, why


@decision
def kept(gap: Because[Duration]) -> tuple[int, str]:
    """How many seconds to keep a finished run, from the longest gap."""
    least = max(LEAST_KEPT, 2 * math.ceil(gap.value.amount))
    why = (
        f"two gaps of {gap.value}, but at least 7 days, because the alert on a failed run ends when the run is deleted"
    )
    return least, why


@decision
def stale(gap: Because[Duration], deadline: Because[Duration]) -> tuple[Duration, str]:
    """The age of the last success that fires an alert, from the longest gap."""
    return (
        Duration(2 * gap.value.amount + deadline.value.amount),
        f"two gaps of {gap.value} plus {readable(deadline.value)} for the run itself",
    )


@decision
def overdue(gap: Because[Duration], zone: Because[str]) -> tuple[Duration, str]:
    """The time since the last start after which a run counts as missed, from the longest gap."""
    summer = 0 if zone.value == "UTC" else CHANGE
    extra = "" if summer == 0 else ", an hour for the day when clocks change,"
    why = f"{gap.value} between two runs{extra} plus {UNNOTICED // 60} minutes to start"
    return Duration(gap.value.amount + summer + UNNOTICED), why

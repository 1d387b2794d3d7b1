"""Schedules, against calendars read by hand and against a slow reading of every minute."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlspec.compiler.because import fixed
from mlspec.compiler.finding import Refusal
from mlspec.compiler.plan import cron
from mlspec.compiler.plan.cron import gap, longest_gap, read, shortest_gap
from mlspec.schema.units import Duration, UnitError


@pytest.mark.parametrize(
    ("schedule", "shortest", "longest"),
    [
        ("0 3 * * 1", "7d", "7d"),
        ("*/15 * * * *", "15m", "15m"),
        ("7-59/15 * * * *", "15m", "15m"),  # 7, 22, 37, 52
        ("5/20 0 * * *", "20m", "1400m"),  # 5, 25 and 45 past midnight
        ("0 0 1 * *", "28d", "31d"),
        ("0 0 31 * *", "31d", "61d"),  # July and August; May to July, as June has 30 days
        ("0 9,17 * * 1-5", "8h", "64h"),  # Friday 17:00 to Monday 09:00
        ("0 9,17 * * MON-FRI", "8h", "64h"),
        ("0 9,17 * * mon,TUE,wed,thu,fri", "8h", "64h"),
        ("0 3 * * 0", "7d", "7d"),
        ("30 23 * * SUN,SAT", "1d", "6d"),
        ("0 0 1,15 * *", "14d", "17d"),
        ("0 0 1 JAN,jul *", "181d", "184d"),
        ("0 0 1 */3 *", "90d", "92d"),  # January to April has 90 days, July to October 92
        ("0 0 29 2 *", "1461d", "1461d"),
        ("0 0 1 1 *", "365d", "366d"),
        ("59 23 * * ?", "1d", "1d"),
        ("* * * * *", "1m", "1m"),
        ("@hourly", "1h", "1h"),
        ("@daily", "1d", "1d"),
        ("@midnight", "1d", "1d"),
        ("@weekly", "7d", "7d"),
        ("@monthly", "28d", "31d"),
        ("@yearly", "365d", "366d"),
        ("@annually", "365d", "366d"),
    ],
)
def test_gaps(schedule: str, shortest: str, longest: str) -> None:
    assert (shortest_gap(schedule), longest_gap(schedule)) == (Duration.parse(shortest), Duration.parse(longest))


def test_a_date_and_a_weekday_mean_either() -> None:
    """The 13th, and every Friday: at most a week apart, and one day where the 13th is next to a Friday."""
    assert shortest_gap("0 0 13 * 5") == Duration.parse("1d")
    assert longest_gap("0 0 13 * 5") == Duration.parse("7d")


def test_a_date_or_a_weekday_of_a_star_means_the_other_one() -> None:
    assert shortest_gap("0 0 * * 5") == Duration.parse("7d")
    assert shortest_gap("0 0 13 * ?") == Duration.parse("28d")


def test_a_star_with_a_step_is_no_star() -> None:
    """Every second date *or* a Monday, as in Kubernetes; if it were both, runs were a week apart at least."""
    assert shortest_gap("0 0 */2 * 1") == Duration.parse("1d")
    assert shortest_gap("0 0 */1 * 1") == Duration.parse("7d")  # a step of one is a star


@pytest.mark.parametrize(
    ("schedule", "said", "help_"),
    [
        ("61 * * * *", "has an invalid minute: `61`", "from 0 to 59"),
        ("0 24 * * *", "has an invalid hour: `24`", "from 0 to 23"),
        ("0 0 0 * *", "has an invalid day of the month: `0`", "from 1 to 31"),
        ("0 0 1 13 *", "has an invalid month: `13`", "`JAN` to `DEC`"),
        ("0 0 1 MON *", "has an invalid month: `MON`", "`JAN` to `DEC`"),
        ("0 0 * * 7", "has `7` as its day of the week", "`SUN`"),
        ("0 0 * * XYZ", "has an invalid day of the week: `XYZ`", "`SUN` to `SAT`"),
        ("0 22-2 * * *", "from `22` down to `2`", "two ranges"),
        ("0 0 * * FRI-MON", "from `FRI` down to `MON`", "two ranges"),
        ("*/0 * * * *", "has an invalid minute: `0`", "from 0 to 59"),
        ("1,,2 * * * *", "has an invalid minute: ``", "from 0 to 59"),
        ("1-2-3 * * * *", "has an invalid minute: `2-3`", "from 0 to 59"),
        ("1/2/3 * * * *", "has an invalid minute: `2/3`", "from 0 to 59"),
        ("*-5 * * * *", "has an invalid minute: `*`", "from 0 to 59"),
        ("0 0 30 2 *", "never fires", "a day that"),
        ("0 0 31 4,6,9,11 *", "never fires", "a day that"),
        ("0 3 * *", "five fields", "0 3 * * 1"),
    ],
)
def test_what_kubernetes_would_not_read(schedule: str, said: str, help_: str) -> None:
    with pytest.raises(UnitError, match=re.escape(said)) as error:
        shortest_gap(schedule)
    assert help_ in error.value.help


def test_a_wrong_schedule_is_refused_where_it_stands() -> None:
    with pytest.raises(Refusal) as refused:
        gap(fixed("61 * * * *", "a test"))
    assert refused.value.diagnostic.id == "MLS006"
    assert refused.value.diagnostic.message == "`61 * * * *` has an invalid minute: `61`"
    assert gap(fixed("0 0 1 * *", "a test"), longest_gap).why == "the longest time between two runs of `0 0 1 * *`"


@pytest.mark.parametrize(
    ("schedule", "zone", "cadence"),
    [
        ("0 3 * * *", "UTC", "1d"),
        ("0 3 * * *", "Europe/Berlin", "23h"),  # the day when clocks go forward
        ("0 */3 * * *", "Europe/Berlin", "2h"),
        ("*/15 * * * *", "Europe/Berlin", "15m"),
    ],
)
def test_the_shortest_time_between_two_runs(schedule: str, zone: str, cadence: str) -> None:
    assert cron.cadence(fixed(schedule, "a test"), fixed(zone, "a test")).value == Duration.parse(cadence)


@pytest.mark.parametrize(
    ("gap", "deadline", "late"),
    [("1d", "2h", 79200), ("1d", "86380s", 20), ("1d", "86381s", 20), ("1m", "59s", 20)],
)
def test_trap_a_start_that_may_be_late_by_less_than_ten_seconds_is_never_made(
    gap: str, deadline: str, late: int
) -> None:
    """The controller looks every 10 s, so two looks are allowed for."""
    given = (fixed(Duration.parse(text), "a test") for text in (gap, deadline))
    assert cron.late(*given).value == late


def naively(schedule: str) -> set[timedelta]:
    """All gaps of five years, by asking of every hour whether it fires."""
    made = read(schedule)
    moment, end = datetime(2023, 1, 1), datetime(2028, 1, 1)
    fired = []
    while moment < end:
        weekday = (moment.weekday() + 1) % 7
        if moment.month in made.months and made.fires(moment.day, weekday) and 60 * moment.hour in made.minutes:
            fired.append(moment)
        moment += timedelta(hours=1)
    return {later - sooner for sooner, later in pairwise(fired)}


HOURS = st.sampled_from(["0", "3", "9,17", "*/6", "1-5", "*"])
DATES = st.sampled_from(["*", "1", "15", "1,15", "28-31", "*/10", "13"])
MONTHS = st.sampled_from(["*", "1", "*/3", "1,7", "MAR-MAY"])
WEEKDAYS = st.sampled_from(["*", "1", "1-5", "SUN,WED", "*/2"])


@given(HOURS, DATES, MONTHS, WEEKDAYS)
@settings(max_examples=25)
def test_gaps_are_those_of_the_calendar(hours: str, dates: str, months: str, weekdays: str) -> None:
    """Five years hold every gap of schedules that do not tie a weekday to a date or a month."""
    schedule = f"0 {hours} {dates} {months} {weekdays}"
    gaps = naively(schedule)
    assert shortest_gap(schedule) <= Duration(int(min(gaps).total_seconds()))
    assert longest_gap(schedule) >= Duration(int(max(gaps).total_seconds()))
    if weekdays == "*" or (dates, months) == ("*", "*"):
        assert shortest_gap(schedule) == Duration(int(min(gaps).total_seconds()))
        assert longest_gap(schedule) == Duration(int(max(gaps).total_seconds()))

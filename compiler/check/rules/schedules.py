"""Rules on schedules that do not mean what they say: hours that clocks skip or repeat, steps that do not divide, and
runs that replace each other's output.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....schema.units import UnitError
from ...because import Because, fixed
from ...catalog.load import Change, changes
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan, cron
from ...plan.stores import holds_folders
from ...system import BatchService, MLSystem
from ..folders import TABLES
from ..lint import rule

__all__ = ["hour_that_clocks_change", "runs_in_one_folder", "step_that_does_not_divide"]

Timed = tuple[Because[str], Because[str]]
"""A schedule and its time zone."""

_STEP = re.compile(r"\*/([0-9]+)")
_FIELDS = (("minute", 60), ("hour", 24))


_UTC = fixed("UTC", "the feature store and a search without retraining have no time zone")

_PATHS = (
    "services.*.schedule",
    "services.*.timeZone",
    "retraining.schedule",
    "retraining.timeZone",
    "training.tuning.when",
    "training.tuning.schedule",
    "features.views.*.schedule",
)


def _schedules(system: MLSystem) -> Iterator[Timed]:
    for service in system.services.values():
        if isinstance(service, BatchService):
            yield service.schedule, service.time_zone
    retraining = system.retraining
    if retraining is not None and retraining.schedule is not None:
        yield retraining.schedule, retraining.time_zone
    tuning = system.training.tuning if system.training is not None else None
    if tuning is not None and tuning.when.value == "schedule" and tuning.schedule is not None:
        yield tuning.schedule, retraining.time_zone if retraining is not None else _UTC
    for view in system.features.views if system.features is not None else ():
        if view.schedule is not None:
            yield view.schedule, _UTC


@rule("MLS709", "warning", *_PATHS)
def hour_that_clocks_change(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Schedule in an hour that does not exist once a year.

    Why: when clocks go forward, the hour that they skip never comes, and a job that is scheduled in it does not run
    that day. When they go back, the hour comes twice, and so does the job (kubernetes/kubernetes#121594).

    Bad:
        retraining: {schedule: "30 2 * * *", timeZone: Europe/Berlin}
    Good:
        retraining: {schedule: "30 4 * * *", timeZone: Europe/Berlin}
    """
    for schedule, zone in _schedules(system):
        found = changes(zone.value)
        if found is None:
            continue
        skips, repeats = found
        skipped, repeated = _hit(schedule.value, skips), _hit(schedule.value, repeats)
        if skipped or repeated:
            yield finding(
                "MLS709",
                f"{_said(skipped, repeated)} in {zone.value}",
                schedule,
                others=((zone, "its clocks change"),),
                note=f"clocks skip {skips.times} and repeat {repeats.times}, and so do jobs that are scheduled then",
                help="write a time outside of both, or remove `timeZone`, which means UTC",
            )


Hit = tuple[str, str]
"""A time of day, and how often a schedule meets it while clocks change."""


def _said(skipped: Hit | None, repeated: Hit | None) -> str:
    if skipped is not None and skipped == repeated:
        return f"{skipped[0]} does not exist on {skipped[1]} and comes twice on another"
    found = ((skipped, "does not exist"), (repeated, "comes twice"))
    return " and ".join(f"{hit[0]} {what} on {hit[1]}" for hit, what in found if hit is not None)


_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
EVERY_HOUR = 24
"""The runs per day of a job that runs every hour: no one expects exactly as many on the days when clocks change."""


def _hit(schedule: str, change: Change) -> Hit | None:
    """The first time of day at which a schedule fires while clocks change; None if it never does."""
    try:
        read = cron.read(schedule)
    except UnitError:
        return None  # which has been reported
    weekday = _WEEKDAYS.index(change.weekday)
    days = [month in read.months and read.fires(date, weekday) for month, date in change.dates]
    if len(read.minutes) >= EVERY_HOUR or not any(days):
        return None
    first, _, end = change.times.partition("-")
    times = (f"{minute // 60:02}:{minute % 60:02}" for minute in read.minutes)
    often = "one day of the year" if all(days) else "one day of some years"
    return next(((at, often) for at in times if first <= at < end), None)


@rule("MLS710", "warning", *_PATHS)
def step_that_does_not_divide(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Schedule with a step that does not divide its field.

    Why: `*/90` in the minutes means every minute that is a multiple of 90, which is only minute 0: it runs every hour.
    `*/45` runs at 0 and at 45, so 45 and 15 minutes apart. Cron has no intervals.

    Bad:
        retraining: {schedule: "0 */36 * * *"}
    Good:
        retraining: {schedule: "0 0 * * *"}
    """
    for schedule, _zone in _schedules(system):
        for text, (field, size) in zip(schedule.value.split(" "), _FIELDS, strict=False):
            step = _STEP.fullmatch(text)
            if step is None or size % int(step[1]) == 0:
                continue
            fires = list(range(0, size, int(step[1])))
            means = f"{field} 0" if len(fires) == 1 else f"{field}s {', '.join(map(str, fires))}"
            divides = max(number for number in range(1, min(int(step[1]), size - 1) + 1) if size % number == 0)
            yield finding(
                "MLS710",
                f"`{text}` does not mean every {step[1]} {field}s: it runs at {means}",
                schedule,
                note=f"the count starts again at 0, and {step[1]} does not divide {size}",
                help=f"write a step that divides {size}, such as `*/{divides}`, or list the {field}s",
            )


@rule("MLS718", "warning", "services.*.schedule", "services.*.output.uri", "services.*.output.format")
def runs_in_one_folder(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Batch runs that write the same folder.

    Why: a run replaces what the run before it wrote, one partition after another. Readers see scores of both until it
    ends. If it fails, the folder stays a mixture, and the scores before it are lost. `{date}` keeps the runs of two
    days apart, and `{run}` those of one day. The image has to replace them.

    Bad:
        services:
          hourly:
            mode: batch
            image: registry.example.com/score@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
            schedule: "0 * * * *"
            input: {uri: "s3://lake/accounts/{date}/"}
            output: {uri: "s3://lake/scores/{date}/"}
    Good:
        services:
          hourly:
            mode: batch
            image: registry.example.com/score@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
            schedule: "0 * * * *"
            input: {uri: "s3://lake/accounts/{date}/"}
            output: {uri: "s3://lake/scores/{run}/"}
    """
    for service in system.services.values():
        if not isinstance(service, BatchService) or service.output.format.value in TABLES:
            continue
        uri, daily = service.output.uri, _runs_a_day(service.schedule.value)
        if not holds_folders(uri.value):
            continue
        if daily == 0 or "{run}" in uri.value or (daily == 1 and "{date}" in uri.value):
            continue
        dated = "{date}" in uri.value
        which = f"up to {daily} runs of a day" if dated else "all runs"
        yield finding(
            "MLS718",
            f"{which} write to `{uri.value}`",
            uri,
            others=((service.schedule, "when they start"),),
            note="each replaces the scores of the run before it, and one that fails leaves a mixture of both",
            help=f'write `uri: "{_each(uri.value, "{run}" if daily > 1 else "{date}")}"`, which the image replaces '
            "(docs/batch-contract.md)",
        )


def _runs_a_day(schedule: str) -> int:
    """The most runs of a day; zero for a schedule that has been reported."""
    try:
        return len(cron.read(schedule).minutes)
    except UnitError:
        return 0


def _each(uri: str, placeholder: str) -> str:
    """A folder for each run, in place of the one for each day, or below a folder."""
    if "{date}" in uri:
        return uri.replace("{date}", placeholder)
    return f"{uri.rstrip('/')}/{placeholder}{'/' if uri.endswith('/') else ''}"

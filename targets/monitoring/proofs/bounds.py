"""Scenes of the alerts on a bound of what a job exports: a value, the age of a time, or the increase in a day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ....compiler.record import Record
from ....compiler.scenes.notation import Series, counter, gauge
from ....compiler.scenes.served import Unknown
from ..proof import DAY, Alert, Flows, Scene, fired, proven, silent
from .contract import NOW, Breach, Levels, Well, began, exact, never, pace
from .pods import length, wait

__all__ = ["Bound", "Read", "bounded", "grown", "old", "well"]

HOUR = 60


class Read(Record):
    """How the process that measures reads a time."""

    every: int
    """Minutes between two looks."""
    behind: int
    """Seconds that the newest time is behind at a look when all is well."""

    def samples(self, minutes: int, step: int = 1) -> str:
        """The times that are exported: each stays until the next look."""
        if self.every == 1:
            return counter([(minutes, 60)], step, -float(self.behind))
        looks = range(0, minutes + 1, self.every)
        return gauge([(self.every, 60 * at - self.behind) for at in looks], step)


class Bound(Record):
    """A series and its limit."""

    series: str
    other: str
    """A series of another group, which keeps the bound. Empty if the bound is on a single one."""
    limit: float
    more: bool = False
    """Whether the limit is a minimum."""
    labels: Mapping[str, str] = {}
    """What the alert asks for, besides the labels that every series has."""
    shown: Mapping[str, str] = {}
    """The labels of the series that the alert shows."""
    read: Read | None = None
    """How a time is read; None if a job of the author exports it as it likes."""

    def level(self, share: float) -> float:
        """A value beyond the limit by a share of it; negative shares keep the bound."""
        scale = (abs(self.limit) or 1) * (-1 if self.more else 1)
        return round(self.limit + share * scale, 12) if share else self.limit

    @property
    def steady(self) -> float:
        """The growth of a counter per minute when all is well: half of the limit in a day, or a minimum in a minute,
        because there is no whole day yet.
        """
        return self.limit if self.more else 0.5 * self.limit / DAY

    def levels(self, share: float) -> Levels:
        """The values of all groups."""
        return {self.series: self.level(share)} | ({self.other: self.level(-0.5)} if self.other else {})


def well(bound: Bound, *, since: str) -> Well:
    """The first series when all is well."""
    if since == "age":
        return Well(series=bound.series, growth=NOW, labels=bound.labels)
    if since == "daily":
        return Well(series=bound.series, growth=bound.steady, labels=bound.labels)
    return Well(series=bound.series, value=bound.level(-0.5), labels=bound.labels)


def bounded(bound: Bound, alert: Alert) -> Alert:
    """A value is beyond its limit."""

    def scenes(alert: Alert) -> Iterator[Scene]:
        every = pace(wait(alert))
        over = Breach(levels=bound.levels(0.5), value=bound.level(0.5), labels=bound.shown)
        yield from began(alert, "a value is beyond the limit", bound.levels(-0.5), over, every)
        yield never(alert, "a value is at the limit", bound.levels(0), every)

    def healthy(flows: Flows) -> Series:
        return {name: gauge([(length(flows), exact(float(value)))]) for name, value in bound.levels(-0.5).items()}

    return proven(alert, scenes, healthy)


def old(bound: Bound, alert: Alert) -> Alert:
    """The newest time is older than the limit."""
    limit = int(bound.limit)

    def scenes(alert: Alert) -> Iterator[Scene]:
        if bound.more:
            raise Unknown(bound.series)  # a time that is too new
        lasts = wait(alert)
        at, start = 10, 10 * 60 - limit  # the age is the limit in minute 10
        due = at + 1 + lasts
        checks = (*silent(alert, at, due - 1), fired(alert, due, limit + 60.0 * (due - at), bound.shown))
        series = {bound.series: gauge([(due + 3, start)])}
        yield Scene(name="nothing newer arrives", series=series | _fresh(bound, due + 3), checks=checks)
        if lasts > 1:
            late = gauge([(at + lasts, start), (5, 60 * (at + lasts))])
            quiet = silent(alert, due - 1, due, due + 2)
            name = "something newer arrives just in time"
            yield Scene(name=name, series={bound.series: late} | _fresh(bound, due + 3), checks=quiet)
        lag = counter([(due + 3, 60)], start=-float(limit))
        kept = {bound.series: lag} | _fresh(bound, due + 3)
        yield Scene(name="the age is always the limit", series=kept, checks=silent(alert, due, due + 3))
        if bound.read is not None:
            yield _between_looks(bound, bound.read, alert)

    def healthy(flows: Flows) -> Series:
        minutes = length(flows)
        newest = bound.read.samples(minutes) if bound.read is not None else counter([(minutes, 60)])
        return {bound.series: newest} | _fresh(bound, minutes)

    return proven(alert, scenes, healthy)


def _between_looks(bound: Bound, read: Read, alert: Alert) -> Scene:
    """The alert is silent all the time until the next look, and until the one after that."""
    step = pace(read.every)
    minutes = 2 * read.every
    others = {bound.other: counter([(minutes, 60)], step)} if bound.other else {}
    checks = silent(alert, read.every - step, minutes - step, minutes)
    series = {bound.series: read.samples(minutes, step)} | others
    return Scene(
        name="the newest time is as old as a look finds it", series=series, checks=checks, every=step, step=step
    )


def _fresh(bound: Bound, minutes: int) -> Series:
    return {bound.other: counter([(minutes, 60)])} if bound.other else {}


def grown(bound: Bound, alert: Alert) -> Alert:
    """A counter grows by more than the limit in a day.

    At half of the limit a day, and then at twice as much, the last day has (0.5 (24 - h) + 2 h) / 24 of the limit after
    h hours: the limit after 8. Whether a window has its first sample moves that by less than an hour.
    """

    def scenes(alert: Alert) -> Iterator[Scene]:
        if not bound.limit:
            raise Unknown(bound.series)  # the growth is a share of the limit
        over = -1 if bound.more else 1
        hours = -(-wait(alert) // HOUR)
        crossed, full = DAY + (11 + hours) * HOUR, DAY + (26 + hours) * HOUR
        before, after = (0.5, 2.0) if over > 0 else (2.0, 0.5)
        names = "a day has more than the limit" if over > 0 else "a day has less than the limit"
        series = _counted(bound, [(DAY, before), (full - DAY + HOUR, after)])
        checks = (
            *silent(alert, DAY, DAY + 6 * HOUR),
            fired(alert, crossed if over > 0 else full, None, bound.shown),
            fired(alert, full, after * bound.limit, bound.shown),
        )
        yield Scene(name=names, series=series, checks=checks, every=HOUR, step=HOUR)
        most = _counted(bound, [(full, 0.97 if over > 0 else 1.03)])
        checks = silent(alert, full - HOUR, full)
        yield Scene(name="each day keeps just within the limit", series=most, checks=checks, every=HOUR, step=HOUR)

    def healthy(flows: Flows) -> Series:
        names = (bound.series, bound.other) if bound.other else (bound.series,)
        return {name: counter([(length(flows), bound.steady)]) for name in names}

    return proven(alert, scenes, healthy)


def _counted(bound: Bound, phases: list[tuple[int, float]]) -> Series:
    """Counters that grow by shares of the limit in a day, for phases of minutes. The other one is well."""
    grown_ = counter([(minutes, share * bound.limit / DAY) for minutes, share in phases], HOUR)
    well_ = counter([(sum(minutes for minutes, _ in phases), bound.steady)], HOUR)
    return {bound.series: grown_} | ({bound.other: well_} if bound.other else {})

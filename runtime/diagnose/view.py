"""The measurements as a diagnosis looks at them: what each series is now, and what it was before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from ...compiler.exported import Monitor, named
from ...compiler.record import Record
from ..measure.measured import Measured, Series

__all__ = ["Evidence", "Point", "View", "view_of"]


class Point(Record):
    """One value of one series."""

    time: float
    value: float


class Evidence(Record):
    """One observation, with the series that shows it."""

    says: str
    series: Series | None = None
    limit: float | None = None


class View(Record):
    """All measurements up to a time, in the order of their times."""

    at: float
    history: dict[str, tuple[Measured, ...]]
    """By monitor."""

    def newest(self, monitor: str) -> Measured | None:
        """The last measurement of a monitor; None if there is none."""
        found = self.history.get(monitor, ())
        return found[-1] if found else None

    def series(self, name: str, **labels: str) -> tuple[Series, ...]:
        """The series of the last measurement that have these labels."""
        found = self.newest(_monitor(name))
        if found is None:
            return ()
        return tuple(one for one in found.series if one.name == name and labels.items() <= one.labels.items())

    def whole(self, name: str, **labels: str) -> tuple[Series, ...]:
        """Those about all rows."""
        return tuple(one for one in self.series(name, **labels) if not one.labels.get("segment"))

    def like(self, series: Series, name: str = "") -> Series | None:
        """The last value of another metric with the same labels; None if there is none."""
        found = (one for one in self.series(name or series.name) if _same(one, series))
        return next(found, None)

    def past(self, series: Series) -> tuple[Point, ...]:
        """The earlier values of a series, the oldest first."""
        points = self.points(series.name, series.labels)
        newest = self.newest(_monitor(series.name))
        return tuple(one for one in points if newest is None or one.time < newest.time)

    def points(self, name: str, labels: dict[str, str]) -> tuple[Point, ...]:
        """All values of a series, the oldest first."""
        wanted = _plain(labels)
        return tuple(
            Point(time=measured.time, value=one.value)
            for measured in self.history.get(_monitor(name), ())
            for one in measured.series
            if one.name == name and _plain(one.labels) == wanted
        )

    def newest_time(self, series: Series) -> float:
        """When the last measurement of the monitor of a series was."""
        newest = self.newest(_monitor(series.name))
        return newest.time if newest is not None else self.at

    def before(self, series: Series) -> float | None:
        """The median of the earlier values; None if there are none."""
        found = self.past(series)
        return median(one.value for one in found) if found else None

    def values_of(self, name: str, segment: str) -> tuple[Series, ...]:
        """The series for each value of a column, in the last measurement."""
        return tuple(one for one in self.series(name) if one.labels.get("segment") == segment)


def _monitor(name: str) -> Monitor:
    found = named(name).monitor
    assert found is not None
    return found


def _plain(labels: dict[str, str]) -> dict[str, str]:
    """Labels without empty ones: Prometheus treats an absent label and an empty one alike."""
    return {key: value for key, value in labels.items() if value}


def _same(one: Series, other: Series) -> bool:
    return _plain(one.labels) == _plain(other.labels)


def view_of(measurements: Sequence[Measured], at: float) -> View:
    """The view of measurements at a time. Later ones do not exist yet."""
    found: dict[str, list[Measured]] = {}
    for one in sorted(_until(measurements, at), key=lambda one: one.time):
        listed = found.setdefault(one.monitor, [])
        if listed and listed[-1].time == one.time:
            listed[-1] = one
        else:
            listed.append(one)
    return View(at=at, history={monitor: tuple(each) for monitor, each in found.items()})


def _until(measurements: Sequence[Measured], at: float) -> Iterator[Measured]:
    return (one for one in measurements if one.time <= at)

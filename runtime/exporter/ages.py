"""How old the newest of something is: the records of feature views, and the predictions that were logged.

Alerts compare these times with now. A time that is read once in each interval falls behind by that interval, so these
are read much more often, in a thread of their own: a measurement may take longer than the time between two looks. If
one fails, the time that was read before stays, and its age grows, which the alert then shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Event
from typing import Any

from ...compiler.exported import CONTRACT, Monitor
from ...compiler.record import Record
from ..conditions import Unreadable
from ..measure.measured import Measured, Series
from .jobs import newest_features, newest_prediction

__all__ = ["Age", "Ages", "ages_of"]


Reading = Callable[[dict[str, Any], float], tuple[Series, ...]]

READ: tuple[tuple[str, Monitor, Reading], ...] = (
    ("featureResults", "features", newest_features),
    ("capture", "capture", newest_prediction),
)
"""What each monitor reads, and the part of the configuration that asks for it."""


class Age(Record):
    """A time that is read again and again."""

    monitor: Monitor
    every: float
    """Seconds between two looks."""
    read: Callable[[float], tuple[Series, ...]]
    """The newest times before a moment, in Unix time. Raises Unreadable and OSError."""


class Ages:
    """The newest times. One thread looks, and others read. `say` gets a line when a look fails for another reason."""

    def __init__(self, ages: tuple[Age, ...], say: Callable[[str], None]) -> None:
        self._ages, self._say = ages, say
        self._found: dict[Monitor, Measured] = {}
        self._looked: dict[Monitor, float] = {}
        self._failed: dict[Monitor, str] = {}

    def watch(self, ended: Event, clock: Callable[[], float]) -> None:
        """Look until the end. A bug ends the whole process, because no one would notice that only this stands still."""
        pause = min((one.every for one in self._ages), default=60.0) / 4
        try:
            while not ended.wait(pause):
                self.look(clock())
        finally:
            ended.set()

    def look(self, now: float) -> None:
        """Read each time that is due."""
        for one in self._ages:
            if now - self._looked.get(one.monitor, -one.every) < one.every:
                continue
            self._looked[one.monitor] = now
            try:
                series = one.read(now)
            except (Unreadable, OSError, ValueError) as wrong:
                self._fails(one.monitor, str(wrong))
                continue
            self._failed.pop(one.monitor, None)
            self._found = {
                **self._found,
                one.monitor: Measured(monitor=one.monitor, time=now, window=(now - one.every, now), series=series),
            }

    def _fails(self, monitor: Monitor, why: str) -> None:
        if self._failed.get(monitor) != why:
            self._say(f"{monitor}: {why}")
        self._failed[monitor] = why

    def over(self, measured: Iterable[Measured]) -> tuple[Measured, ...]:
        """The newest measurements, with the times that were read since."""
        found = dict(self._found)
        given = {one.monitor: one for one in measured}
        for monitor, newer in found.items():
            older = given.get(monitor)
            names = {one.name for one in newer.series}
            kept = tuple(one for one in older.series if one.name not in names) if older is not None else ()
            given[monitor] = newer.but(series=(*kept, *newer.series))
        return tuple(given.values())

    def of(self, monitor: Monitor) -> tuple[Measured, ...]:
        """What was last read for a monitor, if it was."""
        found = self._found.get(monitor)
        return (found,) if found is not None else ()


def ages_of(monitoring: dict[str, Any], interval: float) -> tuple[Age, ...]:
    """The times that a configuration asks to watch."""
    return tuple(_age(monitor, read, monitoring, interval) for key, monitor, read in READ if key in monitoring)


def _age(monitor: Monitor, read: Reading, monitoring: dict[str, Any], interval: float) -> Age:
    (looks,) = (one.looks for one in CONTRACT if one.monitor == monitor and one.looks)
    return Age(monitor=monitor, every=min(interval, looks), read=lambda at: read(monitoring, at))

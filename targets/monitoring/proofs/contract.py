"""The series of the contract in scenes, and scenes whose steps fit intervals of hours and days."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache

from ....compiler.because import Because
from ....compiler.exported import EVERY, named
from ....compiler.plan.scope import Scope
from ....compiler.record import Record
from ....compiler.scenes.notation import GONE, NEVER, Series, counter, gauge, labeled
from ..proof import Alert, Check, Scene, fired, silent
from .pods import wait

__all__ = ["NOW", "ONE", "OTHER", "Breach", "Levels", "Well", "began", "exact", "held", "never", "pace", "sample"]

ONE, OTHER = "one", "other"
"""Values of a label that the spec leaves to the series, such as the name of a column."""

PACES = (240, 60, 10, 1)
"""The minutes between two evaluations that a scene can have, the longest first."""

NOW = 60.0
"""The growth of a time that is always now, in seconds per minute."""

LEAST = 4
"""How many evaluations the shortest time of a scene has, at least."""

Level = float | str
"""A value, `NEVER`, or `GONE`."""

Levels = Mapping[str, Level]
"""The values of some series."""


class Well(Record):
    """A series of the contract when all is well."""

    series: str
    value: float = 0.0
    growth: float = 0.0
    """Per minute."""
    labels: Mapping[str, str] = {}
    """What the alerts ask for, besides the labels that every series has."""
    alone: bool = False
    """Whether no series that another alert asks for satisfies the same matchers."""

    def covered(self, others: Iterable[Well]) -> bool:
        """Whether one of the others satisfies the same matchers, such as that of one column for any column."""
        if self.alone:
            return False
        return any(self.metric == other.metric and self.labels.items() <= other.labels.items() for other in others)

    @cached_property
    def metric(self) -> str:
        """The name of the series, without its labels."""
        return self.series.partition("{")[0]

    def during(self, minutes: int, step: int = 1) -> str:
        """Its samples, from minute zero to `minutes`."""
        return _samples(self.value, self.growth, minutes, step)


@lru_cache(maxsize=256)  # most series of a job have one of a few values, and are in every scene of its alerts
def _samples(value: float, growth: float, minutes: int, step: int) -> str:
    if growth:
        return counter([(minutes, growth)], step, value)
    return gauge([(minutes + step, exact(value))], step)


class Breach(Record):
    """What makes an alert fire, and what it then says."""

    levels: Levels
    value: float
    labels: Mapping[str, str] = {}


def sample(scope: Scope, service: Because[str], name: str, labels: Mapping[str, str]) -> str:
    """A series of the contract, as a job exports it."""
    assert set(labels) <= set(named(name).labels), f"{name} has no such label"
    every = dict(zip(EVERY, (scope.namespace.value, service.value), strict=True))
    return labeled(name, {**every, **labels})


@lru_cache(maxsize=512)  # most scenes of an alert have the same few values
def exact(value: float) -> str:
    """A number as the queries write it: twelve decimals, without an exponent."""
    if not value % 1:
        return str(int(value))
    written = f"{value:.12f}".rstrip("0").rstrip(".")
    return "0" if written == "-0" else written


def pace(*lengths: int) -> int:
    """The minutes between two evaluations for times of these lengths, which are multiples of it."""
    known = [length for length in lengths if length]
    fits = [each for each in PACES if all(length % each == 0 and length >= LEAST * each for length in known)]
    return fits[0] if fits and known else 1


def held(phases: Sequence[tuple[int, Levels]], step: int) -> Series:
    """Series with the values of each phase, by its minutes. A series that a phase lacks has ended, or not begun."""
    names = dict.fromkeys(name for _, levels in phases for name in levels)
    made: Series = {}
    for name in names:
        without, values = NEVER, []
        for minutes, levels in phases:
            level = levels.get(name, without)
            values.append((minutes, level if isinstance(level, str) else exact(level)))
            without = GONE if name in levels else without
        made[name] = gauge(values, step)
    return made


def began(alert: Alert, name: str, before: Levels, breach: Breach, every: int) -> Iterator[Scene]:
    """A breach begins: the alert fires after its wait, and no sooner. If the breach is shorter, it does not fire."""
    at, lasts = 2 * every, wait(alert)
    series = held([(at, before), (lasts + 3 * every, breach.levels)], every)
    checks = (*silent(alert, at + lasts - every), fired(alert, at + lasts, breach.value, breach.labels))
    yield Scene(name=name, series=series, checks=checks, every=every, step=every)
    if lasts:
        series = held([(at, before), (lasts, breach.levels), (3 * every, before)], every)
        checks = silent(alert, at + lasts - every, at + lasts, at + lasts + every)
        yield Scene(name=f"{name}, for a shorter time", series=series, checks=checks, every=every, step=every)


def never(alert: Alert, name: str, levels: Levels, every: int) -> Scene:
    """The alert does not fire, however long this lasts."""
    lasts = wait(alert) + 4 * every
    checks: tuple[Check, ...] = silent(alert, lasts - every, lasts)
    return Scene(name=name, series=held([(lasts + every, levels)], every), checks=checks, every=every, step=every)

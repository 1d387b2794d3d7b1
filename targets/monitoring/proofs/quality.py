"""Scenes of the alerts on the quality: where its 95% interval is, compared with the bar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ....compiler.record import Record
from ....compiler.scenes.notation import Series
from ..proof import Alert, Flows, Scene, fired, proven, silent
from .contract import Breach, Levels, began, exact, held, never, pace
from .pods import in_minutes, length, wait

__all__ = ["Judge", "estimated", "few", "low", "uncertain"]


class Judge(Record):
    """One bar, and the series that are compared with it, by what they are."""

    value: str
    low: str
    high: str
    samples: str
    rival: str
    """The result of a rival, if the bar is a share of it. Empty for another bar."""
    estimate: str
    estimate_end: str
    bar: float
    """As a share of a rival whose result is 1, if there is one."""
    more: bool
    """Whether the bar is a minimum."""
    least: int
    shown: Mapping[str, str]
    """The labels of the series that an alert shows."""

    def at(self, steps: float) -> float:
        """A value, in steps from the bar to the better side. A step is a quarter of the way to the end of a share."""
        inside = min(self.bar, 1 - self.bar) if 0 < self.bar < 1 else abs(self.bar)
        step = (inside or 0.2) / 4
        return float(exact(round(self.bar + steps * step * (1 if self.more else -1), 9))) if steps else self.bar

    def seen(self, worst: float, value: float, best: float, samples: int | None = None) -> Levels:
        """A result with its interval, in steps from the bar."""
        low, high = (worst, best) if self.more else (best, worst)
        made = {
            self.value: self.at(value),
            self.low: self.at(low),
            self.high: self.at(high),
            self.samples: float(self.least if samples is None else samples),
        }
        return made | ({self.rival: 1.0} if self.rival else {})

    def guessed(self, value: float, best: float) -> Levels:
        """An estimate, in steps from the bar."""
        return {self.estimate: self.at(value), self.estimate_end: self.at(best)}

    @property
    def well(self) -> Levels:
        """A good result with enough observations."""
        return self.seen(1, 2, 3, 2 * self.least)

    def healthy(self, flows: Flows) -> Series:
        """The series when all is well."""
        return held([(length(flows), self.well)], 1)


def low(judge: Judge, alert: Alert) -> Alert:
    """The whole interval misses the bar."""

    def scenes(alert: Alert) -> Iterator[Scene]:
        every = pace(wait(alert))
        missed = Breach(levels=judge.seen(-3, -2, -1), value=judge.at(-2), labels=judge.shown)
        yield from began(alert, "the whole interval misses the bar", judge.well, missed, every)
        yield never(alert, "the interval ends at the bar", judge.seen(-2, -1, 0), every)
        yield never(alert, "the bar is inside the interval", judge.seen(-2, -1, 1), every)
        if judge.least > 1:
            name = "the interval misses the bar, with one observation too few"
            yield never(alert, name, judge.seen(-3, -2, -1, judge.least - 1), every)

    return proven(alert, scenes, judge.healthy)


def uncertain(judge: Judge, alert: Alert) -> Alert:
    """The bar is inside the interval."""

    def scenes(alert: Alert) -> Iterator[Scene]:
        every = pace(wait(alert))
        for name, best in (("the bar is inside the interval", 2), ("the interval ends at the bar", 0)):
            open_ = Breach(levels=judge.seen(-2, -1, best), value=judge.at(-1), labels=judge.shown)
            yield from began(alert, name, judge.well, open_, every)
        yield never(alert, "the interval begins at the bar", judge.seen(0, 1, 2), every)
        yield never(alert, "the whole interval misses the bar", judge.seen(-3, -2, -1), every)
        if judge.least > 1:
            name = "the bar is inside the interval, with one observation too few"
            yield never(alert, name, judge.seen(-2, -1, 2, judge.least - 1), every)

    return proven(alert, scenes, judge.healthy)


def few(judge: Judge, alert: Alert, remembered: str) -> Alert:
    """There are too few observations for a verdict, or none any more. A group that ends is `remembered` for a time."""

    def scenes(alert: Alert) -> Iterator[Scene]:
        lasts, counts = wait(alert), in_minutes(remembered)
        every = pace(lasts)
        if judge.least > 1:
            short = Breach(levels=judge.seen(1, 2, 3, judge.least - 1), value=judge.least - 1, labels=judge.shown)
            yield from began(alert, "one observation too few", judge.well, short, every)
        yield never(alert, "just enough observations", judge.seen(1, 2, 3), every)
        at = 2 * every
        ended = (
            *silent(alert, at + lasts - every),
            fired(alert, at + lasts, 0, judge.shown),
            fired(alert, at + counts - 2 * every, 0, judge.shown),
            *silent(alert, at + counts + every),
        )
        gone = held([(at, judge.well), (counts + 2 * every, {})], every)
        yield Scene(name="it is no longer measured", series=gone, checks=ended, every=every, step=every)

    return proven(alert, scenes, judge.healthy)


def estimated(judge: Judge, alert: Alert) -> Alert:
    """The estimate misses the bar before labels arrive."""

    def scenes(alert: Alert) -> Iterator[Scene]:
        every, good = pace(wait(alert)), {**judge.well, **judge.guessed(2, 3)}
        missed = Breach(levels={**judge.well, **judge.guessed(-2, -1)}, value=judge.at(-2), labels=judge.shown)
        yield from began(alert, "the whole interval of the estimate misses the bar", good, missed, every)
        yield never(alert, "it ends at the bar", {**judge.well, **judge.guessed(-1, 0)}, every)

    def healthy(flows: Flows) -> Series:
        return held([(length(flows), {**judge.well, **judge.guessed(2, 3)})], 1)

    return proven(alert, scenes, healthy)

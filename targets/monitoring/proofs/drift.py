"""Scenes of the alerts on drift: how far a window is from the reference, and how many rows it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ....compiler.record import Record
from ....compiler.scenes.notation import NEVER, Series
from ..proof import Alert, Check, Fired, Flows, Scene, fired, proven, silent
from .contract import Breach, Levels, began, held, never, pace
from .pods import in_minutes, length, wait

__all__ = ["Distance", "Whole", "drifted", "few"]

FAR = 1.5
"""A distance, as a share of the threshold."""


class Distance(Record):
    """The series of one subject, for one column and for another, if it has several."""

    distance: tuple[str, ...]
    noise: str
    """How much chance explains of the first one."""
    samples: tuple[str, ...]
    threshold: float
    least: int
    lookback: int
    """In minutes, as all times here."""
    quarter: int
    columns: tuple[str, ...]
    """The names of the columns."""
    group: Mapping[str, str]
    """The labels that a segment has besides that of its column."""

    @property
    def shown(self) -> Mapping[str, str]:
        """The labels that an alert on the first column shows."""
        return {"column": self.columns[0], **self.group}

    def seen(self, share: float, rows: int | None = None) -> Levels:
        """A distance of the first column, as a share of the threshold. The other columns are close."""
        count = float(self.least if rows is None else rows)
        made = dict.fromkeys(self.distance, 0.0) | dict.fromkeys(self.samples, count)
        return {**made, self.distance[0]: self.far(share)}

    def far(self, share: float) -> float:
        """A distance, as a share of the threshold."""
        return round(self.threshold * share, 9) if share != 1 else self.threshold

    @property
    def well(self) -> Levels:
        """A distance of half the threshold, with enough rows."""
        return self.seen(0.5, 2 * self.least)

    def healthy(self, flows: Flows) -> Series:
        """The series when all is well."""
        return held([(length(flows), self.well)], 1)


class Whole(Record):
    """The same columns on all rows."""

    distance: Distance
    alert: Alert
    """The alert on them."""


def drifted(one: Distance, alert: Alert, whole: Whole | None = None) -> Alert:
    """A column is far from the reference for two windows; within a segment, `whole` is the same on all rows."""

    def scenes(alert: Alert) -> Iterator[Scene]:
        every = pace(one.lookback, one.quarter)
        at = one.quarter + 2 * every
        close, far = one.seen(0.5), one.seen(FAR)
        last, due = at + one.lookback - 2 * every, at + one.lookback
        rest = one.lookback + one.quarter + 3 * every

        def scene(name: str, *phases: tuple[int, Levels], fires: int = 0, quiet: tuple[int, ...] = ()) -> Scene:
            checks = silent(alert, *quiet)
            checks += (fired(alert, fires, one.far(FAR), one.shown),) if fires else ()
            return Scene(name=name, series=held(phases, every), checks=checks, every=every, step=every)

        yield scene("two windows are far from the reference", (at, close), (rest, far), fires=due, quiet=(last,))
        yield scene("one window is far", (at, close), (one.lookback - every, far), (rest, close), quiet=(last, due))
        yield scene("two windows are at the limit", (at, close), (rest, one.seen(1)), quiet=(last, due, due + every))
        yield scene("the job is new", (at, {}), (rest, far), quiet=(last, due - every))
        small = one.seen(FAR, one.least - 1)
        yield scene("two windows are far, with one row too few", (at, close), (rest, small), quiet=(due, due + every))
        for name, noise, fires in (("all", FAR, 0), ("less", 1, due)):
            levels = {**far, one.noise: one.far(noise)}
            said, quiet = f"chance explains {name} of it", (last, due, due + every) if not fires else (last,)
            yield scene(f"two windows are far, and {said}", (at, close), (rest, levels), fires=fires, quiet=quiet)
        yield _gap(one, alert, every)
        if whole is not None:
            phases = [(at, close), (rest, far)]
            yield from _with_all_rows(one, alert, whole, phases, every)

    return proven(alert, scenes, one.healthy)


def _with_all_rows(
    one: Distance, alert: Alert, whole: Whole, phases: Sequence[tuple[int, Levels]], every: int
) -> Iterator[Scene]:
    """A column has one alert, whether it is far within a segment or on all rows."""
    (before, close), (rest, far) = phases
    at, all_ = before + one.lookback, whole.distance

    def scene(name: str, levels: Levels, *told: Fired) -> Scene:
        series = held([(before, {**close, **all_.seen(0.5)}), (rest, {**far, **levels})], every)
        checks = (Check(minute=at, name=alert["alert"], fired=told),)
        return Scene(name=name, series=series, checks=checks, every=every, step=every)

    here = Fired(alert=alert, value=one.far(FAR), labels=one.shown)
    yield scene("it is at the limit on all rows", all_.seen(1), here)
    everywhere = Fired(alert=whole.alert, value=all_.far(FAR), labels=all_.shown)
    yield scene("it is as far on all rows", all_.seen(FAR), everywhere)
    if len(all_.columns) > 1:
        levels = {**all_.seen(0.5), all_.distance[1]: all_.far(FAR)}
        other = Fired(alert=whole.alert, value=all_.far(FAR), labels={"column": all_.columns[1]})
        yield scene("another column is far on all rows", levels, here, other)


def _gap(one: Distance, alert: Alert, every: int) -> Scene:
    """The oldest result that counts is up to a quarter of a window older than two windows in a row."""
    far, before = one.seen(FAR), 2 * every
    gap = one.quarter - every
    missing = dict.fromkeys(far, NEVER)
    minute = before + gap + one.lookback - every
    phases = [(before, far), (gap, missing), (one.lookback + 2 * every, far)]
    checks = (fired(alert, minute, one.far(FAR), one.shown),)
    name = "results are missing for almost a quarter of a window"
    return Scene(name=name, series=held(phases, every), checks=checks, every=every, step=every)


def few(one: Distance, alert: Alert, remembered: str) -> Alert:
    """Columns have too few rows for a verdict, or none any more. One that has ended is `remembered` for a time."""

    def scenes(alert: Alert) -> Iterator[Scene]:
        lasts, counts = wait(alert), in_minutes(remembered)
        every, columns = pace(lasts), len(one.samples)
        good = one.seen(0.5)
        short = Breach(levels=one.seen(0.5, one.least - 1), value=columns)
        yield from began(alert, "one row too few", good, short, every)
        yield never(alert, "just enough rows", good, every)
        at = 2 * every
        checks = (
            *silent(alert, at + lasts - every),
            fired(alert, at + lasts, columns),
            fired(alert, at + counts - 2 * every, columns),
            *silent(alert, at + counts + every),
        )
        gone = held([(at, good), (counts + 2 * every, {})], every)
        yield Scene(name="no column is measured any longer", series=gone, checks=checks, every=every, step=every)

    return proven(alert, scenes, one.healthy)

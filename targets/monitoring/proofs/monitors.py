"""Scenes of the alerts on jobs that fall silent, and of the one that a training run is due, which reads the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from ....compiler.record import Record
from ....compiler.scenes.notation import GONE, Series, gauge, labeled
from ..proof import Alert, Check, Fired, Flows, Scene, proven, silent
from .contract import Well, pace
from .pods import length, wait

__all__ = ["Missed", "Raised", "absent", "due", "enough"]


class Missed(Record):
    """A series whose absence an alert sees, with the labels that the alert then has."""

    well: Well
    shown: Mapping[str, str]


class Raised(Record):
    """An alert that fires, or that is pending, as Prometheus exports it."""

    alert: str
    signal: str
    state: str = "firing"

    def series(self, own: Mapping[str, str]) -> str:
        """Its series, with the labels that every alert has."""
        labels = {"alertname": self.alert, "alertstate": self.state, "signal": self.signal}
        return labeled("ALERTS", {**own, **labels})


def _all(every: Iterable[Well], minutes: int, step: int) -> Series:
    return {each.series: each.during(minutes, step) for each in every}


def _healthy(every: Sequence[Well]) -> Callable[[Flows], Series]:
    return lambda flows: _all(every, length(flows) - 1, 1)


def absent(alert: Alert, its: Sequence[Missed], every: Sequence[Well], own: Mapping[str, str]) -> Alert:
    """Series of one job are missing. `own` are the labels that no alert on another job has.

    In one scene, the series of all jobs are there, because the alerts on other jobs have the same name. The others look
    only at the alerts on this job.
    """

    def scenes(alert: Alert) -> Iterator[Scene]:
        lasts = wait(alert)
        step = pace(lasts)
        at, end = 2 * step, lasts + 4 * step
        whole = _all([each.well for each in its], end, step)

        def gone(name: str, missing: Sequence[Missed], others: Series, among: Mapping[str, str]) -> Scene:
            ended = {each.well.series: _ends(each.well, at, end, step) for each in missing}
            left = [each.well for each in its if each.well.series not in ended]
            lost = [each for each in missing if not each.well.covered(left)]
            shown = {tuple(sorted(each.shown.items())): each.shown for each in lost}
            told = Check(
                minute=at + lasts,
                name=alert["alert"],
                fired=tuple(Fired(alert=alert, value=1.0, labels=labels) for labels in shown.values()),
                among=among,
            )
            checks = (*silent(alert, at + lasts - step, among=among), told)
            return Scene(name=name, series={**whole, **others, **ended}, checks=checks, every=step, step=step)

        yield gone("the job exports nothing", its, _all(every, end, step), {})
        for each in its:
            alike = [one for one in its if one.shown == each.shown]
            if each is its[0] or len(alike) > 1:
                yield gone(f"it no longer exports {each.well.series}", [each], {}, own)
        quiet = silent(alert, lasts, lasts + step, among=own)
        yield Scene(name="the job exports everything", series=whole, checks=quiet, every=step, step=step)

    return proven(alert, scenes, _healthy(every))


def _ends(well: Well, at: int, end: int, step: int) -> str:
    """The samples of a series that ends."""
    return f"{well.during(at - step, step)} {gauge([(end - at + step, GONE)], step)}"


def due(alert: Alert, own: Mapping[str, str], reasons: Sequence[Sequence[Raised]], faults: Sequence[str]) -> Alert:
    """A reason for a training run lasts, and no fault explains it. `reasons` are alerts that must all fire."""

    def scenes(alert: Alert) -> Iterator[Scene]:
        lasts = wait(alert)
        step = pace(lasts)
        at, end = 2 * step, lasts + 4 * step
        quiet = silent(alert, end - step, end)

        def raised(*phases: tuple[Raised, int]) -> Series:
            return {one.series(own): gauge([(start, "_"), (end + step - start, 1)], step) for one, start in phases}

        def never(name: str, *raising: Raised) -> Scene:
            series = raised(*[(one, step) for one in raising])
            return Scene(name=name, series=series, checks=quiet, every=step, step=step)

        for reason in reasons:
            names = _names(reason)
            told = Check(minute=at + lasts, name=alert["alert"], fired=(Fired(alert=alert, value=1.0),))
            checks = (*silent(alert, at + lasts - step), told)
            series = raised(*[(one, at) for one in reason])
            yield Scene(name=f"{names} fires", series=series, checks=checks, every=step, step=step)
            yield never(f"{names} is pending", *[one.but(state="pending") for one in reason])
            if len(reason) > 1:
                yield from (never(f"{one.alert} fires alone", one) for one in reason)
        for reason, fault in _pairs(reasons, faults):
            broken = Raised(alert="AnAlert", signal=fault, state="pending")
            yield never(f"{_names(reason)} fires, and {fault} may explain it", *reason, broken)
        yield never("no alert fires")

    return proven(alert, scenes, lambda _: {})


def _names(reason: Sequence[Raised]) -> str:
    return " and ".join(one.alert for one in reason)


def _pairs(reasons: Sequence[Sequence[Raised]], faults: Sequence[str]) -> Iterator[tuple[Sequence[Raised], str]]:
    """Each reason with at least one fault, and each fault with at least one reason."""
    if reasons and faults:
        for index in range(max(len(reasons), len(faults))):
            yield reasons[index % len(reasons)], faults[index % len(faults)]


def enough(alert: Alert, own: Mapping[str, str], counted: str, least: int, faults: Sequence[str]) -> Alert:
    """A count reaches the least that justifies a training run, and no fault is there."""

    def scenes(alert: Alert) -> Iterator[Scene]:
        lasts = wait(alert)
        step = pace(lasts)
        at, end = 2 * step, lasts + 4 * step

        def counting(name: str, count: int, checks: Sequence[Check], *raising: Raised) -> Scene:
            series = {counted: gauge([(at, 0), (end + step - at, count)], step)}
            series |= {one.series(own): gauge([(end + step, 1)], step) for one in raising}
            return Scene(name=name, series=series, checks=tuple(checks), every=step, step=step)

        told = Check(minute=at + lasts, name=alert["alert"], fired=(Fired(alert=alert, value=float(least)),))
        yield counting("as many labels are new as training needs", least, (*silent(alert, at + lasts - step), told))
        never = silent(alert, end - step, end)
        yield counting("one label is missing", least - 1, never)
        for fault in faults:
            broken = Raised(alert="AnAlert", signal=fault, state="pending")
            yield counting(f"enough labels are new, and they may be wrong: {fault}", least, never, broken)

    return proven(alert, scenes, lambda flows: {counted: gauge([(length(flows), 0)], 1)})

"""Scenes of the alerts on replicas: they go down again and again, some are missing, or their containers restart.

None of these alerts waits, so most scenes are evaluated every ten minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ....compiler.because import Because
from ....compiler.plan.service import ServicePlan
from ....compiler.scenes.notation import GONE, Series, gauge
from ....schema.units import Duration
from ...providers import Replicas, Sample
from ..proof import Alert, Check, Fired, Flows, Scene, fired, proven, silent
from .pods import AT, PODS, alike, begins, length, restarts, steady, up, wait

__all__ = ["flapping", "missing", "one_flaps", "restarting", "unseen"]

SLOW = 10
"""The minutes between two evaluations."""


def _scene(name: str, series: Series, *checks: Check) -> Scene:
    return Scene(name=name, series=series, checks=checks, every=SLOW)


def flapping(service: ServicePlan, alert: Alert) -> Alert:
    """All replicas go down again and again."""

    def scenes(alert: Alert) -> Iterator[Scene]:
        turns = [(AT, 1), *[(1, 1), (6, 0)] * 5]  # in 15 minutes, two of them, and in half that time, one
        said = Check(minute=40, name=alert["alert"], fired=(Fired(alert=alert, value=None),))
        yield _scene("both replicas are up for one minute of seven", up(service, turns, turns), said)
        rarely = [(AT, 1), *[(3, 1), (2, 0)] * 7]
        yield _scene("both replicas are up for three minutes of five", up(service, rarely, rarely), *silent(alert, 40))
        once = [(AT, 1), (12, 0), (18, 1)]
        yield _scene("both replicas restart once", up(service, once, once), *silent(alert, 20, 30))

    return proven(alert, scenes, partial(steady, service))


def one_flaps(service: ServicePlan, alert: Alert) -> Alert:
    """One replica goes down three times in an hour."""

    def scenes(alert: Alert) -> Iterator[Scene]:
        turns = [(AT, 1), *[(12, 1), (6, 0)] * 5]  # in an hour, three of them, and in half an hour, two at most
        lost = up(service, [(100, 1)], turns)
        yield _scene("a replica goes down three times in an hour", lost, fired(alert, 90, 1))
        twice = [(30, 1), (8, 0), (20, 1), (8, 0), (34, 1)]
        yield _scene("a replica goes down twice in an hour", up(service, [(100, 1)], twice), *silent(alert, 70, 90))
        busy = [(9, 1), (1, 0)] * 10
        yield _scene("single scrapes of a replica fail", up(service, [(100, 1)], busy), *silent(alert, 70, 90))

    return proven(alert, scenes, partial(steady, service))


def missing(alert: Alert, seen: Replicas, over: Because[str]) -> Alert:
    """Fewer replicas are available than are wanted."""
    minutes = int(Duration.parse(over.value).amount // 60)

    def counts(available: list[tuple[int, float | str]], wanted: list[tuple[int, float | str]]) -> Series:
        return _series(seen.counted, available) | _series(seen.asked, wanted)

    def scenes(alert: Alert) -> Iterator[Scene]:
        rest = minutes + 5
        looks = (*silent(alert, AT + minutes - 2), fired(alert, AT + minutes + 1, 2))
        pending = counts([(AT + rest, 2)], [(AT, 2), (rest, 3)])
        yield Scene(name="one of three replicas is missing", series=pending, checks=looks)
        late: list[tuple[int, float | str]] = [(AT + minutes - 3, 2), (AT + 8, 3)]
        checks = silent(alert, AT + minutes + 1)
        yield Scene(name="the third replica is late", series=counts(late, [(AT, 2), (rest, 3)]), checks=checks)

    def healthy(flows: Flows) -> Series:
        return counts([(length(flows), 2)], [(length(flows), 2)])

    return proven(alert, scenes, healthy)


def _series(samples: tuple[Sample, ...], phases: list[tuple[int, float | str]]) -> Series:
    return {sample.series: gauge(phases) for sample in samples}


def restarting(service: ServicePlan, alert: Alert) -> Alert:
    """A container restarts again and again."""

    def times(*minutes: int) -> list[tuple[int, float]]:
        phases: list[tuple[int, float]] = []
        for before, at in zip((0, *minutes), minutes, strict=False):
            phases += [(at - before - 1, 0), (1, 1)]
        return [*phases, (30, 0)]

    def scenes(alert: Alert) -> Iterator[Scene]:
        four = restarts(service, [(100, 0)], times(13, 23, 33, 43))
        yield _scene("a container restarts four times in an hour", four, fired(alert, 70, 1))
        two = restarts(service, [(100, 0)], times(13, 43))
        yield _scene("a container restarts twice in an hour", two, *silent(alert, 50, 70))

    def healthy(flows: Flows) -> Series:
        return restarts(service, *[[(length(flows) - 1, 0.0)] for _ in PODS])

    return proven(alert, scenes, healthy)


def unseen(service: ServicePlan, alert: Alert) -> Alert:
    """Prometheus has no metrics about the pods, which are up."""

    def _restarts(after: float | str, rest: int) -> Series:
        made = restarts(service, [(0, 0)], [(0, 0)])
        return {name: gauge([(AT, 0), (rest, after)]) for name in made}

    def scenes(alert: Alert) -> Iterator[Scene]:
        rest = wait(alert) + 5
        alive = alike(service, [(AT + rest, 1)])
        yield from begins(alert, "kube-state-metrics is gone", {**alive, **_restarts(GONE, rest)}, 1)
        gone = alike(service, [(AT, 1), (rest, GONE)])
        checks = silent(alert, AT + wait(alert) + 2)
        yield Scene(name="there are no replicas", series={**gone, **_restarts(GONE, rest)}, checks=checks)

    def healthy(flows: Flows) -> Series:
        return steady(service, flows) | restarts(service, *[[(length(flows) - 1, 0.0)] for _ in PODS])

    return proven(alert, scenes, healthy)

"""Scenes of the alerts on traffic: requests hang, none arrives, or callers give up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ....compiler.because import Because
from ....compiler.plan.service import ServicePlan
from ....compiler.scenes.notation import Series, counter
from ....compiler.scenes.served import Flow, ended, idle, requests, selected, target, waiting
from ....schema.units import Rate
from ..proof import Alert, Check, Fired, Flows, Scene, fired, proven, silent
from .pods import AT, alike, length, wait

__all__ = ["canceled", "gone", "hanging"]

RATE = 600.0
"""Requests per minute."""


def hanging(service: ServicePlan, alert: Alert, window: int) -> Alert:
    """Requests arrive, and none ends for a window, in minutes."""
    of, flies, queue = target(service), service.metrics.in_flight, service.metrics.queue

    def seen(flows: Flows, arriving: Sequence[tuple[int, float]]) -> Series:
        return {**ended(service, of, flows), **gauges(flows, arriving)}

    def gauges(flows: Flows, arriving: Sequence[tuple[int, float]]) -> Series:
        """The gauges grow by what arrives; a counter of arrivals also by what ends."""
        made: Series = {}
        if flies is not None and flies.gauge is not None:
            ends = [flow.rate if flies.minus is not None else 0.0 for flow in flows]
            grown = [(minutes, more + end) for (minutes, more), end in zip(arriving, ends, strict=True)]
            made[selected(service, flies.gauge, flies.match, of)] = counter(grown)
        if queue is not None:
            made[selected(service, queue.series, queue.match, of)] = counter(arriving)
        return made

    def scenes(alert: Alert) -> Iterator[Scene]:
        first, rest = 2 * AT, window + wait(alert) + 5
        at = first + window + wait(alert) + 2
        flows = [Flow(minutes=first, rate=RATE), Flow(minutes=rest, rate=0)]
        hangs = [(first, 0), (rest, 1)]
        checks = (*silent(alert, at - 4), fired(alert, at, (at - first) * len(gauges(flows, hangs))))
        yield Scene(name="requests arrive, and none ends", series=seen(flows, hangs), checks=checks)
        works = [Flow(minutes=first, rate=RATE), Flow(minutes=rest, rate=RATE, failing=1.0)]
        slow, quiet = seen(works, hangs), silent(alert, at)
        yield Scene(name="requests arrive, and those that end fail", series=slow, checks=quiet)
        stuck = seen(flows, [(first, 1), (rest, 0)])
        yield Scene(name="a gauge is stuck, and no request arrives", series=stuck, checks=quiet)

    def healthy(flows: Flows) -> Series:
        return {
            **requests(service, of, flows),
            **idle(service, of, flows),
            **waiting(service, of, [(length(flows), 0)]),
        }

    return proven(alert, scenes, healthy)


def gone(service: ServicePlan, alert: Alert, trough: Because[Rate], window: int) -> Alert:
    """Far fewer requests end in a window, in minutes, than at the trough, although the replicas are up."""
    of, least = target(service), float(trough.value) * 60

    def seen(flows: Flows) -> Series:
        return {**alike(service, [(length(flows), 1)]), **requests(service, of, flows)}

    def scenes(alert: Alert) -> Iterator[Scene]:
        first = 5 * -(-(window + AT) // 5)
        early, late = 5 * int((first + 0.8 * window) // 5), 5 * -(-(first + window + wait(alert) + 5) // 5)
        flows = [Flow(minutes=first, rate=least), Flow(minutes=late + 5 - first, rate=0)]
        checks = (*silent(alert, early), fired(alert, late))
        yield Scene(name="no request ends", series=seen(flows), checks=checks, every=5)
        half = [Flow(minutes=first + window + 2 * AT, rate=least / 2)]
        name = "half of the requests of the trough end"
        yield Scene(name=name, series=seen(half), checks=silent(alert, 5 * (first + window) // 5), every=5)
        day = [Flow(minutes=first, rate=least), Flow(minutes=960, rate=0)]
        name = "no request ends for 15 hours"
        at = 60 * ((first + 900) // 60)
        yield Scene(name=name, series=seen(day), checks=(fired(alert, at),), every=60)

    return proven(alert, scenes, seen)


def canceled(service: ServicePlan, alert: Alert, window: int) -> Alert:
    """Callers give up, for a window, in minutes."""
    of, least = target(service), service.objectives.slo.min_events.value

    def scenes(alert: Alert) -> Iterator[Scene]:
        share, ten = 0.1, 10
        rate = 3 * least / window / share
        flows = [Flow(minutes=40, rate=rate), Flow(minutes=window + ten, rate=rate, left=share)]
        at = ten * ((40 + window) // ten)
        checks = (*silent(alert, 40), fired(alert, at, share / (1 + share)))
        yield Scene(name="10 of 110 callers give up", series=requests(service, of, flows), checks=checks, every=ten)
        some = [Flow(minutes=40 + window + ten, rate=50 * rate, left=0.04)]
        name = "4 of 104 callers give up"
        yield Scene(name=name, series=requests(service, of, some), checks=silent(alert, at), every=ten)
        few = [Flow(minutes=40, rate=0), Flow(minutes=10, rate=0.06 * least, left=1.0), Flow(minutes=20, rate=0)]
        name = "half of the callers give up, but they are few"
        yield Scene(name=name, series=requests(service, of, few), checks=silent(alert, 50, 60), every=ten)
        then = [Flow(minutes=30, rate=least), Flow(minutes=5, rate=least, left=0.5), Flow(minutes=35, rate=least)]
        at = ten * ((35 + window // 2) // ten)
        said = Check(minute=at, name=alert["alert"], fired=(Fired(alert=alert, value=None),))
        name = "callers have given up for 5 minutes"
        yield Scene(name=name, series=requests(service, of, then), checks=(said,), every=ten)

    def healthy(flows: Flows) -> Series:
        return requests(service, of, flows)

    return proven(alert, scenes, healthy)

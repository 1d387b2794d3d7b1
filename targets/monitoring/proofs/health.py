"""Scenes of the alerts on the health of a service: replicas that do not answer, and capacity that is in use."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ....compiler.plan.service import ServicePlan
from ....compiler.scenes.notation import GONE, Series, gauge
from ....compiler.scenes.served import flying, idle, selected, target, waiting
from ..proof import Alert, Check, Fired, Flows, Scene, proven, silent
from .pods import AT, PODS, alike, begins, length, steady, up, wait

__all__ = ["absent", "down", "saturated", "waits"]

END = 5
"""The minutes of a scene after an alert should fire."""


def absent(service: ServicePlan, alert: Alert) -> Alert:
    """No replica answers."""

    def scenes(alert: Alert) -> Iterator[Scene]:
        rest = wait(alert) + END
        yield from begins(alert, "no replica answers", alike(service, [(AT, 1), (rest, 0)]))
        yield from begins(alert, "there are no replicas", alike(service, [(AT, 1), (rest, GONE)]))
        one = up(service, [(AT, 1), (rest, 0)], [(AT + rest, 1)])
        yield Scene(name="one of two replicas does not answer", series=one, checks=silent(alert, AT + wait(alert) + 2))
        short = alike(service, [(AT, 1), (wait(alert) - 1, 0), (END + 2, 1)])
        yield Scene(
            name="all replicas restart", series=short, checks=silent(alert, AT + wait(alert), AT + wait(alert) + 3)
        )

    return proven(alert, scenes, partial(steady, service))


def down(service: ServicePlan, alert: Alert) -> Alert:
    """One replica does not answer."""

    def scenes(alert: Alert) -> Iterator[Scene]:
        rest = wait(alert) + END
        lost = up(service, [(AT + rest, 1)], [(AT, 1), (rest, 0)])
        yield from begins(alert, "one of two replicas does not answer", lost, 1)
        gone = up(service, [(AT + rest, 1)], [(AT, 1), (2, 0), (rest - 2, GONE)])
        yield Scene(name="a replica is removed", series=gone, checks=silent(alert, AT + wait(alert) + 2))

    return proven(alert, scenes, partial(steady, service))


def saturated(service: ServicePlan, alert: Alert, window: int) -> Alert:
    """More of the capacity is in use than the limit. A rate of the time spent on requests has `window` minutes."""
    limit = float(service.scope.system.monitoring.saturation.value.amount)
    above = round((1 + limit) / 2, 3) if limit < 1 else limit * 1.1
    known = service.metrics.saturation

    def used(before: float, after: float, minutes: int) -> Series:
        made = alike(service, [(AT + minutes, 1)])
        for pod in PODS:
            of = target(service, None, pod)
            if known is not None:
                made[selected(service, known.series, known.match, of)] = gauge([(AT, before), (minutes, after)])
            else:
                slots = service.slots.value
                made |= flying(service, of, [(AT, before * slots), (minutes, after * slots)])
        return made

    def queued(minutes: int) -> Series:
        made, flies = used(0, 0, minutes), service.metrics.in_flight
        assert flies is not None
        assert flies.plus is not None
        for pod in PODS:
            values = gauge([(AT, 0), (minutes, above * service.slots.value)])
            made[selected(service, flies.plus, flies.match, target(service, None, pod))] = values
        return made

    def scenes(alert: Alert) -> Iterator[Scene]:
        rest, exact = wait(alert) + END + window + 2, known is not None
        late = 0 if exact or _gauged(service) else window + 1
        yield from begins(alert, f"{above:.1%} are in use", used(limit / 2, above, rest), above, late=late)
        name = "exactly the limit is in use" if exact else f"{0.97 * limit:.1%} are in use"
        almost = used(limit / 2, limit if exact else 0.97 * limit, rest)
        yield Scene(name=name, series=almost, checks=silent(alert, AT + wait(alert) + END))
        if not exact and _waits(service):
            yield from begins(alert, "as many requests wait", queued(rest), above)
        if late:
            yield _pause(service, alert, limit, window)

    def healthy(flows: Flows) -> Series:
        if known is not None:
            found = {target(service, None, pod)["pod"]: target(service, None, pod) for pod in PODS}
            values = gauge([(length(flows), limit / 2)])
            return {selected(service, known.series, known.match, of): values for of in found.values()}
        made = steady(service, flows)
        ends = service.metrics.in_flight is not None and service.metrics.in_flight.minus is not None
        for pod in PODS[:1] if ends else PODS:  # the requests of the first one alone have series of their ends
            made |= idle(service, target(service, None, pod), flows)
        return made

    return proven(alert, scenes, healthy)


def _gauged(service: ServicePlan) -> bool:
    known = service.metrics.in_flight
    return known is not None and known.gauge is not None


def _waits(service: ServicePlan) -> bool:
    known = service.metrics.in_flight
    return known is not None and known.plus is not None


def _pause(service: ServicePlan, alert: Alert, limit: float, window: int) -> Scene:
    """No request ends for two minutes of an overload: the window still counts those before."""
    busy, slots = wait(alert) + window + 3, service.slots.value
    series = alike(service, [(AT + busy + 3, 1)])
    for pod in PODS:
        series |= flying(service, target(service, None, pod), [(AT, 0), (busy, 3 * limit * slots), (3, 0)])
    said = Fired(alert=alert, value=None)
    check = Check(minute=AT + busy + 2, name=alert["alert"], fired=(said,))
    return Scene(name="two minutes without an end of a request", series=series, checks=(check,))


def waits(service: ServicePlan, alert: Alert) -> Alert:
    """Requests wait all the time."""

    def queued(before: float, after: float, minutes: int) -> Series:
        return waiting(service, target(service), [(AT, before), (minutes, after)])

    def scenes(alert: Alert) -> Iterator[Scene]:
        rest = wait(alert) + END
        yield from begins(alert, "5 requests wait", queued(0, 5, rest), 5)
        yield Scene(name="no request waits", series=queued(5, 0, rest), checks=silent(alert, AT + wait(alert) + 2))

    def healthy(flows: Flows) -> Series:
        return waiting(service, target(service), [(length(flows), 0)])

    return proven(alert, scenes, healthy)

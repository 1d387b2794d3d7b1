"""Scenes of the alerts on controllers: the autoscaler, and the rollout of a new version."""

from __future__ import annotations

from collections.abc import Iterator

from ....compiler.because import Because
from ....compiler.plan.service import ServicePlan
from ....compiler.scenes.notation import Series, counter, gauge, labeled
from ...providers import Phase, Sample, Scaler
from ..proof import Alert, Flows, Scene, fired, proven, silent
from .pods import AT, begins, length, wait

__all__ = ["at_maximum", "phase", "unread"]


def at_maximum(service: ServicePlan, alert: Alert, seen: Scaler) -> Alert:
    """The load asks for more replicas than the maximum."""
    most = service.max_replicas.value

    def limited(before: int, after: int, rest: int) -> Series:
        own = {"namespace": service.scope.namespace.value, "horizontalpodautoscaler": seen.name.value}
        condition = {**own, "condition": "ScalingLimited", "status": "true"}
        start = "kube_horizontalpodautoscaler"
        return {
            labeled(f"{start}_status_current_replicas", own): gauge([(AT, before or most - 1), (rest, most)]),
            labeled(f"{start}_spec_max_replicas", own): gauge([(AT + rest, most)]),
            labeled(f"{start}_status_condition", condition): gauge([(AT, 0), (rest, after)]),
        }

    def scenes(alert: Alert) -> Iterator[Scene]:
        rest = wait(alert) + 5
        yield from begins(alert, "the load asks for more replicas", limited(0, 1, rest), most)
        name = "the maximum is enough for the load"
        yield Scene(name=name, series=limited(0, 0, rest), checks=silent(alert, AT + wait(alert) + 2))

    def healthy(flows: Flows) -> Series:
        return limited(0, 0, length(flows))

    return proven(alert, scenes, healthy)


def unread(alert: Alert, seen: Scaler) -> Alert:
    """The autoscaler cannot read the load."""
    failed, labels = seen.failed, seen.failed.labels if seen.kept else {}

    def series(rest: int, each: float) -> Series:
        phases = [(AT, 0.0), (rest, each)]
        return {failed.series: counter(phases) if seen.counter else gauge(phases)}

    def scenes(alert: Alert) -> Iterator[Scene]:
        rest = wait(alert) + 30
        if seen.counter:  # 12 in a quarter of an hour, and too few in half of it
            checks = (*silent(alert, AT + 11 + wait(alert)), fired(alert, AT + 17 + wait(alert)))
            yield Scene(name="four of five minutes have a failure", series=series(rest, 0.8), checks=checks)
            name = "half of the minutes have a failure"
            yield Scene(name=name, series=series(rest, 0.5), checks=silent(alert, AT + 20 + wait(alert)))
        else:
            yield from begins(alert, "the load is unknown", series(rest, 1), 1)

    def healthy(flows: Flows) -> Series:
        return series(length(flows), 0)

    return proven(alert, scenes, healthy, _reasons(labels))


def _reasons(labels: object) -> dict[str, Because[str]]:
    known = labels if isinstance(labels, dict) else {}
    return {key: part if isinstance(part, Because) else Because(part) for key, part in known.items()}


def phase(alert: Alert, watched: Phase) -> Alert:
    """The rollout is in a phase, whether the scrape keeps the labels of the controller or not."""
    plain = watched.shown.labels | {} if isinstance(watched.shown.labels, dict) else {}
    own = watched.shown.own
    kept = Sample(name=watched.shown.name, labels={**({"namespace": own} if own is not None else {}), **plain})

    def scenes(alert: Alert) -> Iterator[Scene]:
        rest = wait(alert) + 5
        for sample, name in ((watched.shown, "the rollout is in this phase"), (kept, "the scrape keeps its labels")):
            yield from begins(alert, name, {sample.series: gauge([(AT, "_"), (rest, 1)])}, 1)
        over = {watched.shown.series: gauge([(AT, "_"), (wait(alert), 1), (5, "stale")])}
        checks = silent(alert, AT + wait(alert), AT + wait(alert) + 3)
        yield Scene(name="the rollout is in this phase for a short time", series=over, checks=checks)

    return proven(alert, scenes, lambda _: {})

"""Scenes of the alerts on the recorder of predictions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ....compiler.because import Because, text
from ....compiler.plan.service import ServicePlan
from ....compiler.scenes.notation import GONE, Series, counter, gauge, labeled
from ....compiler.scenes.served import target
from ..proof import Alert, Flows, Scene, fired, proven, silent
from .pods import AT, begins, length, wait

__all__ = ["absent", "lossy"]

RATE = 600.0
"""Requests per minute."""

WINDOW = 15


def _name(service: ServicePlan, what: str, **more: str) -> str:
    return labeled(f"mlspec_recorder_{what}", {**target(service, service.named("capture")), **more})


def _healthy(service: ServicePlan, flows: Flows) -> Series:
    return {_name(service, "requests_total"): counter([(length(flows), RATE)])}


def lossy(service: ServicePlan, alert: Alert, limit: float) -> Alert:
    """Records are lost."""

    def losing(name: str, minutes: int, **shares: float) -> tuple[str, Series]:
        """Shares of the requests that are dropped, by reason, from the first minute on."""
        series = {_name(service, "requests_total"): counter([(minutes, RATE)])}
        for reason, share in shares.items():
            dropped = _name(service, "dropped_total", reason=reason.replace("_", "-"))
            series[dropped] = counter([(minutes, share * RATE)])
        return name, series

    def scenes(alert: Alert) -> Iterator[Scene]:
        end = WINDOW + wait(alert) + AT
        name, series = losing("twice as many records are lost as may be", end, store=2 * limit)
        at = wait(alert) + 2
        # from minute 1 on, a window has two samples, and both rates have the same window
        checks = (*silent(alert, wait(alert)), fired(alert, at, 2 * limit))
        yield Scene(name=name, series=series, checks=checks)
        for name, series in (
            losing("half as many records are lost as may be", end, store=limit / 2),
            losing("most predictions are not sampled", end, not_sampled=0.9),
            losing("requests fail", end, failed=0.5),
            losing("two reasons are below the limit together", end, store=limit / 4, queue=limit / 4),
        ):
            yield Scene(name=name, series=series, checks=silent(alert, end - 1))

    return proven(alert, scenes, partial(_healthy, service))


def absent(service: ServicePlan, alert: Alert) -> Alert:
    """Prometheus sees no recorder."""

    def scenes(alert: Alert) -> Iterator[Scene]:
        gone = {_name(service, "requests_total"): gauge([(AT, 1), (wait(alert) + 5, GONE)])}
        yield from begins(alert, "the recorders are gone", gone, 1)
        end = wait(alert) + AT
        seen = {_name(service, "requests_total"): counter([(end, RATE)])}
        yield Scene(name="the recorders are there", series=seen, checks=silent(alert, end - 1))

    return proven(alert, scenes, partial(_healthy, service), {"job": _job(service)})


def _job(service: ServicePlan) -> Because[str]:
    return text("{namespace}/{monitor}", namespace=service.scope.namespace, monitor=service.named("capture"))

"""Scenes of the alerts on the recorder of predictions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ....compiler.because import Because, text
from ....compiler.plan.service import ServicePlan
from ....compiler.scenes.notation import GONE, NEVER, Series, counter, gauge, labeled
from ....compiler.scenes.served import target
from ..proof import DAY, Alert, Check, Flows, Scene, fired, proven, silent
from .pods import AT, begins, length, wait

__all__ = ["absent", "lossy", "unread"]

RATE = 600.0
"""Requests per minute."""

HOUR = 60
"""Minutes."""

WINDOW = 15


def _name(service: ServicePlan, what: str, **more: str) -> str:
    return labeled(f"mlspec_recorder_{what}", {**target(service, service.named("capture")), **more})


def _healthy(service: ServicePlan, flows: Flows) -> Series:
    return {_name(service, "requests_total"): counter([(length(flows), RATE)])}


SHARE = 0.1
"""The share of the requests that is recorded, if not all are."""


def lossy(service: ServicePlan, alert: Alert, limit: float, sampled: str) -> Alert:
    """Records are lost. `sampled` is where the ID is that decides what is recorded; nothing if everything is."""
    kept = SHARE if sampled else 1.0
    of = {"no-id": 1.0, "queue": kept if sampled == "header" else 1.0, "disk": kept, "failed": kept}
    """The share of the requests that can be lost for a reason."""

    def losing(name: str, minutes: int, **shares: float) -> tuple[str, Series]:
        """Shares of what can be lost that are dropped, by reason, from the first minute on."""
        lost = {"no-id": 0.0, "disk": 0.0, **{reason.replace("_", "-"): share for reason, share in shares.items()}}
        records = RATE * kept * (1 - sum(lost.values()))
        series = {
            _name(service, "requests_total"): counter([(minutes, RATE)]),
            _name(service, "records_total"): counter([(minutes, records)]),
            _name(service, "dropped_total", reason="not-sampled"): counter([(minutes, RATE * (1 - kept))]),
        }
        for reason, share in lost.items():
            dropped = _name(service, "dropped_total", reason=reason)
            series[dropped] = counter([(minutes, share * RATE * of[reason])])
        return name, series

    def scenes(alert: Alert) -> Iterator[Scene]:
        end = WINDOW + wait(alert) + AT
        at = wait(alert) + 2
        for name, series in (
            losing("twice as many records are lost as may be", end, disk=2 * limit),
            losing("twice as many requests have no ID as may", end, no_id=2 * limit),
        ):
            # from minute 1 on, a window has two samples, and all rates have the same window
            yield Scene(name=name, series=series, checks=(*silent(alert, wait(alert)), fired(alert, at, 2 * limit)))
        for name, series in (
            losing("half as many records are lost as may be", end, disk=limit / 2),
            losing("requests fail", end, failed=0.5),
            losing("two reasons are below the limit together", end, disk=limit / 4, queue=limit / 4),
        ):
            yield Scene(name=name, series=series, checks=silent(alert, end - 1))

    return proven(alert, scenes, partial(_healthy, service))


def unread(service: ServicePlan, alert: Alert) -> Alert:
    """Connections are forwarded without being read."""
    name = _name(service, "unread_connections_total")

    def at(*hours: tuple[int, float | str]) -> Series:
        return {name: gauge([(count * HOUR, value) for count, value in hours], HOUR)}

    def scenes(alert: Alert) -> Iterator[Scene]:
        breach, end = DAY + AT * HOUR, 2 * DAY + AT * HOUR
        for case, before in (("a connection cannot be read", 0), ("another connection cannot be read", 7)):
            checks = (*silent(alert, breach - HOUR), fired(alert, breach, 1.0), *silent(alert, end))
            yield _hourly(case, at((24 + AT, before), (26, before + 1)), checks)
        checks = (*silent(alert, (AT - 1) * HOUR), fired(alert, AT * HOUR, 2.0))
        yield _hourly("connections of a new pod cannot be read", at((AT, NEVER), (2, 2)), checks)
        yield _hourly("one cannot be read after a restart", at((24 + AT, 7), (2, 1)), (fired(alert, breach, 1.0),))

    def healthy(flows: Flows) -> Series:
        return {name: gauge([(length(flows), 0)])}

    return proven(alert, scenes, healthy)


def _hourly(name: str, series: Series, checks: tuple[Check, ...]) -> Scene:
    return Scene(name=name, series=series, checks=checks, every=HOUR, step=HOUR)


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

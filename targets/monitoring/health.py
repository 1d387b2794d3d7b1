"""Whether the service is up, has capacity left, and serves a model that is recent enough."""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler import conventions
from ...compiler.because import Because, because, decision, fixed, text
from ...compiler.emit.artifact import Body
from ...compiler.finding import refusal
from ...compiler.plan.objectives.sli import Indicators
from ...compiler.plan.service import ServicePlan
from ...compiler.promql import span
from ...schema.units import Duration, Percent, plain
from .alert import alert
from .proofs import health as proofs
from .replicas import added, settled
from .version import age, info

__all__ = ["group", "in_use"]


LOOKBACK = Duration.parse("5m")
"""How old the newest sample of a series may be: the default of Prometheus (`--query.lookback-delta`)."""

LATELY = Duration.parse("5m")
"""Longer than a spike."""


def group(service: ServicePlan) -> Body:
    """The rules on series that exist before the first request: `up`, and gauges."""
    _seen_all_the_time(service.scrape_interval)
    return {
        "name": text("mlspec-{service}-health", service=service.name),
        "interval": fixed("1m", "the same as for objectives"),
        "rules": [
            info(service, service.model, service.release),
            *_load(service),
            *_presence(service),
            *_saturation(service),
            *age(service, service.release),
        ],
    }


def _seen_all_the_time(interval: Because[Duration]) -> None:
    """Refuse to scrape so rarely that a query finds no sample between two scrapes (prometheus.io, staleness)."""
    if interval.value >= LOOKBACK:
        raise refusal(
            "MLS008",
            f"with a scrape interval of {interval.value}, queries find no sample between two scrapes",
            interval,
            label=f"Prometheus looks back {LOOKBACK}",
            note="`up` and gauges are missing until the next scrape, so the autoscaler goes to its fallback again and "
            "again, and alerts on what lasts never fire",
            help="write `2m` or less, so that a missed scrape does no harm",
        )


def _load(service: ServicePlan) -> Iterator[Body]:
    """The load that a metrics adapter serves to the autoscaler."""
    query, adapter = service.scaling.query, service.scaling.adapter
    if query is not None and adapter is not None:
        yield {
            "record": conventions.LOAD,
            "expr": because(query.value, "the query of the autoscaler", query, adapter),
            "labels": {
                "namespace": service.scope.namespace,
                "system": service.scope.system.metadata.name,
                "service": service.name,
            },
        }


def _presence(service: ServicePlan) -> Iterator[Body]:
    """Missing data has its own alert, because alerts on objectives stay silent without data."""
    up = Indicators(service).up()
    absent = alert(
        service,
        "ModelServiceAbsent",
        "page",
        "outage",
        text("absent({up} == 1)", up=up),
        text("{service}: Prometheus cannot scrape any replica, so no other alert can fire", service=service.name),
        wait=fixed("5m", "longer than Prometheus takes to restart"),
    )
    down = alert(
        service,
        "ModelReplicaDown",
        "ticket",
        "replicas",
        text("count({up} == 0) > 0", up=up),
        text("{service}: Prometheus cannot scrape {{{{ $value }}}} of the replicas", service=service.name),
        wait=settled(service.live.progress_deadline),
    )
    yield proofs.absent(service, absent)
    yield proofs.down(service, down)


def _saturation(service: ServicePlan) -> Iterator[Body]:
    """The use of the resource that runs out first, or of the slots."""
    yield from _queue(service, Indicators(service))
    used = in_use(service)
    if used is None:
        return
    _can_be_exceeded(service)
    saturated = alert(
        service,
        "ModelServiceSaturated",
        "ticket",
        "saturation",
        text("{used} > {limit}", used=used, limit=service.scope.system.monitoring.saturation.map(_share)),
        text(
            "{service}: {{{{ $value | humanizePercentage }}}} of the capacity is in use; the limit is {limit}",
            service=service.name,
            limit=service.scope.system.monitoring.saturation.map(str),
        ),
        wait=added(service.reaction.time),
    )
    yield proofs.saturated(service, saturated, int(_lately(service.rate_window).value.amount // 60))


def _can_be_exceeded(service: ServicePlan) -> None:
    """Refuse a limit of 100% on a share. Requests in flight can be more than the slots."""
    limit, full = service.scope.system.monitoring.saturation, service.metrics.saturation
    if full is not None and limit.value.amount >= 1:
        raise refusal(
            "MLS008",
            f"`saturation: {limit.value}` is never exceeded",
            limit,
            others=((service.runtime_name, f"its `{full.series.value}` is at most 1"),),
            note="the alert could never fire, however long the server is full",
            help="write `95%` or less",
        )


def in_use(service: ServicePlan) -> Because[str] | None:
    """The share in use of the resource that runs out first, or of the slots; None if nothing tells."""
    metrics, indicators = service.metrics, Indicators(service)
    if metrics.saturation is not None:
        return text("max({series})", series=indicators.selected(metrics.saturation.series, metrics.saturation.match))
    flying = indicators.in_flight(_lately(service.rate_window).map(span))
    if flying is None or service.mean_time is None:
        return None
    return text("{flying} / ({slots} * count({up} == 1))", flying=flying, slots=service.slots, up=indicators.up())


def _queue(service: ServicePlan, indicators: Indicators) -> Iterator[Body]:
    """Requests that wait all the time, at a server that works on as many as it may: memory can still be free then."""
    waiting = indicators.waiting()
    if waiting is None or service.metrics.saturation is None:
        return
    waits = alert(
        service,
        "ModelRequestsWait",
        "ticket",
        "saturation",
        text("{waiting} > 0", waiting=waiting),
        text("{service}: {{{{ $value }}}} requests wait, and some have all the time", service=service.name),
        wait=added(service.reaction.time),
    )
    yield proofs.waits(service, waits)


@decision
def _lately(rate: Because[Duration]) -> tuple[Duration, str]:
    """A window for the time spent on requests, which with fewer than two scrapes in it has no rate."""
    longer = max(rate.value, LATELY)
    return longer, "longer than a spike" if longer > rate.value else rate.reason


def _share(limit: Percent) -> str:
    return plain(limit.amount)

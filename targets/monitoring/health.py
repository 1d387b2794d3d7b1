"""Whether the service is there at all, has room, and serves a model that is young enough."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from ...compiler import conventions
from ...compiler.artifact import Body
from ...compiler.because import Because, because, fixed, text
from ...compiler.plan.service import ServicePlan
from ...compiler.plan.sli import Indicators
from .alert import alert

__all__ = ["group"]

SATURATED = "0.85"


def group(service: ServicePlan) -> Body:
    """The rules on what exists from the start, before the first request: `up`, and gauges."""
    return {
        "name": text("mlspec-{service}-health", service=service.name),
        "interval": fixed("1m", "as the objectives"),
        "rules": [_info(service), *_presence(service), *_saturation(service), *_age(service)],
    }


def _info(service: ServicePlan) -> Body:
    """What is in service, to be joined to any other series of it."""
    system, release = service.scope.system, service.release
    return {
        "record": conventions.MODEL_INFO,
        "expr": "vector(1)",
        "labels": {
            "namespace": service.scope.namespace,
            "system": system.metadata.name,
            "service": service.name,
            "model": service.model,
            "version": release.version,
            "digest": release.artifact.digest,
            "format": release.artifact.format,
            "task": system.problem.task,
            "data_version": release.data_version,
        },
    }


def _presence(service: ServicePlan) -> Iterator[Body]:
    """No data is an alert of its own: objectives are silent when nothing is counted."""
    up = Indicators(service).up()
    yield alert(
        service,
        "ModelServiceAbsent",
        "page",
        text("absent({up} == 1)", up=up),
        text("{service}: no replica answers Prometheus, so nothing else can alert", service=service.name),
        wait=fixed("5m", "longer than a restart of Prometheus"),
    )
    yield alert(
        service,
        "ModelReplicaDown",
        "ticket",
        text("count({up} == 0) > 0", up=up),
        text("{service}: {{{{ $value }}}} replicas do not answer Prometheus", service=service.name),
        wait=fixed("15m", "longer than a rollout step"),
    )


def _saturation(service: ServicePlan) -> Iterator[Body]:
    """The resource that runs out first, or the slots that are taken."""
    metrics, indicators = service.runtime.metrics, Indicators(service)
    if metrics.saturation is not None and metrics.saturation.series is not None:
        expression = text(
            "max({series}{{{match}}}) > {limit}",
            series=metrics.saturation.series,
            match=indicators.match,
            limit=_limit(),
        )
    else:
        flying = indicators.in_flight(fixed("5m", "longer than a spike"))
        if flying is None or service.mean_time is None:
            return
        expression = text(
            "{flying} / ({slots} * count({up} == 1)) > {limit}",
            flying=flying,
            slots=service.slots,
            up=indicators.up(),
            limit=_limit(),
        )
    yield alert(
        service,
        "ModelServiceSaturated",
        "ticket",
        expression,
        text(
            "{service}: {{{{ $value | humanizePercentage }}}} of its capacity is taken, and it is at its limit",
            service=service.name,
        ),
        wait=fixed("15m", "longer than the autoscaler needs to add a replica"),
    )


def _limit() -> Because[str]:
    return fixed(SATURATED, "beyond this waiting grows faster than load")


def _age(service: ServicePlan) -> Iterator[Body]:
    """A model that nobody replaces decays in silence."""
    retraining = service.scope.system.retraining
    trained = service.release.trained_at
    if retraining is None or retraining.max_model_age is None or trained is None:
        return
    oldest = retraining.max_model_age
    yield alert(
        service,
        "ModelTooOld",
        "ticket",
        text(
            "vector(time() - {trained}) > {oldest}",
            trained=trained.map(_epoch),
            oldest=oldest.map(lambda age: int(age.amount)),
        ),
        text(
            "{service}: its model was trained {{{{ $value | humanizeDuration }}}} ago; {oldest} is the limit",
            service=service.name,
            oldest=oldest.map(str),
        ),
        wait=because("1h", "no hour matters here", oldest),
    )


def _epoch(moment: str) -> int:
    return int(datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())

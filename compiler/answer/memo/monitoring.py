"""Objectives, their alerts, and where alerts go."""

from __future__ import annotations

from collections.abc import Iterator

from ...plan import Plan
from ...plan.service import ServicePlan
from .line import Line

__all__ = ["alerts", "routing"]


def alerts(service: ServicePlan) -> Iterator[Line]:
    """Each objective with its histogram bucket and the thresholds of its alerts."""
    path = f"{service.part.spec_path}.constraints"
    objectives = service.objectives
    for objective in objectives.all:
        field = f"{path}.availability" if objective.kind == "availability" else ""
        yield Line(title=f"{objective.name}, target", value=objective.target, field=field)
        if objective.bucket is not None:
            bound = f"{path}.{_latency(objective.name)}"
            yield Line(title=f"{objective.name}, histogram bucket", value=objective.bucket.holds, field=bound)
        for pair in objectives.pairs(objective):
            title = f"{objective.name}, {pair.severity.value} ({pair.long.value} and {pair.short.value})"
            yield Line(title=title, value=pair.threshold, share_of="requests", field="monitoring.slo.burn")


def _latency(name: str) -> str:
    """The path of a bound: `firstToken.p95` for `first-token-p95`."""
    kind, _, percentile = name.rpartition("-")
    return f"{kind.replace('-t', 'T')}.{percentile}"


def routing(plan: Plan) -> Iterator[Line]:
    """Where pages and tickets go, and when, if mlspec routes alerts here."""
    alerting = plan.alerting
    if not alerting.wanted:
        return
    yield Line(title="provider", value=alerting.provider, field="platform.alerting.provider")
    for purpose, to in alerting.destinations.items():
        if purpose == "retraining":
            yield Line(title="receiver of requests to train", value=to.name, field="platform.alerting.retraining")
            yield Line(title="requests to train, repeated after", value=to.times.repeat, field="retraining.cooldown")
            continue
        times, path = to.times, f"platform.alerting.{purpose}s"
        yield Line(title=f"receiver of {purpose}s", value=to.name, field=f"monitoring.alerts.{purpose}")
        yield Line(title=f"{purpose}s, wait for the first", value=times.wait, field=f"{path}.wait")
        yield Line(title=f"{purpose}s, interval of changes", value=times.interval, field=f"{path}.interval")
        yield Line(title=f"{purpose}s, repeated after", value=times.repeat, field=f"{path}.repeat")

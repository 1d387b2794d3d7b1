"""What is promised, and when somebody is told."""

from __future__ import annotations

from collections.abc import Iterator

from ...plan.service import ServicePlan
from .line import Line

__all__ = ["objectives"]


def objectives(service: ServicePlan) -> Iterator[Line]:
    """Each objective with its bucket and the thresholds of its alerts."""
    path = f"{service.part.spec_path}.constraints"
    for objective in service.objectives.all:
        field = f"{path}.availability" if objective.kind == "availability" else ""
        yield Line(title=f"{objective.name}, objective", value=objective.target, field=field)
        if objective.bucket is not None:
            bound = f"{path}.{_latency(objective.name)}"
            yield Line(title=f"{objective.name}, judged at", value=objective.bucket.holds, field=bound)
        for pair in service.objectives.pairs(objective):
            title = f"{objective.name}, {pair.severity.value} at {pair.long.value} and {pair.short.value}"
            yield Line(title=title, value=pair.threshold, share_of="requests", field="monitoring.slo.burn")


def _latency(name: str) -> str:
    """`firstToken.p95` of `first-token-p95`."""
    kind, _, percentile = name.rpartition("-")
    return f"{kind.replace('-t', 'T')}.{percentile}"

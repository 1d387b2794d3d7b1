"""What is promised, and when somebody is told."""

from __future__ import annotations

from collections.abc import Iterator

from ..plan.objectives import burn_pairs
from ..plan.service import ServicePlan
from .line import Line

__all__ = ["objectives"]


def objectives(service: ServicePlan) -> Iterator[Line]:
    """Each objective with its bucket and the thresholds of its alerts."""
    for objective in service.objectives.all:
        yield Line(title=f"{objective.name}, objective", value=objective.target)
        if objective.bucket is not None:
            yield Line(title=f"{objective.name}, judged at", value=objective.bucket.holds)
        for pair in burn_pairs(objective, service.objectives.period):
            title = f"{objective.name}, {pair.severity} at {pair.long} and {pair.short}"
            yield Line(title=title, value=pair.threshold, unit="of requests")

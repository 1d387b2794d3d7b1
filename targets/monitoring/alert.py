"""What every alert has: whom it is for, what is at stake, and where to read on."""

from __future__ import annotations

from typing import Any, Literal

from ...compiler.artifact import Body
from ...compiler.because import Because, because, first
from ...compiler.plan.service import ServicePlan

__all__ = ["alert"]


def alert(
    service: ServicePlan,
    name: str,
    severity: Literal["page", "ticket"],
    expression: Because[str],
    summary: Because[str],
    *,
    labels: dict[str, Any] | None = None,
    wait: Because[str] | None = None,
    keep: Because[str] | None = None,
) -> Body:
    """One alerting rule. The namespace is a label because Alertmanager's operator routes by it."""
    system = service.scope.system
    alerts = system.monitoring.alerts
    receiver: Because[str] | None = getattr(alerts, severity)
    return {
        "alert": name,
        "expr": expression,
        "for": wait,
        "keep_firing_for": keep,
        "labels": {
            "severity": severity,
            "namespace": service.scope.namespace,
            "system": system.metadata.name,
            "service": service.name,
            **(labels or {}),
            "owner": system.metadata.owner,
            "receiver": because(system.metadata.owner.value, "nobody else is named", system.metadata.owner)
            if receiver is None
            else receiver,
        },
        "annotations": {
            "summary": summary,
            "impact": system.problem.use_case.map(_escaped),
            "runbook_url": first(alerts.runbook, system.metadata.links.runbook),
        },
    }


def _escaped(text: str) -> str:
    """Annotations are Go templates; the author's words are not."""
    return text.replace("{{", '{{ "{{" }}')

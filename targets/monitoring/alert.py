"""What every alert has: a receiver, the kind of failure, the impact, and links to the runbook and the dashboard."""

from __future__ import annotations

from typing import Any, Protocol

from ...compiler.because import Because, first
from ...compiler.plan.alerting import Severity, receiver
from ...compiler.plan.alerting.failures import Failure
from ...compiler.plan.scope import Scope
from .proof import Alert

__all__ = ["Watched", "alert", "escaped"]


class Watched(Protocol):
    """What an alert is about: a service of any mode, or training runs."""

    @property
    def scope(self) -> Scope:
        """The environment that it runs in."""
        ...

    @property
    def name(self) -> Because[str]:
        """The name of its objects, and the value of the alert's `service` label."""
        ...


def alert(
    service: Watched,
    name: str,
    severity: Severity,
    failure: Failure,
    expression: Because[str],
    summary: Because[str],
    *,
    action: Because[str] | None = None,
    labels: dict[str, Any] | None = None,
    wait: Because[str] | None = None,
    keep: Because[str] | None = None,
) -> Alert:
    """One alerting rule. The namespace is a label because the Prometheus Operator routes alerts by it, and the kind of
    failure because Alertmanager mutes what another kind explains.
    """
    system = service.scope.system
    alerts = system.monitoring.alerts
    body: dict[str, Any] = {
        "alert": name,
        "expr": expression,
        "for": wait,
        "keep_firing_for": keep,
        "labels": {
            "severity": severity,
            "failure": failure,
            "namespace": service.scope.namespace,
            "system": system.metadata.name,
            "service": service.name,
            **(labels or {}),
            "owner": system.metadata.owner.map(escaped),
            "receiver": receiver(system, severity).map(escaped),
        },
        "annotations": {
            "summary": summary,
            "action": action,
            "impact": system.problem.use_case.map(escaped),
            "runbook_url": first(alerts.runbook, system.metadata.links.runbook),
            "dashboard_url": system.metadata.links.dashboard,
        },
    }
    return Alert(body)


def escaped(text: str) -> str:
    """Escape the author's text: annotations and labels are Go templates."""
    return text.replace("{{", '{{ "{{" }}')

"""Alerting: who gets the alerts of one environment, when, and which alerts mute others.

Pages and tickets go different ways. All pages of a service are one notification, because one outage raises several
alerts. Each alert that opens a ticket has a notification of its own, because it has a fix of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Literal

from ...because import Because, because, fixed
from ...record import Record
from ...system import Alerting, MLSystem, PageTimes, Receiver, TicketTimes
from ..scope import Scope
from .failures import EXPLAINS, Failure

__all__ = ["AlertingPlan", "Destination", "Mute", "Severity", "receiver"]

Severity = Literal["page", "ticket"]


class Destination(Record):
    """Where the alerts of one severity go."""

    severity: Severity
    name: Because[str]
    """The name of the receiver."""
    receiver: Receiver
    times: PageTimes | TicketTimes
    group_by: tuple[Because[str], ...]
    """The labels that the alerts of one notification have in common."""


class Mute(Record):
    """Alerts that Alertmanager mutes while others fire."""

    source: Severity | None
    """The severity of the alerts that fire; None for any."""
    target: Severity
    causes: tuple[Failure, ...]
    """What the alerts that fire show; nothing for an objective, whose page mutes its ticket."""
    effects: tuple[Failure, ...]
    why: str
    equal: tuple[Because[str], ...]
    """The labels that both must have in common."""


def receiver(system: MLSystem, severity: Severity) -> Because[str]:
    """The name of the receiver of alerts of one severity: that of `monitoring.alerts`, else the owner."""
    alerts, owner = system.monitoring.alerts, system.metadata.owner
    given = alerts.page if severity == "page" else alerts.ticket
    return because(owner.value, "the owner: no receiver is set", owner) if given is None else given


class AlertingPlan:
    """The routing of the alerts of one environment."""

    def __init__(self, scope: Scope, severities: tuple[Severity, ...]) -> None:
        self.scope = scope
        self.severities = severities
        """The severities of the alerts here: training alone never pages."""

    @property
    def part(self) -> Alerting:
        """What the platform declares."""
        return self.scope.platform.alerting

    @cached_property
    def provider(self) -> Because[str]:
        """What routes the alerts; `none` if mlspec does not."""
        given, receivers = self.part.provider.given, self.part.receivers
        if given is not None:
            return given.map(str)
        if not receivers:
            return fixed("none", "the platform declares no receivers")
        names = [one.own_name for one in receivers.values()]
        return because("alertmanager-config", "the platform declares receivers", names)

    @cached_property
    def wanted(self) -> dict[Severity, Because[str]]:
        """The name of the receiver for each severity; nothing if mlspec does not route the alerts."""
        if self.provider.value == "none":
            return {}
        return {severity: receiver(self.scope.system, severity) for severity in self.severities}

    @cached_property
    def destinations(self) -> dict[Severity, Destination]:
        """Where alerts go, by severity. It is unavailable if a receiver is not declared, which MLS720 reports."""
        return {severity: self._destination(severity, name) for severity, name in self.wanted.items()}

    def _destination(self, severity: Severity, name: Because[str]) -> Destination:
        return Destination(
            severity=severity,
            name=name,
            receiver=self.part.receivers[name.value],
            times=self.part.pages if severity == "page" else self.part.tickets,
            group_by=self._group_by(severity),
        )

    def _group_by(self, severity: Severity) -> tuple[Because[str], ...]:
        if severity == "page":
            return (*self._place, fixed("service", "an outage raises several alerts of a service, and is one page"))
        service = fixed("service", "each service has its own fix")
        return (*self._place, service, fixed("alertname", "each alert has its own fix, so it has its own ticket"))

    @cached_property
    def _place(self) -> tuple[Because[str], ...]:
        """The labels of one system in one environment of one cluster."""
        own = (fixed("namespace", "the environment"), fixed("system", "what it is part of"))
        return (self.part.cluster_label, *own)

    @cached_property
    def mutes(self) -> tuple[Mute, ...]:
        """Which alerts mute others. A ticket never mutes a page."""
        return (self._objective(), *self._explained())

    def _objective(self) -> Mute:
        same = (fixed("service", "the service of both"), fixed("slo", "the objective of both"))
        why = "the page already covers the objective"
        return Mute(source="page", target="ticket", causes=(), effects=(), why=why, equal=(*self._place, *same))

    def _explained(self) -> Iterator[Mute]:
        """Two for each row: alerts of any severity mute tickets, and pages mute pages."""
        within = fixed("service", "it explains the alerts of its own service")
        for row in EXPLAINS:
            equal = self._place if row.whole_system else (*self._place, within)
            tickets = Mute(
                source=None, target="ticket", causes=row.causes, effects=row.effects, why=row.why, equal=equal
            )
            yield from (tickets, tickets.but(source="page", target="page"))

"""Alerting: who gets the alerts of one environment, when, and which alerts mute others.

Pages and tickets go different ways. All pages of a service are one notification, because one outage raises several
alerts. Each alert that opens a ticket has a notification of its own, because it has a fix of its own. The alert that
training is due can also go to what starts a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Literal

from ...because import Because, because, fixed
from ...finding import refusal
from ...record import Record
from ...system import Alerting, MLSystem, PageTimes, Receiver, TicketTimes
from ..scope import Scope
from .due import Due, RequestTimes, times
from .failures import EXPLAINS, Failure

__all__ = ["AlertingPlan", "Destination", "Mute", "Purpose", "Severity", "Way", "receiver"]

Severity = Literal["page", "ticket"]

Purpose = Literal[Severity, "retraining"]
"""What a notification is for: an engineer who acts, or a run that starts."""

OWN_LABELS = ("alertname", "namespace", "service", "severity", "slo", "system")
"""The labels that notifications and mutes compare."""


class Way(Record):
    """Where notifications go, and when."""

    name: Because[str]
    """The name of the receiver."""
    times: PageTimes | TicketTimes | RequestTimes
    group_by: tuple[Because[str], ...]
    """The labels that the alerts of one notification have in common."""


class Destination(Way):
    """Where the alerts of one severity go, or the requests to train: a receiver that the platform declares."""

    purpose: Purpose
    receiver: Receiver


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
    whole_system: bool = False
    """Whether it reaches beyond a service, as only alerts on all rows do, and none on one value of a column."""


def receiver(system: MLSystem, severity: Severity) -> Because[str]:
    """The name of the receiver of alerts of one severity: that of `monitoring.alerts`, else the owner."""
    alerts, owner = system.monitoring.alerts, system.metadata.owner
    given = alerts.page if severity == "page" else alerts.ticket
    return because(owner.value, "the owner: no receiver is set", owner) if given is None else given


class AlertingPlan:
    """The routing of the alerts of one environment."""

    def __init__(self, scope: Scope, severities: tuple[Severity, ...], due: Due | None = None) -> None:
        self.scope = scope
        self.severities = severities
        """The severities of the alerts here: training alone never pages."""
        self.due = due
        """That training can be due here; None if no alert says so."""

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
    def namespace(self) -> Because[str]:
        """The namespace of Alertmanager."""
        given = self.part.namespace.given
        if given is not None:
            return given
        prometheus = self.scope.platform.prometheus.namespace
        return because(prometheus.value, "the namespace of Prometheus, where Alertmanager usually is", prometheus)

    @cached_property
    def wanted(self) -> dict[Purpose, Because[str]]:
        """The name of the receiver for each purpose; nothing if mlspec does not route the alerts."""
        if self.provider.value == "none":
            return {}
        found: dict[Purpose, Because[str]] = {one: receiver(self.scope.system, one) for one in self.severities}
        if self.part.retraining is not None and self.due is not None:
            found["retraining"] = self.part.retraining.also(self.due.triggers)
        return found

    @cached_property
    def destinations(self) -> dict[Purpose, Destination]:
        """Where alerts go, by purpose. It is unavailable if a receiver is not declared, which MLS720 reports."""
        return {purpose: self._destination(purpose, name) for purpose, name in self.wanted.items()}

    @cached_property
    def own(self) -> tuple[Way, Because[str]] | None:
        """The way to the process that starts training runs, and its address; None if something else starts them."""
        webhook = self.due.webhook if self.due is not None else None
        if webhook is None or self.provider.value == "none" or "retraining" in self.wanted:
            return None
        name = because("training", "the process of this system that starts runs", webhook)
        return Way(name=name, times=self._times("retraining"), group_by=self._group_by("retraining")), webhook

    def _destination(self, purpose: Purpose, name: Because[str]) -> Destination:
        return Destination(
            purpose=purpose,
            name=name,
            receiver=self.part.receivers[name.value],
            times=self._times(purpose),
            group_by=self._group_by(purpose),
        )

    def _times(self, purpose: Purpose) -> PageTimes | TicketTimes | RequestTimes:
        if purpose == "retraining" and self.due is not None:
            return times(self.scope.system, self.due, self.part.tickets)
        return self.part.pages if purpose == "page" else self.part.tickets

    def _group_by(self, purpose: Purpose) -> tuple[Because[str], ...]:
        if purpose == "retraining":
            return self._place  # a system has one training pipeline
        if purpose == "page":
            return (*self._place, fixed("service", "an outage raises several alerts of a service, and is one page"))
        service = fixed("service", "each service has its own fix")
        return (*self._place, service, fixed("alertname", "each alert has its own fix, so it has its own ticket"))

    @cached_property
    def _place(self) -> tuple[Because[str], ...]:
        """The labels of one system in one environment of one cluster."""
        cluster = self.part.cluster_label
        if cluster.value in OWN_LABELS:
            raise refusal(
                "MLS012",
                f"`{cluster.value}` cannot tell clusters apart",
                cluster,
                label="every alert has this label for another purpose",
                note="Alertmanager rejects a list that names a label twice, and with it the whole configuration",
                help="name the external label that each Prometheus adds, such as `cluster`",
            )
        return (cluster, fixed("namespace", "the environment"), fixed("system", "what it is part of"))

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
                source=None,
                target="ticket",
                causes=row.causes,
                effects=row.effects,
                why=row.why,
                equal=equal,
                whole_system=row.whole_system,
            )
            yield from (tickets, tickets.but(source="page", target="page"))

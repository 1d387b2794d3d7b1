"""The routes, the receivers, and the mutes of one system, in no product's form."""

from __future__ import annotations

from typing import Literal

from ....compiler.because import Because, fixed, text
from ....compiler.plan.alerting import AlertingPlan, Mute, Way
from ....compiler.plan.alerting.due import ALERT
from ....compiler.plan.alerting.failures import Failure
from ....compiler.record import Record
from .receivers import Integration, address, integrations, requests

__all__ = ["Inhibition", "Matcher", "Notified", "Route", "Tree", "tree"]


class Matcher(Record):
    """A condition on a label."""

    label: str
    operator: Literal["=", "!=", "=~"]
    value: Because[str]


class Route(Record):
    """Where the alerts that match go."""

    matchers: tuple[Matcher, ...]
    destination: Way
    routes: tuple[Route, ...] = ()
    proceeds: Because[bool] | None = None
    """Whether the routes after this one also see its alerts; None for no."""


class Notified(Record):
    """A receiver."""

    name: Because[str]
    integrations: tuple[Integration, ...]


class Inhibition(Record):
    """Alerts that are muted while others fire."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[Because[str], ...]


class Tree(Record):
    """Everything that Alertmanager must know about a system."""

    route: Route
    receivers: tuple[Notified, ...]
    inhibitions: tuple[Inhibition, ...]


def tree(alerting: AlertingPlan) -> Tree:
    """The tree of one system. Alerts without a known severity, such as an author's own, go where tickets go."""
    own = Matcher(label="system", operator="=", value=alerting.scope.system.metadata.name)
    places = alerting.destinations
    pages = [Route(matchers=(_severity("page"),), destination=places["page"])] if "page" in places else []
    named = {to.name.value: to for purpose, to in places.items() if purpose != "retraining"}
    told = (Notified(name=to.name, integrations=tuple(integrations(to.receiver))) for to in named.values())
    asked, starts = _requests(alerting)
    return Tree(
        route=Route(matchers=(own,), destination=places["ticket"], routes=(*pages, *asked)),
        receivers=(*told, *starts),
        inhibitions=tuple(_inhibition(mute, own) for mute in alerting.mutes),
    )


def _requests(alerting: AlertingPlan) -> tuple[tuple[Route, ...], tuple[Notified, ...]]:
    """The routes and the receiver of requests to train.

    Alertmanager notifies the parent of routes only of alerts that none of them takes, so the ticket has a route, too.
    The receiver has a name of its own, because a ticket system behind the same webhook learns that an alert is over.
    """
    found = _asked(alerting)
    if found is None:
        return (), ()
    starts, made = found
    due = (Matcher(label="alertname", operator="=", value=fixed(ALERT, "the only alert that may start a run")),)
    routes = (
        Route(matchers=due, destination=starts, proceeds=fixed(True, "the alert also opens a ticket")),
        Route(matchers=due, destination=alerting.destinations["ticket"]),
    )
    return routes, (Notified(name=starts.name, integrations=(made,)),)


def _asked(alerting: AlertingPlan) -> tuple[Way, Integration] | None:
    """What starts the runs: the receiver that the platform names, else the process that measures the model."""
    to = alerting.destinations.get("retraining")
    if to is not None:
        name = text("{name}/retraining", name=to.name)
        webhook = to.receiver.webhook
        return (to.but(name=name), requests(address(webhook))) if webhook is not None else None  # MLS724 reports it
    if alerting.own is None:
        return None
    way, url = alerting.own
    return way, requests(url)


def _severity(severity: str) -> Matcher:
    return Matcher(label="severity", operator="=", value=fixed(severity, "the severity in the alert's labels"))


def _inhibition(mute: Mute, own: Matcher) -> Inhibition:
    """What fires is of this system, and so is what it mutes, because both have that label in common.

    An alert on one value of a column explains nothing about the system: some countries always have few labels, and all
    that their alert muted, such as the request to train, would never be sent.
    """
    source = [_severity(mute.source)] if mute.source is not None else []
    causes, effects = _kind(mute.causes, mute.why), _kind(mute.effects, mute.why)
    whole = [Matcher(label="segment", operator="=", value=fixed("", "all rows"))] if mute.whole_system else []
    return Inhibition(source=(own, *source, causes, *whole), target=(_severity(mute.target), effects), equal=mute.equal)


def _kind(kinds: tuple[Failure, ...], why: str) -> Matcher:
    """What alerts show; without any kind, those on objectives."""
    if not kinds:
        return Matcher(label="slo", operator="!=", value=fixed("", why))
    return Matcher(label="failure", operator="=~" if len(kinds) > 1 else "=", value=fixed("|".join(kinds), why))

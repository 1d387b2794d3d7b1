"""The routes, the receivers, and the mutes of one system, in no product's form."""

from __future__ import annotations

from typing import Literal

from ....compiler.because import Because, fixed
from ....compiler.plan.alerting import AlertingPlan, Destination, Mute
from ....compiler.plan.alerting.failures import Failure
from ....compiler.record import Record
from .receivers import Integration, integrations

__all__ = ["Inhibition", "Matcher", "Notified", "Route", "Tree", "tree"]


class Matcher(Record):
    """A condition on a label."""

    label: str
    operator: Literal["=", "!=", "=~"]
    value: Because[str]


class Route(Record):
    """Where the alerts that match go."""

    matchers: tuple[Matcher, ...]
    destination: Destination
    routes: tuple[Route, ...] = ()


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
    named = {place.name.value: place for place in places.values()}
    return Tree(
        route=Route(matchers=(own,), destination=places["ticket"], routes=tuple(pages)),
        receivers=tuple(Notified(name=to.name, integrations=tuple(integrations(to.receiver))) for to in named.values()),
        inhibitions=tuple(_inhibition(mute, own) for mute in alerting.mutes),
    )


def _severity(severity: str) -> Matcher:
    return Matcher(label="severity", operator="=", value=fixed(severity, "the severity in the alert's labels"))


def _inhibition(mute: Mute, own: Matcher) -> Inhibition:
    """What fires is of this system, and so is what it mutes, because both have that label in common."""
    source = [_severity(mute.source)] if mute.source is not None else []
    causes, effects = _kind(mute.causes, mute.why), _kind(mute.effects, mute.why)
    return Inhibition(source=(own, *source, causes), target=(_severity(mute.target), effects), equal=mute.equal)


def _kind(kinds: tuple[Failure, ...], why: str) -> Matcher:
    """What alerts show; without any kind, those on objectives."""
    if not kinds:
        return Matcher(label="slo", operator="!=", value=fixed("", why))
    return Matcher(label="failure", operator="=~" if len(kinds) > 1 else "=", value=fixed("|".join(kinds), why))

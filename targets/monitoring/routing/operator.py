"""An AlertmanagerConfig, which the Prometheus operator merges into the configuration of its Alertmanager.

With its default strategy, `OnNamespace`, the operator adds a matcher of the object's namespace to the route and to the
inhibitions, prefixes the names of receivers, and lets alerts continue to the next object (pkg/alertmanager/amcfg.go,
0.93). It only serves v1alpha1 without a conversion webhook.
"""

from __future__ import annotations

from typing import Any

from ....compiler.because import Because, because
from ....compiler.emit.artifact import Artifact, Body
from ....compiler.plan import Plan
from ....compiler.system import AlertSecret
from ... import naming
from .receivers import Integration
from .tree import Inhibition, Matcher, Notified, Route, Tree

__all__ = ["config"]

NAMES = {"api_url": "apiURL", "webhook_url": "webhookURL"}
"""The fields whose names are not those of the file in camel case."""


def config(plan: Plan, tree: Tree) -> Artifact:
    """The object of one environment."""
    name, part = plan.system.metadata.name, plan.platform.alerting
    why = because("AlertmanagerConfig", "routes the alerts of the system", plan.alerting.provider)
    body: Body = {
        "apiVersion": "monitoring.coreos.com/v1alpha1",
        "kind": "AlertmanagerConfig",
        "metadata": naming.metadata(plan, name, {**naming.labels(plan, "alerting"), **part.labels}),
        "spec": {
            "route": _route(tree.route),
            "receivers": [_receiver(one) for one in tree.receivers],
            "inhibitRules": [_inhibition(one) for one in tree.inhibitions],
        },
    }
    return Artifact(path=naming.path_of(plan, "monitoring", "AlertmanagerConfig", name), body=body, why=why)


def _route(route: Route) -> Body:
    to = route.destination
    return {
        "matchers": [_matcher(one) for one in route.matchers],
        "receiver": to.name,
        "groupBy": list(to.group_by),
        "groupWait": to.times.wait.map(str),
        "groupInterval": to.times.interval.map(str),
        "repeatInterval": to.times.repeat.map(str),
        "continue": route.proceeds,
        "routes": [_route(one) for one in route.routes] or None,
    }


def _matcher(matcher: Matcher) -> Body:
    return {"name": matcher.label, "matchType": matcher.operator, "value": matcher.value}


def _inhibition(one: Inhibition) -> Body:
    return {
        "sourceMatch": [_matcher(matcher) for matcher in one.source],
        "targetMatch": [_matcher(matcher) for matcher in one.target],
        "equal": list(one.equal),
    }


def _receiver(one: Notified) -> Body:
    return {"name": one.name, **{_camel(made.kind): [_integration(made)] for made in one.integrations}}


def _integration(one: Integration) -> Body:
    return dict(_field(name, value) for name, value in one.fields.items())


def _field(name: str, value: Because[Any] | AlertSecret | None) -> tuple[str, Any]:
    if not isinstance(value, AlertSecret):
        return _camel(name), value
    reference = {"name": value.secret, "key": value.key}
    return ("urlSecret" if name == "url" else _camel(name)), reference


def _camel(name: str) -> str:
    first, *more = name.split("_")
    return NAMES.get(name) or first + "".join(part.capitalize() for part in more)

"""A configuration file for an Alertmanager without the operator.

It is complete, so that `amtool` can check and try it. What it contains is named after the system and its namespace and
only concerns their alerts, so the files of several systems can be merged by appending their lists.
"""

from __future__ import annotations

from typing import Any

from ....compiler.because import Because, because, text
from ....compiler.emit.artifact import Artifact, Body
from ....compiler.plan import Plan
from ....compiler.promql import within_quotes
from ....compiler.system import AlertSecret
from ... import naming
from .receivers import Integration
from .tree import Inhibition, Matcher, Notified, Route, Tree

__all__ = ["file"]

UNROUTED = "unrouted"
"""The receiver of alerts that are not of this system. It notifies no one."""


def file(plan: Plan, tree: Tree) -> Artifact:
    """The file of one environment."""
    writer = _Writer(plan)
    why = because("Alertmanager", "routes the alerts of the system", plan.alerting.provider)
    body: Body = {
        "route": {"receiver": UNROUTED, "routes": [writer.route(tree.route, writer.own)]},
        "receivers": [{"name": UNROUTED}, *(writer.receiver(one) for one in tree.receivers)],
        "inhibit_rules": [writer.inhibition(one) for one in tree.inhibitions],
    }
    return Artifact(
        path=naming.path_of(plan, "monitoring", "Alertmanager", plan.system.metadata.name), body=body, why=why
    )


class _Writer:
    """Writes the parts of the file for one environment."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.own = (Matcher(label="namespace", operator="=", value=plan.namespace),)
        """What the operator would add."""

    def route(self, route: Route, own: tuple[Matcher, ...] = ()) -> Body:
        to = route.destination
        return {
            "matchers": [_matcher(one) for one in (*route.matchers, *own)],
            "receiver": self._name(to.name),
            "group_by": list(to.group_by),
            "group_wait": to.times.wait.map(str),
            "group_interval": to.times.interval.map(str),
            "repeat_interval": to.times.repeat.map(str),
            "continue": route.proceeds,
            "routes": [self.route(one) for one in route.routes] or None,
        }

    def inhibition(self, one: Inhibition) -> Body:
        return {
            "source_matchers": [_matcher(matcher) for matcher in (*one.source, *self.own)],
            "target_matchers": [_matcher(matcher) for matcher in (*one.target, *self.own)],
            "equal": list(one.equal),
        }

    def receiver(self, one: Notified) -> Body:
        return {"name": self._name(one.name), **{made.kind: [self._integration(made)] for made in one.integrations}}

    def _integration(self, one: Integration) -> Body:
        return dict(self._field(name, value) for name, value in one.fields.items())

    def _field(self, name: str, value: Because[Any] | AlertSecret | None) -> tuple[str, Any]:
        if not isinstance(value, AlertSecret):
            return name, value
        folder = self.plan.platform.alerting.secrets
        place = text("{folder}/{secret}/{key}", folder=folder, secret=value.secret, key=value.key)
        return f"{name}_file", place

    def _name(self, name: Because[str]) -> Because[str]:
        """The name that the operator would give the receiver, so that two systems can declare the same one."""
        system = self.plan.system.metadata.name
        return text("{namespace}/{system}/{name}", namespace=self.plan.namespace, system=system, name=name)


def _matcher(one: Matcher) -> Because[str]:
    """A matcher in the syntax of every Alertmanager since 0.22: always with quotes."""
    return text(f'{one.label}{one.operator}"{{value}}"', value=one.value.map(within_quotes))

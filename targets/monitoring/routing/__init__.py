"""Routing: the configuration of Alertmanager for one system in one environment.

Both forms follow from the same tree of routes: an AlertmanagerConfig for the Prometheus operator, and a file for an
Alertmanager without it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....compiler.emit.artifact import Artifact
from ....compiler.plan import Plan
from .tree import tree

__all__ = ["routing"]


def routing(plan: Plan) -> Iterator[Artifact]:
    """The object or the file that the platform's provider reads; nothing if mlspec does not route alerts."""
    alerting = plan.alerting
    if not alerting.destinations:
        return
    if alerting.provider.value == "alertmanager-config":
        from . import operator

        yield operator.config(plan, tree(alerting))
    elif alerting.provider.value == "alertmanager":
        from . import plain

        yield plain.file(plan, tree(alerting))

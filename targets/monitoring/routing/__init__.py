"""Routing: the configuration of Alertmanager for one system in one environment.

Both forms follow from the same tree of routes: an AlertmanagerConfig for the Prometheus operator, and a file for an
Alertmanager without it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....compiler.emit.artifact import Artifact
from ....compiler.plan import Plan
from . import operator, plain
from .tree import tree

__all__ = ["routing"]


def routing(plan: Plan) -> Iterator[Artifact]:
    """The object or the file that the platform's provider reads; nothing if mlspec does not route alerts."""
    alerting = plan.alerting
    writes = {"alertmanager-config": operator.config, "alertmanager": plain.file}.get(alerting.provider.value)
    if writes is not None and alerting.destinations:
        yield writes(plan, tree(alerting))

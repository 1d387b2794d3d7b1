"""Monitoring: scraping, recording rules, alerts, where alerts go, and dashboards."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from ...compiler.emit.artifact import Artifact, Piece, Target
from ...compiler.kinds import Kind
from ...compiler.plan import Plan
from ...compiler.plan.alerting.due import read
from ...compiler.system import MLSystem
from . import podmonitor, rules
from .dashboard import dashboards

__all__ = ["TARGET"]


def emit(_: MLSystem, plan: Plan) -> Iterable[Piece]:
    """Scraping and rules for each service, and rules for training runs and for a model that another system serves."""
    for service in plan.online.values():
        yield partial(podmonitor.pod_monitors, service)
        yield partial(rules.rules, service)
    for run in plan.batch.values():
        from . import batch

        yield partial(batch.rules, run)
    if plan.training is not None:
        from . import scheduled, training

        yield partial(training.rules, plan.training)
        yield partial(scheduled.of_search, plan.training)
    if plan.store is not None:
        from . import scheduled

        yield partial(scheduled.of_features, plan.store)
    if plan.learning is not None:
        from . import learner

        yield partial(learner.rules, plan.learning)
    yield from _of_models(plan)
    live = plan.champion_elsewhere
    if live is not None:
        from . import elsewhere

        yield partial(elsewhere.rules, live)
    yield partial(dashboards, plan)
    yield partial(_routing, plan)


def _routing(plan: Plan) -> Iterable[Artifact]:
    """Where the alerts go. Most platforms do not ask for it."""
    if plan.alerting.provider.value == "none":
        return ()
    from .routing import routing

    return routing(plan)


def _of_models(plan: Plan) -> Iterable[Piece]:
    """What the spec asks to watch about models and data."""
    asked = plan.system.monitoring
    if asked.quality is None and asked.drift is None and not asked.rules and not read(plan.system):
        return
    from . import model

    for name, one in model.watched(plan).items():
        yield partial(model.rules, plan, name, one)


TARGET = Target(
    name="monitoring",
    summary="scraping, recording rules, alerts, their routing, and dashboards",
    emit=emit,
    runs="monitoring",
    kinds={
        "PodMonitor": Kind(check=podmonitor.scraped),
        "PrometheusRule": Kind(),
        "AlertmanagerConfig": Kind(),
        "GrafanaDashboard": Kind(),
    },
)

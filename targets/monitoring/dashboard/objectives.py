"""Whether the service keeps its promises: its version, its error budgets, how fast they burn, and its alerts."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ....compiler import conventions
from ....compiler.because import Because, because, decision, fixed, text
from ....compiler.plan.choose import number as readable
from ....compiler.plan.objectives import Objective
from ....compiler.plan.objectives.burn import BurnPair
from ....compiler.plan.objectives.sli import Indicators
from ....compiler.plan.service import ServicePlan
from ....compiler.promql import promql
from ....compiler.system import Release
from ....schema.units import plain
from ..alert import Watched
from ..burn import recorded
from ..version import old
from .panel import Color, Line, Panel, Query, number, seconds

__all__ = ["alerts", "objectives", "version"]


COLORS: dict[str, Color] = {"page": "red", "ticket": "orange"}


def objectives(service: ServicePlan) -> Iterator[Panel]:
    """The panels of an online service."""
    known = [each for each in service.objectives.all if service.objectives.pairs(each)]
    yield from version(service, service.release)
    yield from (_left(service, each) for each in known)
    yield from (_burn(service, each) for each in known)
    yield alerts(service)


def version(service: Watched, release: Release) -> Iterator[Panel]:
    """The live version, and its age if the release says when it was trained."""
    live = promql(
        f'{conventions.MODEL_INFO}{{{{namespace="{{namespace}}",service="{{service}}"}}}}',
        namespace=service.scope.namespace,
        service=service.name,
    )
    yield Panel(
        key="version",
        kind="value",
        title="Live version",
        about=fixed("The version of the model that the spec says is live.", "what it shows"),
        unit="none",
        queries=(Query(asks=live, legend="{{version}}"),),
        why=because("version", "the version that is live", release.version),
        names=True,
    )
    age = old(release)
    if age is not None:
        yield _age(service, age)


def _age(service: Watched, age: Because[str]) -> Panel:
    retraining = service.scope.system.retraining
    oldest = retraining.max_model_age if retraining is not None else None
    lines = () if oldest is None else (Line(at=oldest.map(seconds), color="red"),)
    after = (
        "" if oldest is None else f" After {oldest.value}, ModelTooOld fires: find out why no newer version is live."
    )
    return Panel(
        key="age",
        kind="value",
        title="Model age",
        about=because(f"The time since the live version was trained.{after}", "what it shows", age, oldest),
        unit="s",
        queries=(Query(asks=age),),
        why=because("age", "the release says when it was trained", age),
        lines=lines,
    )


def _left(service: ServicePlan, objective: Objective) -> Panel:
    window = service.objectives.slo.window
    ratio = Indicators(service).bad_ratio(objective, window.value).also(window)
    left = text("1 - (\n{ratio}\n) / {budget}", ratio=ratio, budget=objective.budget.map(plain))
    about = text(
        "The share of the error budget that is left of the last {window}. Below 0, the objective is missed: stop "
        "releases until the cause is fixed. Prometheus must keep {window} of data.",
        window=window,
    )
    return Panel(
        key=f"budget-{objective.name}",
        kind="value",
        title=f"Budget left: {objective.name}",
        about=about,
        unit="percentunit",
        queries=(Query(asks=left),),
        why=because("budget", "an objective of the service", objective.target),
        runbook=True,
        base="red",
        lines=(
            Line(at=fixed(0, "the budget is spent"), color="orange"),
            Line(at=fixed(0.25, "three quarters are spent: time to be careful"), color="green"),
        ),
        empty="No traffic",
    )


def _burn(service: ServicePlan, objective: Objective) -> Panel:
    pairs = service.objectives.pairs(objective)
    return Panel(
        key=f"burn-{objective.name}",
        kind="graph",
        title=f"Burn rate: {objective.name}",
        about=_limits(objective.target.map(str), *(pair.severity for pair in pairs)),
        unit="none",
        queries=tuple(Query(asks=_rate(service, objective, pair), legend=pair.long.map(str)) for pair in pairs),
        why=because("burn", "an objective of the service", objective.target, *(pair.threshold for pair in pairs)),
        runbook=True,
        lines=tuple(
            Line(at=_times(pair.threshold, objective.budget), color=COLORS[pair.severity.value]) for pair in pairs
        ),
        empty="No traffic",
    )


def _rate(service: ServicePlan, objective: Objective, pair: BurnPair) -> Because[str]:
    ratio = recorded(service, objective, conventions.ERROR_RATIO, pair.long)
    return text("{ratio} / {budget}", ratio=ratio, budget=objective.budget.map(plain))


@decision
def _limits(target: Because[str], *severities: Because[str]) -> tuple[str, str]:
    lines = " and ".join(f"{COLORS[kind]} ({kind})" for kind in dict.fromkeys(one.value for one in severities))
    about = (
        f"How many times faster than {target.value} allows errors occur, by window. At 1, the budget lasts exactly its "
        f"period. The lines are where alerts fire, {lines}: the shorter the window, the higher its line. Follow the "
        "runbook."
    )
    return about, "what it shows"


@decision
def _times(threshold: Because[str], budget: Because[Decimal]) -> tuple[int | float, str]:
    times = number(round(Decimal(threshold.value) / budget.value, 4))
    return times, f"the alert fires at {readable(float(times))} times the error budget"


def alerts(service: Watched) -> Panel:
    """The alerts that fired over time, as Prometheus records them."""
    firing = promql(
        'max by (alertname, severity) (ALERTS{{namespace="{namespace}",service="{service}",alertstate="firing"}})',
        namespace=service.scope.namespace,
        service=service.name,
    )
    return Panel(
        key="alerts",
        kind="states",
        title="Alerts",
        about=fixed("The alerts that fired, by time. The runbook says what to do.", "what it shows"),
        unit="none",
        queries=(Query(asks=firing, legend="{{alertname}} ({{severity}})"),),
        why=because("alerts", "what alerts the owner", service.scope.system.metadata.owner),
        runbook=True,
        empty="No alert has fired",
    )

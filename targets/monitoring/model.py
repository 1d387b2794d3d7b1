"""What the spec asks to watch about the model and its data, for each service, or for a model served elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.emit.artifact import Artifact
from ...compiler.plan import Plan
from ...compiler.plan.measuring import measures
from ...compiler.system import AlertRule, Condition
from . import conditions, drift, jobs, quality, retrain, upstream
from .alert import Watched
from .jobs import Judged

__all__ = ["rules", "watched"]


def watched(plan: Plan) -> dict[str, Watched]:
    """The services of one environment by name, or the model that another system serves."""
    found: dict[str, Watched] = {**plan.online, **plan.batch}
    if not found and plan.champion_elsewhere is not None:
        from .elsewhere import Champion

        return {"": Champion(scope=plan, name=plan.champion_elsewhere.champion_name)}
    return found


def rules(plan: Plan, name: str, one: Watched) -> Iterator[Artifact]:
    """The rules on the model of one service."""
    asked = plan.system.monitoring
    bounds = (*asked.rules, *((asked.quality,) if asked.quality is not None else ()))
    named = [bound.of for bound in bounds if bound.of is not None and bound.of.value == name]
    process = plan.measuring
    chosen = process.part.service if process is not None else None
    yield from jobs.artifacts(plan, one, _judged(plan, name, one), named, chosen)
    if _measured(plan, one):
        yield from retrain.artifacts(plan, one)


def _judged(plan: Plan, name: str, one: Watched) -> Iterator[Judged]:
    monitoring, measured = plan.system.monitoring, _measured(plan, one)
    asked = monitoring.quality
    if plan.quality is not None and asked is not None and measured and _about(plan, asked, name):
        yield from quality.judged(one, plan.quality, monitoring.interval)
    if plan.drift is not None and measured:
        yield from drift.judged(one, plan.drift)
    for rule in monitoring.rules:
        if _about(plan, rule, name) and (measured or not measures(plan, rule)):
            yield from conditions.judged(plan, one, rule)
    yield from upstream.judged(plan, one, measured=measured)
    if measured:
        yield from retrain.needed(plan, one)


def _measured(plan: Plan, one: Watched) -> bool:
    """Whether the process may export series about this service: about the only one whose predictions are captured. Jobs
    of the author may export those of each.
    """
    process = plan.measuring
    return process is None or process.service is one


def _about(plan: Plan, asked: Condition | AlertRule, name: str) -> bool:
    """Whether a bound is on this service: the one that it names, otherwise every one; a query has one result for all
    of them, so it belongs to the first.
    """
    if asked.of is not None and asked.of.value in plan.system.services:
        return asked.of.value == name
    queried = plan.system.metrics[asked.metric.value.partition("@")[0]].query is not None
    return not queried or name == next(iter(watched(plan)))

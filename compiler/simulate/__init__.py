"""Simulation of the planned system: what the plan promises, and what happens.

A discrete-event simulation, seeded, with nothing but the standard library. It reads the plan, and returns values.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..because import Unavailable
from ..finding import Refusal
from ..plan import Plan
from ..plan.service import ServicePlan
from .options import Options
from .planned import Skipped, planned
from .planned_rollout import rollout
from .report import SimulatedService, Simulation, Unsimulated
from .service import reported
from .versions import rollouts, too_long

__all__ = ["Options", "Simulation", "simulated"]


def simulated(environment: str, plan: Plan, options: Options) -> Simulation:
    """Simulate every online service of an environment."""
    reports: list[SimulatedService] = []
    without = list(_others(plan))
    for name, service in plan.online.items():
        try:
            reports.append(_service(service, options))
        except Skipped as why:
            without.append(Unsimulated(name=name, why=str(why)))
        except (Refusal, Unavailable):  # the spec has an error there, which is reported
            without.append(Unsimulated(name=name, why="the spec has errors that concern it"))
    return Simulation(environment=environment, services=tuple(reports), unsimulated=tuple(without))


def _service(service: ServicePlan, options: Options) -> SimulatedService:
    what, canary = planned(service), rollout(service)
    if canary is None or not what.profile.mean:
        return reported(what, options, None)
    unjudged = too_long(canary)
    if not unjudged:
        return reported(what, options, rollouts(what, canary, options))
    report = reported(what, options, None)
    return report.but(unjudged=(*report.unjudged, unjudged))


def _others(plan: Plan) -> Iterator[Unsimulated]:
    for name in plan.batch:
        yield Unsimulated(name=name, why="batch services are not simulated")
    if plan.training is not None:
        yield Unsimulated(name="training", why="training is not simulated")

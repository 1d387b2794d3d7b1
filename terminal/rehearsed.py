"""Rehearse the environments of a compiled system, with the promtool that is installed."""

from __future__ import annotations

from collections.abc import Sequence

from ..compiler.kinds import Object
from ..compiler.pipeline import Compiled
from ..compiler.plan.service import ServicePlan
from ..compiler.rehearse.mutants import found, mutants
from ..compiler.rehearse.own import Given, Played, play
from ..compiler.rehearse.report import Rehearsal
from ..compiler.rehearse.run import rehearsed
from ..compiler.scenes.analysis import Replayed
from ..targets.providers import RolloutProvider
from . import promtool

__all__ = ["played", "rehearsals"]


def rehearsals(system: Compiled, *, faults: bool = False) -> list[Rehearsal]:
    """One for each environment. Raises promtool.Missing if there is no promtool."""
    made = []
    for environment in system.environments:
        done = rehearsed(environment, promtool.run, _read_back)
        if faults:
            done = done.but(mutants=found(list(mutants(environment.bundle)), promtool.run))
        made.append(done)
    return made


def played(system: Compiled, given: Given) -> list[Played]:
    """What series do in each environment. Raises promtool.Missing, or ValueError if promtool cannot read them."""
    return [play(environment, given, promtool.run, _read_back) for environment in system.environments]


def _read_back(service: ServicePlan, objects: Sequence[Object]) -> Replayed | None:
    return service.scope.providers.chosen(RolloutProvider, service.workload.provider).replayed(service, objects)

"""Awaited: the models whose first release a system with several models still lacks."""

from __future__ import annotations

from ..because import Unavailable
from ..finding import Refusal
from ..pipeline import Compiled
from ..plan.service import ServicePlan
from ..plan.serving.batch import BatchPlan

__all__ = ["awaited"]


def awaited(compiled: Compiled) -> tuple[str, ...]:
    """The models that an environment serves without a release, if nothing else is wrong with it.

    The first release of a system with several models is written one model at a time. Until all are there, the file is
    right although nothing can be compiled.
    """
    missing: dict[str, tuple[object, ...]] = {}
    for environment in compiled.environments:
        plan = environment.plan
        served: list[ServicePlan | BatchPlan] = [*plan.online.values(), *plan.batch.values()]
        for service in served:
            try:
                model = service.model
                if model.value in environment.system.models:
                    plan.release_of(model)
            except Refusal as refusal:
                missing[model.value] = refusal.diagnostic.key
            except Unavailable:
                continue
    errors = {one.key for one in compiled.found if one.severity == "error"}
    return tuple(missing) if errors <= set(missing.values()) else ()

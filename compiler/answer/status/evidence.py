"""Which alerts could fire: those whose series Prometheus has. The others are silent because they are blind."""

from __future__ import annotations

from ...plan.alerting.failures import Failure
from ...plan.service import ServicePlan
from .answers import Answers
from .questions import WINDOW, key

__all__ = ["blind", "blind_jobs", "blind_model"]

UNSEEN = "Prometheus has no metrics of it, so no alert on it can fire"
"""Why nothing about a service is known."""

MODEL: dict[Failure, str] = {"model-quality": "mlspec_quality", "data-drift": "mlspec_drift_distance"}
"""The series that a job has to export before alerts on the model can fire."""


def blind(service: ServicePlan, answers: Answers) -> dict[Failure | None, str]:
    """Why alerts of an online service could not fire, by the kind of failure; None stands for all kinds."""
    name = service.name.value
    if not answers.value(key(name, "up")):
        return {None: UNSEEN}
    missing: dict[Failure | None, str] = {
        objective.kind: f"there is no data about {objective.name} in the last {WINDOW}: no requests, or no such metric"
        for objective in service.objectives.all
        if answers.value(key(name, objective.name)) is None
    }
    return {**missing, **blind_model(name, answers)}


def blind_jobs(name: str, answers: Answers) -> dict[Failure | None, str]:
    """The same for what runs on a schedule."""
    return blind_model(name, answers) if answers.value(key(name, "known")) else {None: UNSEEN}


def blind_model(name: str, answers: Answers) -> dict[Failure | None, str]:
    """The same for alerts on what jobs export about a model."""
    return {
        failure: f"no job exports `{series}` for it"
        for failure, series in MODEL.items()
        if not answers.samples(key(name, series))
    }

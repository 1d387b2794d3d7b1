"""Tracking: the variables that MLflow clients read, so that every run records its code, data, and system by itself.

A version as of the run is not known yet. Its tag names the run, whose `verdict.json` and release have the version.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from ...compiler.because import Because, because, fixed, literal, text
from ...compiler.plan.training import TrainingPlan
from ...compiler.system import PinnedVersion

__all__ = ["variables"]

RUN, STEP = "$(MLSPEC_RUN)", "$(MLSPEC_STEP)"
"""Kubernetes replaces these references with the variables of the training contract, which come first."""

FOUND = "finds what a run has logged"


def variables(training: TrainingPlan, image: Because[str]) -> dict[str, Because[str]]:
    """The environment variables by name; none without tracking."""
    tracking, system = training.part.tracking, training.scope.system.metadata.name
    if tracking is None:
        return {}
    experiment = tracking.experiment
    named = because(system.value, "the system's name", system) if experiment is None else experiment
    values = {
        "MLFLOW_TRACKING_URI": tracking.uri,
        "MLFLOW_EXPERIMENT_NAME": named,
        "MLFLOW_RUN_CONTEXT": _context(training, image),
    }
    return {
        name: because(value.value, value.reason or "MLflow clients read it", value, tracking.tool)
        for name, value in values.items()
    }


def _context(training: TrainingPlan, image: Because[str]) -> Because[str]:
    """Tags for every run, as JSON (mlflow/tracking/context/system_environment_context.py). MLflow finds the commit
    itself only if the repository is in the container.
    """
    tags = {key: value.map(_quoted) for key, value in _tags(training, image).items() if value is not None}
    tags |= {"mlspec.run": fixed(json.dumps(RUN), FOUND), "mlspec.step": fixed(json.dumps(STEP), FOUND)}
    tags |= dict(_data(training))
    parts = {f"tag{index}": value for index, value in enumerate(tags.values())}
    inner = ", ".join(f"{literal(json.dumps(key))}: {{{part}}}" for key, part in zip(tags, parts, strict=True))
    return text(f"{{{{{inner}}}}}", "", **parts)


def _tags(training: TrainingPlan, image: Because[str]) -> dict[str, Because[str] | None]:
    scope, part = training.scope, training.part
    return {
        "mlflow.source.git.commit": part.revision,
        "mlflow.docker.image.uri": image,
        "mlspec.system": scope.system.metadata.name,
        "mlspec.environment": scope.environment,
        "mlspec.model": training.model,
    }


def _data(training: TrainingPlan) -> Iterator[tuple[str, Because[str]]]:
    """The version of each source, as JSON."""
    for source in training.scope.system.data.sources:
        name, version = f"mlspec.data.{source.name.value}", source.version
        if isinstance(version, PinnedVersion):
            yield name, text("{kind}:{id}", kind=version.kind, id=version.id, name=source.name).map(_quoted)
        elif version is not None:
            yield name, version.kind.map(lambda kind: json.dumps(f"{kind}:{RUN}")).also(source.name)


def _quoted(value: str) -> str:
    """As JSON, with `$` escaped, because Kubernetes would read `$(NAME)` as a variable."""
    return json.dumps(value).replace("$", "$$")

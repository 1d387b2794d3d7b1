"""Which version is in service, and whether it is young enough: the same for services of every mode."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ...compiler import conventions
from ...compiler.because import Because, because, text
from ...compiler.emit.artifact import Body
from ...compiler.system import Release
from .alert import Watched, alert

__all__ = ["age", "info"]


def info(service: Watched, model: Because[str], release: Release) -> Body:
    """What is in service, to be joined to any other series of it."""
    system = service.scope.system
    return {
        "record": conventions.MODEL_INFO,
        "expr": "vector(1)",
        "labels": {
            "namespace": service.scope.namespace,
            "system": system.metadata.name,
            "service": service.name,
            "model": model,
            "version": release.version,
            "digest": release.artifact.digest,
            "format": release.artifact.format,
            "task": system.problem.task,
            "data_version": release.data_version,
        },
    }


def age(service: Watched, release: Release) -> Iterator[Body]:
    """A model that nobody replaces decays in silence."""
    retraining, trained = service.scope.system.retraining, release.trained_at
    if retraining is None or retraining.max_model_age is None or trained is None:
        return
    oldest = retraining.max_model_age
    yield alert(
        service,
        "ModelTooOld",
        "ticket",
        text(
            "vector(time() - {trained}) > {oldest}",
            trained=trained.map(_epoch),
            oldest=oldest.map(lambda age: int(age.amount)),
        ),
        text(
            "{service}: its model was trained {{{{ $value | humanizeDuration }}}} ago; {oldest} is the limit",
            service=service.name,
            oldest=oldest.map(str),
        ),
        wait=because("1h", "no hour matters here", oldest),
    )


def _epoch(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())

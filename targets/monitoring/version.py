"""Which version is live, and whether it is recent enough: the same for services of every mode."""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler import conventions
from ...compiler.because import Because, text
from ...compiler.emit.artifact import Body
from ...compiler.plan.choose import whole_seconds
from ...compiler.system import Release
from ..plain import epoch
from .alert import Watched, alert
from .proofs import schedules as proofs

__all__ = ["age", "info", "old"]


def info(service: Watched, model: Because[str], release: Release) -> Body:
    """The live version, as a series to join with any other series of the service."""
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
    """A model that is not replaced degrades silently."""
    retraining, now, trained = service.scope.system.retraining, old(release), release.trained_at
    if retraining is None or retraining.max_model_age is None or now is None or trained is None:
        return
    oldest = retraining.max_model_age
    found = alert(
        service,
        "ModelTooOld",
        "ticket",
        "staleness",
        text(
            "{now} > {oldest}",
            now=now,
            oldest=oldest.map(whole_seconds),
        ),
        text(
            "{service}: the model was trained {{{{ $value | humanizeDuration }}}} ago; the limit is {oldest}",
            service=service.name,
            oldest=oldest.map(str),
        ),
    )
    yield proofs.old(found, epoch(trained.value), whole_seconds(oldest.value))


def old(release: Release) -> Because[str] | None:
    """The seconds since the live version was trained; None if the release does not say when."""
    trained = release.trained_at
    return text("vector(time() - {trained})", trained=trained.map(epoch)) if trained is not None else None

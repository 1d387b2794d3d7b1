"""The members of an ensemble in the training configuration, so that `train` can build the one artifact of it."""

from __future__ import annotations

from typing import Any

from ...compiler.because import Because
from ...compiler.plan.training import TrainingPlan
from ...compiler.system import ModelEnsemble
from ..plain import as_data

__all__ = ["ensemble"]


def ensemble(training: TrainingPlan) -> dict[str, Any] | None:
    """How predictions are combined, and each member with its live release, if it has one in this system."""
    part = training.trained.ensemble
    if part is None:
        return None
    members = [_member(training, part, at, name) for at, name in enumerate(part.members)]
    return {"method": part.method, "members": members}


def _member(training: TrainingPlan, part: ModelEnsemble, at: int, name: Because[str]) -> dict[str, Any]:
    system = training.scope.system
    model, release = system.models[name.value], system.releases.get(name.value)
    signature = model.signature
    return {
        "name": name,
        "weight": part.weights[at] if at < len(part.weights) else None,
        "inputs": [as_data(one) for one in signature.inputs] or None if signature is not None else None,
        "outputs": [as_data(one) for one in signature.outputs] or None if signature is not None else None,
        "version": release.version if release is not None else None,
        "artifact": as_data(release.artifact, without=("access",)) if release is not None else None,
    }

"""The settings of online learning, as the key `online` in the configuration of the learner and of training runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .plain import epoch, quantity

if TYPE_CHECKING:
    from ..compiler.plan.learning import LearningPlan

__all__ = ["online"]


def online(found: LearningPlan | None) -> dict[str, Any] | None:
    """The settings; None without online learning in this environment."""
    if found is None:
        return None
    live, part = found.live, found.part
    return {
        "algorithm": part.algorithm,
        "checkpoint": part.checkpoint.map(quantity),
        "to": part.to,
        "version": live.version.map(str),
        "trainedAt": live.trained_at.map(epoch) if live.trained_at is not None else None,
        "artifact": {"uri": live.artifact.uri, "format": live.artifact.format, "digest": live.artifact.digest},
        "diagnosis": found.diagnosis,
    }

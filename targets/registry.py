"""The one list of targets. A new one is one module and one line here."""

from __future__ import annotations

from ..compiler.emit.artifact import Target
from . import autoscaling, gitops, monitoring, retraining, rollout, serving

__all__ = ["TARGETS"]

TARGETS: tuple[Target, ...] = (
    gitops.TARGET,  # lists what all others make, so it finishes last
    serving.TARGET,
    autoscaling.TARGET,
    rollout.TARGET,
    retraining.TARGET,
    monitoring.TARGET,
)

"""The decisions for training runs."""

from __future__ import annotations

from ..system import Training
from .scope import Scope

__all__ = ["TrainingPlan"]


class TrainingPlan:
    """The training run of the system."""

    def __init__(self, scope: Scope, part: Training) -> None:
        self.scope = scope
        self.part = part

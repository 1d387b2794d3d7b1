"""The decisions for training runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..system import Training

if TYPE_CHECKING:
    from . import Plan

__all__ = ["TrainingPlan"]


class TrainingPlan:
    """The training run of the system."""

    def __init__(self, plan: Plan, part: Training) -> None:
        self.plan = plan
        self.part = part

"""The shape of the language model that a run fine-tunes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...because import Because
from ...system import LlmShape

if TYPE_CHECKING:
    from . import TrainingPlan

__all__ = ["trained_shape"]


def trained_shape(training: TrainingPlan) -> tuple[LlmShape, Because[str]] | None:
    """The shape of the language model that is trained, and the method; None if either is unknown."""
    language = training.trained.llm
    if language is None or language.tuning is None or language.tuning.method.value == "prompting":
        return None
    family = training.scope.platform.families[language.family.value] if language.family is not None else None
    shape = language.shape if language.shape is not None else family.shape if family is not None else None
    return (shape, language.tuning.method) if shape is not None else None

"""Online learning: the process that learns from new labels between training runs, in the environment that trains.

It never changes what is served. Its checkpoints become candidates of training runs, which gates and a rollout judge.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ..because import Because, because, text
from ..system import OnlineLearning, Release
from .measuring import REQUESTS, MeasuringPlan
from .training import TrainingPlan

if TYPE_CHECKING:
    from . import Plan

__all__ = ["METRICS", "LearningPlan"]

METRICS = 9466
"""The port of its metrics, next to those of the process that measures."""


class LearningPlan:
    """The process of one environment."""

    def __init__(
        self, plan: Plan, part: OnlineLearning, training: TrainingPlan, measuring: MeasuringPlan, live: Release
    ) -> None:
        self.plan, self.part, self.training, self.measuring, self.live = plan, part, training, measuring, live

    @property
    def scope(self) -> Plan:
        """The environment."""
        return self.plan

    @cached_property
    def name(self) -> Because[str]:
        """The name of its objects."""
        return text("{system}-learner", system=self.plan.system.metadata.name)

    @cached_property
    def image(self) -> Because[str]:
        """The image of the command."""
        given, usual = self.part.image, self.training.part.image
        return given if given is not None else because(usual.value, "the image of training", usual)

    @cached_property
    def diagnosis(self) -> Because[str]:
        """The address of the diagnosis, which freezes it."""
        url = f"http://{{name}}.{{namespace}}:{REQUESTS}/diagnosis"
        return text(url, name=self.measuring.name, namespace=self.plan.namespace)

    @property
    def uris(self) -> tuple[Because[str], ...]:
        """What it reads and writes."""
        labels = self.measuring.labels
        found = (self.part.to, self.measuring.part.to, labels.uri if labels is not None else None)
        return tuple(one for one in found if one is not None)

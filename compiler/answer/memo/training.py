"""What a training run does, and how long it may take."""

from __future__ import annotations

from collections.abc import Iterator

from ....schema.units import Duration
from ...plan import Plan
from ...plan.scaling.headroom import left
from .line import Line

__all__ = ["lines"]


def lines(plan: Plan) -> Iterator[Line]:
    """The decisions for training runs, where they run here."""
    training = plan.training
    if training is None:
        return
    yield Line(title="trains", value=training.model)
    yield Line(
        title="by the clock", value=training.suspended.map(lambda suspended: not suspended), field="retraining.schedule"
    )
    yield Line(title="searches for hyperparameters", value=training.tunes, field="training.tuning")
    yield Line(title="fits of a run", value=training.fits, count_of="fit")
    if training.work is not None:
        yield Line(title="fits for", value=training.work)
    yield Line(title="deadline", value=training.deadline, field="training.deadline")
    if training.cadence is not None:
        yield Line(title="headroom: before the next run", value=left(training.cadence, training.deadline))
    yield Line(title="tries after the first", value=training.retries, count_of="try", field="training.retries")
    yield Line(title="a start may be late by", value=training.late.map(Duration))
    yield Line(title="somebody is told after", value=training.stale)

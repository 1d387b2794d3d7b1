"""The fits, deadlines, and retries of a training run."""

from __future__ import annotations

from collections.abc import Iterator

from ....schema.units import Duration
from ...plan import Plan
from ...plan.scaling.headroom import left
from .line import Line

__all__ = ["lines"]


def lines(plan: Plan) -> Iterator[Line]:
    """The decisions for training runs, if training runs in this environment."""
    training = plan.training
    if training is None:
        return
    yield Line(title="trained model", value=training.model)
    yield Line(title="served by another system", value=training.elsewhere)
    yield Line(
        title="scheduled", value=training.suspended.map(lambda suspended: not suspended), field="retraining.schedule"
    )
    yield Line(title="hyperparameter search", value=training.tunes, field="training.tuning")
    yield Line(title="fits per run", value=training.fits, count_of="fit")
    if training.work is not None:
        yield Line(title="fit time per run", value=training.work)
    yield Line(title="deadline", value=training.deadline, field="training.deadline")
    if training.cadence is not None:
        yield Line(title="headroom: time until the next run", value=left(training.cadence, training.deadline))
    yield Line(title="retries", value=training.retries, count_of="retry", field="training.retries")
    yield Line(title="start deadline", value=training.late.map(Duration))
    yield Line(title="alert if no success for", value=training.stale)

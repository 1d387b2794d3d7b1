"""The fits, deadlines, retries, and accelerators of a training run."""

from __future__ import annotations

from collections.abc import Iterator

from ....schema.units import Duration
from ...plan import Plan
from ...plan.budget.training import choice, operations, reached
from ...plan.choose import gibibytes, seconds
from ...plan.scaling.headroom import left
from ...plan.training.speed import said_operations
from .line import Line, percent

__all__ = ["accelerators", "lines"]


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
    yield Line(title="mlspec checks the data contract", value=training.checks_contract, field="training.steps.contract")
    yield Line(title="fits per run", value=training.fits, count_of="fit")
    if training.work is not None:
        yield Line(title="fit time per run", value=training.work)
    yield Line(title="shared volume", value=training.storage, field="training.storage")
    yield Line(title="deadline", value=training.deadline, field="training.deadline")
    if training.cadence is not None:
        yield Line(title="headroom: time until the next run", value=left(training.cadence, training.deadline))
    yield Line(title="retries", value=training.retries, count_of="retry", field="training.retries")
    yield Line(title="start deadline", value=training.late.map(Duration))
    yield Line(title="alert if no success for", value=training.stale)


def accelerators(plan: Plan) -> Iterator[Line]:
    """What a fit computes, and the accelerators on which a run costs least."""
    many, share, found = operations(plan), reached(plan), choice(plan)
    if many is not None:
        yield Line(title="operations of a fit", value=many.map(said_operations))
    if share is not None:
        yield Line(title="share of FLOP/s that a fit achieves", value=share.map(percent))
    if found is None:
        return
    yield Line(title="proposed accelerators of training", value=found.proposed)
    if found.best.unfit.value:
        return
    if found.least is not None:
        yield Line(title="memory that each of them needs, at least", value=found.least.map(gibibytes))
    yield Line(title="time of a fit on them", value=found.best.time.map(seconds))
    if found.best.cost is not None and found.monthly is not None:
        yield Line(title="cost of a run on them", value=found.best.cost, unit=found.monthly.value.currency)
        yield Line(title="cost of their runs", value=found.monthly)

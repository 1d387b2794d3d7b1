"""The rule on the time between two training runs."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ....schema.units import Duration
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.choose import readable
from ...plan.training import TrainingPlan
from ...system import MLSystem
from ..lint import rule

__all__ = ["no_time_to_start"]

LEAST_LEFT = Decimal("0.1")
"""The share of the time between two runs in which a late run may still start."""


@rule(
    "MLS434",
    "warning",
    "training.fit",
    "training.deadline",
    "training.retries",
    "training.tuning",
    "training.crossValidation",
    "retraining.schedule",
)
def no_time_to_start(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Training runs that follow each other without a gap.

    Why: a run may start as late as its deadline allows, so that it ends before the next one is due. If nearly all of
    the time between two runs belongs to the run, a restart of the controller at the wrong time skips it silently, and
    the model stays old until the next one.

    Bad:
        training:
          image: registry.example.com/train@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
          seed: 17
          steps:
            train: {command: [python, -m, fraud.train]}
            evaluate: {command: [python, -m, fraud.evaluate]}
          fit: 9h
        retraining: {schedule: "0 3 * * *", maxModelAge: 5d}
    Good:
        training:
          image: registry.example.com/train@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
          seed: 17
          steps:
            train: {command: [python, -m, fraud.train]}
            evaluate: {command: [python, -m, fraud.evaluate]}
          fit: 9h
        retraining: {schedule: "0 3 * * 0,3", maxModelAge: 15d}
    """
    training = plan.training
    if training is None or training.cadence is None:
        return
    cadence, deadline = training.cadence, training.deadline
    left = cadence.value.amount - deadline.value.amount
    if left >= LEAST_LEFT * cadence.value.amount:
        return
    given = training.part.deadline.given
    at = given if given is not None else training.part.fit if training.part.fit is not None else training.schedule
    gap = f"a run that starts more than {readable(Duration(training.late.value))} late is skipped"
    yield finding(
        "MLS434",
        f"a run may take {readable(deadline.value)} of the {readable(cadence.value)} between two runs",
        at,
        others=((training.schedule, "the schedule"),),
        note=f"{deadline.reason}; {gap}" if deadline.reason else gap,
        help=_way_out(training, cadence.value),
    )


def _way_out(training: TrainingPlan, cadence: Duration) -> str:
    """A deadline that leaves a tenth, if all tries end within it; else shorter or rarer runs."""
    unit = 3600 if cadence.amount >= 36000 else 60
    latest = Duration(cadence.amount * (1 - LEAST_LEFT) // unit * unit)
    work, tries = training.work, 1 + training.retries.value
    if work is None or tries * work.value.amount <= latest.amount:
        return f"write `deadline: {latest}` under `training`, or run less often"
    fewer = ", or write `retries: 0`" if tries > 1 and work.value < latest else ""
    return f"run less often, or shorten the run with fewer trials or folds or a larger pod{fewer}"

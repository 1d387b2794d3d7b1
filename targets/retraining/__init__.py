"""Retraining: a CronJob whose pod validates, trains, evaluates, judges, and registers, under the training contract.

Without a schedule, the CronJob is suspended and serves as the template for runs that are started by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from ...compiler.emit.artifact import Piece, Target
from ...compiler.plan import Plan
from ...compiler.system import MLSystem

__all__ = ["TARGET"]


def emit(_: MLSystem, plan: Plan) -> Iterable[Piece]:
    """The objects of the training run, if this environment runs training."""
    training = plan.training
    if training is None:
        return
    from . import config, job, objects

    file = config.ConfigFile(training)
    yield partial(job.cron_job, training, file)
    yield partial(config.configuration, training, file)
    yield partial(objects.service_account, training, plan)
    yield partial(objects.network_policy, training)


TARGET = Target(name="retraining", summary="training runs, with the gate that judges them", emit=emit, runs="training")

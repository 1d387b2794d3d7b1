"""The feature store: a Feast repository, and a CronJob that computes, registers, and materializes its views."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from ...compiler.emit.artifact import Piece, Target
from ...compiler.plan import Plan
from ...compiler.system import MLSystem

__all__ = ["TARGET"]


def emit(_: MLSystem, plan: Plan) -> Iterable[Piece]:
    """The objects of the job that fills the store, if the spec has one."""
    store = plan.store
    if store is None:
        return
    from . import config, job, objects

    files = config.Files(store)
    yield partial(config.configuration, store, files)
    yield partial(job.cron_job, store, files)
    yield partial(objects.service_account, store, plan)
    yield partial(objects.network_policy, store)


TARGET = Target(
    name="features", summary="a Feast feature store, and the job that materializes it", emit=emit, runs="serving"
)
"""The target."""

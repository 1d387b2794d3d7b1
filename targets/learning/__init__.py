"""Online learning: a Deployment that learns from new labels in the shadow of the live version."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from ...compiler.emit.artifact import Piece, Target
from ...compiler.plan import Plan
from ...compiler.system import MLSystem

__all__ = ["TARGET"]


def emit(_: MLSystem, plan: Plan) -> Iterable[Piece]:
    """The objects of the learner, if the spec asks for one and training runs here."""
    found = plan.learning
    if found is None:
        return
    from . import config, network, workload

    file = config.ConfigFile(found)
    yield partial(config.configuration, file)
    yield partial(workload.deployment, found, file)
    yield partial(workload.service_account, found)
    yield partial(network.policy, found)
    yield partial(network.pod_monitor, found)


TARGET = Target(
    name="learning",
    summary="the process that learns online, in the shadow of the live version",
    emit=emit,
    runs="training",
)

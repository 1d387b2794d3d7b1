"""Measuring: the process that reads captured predictions, measures drift and quality, and starts training when asked.

It stays, so that Prometheus can scrape it and Alertmanager can ask it for a training run. It keeps nothing that it
cannot measure again: after a restart, it measures the windows before from the records.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from ...compiler.emit.artifact import Piece, Target
from ...compiler.plan import Plan
from ...compiler.system import MLSystem

__all__ = ["TARGET"]


def emit(_: MLSystem, plan: Plan) -> Iterable[Piece]:
    """The objects of the process, if predictions are captured and something is asked of them."""
    found = plan.measuring
    if found is None:
        return
    from . import config, network, rights, workload

    file = config.ConfigFile(found)
    yield partial(config.configuration, file)
    yield partial(workload.deployment, found, file)
    yield partial(rights.service_account, found)
    yield partial(rights.role, found)
    yield partial(network.service, found)
    yield partial(network.policy, found)
    yield partial(network.pod_monitor, found)


TARGET = Target(
    name="measuring",
    summary="the process that measures drift and quality, and starts training runs",
    emit=emit,
    runs="monitoring",
)

"""What mlspec runs next to the services and the training: the process that measures, the one that learns online, and
the job that fills the feature store. The quota and the bill both read this list.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ....schema.units import Cores, Memory
from ... import conventions
from ...because import Because, because
from ...record import Record
from ...system import Materialization, MonitorResources, OnlineLearning

if TYPE_CHECKING:
    from .. import Plan

__all__ = ["Own", "own"]


class Own(Record):
    """One of them, which is one pod."""

    name: str
    pods: Because[int]
    cpu: Because[Cores]
    memory: Because[Memory]
    disk: Because[Memory]
    resources: MonitorResources | OnlineLearning | Materialization
    origin: Because[str]
    """The value in the spec that it exists because of."""
    scheduled: bool = False
    """Whether it is the job of the feature store; a process always runs."""


def own(plan: Plan) -> Iterator[Own]:
    """Those of an environment."""
    if plan.measuring is not None:
        origin = plan.measuring.part.to
        yield _process(
            "measuring", because(1, "one process measures", origin), plan.system.monitoring.resources, origin
        )
    if plan.learning is not None:
        origin = plan.learning.part.algorithm
        yield _process("online learning", because(1, "one process learns", origin), plan.learning.part, origin)
    if plan.store is not None:
        part = plan.store.part
        yield Own(
            name="features",
            pods=because(1, "one job fills the feature store", part.image),
            cpu=part.cpu,
            memory=part.memory,
            disk=part.memory.map(lambda _: Memory.parse(conventions.FEATURE_DISK)),
            resources=part,
            origin=part.image,
            scheduled=True,
        )


def _process(name: str, pods: Because[int], asked: MonitorResources | OnlineLearning, origin: Because[str]) -> Own:
    return Own(
        name=name,
        pods=pods,
        cpu=asked.cpu,
        memory=asked.memory,
        disk=asked.ephemeral_storage,
        resources=asked,
        origin=origin,
    )

"""What one environment has at its worst moment, against what its namespace may have at once.

At the worst moment everything coincides that may: each service has its most replicas while a new version of it is
rolled out and another is in the shadow, and batch runs, a training run and a search have begun. Each part takes as many
pods as it has by then, times what one of them requests, which is what a ResourceQuota counts (kubernetes.io, resource
quotas).

Traps that are handled here: Argo Rollouts with traffic routing keeps the old version whole, and brings the new one to
as many pods after the last step, whatever its share (utils/replicaset/canary.go); an autoscaler's maximum bounds the
old version alone; shared memory is memory; a container that runs before the others counts only where it asks for more.
Pods that are on their way out are left out: what waits for them waits no longer than they drain.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ....schema.units import Cores, Memory
from ... import conventions
from ...because import Because, decision, fixed
from ...record import Record
from ...system import AcceleratorRequest, Resources, TrainingResources
from ..choose import count
from ..service import ServicePlan
from ..serving.batch import BatchPlan
from ..training import TrainingPlan

if TYPE_CHECKING:
    from .. import Plan

__all__ = ["QuotaPlan", "Share"]

Amount = int | Cores | Memory
Amounts = dict[str, Because[Any]]
"""Amounts by their paths below `platform.quota`."""


class Share(Record):
    """One part of an environment: pods alike, each with what it requests."""

    name: str
    pods: Because[int]
    cpu: Because[Cores]
    memory: Because[Memory]
    devices: AcceleratorRequest | None
    numbers: tuple[object, ...]
    """What decides how many pods there are, as far as it is written down."""
    resources: Resources | TrainingResources
    origin: Because[str]
    """What makes it exist."""
    part: ServicePlan | BatchPlan | None = None
    """Whose number of replicas or of parts at once decides it."""

    @property
    def each(self) -> Amounts:
        """What one pod requests."""
        devices = self.devices
        asked: Amounts = {f"accelerators.{devices.type.value}": devices.count} if devices is not None else {}
        return {**asked, "cpu": self.cpu, "memory": self.memory}

    def places(self, path: str) -> tuple[object, ...]:
        """Where the author would make it take less of something, the best place first."""
        kind = self.devices.type if self.devices is not None else None
        own = kind if path.startswith("accelerators.") else getattr(self.resources, path)
        return (*self.numbers, own, kind, self.origin)


class QuotaPlan:
    """What one environment has at once, at most."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @cached_property
    def shares(self) -> tuple[Share, ...]:
        """All parts that have pods at the worst moment."""
        return tuple(share for share in self._all if share.pods.value)

    @property
    def _all(self) -> Iterator[Share]:
        for service in self.plan.online.values():
            yield from _online(service)
        for batch in self.plan.batch.values():
            yield _batch(batch)
        if self.plan.training is not None:
            yield from _training(self.plan.training)

    @cached_property
    def accelerators(self) -> tuple[str, ...]:
        """The paths of the kinds that are needed."""
        each = dict.fromkeys(path for share in self.shares for path in share.each)
        return tuple(path for path in each if path.startswith("accelerators."))

    @cached_property
    def needed(self) -> Amounts:
        """What is needed at once: of each kind of accelerator, of cores and of memory."""
        paths = (*self.accelerators, "cpu", "memory") if self.shares else ()
        return {path: _sum(self._of(path)) for path in paths}

    def _of(self, path: str) -> tuple[tuple[str, Because[int], Because[Any]], ...]:
        return tuple((share.name, share.pods, share.each[path]) for share in self.shares if path in share.each)

    @cached_property
    def allowed(self) -> Amounts:
        """What the namespace may have of what is needed; what the platform does not limit is not there."""
        quota = self.plan.platform.quota
        kinds = {f"accelerators.{name}": most for name, most in quota.accelerators.items()}
        limits = {**kinds, "cpu": quota.cpu, "memory": quota.memory}
        return {path: most for path, most in limits.items() if most is not None and path in self.needed}

    @cached_property
    def left(self) -> Amounts:
        """What the quota leaves, less than nothing where it is exceeded."""
        return {path: _left(most, self.needed[path]) for path, most in self.allowed.items()}

    def largest(self, path: str) -> Share:
        """The part that takes the most of something."""
        among = (share for share in self.shares if path in share.each)
        return max(among, key=lambda share: share.pods.value * _size(share.each[path].value))

    def most(self, part: ServicePlan | BatchPlan) -> int:
        """How many replicas or parts at once there is room for in every quota, if nothing else changes."""
        own = [share for share in self.shares if share.part is part]
        rooms = []
        for path, left in self.left.items():
            taken = sum(share.pods.value * _size(share.each[path].value) for share in own if path in share.each)
            if taken:
                rooms.append((_size(left.value) + taken) // _size(own[0].each[path].value))
        pods = int(min(rooms))
        if isinstance(part, BatchPlan):
            return pods
        return pods // 2 if part.workload.keeps_old_whole.value else pods - int(not part.in_place.value)


# The parts


def _online(service: ServicePlan) -> Iterator[Share]:
    """Its most replicas, what a rollout adds, and a shadow, which is replaced in its place."""
    name, canary = service.part.own_name.value, service.canary
    scaled = service.scales.value
    most = service.max_replicas if scaled else service.min_replicas
    pods = {
        "serving": most,
        "rollout of": _beside(most, service.workload.keeps_old_whole, service.in_place),
        "shadow of": canary.shadow_replicas if canary.shadow_stage is not None else fixed(0, "there is no shadow"),
    }
    given = service.part.replicas
    for what, many in pods.items():
        yield Share(
            name=f"{what} {name}",
            pods=many,
            cpu=_cores(service.cpu),
            memory=_memory(service.pod_memory),
            devices=service.devices,
            numbers=(given.max if scaled else given.min, service.most),
            resources=service.part.resources,
            origin=service.runtime_name,
            part=service if what != "shadow of" else None,
        )


@decision
def _beside(most: Because[int], keeps_old_whole: Because[bool], in_place: Because[bool]) -> tuple[int, str]:
    """Pods of a new version beside those of the old one: as many with traffic routing, else the surge."""
    if keeps_old_whole.value:
        return most.value, f"the new version ends with {count(most.value, 'pod')}, and the old one keeps its own"
    if in_place.value:
        return 0, "replicas are replaced in their place"
    return 1, "replicas are replaced one by one, each when the next one answers"


def _batch(batch: BatchPlan) -> Share:
    return Share(
        name=f"batch {batch.part.own_name.value}",
        pods=batch.parallel,
        cpu=_cores(batch.cpu),
        memory=_memory(batch.memory),
        devices=batch.part.resources.accelerator,
        numbers=(batch.part.parallel,),
        resources=batch.part.resources,
        origin=batch.part.image,
        part=batch,
    )


def _training(training: TrainingPlan) -> Iterator[Share]:
    """A run, and beside it a search with a schedule of its own."""
    asked = training.part.resources
    pods = {"training": fixed(1, "a training run is one pod")}
    if training.search_schedule is not None:
        pods["tuning"] = fixed(1, "a search is one pod, which tries several settings at once")
    for name, many in pods.items():
        yield Share(
            name=name,
            pods=many,
            cpu=_cores(asked.cpu),
            memory=_memory(asked.memory),
            devices=asked.accelerator,
            numbers=(many,),
            resources=asked,
            origin=training.part.image,
        )


# Amounts


def _size(amount: Amount) -> Decimal:
    return Decimal(amount) if isinstance(amount, int) else amount.amount


@decision
def _cores(cpu: Because[Cores]) -> tuple[Cores, str]:
    """Those of a pod: the container's, or those of one that runs before it."""
    return max(cpu.value, Cores.parse(conventions.HELPER_CPU)), cpu.reason


@decision
def _memory(memory: Because[Memory]) -> tuple[Memory, str]:
    return max(memory.value, Memory.parse(conventions.HELPER_MEMORY)), memory.reason


@decision
def _sum(shares: tuple[tuple[str, Because[int], Because[Any]], ...]) -> tuple[Amount, str]:
    total = sum((pods.value * _size(each.value) for _, pods, each in shares), Decimal(0))
    made = type(shares[0][2].value)
    return made(total), " + ".join(f"{name} {pods.value} x {each.value}" for name, pods, each in shares)


@decision
def _left(allowed: Because[Any], needed: Because[Any]) -> tuple[Amount, str]:
    left = _size(allowed.value) - _size(needed.value)
    return type(allowed.value)(left), f"{allowed.value} less {needed.value}"

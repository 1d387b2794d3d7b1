"""The peak resource usage of one environment, compared with the quota of its namespace.

The peak assumes that everything coincides: every service runs its maximum replicas while one new version rolls out and
another is in the shadow stage, and batch runs, a training run, and a hyperparameter search are in progress. Each part
counts as its number of pods times the requests of one pod, which is what a ResourceQuota counts (kubernetes.io,
resource quotas).

Traps that this module handles:

- Argo Rollouts with traffic routing keeps all replicas of the old version, and scales the new version to the same
  number of pods after the last step, whatever its traffic share (utils/replicaset/canary.go).
- An autoscaler's maximum limits only the old version.
- Shared memory counts as memory.
- An init container counts only if it requests more than the main containers.

Terminating pods are not counted: a pod that waits for their resources waits no longer than they take to drain.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ....schema.units import Cores, Memory
from ... import conventions
from ...because import Because, because, decision, fixed
from ...record import Record
from ...system import (
    AcceleratorRequest,
    Materialization,
    MonitorResources,
    OnlineLearning,
    Resources,
    TrainingResources,
)
from ..choose import count
from ..service import ServicePlan
from ..serving.batch import BatchPlan
from ..serving.recording import chosen
from ..sidecars import with_cpu, with_disk, with_memory
from ..training import TrainingPlan
from .own import own

if TYPE_CHECKING:
    from .. import Plan

__all__ = ["DISK", "QuotaPlan", "Share"]

DISK = "ephemeralStorage"
"""The path of the disk space of nodes."""

Amount = int | Cores | Memory
Amounts = dict[str, Because[Any]]
"""Amounts by their paths under `platform.quota`."""


class Share(Record):
    """One part of an environment: identical pods and the requests of each."""

    name: str
    pods: Because[int]
    cpu: Because[Cores]
    memory: Because[Memory]
    disk: Because[Memory]
    devices: AcceleratorRequest | None
    numbers: tuple[object, ...]
    """The values in the spec that determine the number of pods."""
    resources: Resources | TrainingResources | MonitorResources | Materialization | OnlineLearning
    origin: Because[str]
    """The value in the spec that this part exists because of."""
    part: ServicePlan | BatchPlan | None = None
    """The service or batch run whose replicas or parallel partitions determine the number of pods."""

    @property
    def each(self) -> Amounts:
        """The requests of one pod."""
        devices = self.devices
        asked: Amounts = {f"accelerators.{devices.type.value}": devices.count} if devices is not None else {}
        return {**asked, "cpu": self.cpu, "memory": self.memory, DISK: self.disk}

    @property
    def _own(self) -> dict[str, object]:
        given = self.resources
        own: dict[str, object] = {"cpu": given.cpu, "memory": given.memory}
        return own if isinstance(given, Materialization) else {**own, DISK: given.ephemeral_storage}

    def places(self, path: str) -> tuple[object, ...]:
        """Where the author can reduce its use of a resource, best place first."""
        kind = self.devices.type if self.devices is not None else None
        own = kind if path.startswith("accelerators.") else self._own.get(path)
        return (*self.numbers, own, kind, self.origin)


class QuotaPlan:
    """The peak resource usage of one environment."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @cached_property
    def shares(self) -> tuple[Share, ...]:
        """All parts that have pods at peak."""
        return tuple(share for share in self._all if share.pods.value)

    @property
    def _all(self) -> Iterator[Share]:
        for service in self.plan.online.values():
            yield from _online(service)
        for batch in self.plan.batch.values():
            yield _batch(batch)
        if self.plan.training is not None:
            yield from _training(self.plan.training)
        yield from _own(self.plan)

    @cached_property
    def accelerators(self) -> tuple[str, ...]:
        """The paths of the accelerator types in use."""
        each = dict.fromkeys(path for share in self.shares for path in share.each)
        return tuple(path for path in each if path.startswith("accelerators."))

    @cached_property
    def needed(self) -> Amounts:
        """The peak usage of each accelerator type, of CPU, of memory, and of disk space."""
        paths = (*self.accelerators, "cpu", "memory", DISK) if self.shares else ()
        return {path: _sum(self._of(path)) for path in paths}

    def _of(self, path: str) -> tuple[tuple[str, Because[int], Because[Any]], ...]:
        return tuple((share.name, share.pods, share.each[path]) for share in self.shares if path in share.each)

    @cached_property
    def allowed(self) -> Amounts:
        """The quota of each resource in use; resources without a quota are omitted."""
        quota = self.plan.platform.quota
        kinds = {f"accelerators.{name}": most for name, most in quota.accelerators.items()}
        limits = {**kinds, "cpu": quota.cpu, "memory": quota.memory, DISK: quota.ephemeral_storage}
        return {path: most for path, most in limits.items() if most is not None and path in self.needed}

    @cached_property
    def left(self) -> Amounts:
        """What the quota leaves; negative if the quota is exceeded."""
        return {path: _left(most, self.needed[path]) for path, most in self.allowed.items()}

    def largest(self, path: str) -> Share:
        """The part that uses the most of a resource."""
        among = (share for share in self.shares if path in share.each)
        return max(among, key=lambda share: share.pods.value * _size(share.each[path].value))

    def most(self, part: ServicePlan | BatchPlan) -> int:
        """How many replicas or parallel partitions fit in every quota if nothing else changes."""
        pods = self.room(part)
        assert pods is not None  # the quota of something that it uses is exceeded
        if isinstance(part, BatchPlan):
            return pods
        return pods // 2 if part.workload.keeps_old_whole.value else pods - int(not part.in_place.value)

    def room(self, part: ServicePlan | BatchPlan) -> int | None:
        """How many of its pods fit in every quota next to those of the others; None if no quota limits them."""
        own = [share for share in self.shares if share.part is part]
        rooms = []
        for path, left in self.left.items():
            taken = sum(share.pods.value * _size(share.each[path].value) for share in own if path in share.each)
            if taken:
                rooms.append((_size(left.value) + taken) // _size(own[0].each[path].value))
        return max(0, int(min(rooms))) if rooms else None


# The parts


def _online(service: ServicePlan) -> Iterator[Share]:
    """The maximum replicas, the pods that a rollout adds, and the shadow, which is replaced in place."""
    name, canary = service.part.own_name.value, service.canary
    scaled = service.scales.value
    most = service.max_replicas if scaled else service.min_replicas
    shadows = canary.shadow_replicas if canary.shadow_stage is not None else fixed(0, "there is no shadow")
    pods = {
        "serving": (most, service.live),
        "rollout of": (_added(most, service.workload.keeps_old_whole, service.in_place), service.live),
        "shadow of": (shadows, service.latest),
    }
    given = service.part.replicas
    for what, (many, version) in pods.items():
        yield Share(
            name=f"{what} {name}",
            pods=many,
            cpu=with_cpu(_cores(service.cpu), service.extras),
            memory=with_memory(_memory(version.pod_memory), service.extras),
            disk=_disk(version.disk, chosen(service.scope, service.part)) if service.recorder else version.disk,
            devices=service.devices,
            numbers=(given.max if scaled else given.min, service.most),
            resources=service.part.resources,
            origin=service.runtime_name,
            part=service if what != "shadow of" else None,
        )


@decision
def _added(most: Because[int], keeps_old_whole: Because[bool], in_place: Because[bool]) -> tuple[int, str]:
    """The pods that a new version adds to the old ones: the same number with traffic routing, else the surge."""
    if keeps_old_whole.value:
        return most.value, f"the new version scales to {count(most.value, 'pod')} while the old version keeps its own"
    if in_place.value:
        return 0, "replicas are replaced in place"
    return 1, "replicas are replaced one at a time, each after its successor is ready"


def _batch(batch: BatchPlan) -> Share:
    return Share(
        name=f"batch {batch.part.own_name.value}",
        pods=batch.parallel,
        cpu=with_cpu(_cores(batch.cpu), batch.part.sidecars),
        memory=with_memory(_memory(batch.pod_memory), batch.part.sidecars),
        disk=batch.disk,
        devices=batch.part.resources.accelerator,
        numbers=(batch.part.parallel,),
        resources=batch.part.resources,
        origin=batch.part.image,
        part=batch,
    )


def _training(training: TrainingPlan) -> Iterator[Share]:
    """A training run, plus a hyperparameter search if it has a separate schedule."""
    asked = training.part.resources
    pods = {"training": training.nodes}
    if training.spread is not None:
        pods["training steps"] = because(1, "the pod of the other steps, which waits for the nodes", training.nodes)
    if training.search_schedule is not None:
        pods["tuning"] = fixed(1, "a search is one pod, which runs its trials in parallel")
    for name, many in pods.items():
        yield Share(
            name=name,
            pods=many,
            cpu=with_cpu(_cores(asked.cpu), training.part.sidecars),
            memory=with_memory(_memory(asked.memory), training.part.sidecars),
            disk=with_disk(asked.ephemeral_storage, training.part.volumes),
            devices=asked.accelerator if name != "training steps" else None,
            numbers=(many,),
            resources=asked,
            origin=training.part.image,
        )


def _own(plan: Plan) -> Iterator[Share]:
    """What mlspec runs itself."""
    for one in own(plan):
        yield Share(
            name=one.name,
            pods=one.pods,
            cpu=one.cpu,
            memory=one.memory,
            disk=one.disk,
            devices=None,
            numbers=(),
            resources=one.resources,
            origin=one.origin,
        )


# Amounts


def _size(amount: Amount) -> Decimal:
    return Decimal(amount) if isinstance(amount, int) else amount.amount


@decision
def _cores(cpu: Because[Cores]) -> tuple[Cores, str]:
    """The CPU request of a pod: the larger of its container's and its init container's."""
    return max(cpu.value, Cores.parse(conventions.HELPER_CPU)), cpu.reason


@decision
def _memory(memory: Because[Memory]) -> tuple[Memory, str]:
    return max(memory.value, Memory.parse(conventions.HELPER_MEMORY)), memory.reason


@decision
def _disk(disk: Because[Memory], _: tuple[Because[str], ...]) -> tuple[Memory, str]:
    added = Memory.parse(conventions.RECORDER_DISK)
    return Memory(disk.value.amount + added.amount), f"{disk.value}, and {added} for the recorder"


@decision
def _sum(shares: tuple[tuple[str, Because[int], Because[Any]], ...]) -> tuple[Amount, str]:
    total = sum((pods.value * _size(each.value) for _, pods, each in shares), Decimal(0))
    made = type(shares[0][2].value)
    return made(total), " + ".join(f"{name} {pods.value} x {each.value}" for name, pods, each in shares)


@decision
def _left(allowed: Because[Any], needed: Because[Any]) -> tuple[Amount, str]:
    left = _size(allowed.value) - _size(needed.value)
    return type(allowed.value)(left), f"{allowed.value} minus {needed.value}"

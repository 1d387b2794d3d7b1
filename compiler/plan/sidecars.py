"""What the sidecars and the volumes of a pod add to its requests, which are part of its price and of the quota.

Sidecars run for as long as the main container, so their requests add up (kubernetes.io, Sidecar containers, resources).
Empty volumes count as disk space of their pod, and the kubelet evicts a pod that uses more than the limits of its
containers (kubernetes.io, Local ephemeral storage).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ...schema.units import Cores, Memory
from ..because import Because, decision
from ..system import PodVolume
from .choose import count

__all__ = ["Asking", "with_cpu", "with_disk", "with_memory"]


class Asking(Protocol):
    """A container next to the main one."""

    @property
    def cpu(self) -> Because[Cores]: ...

    @property
    def memory(self) -> Because[Memory]: ...


def with_cpu(cpu: Because[Cores], sidecars: Mapping[str, Asking]) -> Because[Cores]:
    """The CPU request of a whole pod."""
    return _cpu(cpu, tuple(one.cpu for one in sidecars.values())) if sidecars else cpu


def with_memory(memory: Because[Memory], sidecars: Mapping[str, Asking]) -> Because[Memory]:
    """The memory request of a whole pod."""
    return _memory(memory, tuple(one.memory for one in sidecars.values())) if sidecars else memory


def with_disk(disk: Because[Memory], volumes: Mapping[str, PodVolume]) -> Because[Memory]:
    """The disk space of a container, and of the empty volumes of its pod."""
    sizes = tuple(volume.size for volume in volumes.values() if volume.size is not None)
    return _disk(disk, sizes) if sizes else disk


@decision
def _cpu(cpu: Because[Cores], added: tuple[Because[Cores], ...]) -> tuple[Cores, str]:
    total = cpu.value.amount + sum(one.value.amount for one in added)
    return Cores(total), f"{cpu.value} cores and those of {count(len(added), 'sidecar')}"


@decision
def _memory(memory: Because[Memory], added: tuple[Because[Memory], ...]) -> tuple[Memory, str]:
    total = memory.value.amount + sum(one.value.amount for one in added)
    return Memory(total), f"{memory.value} and that of {count(len(added), 'sidecar')}"


@decision
def _disk(disk: Because[Memory], added: tuple[Because[Memory], ...]) -> tuple[Memory, str]:
    total = disk.value.amount + sum(one.value.amount for one in added)
    return Memory(total), f"{disk.value} and {count(len(added), 'volume')} of the pod"

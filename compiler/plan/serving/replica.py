"""The resource requests of one replica if the spec does not set them: CPU for its requests, memory for its model, and
shared memory for the processes of its accelerators.
"""

from __future__ import annotations

from collections.abc import Mapping

from ....schema.units import Cores, Memory
from ...because import Because, because, decision
from ...system import AcceleratorRequest, PodVolume
from ..choose import count

__all__ = ["cores", "memory", "of_devices", "pod_memory", "threads"]

COLLECTIVES = Memory.parse("1Gi")
"""What NVIDIA recommends for containers with several devices."""


@decision
def cores(
    usual: Because[Cores], slots: Because[int], cpu_bound: Because[bool], accelerated: Because[bool]
) -> tuple[Cores, str]:
    if accelerated.value:
        return usual.value, "enough for the runtime, because the accelerator does the work"
    if not cpu_bound.value or slots.value <= usual.value.amount:
        return usual.value, "enough for the runtime"
    return Cores(slots.value), f"one core for each of {count(slots.value, 'concurrent request')} per replica"


@decision
def memory(
    usual: Because[Memory],
    size: Because[Memory] | None,
    accelerated: Because[bool],
    cache: Because[Memory] | None,
    worker: Because[Memory] | None,
    workers: Because[int] | None,
) -> tuple[Memory, str]:
    step = 256 * 2**20
    weights = 0 if size is None else int(size.value.amount)
    needed = int(usual.value.amount) + (weights if accelerated.value else 2 * weights)
    what = f"{usual.value} for the runtime"
    if cache is not None:
        needed, what = needed + int(cache.value.amount), f"{what}, {cache.value} for the response cache"
    if worker is not None and workers is not None and workers.value > 1:
        more = workers.value - 1
        needed += more * (int(worker.value.amount) + weights)
        copy = "" if size is None else " and a copy of the model"
        what = f"{what}, {count(more, 'further worker')} with {worker.value}{copy} each"
    if size is None:
        known = "; the model size is unknown"
    elif accelerated.value:
        known = f", {size.value} for the model on its way to the accelerator"
    else:
        known = f", and 2 x {size.value} for the model (as read and as loaded)"
    return Memory(-(-needed // step) * step), f"{what}{known}"


def of_devices(devices: AcceleratorRequest | None, volumes: Mapping[str, PodVolume]) -> Because[Memory] | None:
    """What the processes of several accelerators need; None for a single one, or if the spec has a volume there."""
    if devices is None or devices.count.value == 1 or _mounted(volumes):
        return None
    return because(COLLECTIVES, "the processes of several accelerators exchange data", devices.count)


def _mounted(volumes: Mapping[str, PodVolume]) -> bool:
    paths = (volume.path.value for volume in volumes.values() if volume.path is not None)
    return any(path.rstrip("/") == "/dev/shm" for path in paths)


@decision
def pod_memory(memory: Because[Memory], shared: Because[Memory]) -> tuple[Memory, str]:
    whole = Memory(memory.value.amount + shared.value.amount)
    return whole, f"{memory.value} plus {shared.value} of shared memory, which counts against the limit"


@decision
def threads(cpu: Because[Cores], processes: Because[int] | None) -> tuple[int, str]:
    each = count(int(cpu.value.amount), "core")
    if processes is None or processes.value == 1:
        return max(1, int(cpu.value.amount)), f"one for each of {each}; libraries count those of the whole node"
    share = max(1, int(cpu.value.amount) // processes.value)
    return share, f"{each} for {count(processes.value, 'worker')}; libraries count those of the whole node"

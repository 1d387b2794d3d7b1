"""The shared memory of a replica: what its processes pass to each other.

Triton's Python backend has a region for each instance. It starts with 1 MiB, grows to 1.34 times the largest batch
(measured: 163 MiB for a request of 122 MiB), and never shrinks. A region that cannot grow fails the request.

Processes on several accelerators exchange tensors through it, too: NCCL does not start where it is too small (NVIDIA,
NCCL user guide, Troubleshooting).
"""

from __future__ import annotations

from math import prod

from ....schema.units import Memory
from ...because import Because, because, decision
from ...catalog.load import ships
from ...finding import where
from ...system import Artifact
from ..choose import assumed, count
from .facts import ServiceFacts
from .replica import of_devices

__all__ = ["shared_memory"]

WIDTHS = {
    "bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "float16": 2, "bfloat16": 2, "int32": 4, "uint32": 4,
    "float32": 4, "int64": 8, "uint64": 8, "float64": 8,
}  # fmt: skip
"""The bytes of one number."""

MEBI = 2**20


def shared_memory(service: ServiceFacts, artifact: Artifact) -> Because[Memory] | None:
    """The size of `/dev/shm`; None if the 64 MiB that Kubernetes provides are enough."""
    usual = service.runtime.shared_memory
    if usual is None:
        needed = of_devices(service.devices, service.part.volumes)
        path = f"{service.part.spec_path}.container.sharedMemory"
        return assumed(path, needed.value, needed.reason, needed) if needed is not None else None
    written = where(usual)
    if written is None or not ships(written.file):
        return usual
    if service.runtime.setup.value != "triton" or artifact.format.value != "python":
        return usual
    one = _item(service)
    if one is None:
        return usual
    batch = service.part.batching.max_size if service.part.batching is not None else None
    return _regions(usual, service.workers, one, batch).also(artifact.format)


def _item(service: ServiceFacts) -> Because[int] | None:
    """The bytes of the inputs and outputs of one item; None if a shape or a type has no fixed size."""
    signature = service.scope.system.models[service.model.value].signature
    if signature is None:
        return None
    total, tensors = 0, (*signature.inputs, *signature.outputs)
    for tensor in tensors:
        dimensions = [dimension.value for dimension in tensor.shape]
        if -1 in dimensions or tensor.dtype.value not in WIDTHS:
            return None
        total += prod(dimensions) * WIDTHS[tensor.dtype.value]
    return because(total, "the inputs and outputs of one item", *(tensor.shape for tensor in tensors))


@decision
def _regions(
    usual: Because[Memory], instances: Because[int], item: Because[int], batch: Because[int] | None
) -> tuple[Memory, str]:
    items = batch.value if batch is not None else 1
    region = MEBI + -(-item.value * items * 3 // 2)
    needed = -(-region * instances.value // (64 * MEBI)) * 64 * MEBI
    if needed <= usual.value.amount:
        return usual.value, usual.reason
    what = (
        f"{count(instances.value, 'instance')} with 1Mi and 1.5 x {count(items, 'item')} of {item.value:,} bytes each"
    )
    return Memory(needed), f"{what}: the region of an instance grows with its largest batch"

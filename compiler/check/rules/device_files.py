"""Files of a model that are larger than the memory of the accelerators that they are loaded into, whatever it is."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ....schema.units import Memory
from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan.accelerators import called
from ...plan.service import ServicePlan
from ...plan.serving.files import ModelFiles
from ...record import Record
from ...system import Accelerator

__all__ = ["larger_than_memory"]

COPIED = ("onnx", "torchscript")
"""The formats that each instance of Triton loads again, unless a parameter of the backend shares the copy."""

HALVED = 2
"""How many times smaller 32-bit files can be in memory, where servers keep 16 bits of each weight."""

QUANTIZED = 4
"""The same where the server quantizes the weights as it loads them."""


SPARE = 1.2
"""How many times as much memory as the files an accelerator has that is proposed, for what the model computes."""


class Held(Record):
    """What the files need at least, in bytes, on each device or on all of them together."""

    least: float
    likely: float
    """What they need if they are kept as they are stored."""
    together: bool
    copies: int
    why: str


def larger_than_memory(service: ServicePlan) -> Iterator[Diagnostic]:
    """The versions whose files certainly do not fit, of a model whose weights are not known."""
    devices, device = service.devices, service.device
    if devices is None or device is None or device.memory is None:
        return
    for version in service.versions:
        size = version.files.artifact.size
        held = _held(service, version.files, size) if size is not None else None
        if size is None or held is None or held.least <= _room(device, devices.count.value, held):
            continue
        have = "has" if devices.count.value == 1 else "have"
        each = "" if devices.count.value == 1 else " each"
        yield finding(
            "MLS408",
            f"`{service.model.value}` has {size.value} of files, but {called(devices.count.value, devices.type.value)} "
            f"{have} {device.memory.value} of memory{each}",
            size,
            others=((devices.type, "the accelerator"),),
            note=f"{held.why}; the server would run out of memory as it starts, in every replica",
            help=", or ".join((*_larger(service, device, held), "correct the `size` of the files")),
        )


def _held(service: ServicePlan, files: ModelFiles, size: Because[Memory]) -> Held | None:
    """None if the server may keep a part of the files elsewhere, or if mlspec does not know what it does with them."""
    whole, format_ = float(size.value), files.artifact.format.value
    if any(feature.value == "llm" for feature in service.runtime.features):
        optimization = service.scope.system.models[service.model.value].optimization
        few = QUANTIZED if optimization is not None and optimization.quantization is not None else HALVED
        why = f"even {'a quarter' if few == QUANTIZED else 'half'} of the files is more"
        return Held(least=whole / few, likely=whole, together=True, copies=1, why=why)
    if service.runtime.setup.value != "triton" or format_ not in (*COPIED, "tensorrt"):
        return None
    copies = service.workers.value if format_ in COPIED and not service.part.parameters else 1
    why = f"each of {copies} instances loads a copy" if copies > 1 else "the whole model is loaded into it"
    return Held(least=whole * copies, likely=whole * copies, together=False, copies=copies, why=why)


def _room(device: Accelerator, count: int, held: Held) -> float:
    """The bytes of memory that there are."""
    assert device.memory is not None
    return float(device.memory.value) * (count if held.together else 1)


def _larger(service: ServicePlan, present: Accelerator, held: Held) -> Iterator[str]:
    """Fewer instances, or the cheapest accelerator with enough memory whose nodes are known."""
    devices, memory = service.devices, present.memory
    assert devices is not None
    assert memory is not None
    fewer = int(held.copies * float(memory.value) / (SPARE * held.least))
    if 0 < fewer < held.copies:
        yield f"write `instances: {fewer}` or less"
    scope, count = service.scope, devices.count.value
    named = {name.value for name in scope.system.constraints.accelerators}
    able = [
        (float(device.price.value) if device.price is not None else math.inf, name)
        for name, device in scope.platform.accelerators.items()
        if (not named or name in named)
        and not device.slice.value
        and device.resource.value.partition("/")[0] == present.resource.value.partition("/")[0]
        and (device.bfloat16.value or not held.together)
        and device.memory is not None
        and _room(device, count, held) >= SPARE * held.likely
        and (device.node_selector or scope.platform.cloud.value in device.selectors)
    ]
    if able:
        yield f"use {called(count, min(able)[1])}"

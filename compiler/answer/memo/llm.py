"""How a language model fits on its accelerators, and how fast it is there."""

from __future__ import annotations

from collections.abc import Iterator

from ...because import text
from ...plan.choose import seconds
from ...plan.language_models.fit import gibibytes
from ...plan.service import ServicePlan
from .line import Line

__all__ = ["fit"]


def fit(service: ServicePlan) -> Iterator[Line]:
    """The accelerators, the memory and the speed; nothing for a model whose shape nobody knows."""
    devices, hardware = service.devices, service.hardware
    if devices is None:
        return
    kind = text("{count} x {type}", devices.type.reason, count=devices.count.map(str), type=devices.type)
    yield Line(title="accelerators of a replica", value=kind, field=f"{service.part.spec_path}.resources.accelerator")
    if hardware.fit is None:
        return
    yield Line(title="weights", value=hardware.fit.model.weights.map(gibibytes))
    yield Line(title="memory left for the cache", value=hardware.fit.budget.map(gibibytes))
    yield Line(title="a whole context fits", value=hardware.fit.fits)
    yield Line(title="usual sequences that fit", value=hardware.fit.sequences, count_of="sequence")
    if hardware.speed is not None:
        most = f"{service.part.spec_path}.batching.maxSize"
        yield Line(title="sequences at once", value=hardware.speed.sequences, count_of="sequence", field=most)
        yield Line(title="to read a prompt", value=hardware.speed.prefill.map(seconds))
        yield Line(title="to write a token of each", value=hardware.speed.step.map(seconds))
        yield Line(
            title="a replica answers",
            value=hardware.speed.throughput,
            field=f"{service.part.spec_path}.serviceTime",
        )

"""How a language model fits on its accelerators, and how fast it is."""

from __future__ import annotations

from collections.abc import Iterator

from ...because import text
from ...plan import Plan
from ...plan.choose import gibibytes, seconds
from ...plan.service import ServicePlan
from .line import Line, percent

__all__ = ["fit", "knowledge"]


def knowledge(plan: Plan, name: str) -> Iterator[Line]:
    """Where answers of a language model get what they must know from, and what the ways cost."""
    found = plan.knowledge.get(name)
    if found is None:
        return
    path = found.service.part.spec_path
    yield Line(title="proposed source of knowledge", value=found.proposed, field=f"{path}.llm.knowledge")
    if found.held is not None:
        yield Line(title="share of the knowledge that a prompt holds", value=found.held.map(percent))
    if found.refreshed is not None:
        yield Line(title="knowledge updated every", value=found.refreshed, field=f"{path}.llm.knowledge.maxAge")
    if found.context_cost is not None:
        yield Line(title="cost of retrieved tokens", value=found.context_cost)
    if found.tuning_cost is not None:
        yield Line(title="cost of fine-tuning", value=found.tuning_cost)


def fit(service: ServicePlan) -> Iterator[Line]:
    """The accelerators, the memory, and the speed; only the accelerators for a model of unknown shape."""
    devices, hardware, path = service.devices, service.hardware, service.part.spec_path
    if service.part.llm is not None:
        yield Line(title="task", value=service.task, field=f"{path}.llm.task")
    if devices is None:
        return
    kind = text("{count} x {type}", devices.type.reason, count=devices.count.map(str), type=devices.type)
    yield Line(title="accelerators per replica", value=kind, field=f"{path}.resources.accelerator")
    if hardware.fit is None:
        return
    yield Line(title="weights", value=hardware.fit.model.weights.map(gibibytes))
    yield Line(title="memory for the KV cache", value=hardware.fit.budget.map(gibibytes))
    yield Line(title="full context fits", value=hardware.fit.fits)
    yield Line(title="typical sequences that fit", value=hardware.fit.sequences, count_of="sequence")
    if hardware.speed is not None:
        most = f"{path}.batching.maxSize"
        yield Line(title="concurrent sequences", value=hardware.speed.sequences, count_of="sequence", field=most)
        if hardware.speed.chunk is not None:
            chunk = f"{path}.llm.promptChunk"
            yield Line(title="prompt tokens per step", value=hardware.speed.chunk, count_of="token", field=chunk)
        yield Line(title="prefill time", value=hardware.speed.prefill.map(seconds))
        yield Line(title="decode step time", value=hardware.speed.step.map(seconds))
        yield Line(
            title="throughput per replica",
            value=hardware.speed.throughput,
            field=f"{path}.serviceTime",
        )
    proposals = hardware.proposals
    if proposals is None:
        return
    for bits, proposal in proposals.bits.items():
        yield Line(title=f"proposal: {bits} bits per weight", value=proposal)
    if proposals.smaller is not None:
        yield Line(title="proposal: the next smaller model", value=proposals.smaller)
    if proposals.other is not None:
        yield Line(title="proposal: other accelerators", value=proposals.other)

"""The rule on the memory of training: what cannot fit fails at its first step, after the wait for a node."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.accelerators import called
from ...plan.choose import gibibytes
from ...system import MLSystem
from ..lint import rule

__all__ = ["training_does_not_fit"]


@rule(
    "MLS714",
    "error",
    "models.*.llm.family",
    "models.*.llm.shape",
    "models.*.llm.tuning.method",
    "training.resources.accelerator",
    "training.distributed.strategy",
    "training.distributed.nodes",
    "constraints.accelerators",
    "platform.families",
    "platform.accelerators",
    "platform.planning.trainingMemory",
)
def training_does_not_fit(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Fine-tuning that does not fit into the memory of its accelerators.

    Why: full fine-tuning with Adam needs 16 bytes per parameter, eight times the size of the weights in 16 bits. A run
    without that memory fails at its first step, after it has waited for accelerators and downloaded the model.

    Bad:
        model: {llm: {family: llama-3.1-8b, tuning: {method: full}}}
        training: {resources: {accelerator: {type: h100, count: 1}}}
    Good:
        model: {llm: {family: llama-3.1-8b, tuning: {method: lora}}}
        training: {resources: {accelerator: {type: h100, count: 1}}}
    """
    if system.training is None or system.training.resources.accelerator is None:
        return
    from ...plan.training.memory import training_memory

    found = training_memory(plan)
    if found is None or found.needed.value <= float(found.has.value):
        return
    cheaper = {"full": "lora", "dpo": "lora", "lora": "qlora"}.get(found.method.value)
    other = f", or write `method: {cheaper}`" if cheaper is not None else ""
    has = gibibytes(float(found.has.value))
    fitting = " or ".join(_fitting(plan))
    larger = f"use {fitting}" if fitting else "use more or larger accelerators"
    yield finding(
        "MLS714",
        f"training needs {gibibytes(found.needed.value)} per `{found.device.value}`, which has {has}",
        found.device,
        others=((found.method, "how the model is trained"),),
        note=f"the run would fail at its first step: {found.needed.reason}",
        help=f"{larger} with `strategy: fully-sharded`{other}",
    )


def _fitting(plan: Plan) -> Iterator[str]:
    """The fewest devices of each allowed type that have the memory."""
    from ...plan.budget.training import fitting

    for name in plan.system.constraints.accelerators:
        devices = fitting(plan, name)
        if devices is not None:
            yield called(devices.value, name.value)

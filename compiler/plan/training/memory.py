"""The accelerator memory that fine-tuning a language model needs at least: its weights and their training state.

- Full fine-tuning with Adam in mixed precision needs 16 bytes per parameter: 2 for weights, 2 for gradients, and 12 for
  the optimizer (S. Rajbhandari et al., ZeRO: memory optimizations toward training trillion parameter models, 2020,
  section 3.1). DPO also keeps the reference model (R. Rafailov et al., Direct preference optimization, 2023).
- LoRA trains few parameters on top of frozen 16-bit weights (E. Hu et al., LoRA: low-rank adaptation of large language
  models, 2021). QLoRA freezes them at 4 bits plus 0.127 bits of constants (T. Dettmers et al., QLoRA: efficient
  finetuning of quantized LLMs, 2023, section 3); embeddings stay at 16 bits.

Activations, the adapter itself, and buffers come on top. So what does not fit here never fits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....schema.units import Memory
from ...because import Because, decision
from ...row import Row
from ...system import Distributed, LlmShape
from ..choose import count, counted, gibibytes
from .shape import trained_shape

if TYPE_CHECKING:
    from .. import Plan
    from . import TrainingPlan

__all__ = ["TrainingMemory", "needed", "training_memory"]

STATE = {"full": 16.0, "dpo": 18.0, "lora": 2.0}
"""Bytes per parameter."""

FROZEN = 4.127 / 8
"""Bytes per parameter that QLoRA quantizes."""


class TrainingMemory(Row):
    """What a device must hold, and what it has."""

    needed: Because[int]
    """Bytes per device."""
    has: Because[Memory]
    device: Because[str]
    method: Because[str]


def training_memory(plan: Plan) -> TrainingMemory | None:
    """The memory of a training run; None unless it fine-tunes a model of known shape on accelerators."""
    training = plan.training
    asked = training.part.resources.accelerator if training is not None else None
    found = trained_shape(training) if training is not None else None
    least = needed(training, asked.count) if training is not None and asked is not None else None
    if asked is None or found is None or least is None:
        return None
    has = plan.platform.accelerators[asked.type.value].memory
    return TrainingMemory(least, has, asked.type, found[1]) if has is not None else None


def needed(training: TrainingPlan, devices: Because[int]) -> Because[int] | None:
    """The bytes that each of some devices must hold at least; None if the model or the method is unknown."""
    found, language = trained_shape(training), training.trained.llm
    if found is None or language is None:
        return None
    shape, method = found
    return _needed(shape, language.family, method, devices, training.part.distributed)


@decision
def _needed(
    shape: LlmShape,
    family: Because[str] | None,
    method: Because[str],
    devices: Because[int],
    distributed: Distributed | None,
) -> tuple[int, str]:
    total = float(shape.parameters.value)
    whole = float(shape.embedding_parameters.value) if shape.embedding_parameters is not None else 0.0
    of = f" of `{family.value}`" if family is not None else ""
    if method.value == "qlora":
        size = (total - whole) * FROZEN + whole * 2
        said = f"{counted(total - whole)} parameters{of} x 4.127 bits" + (
            f" + {counted(whole)} x 2 bytes" if whole else ""
        )
    else:
        size = total * STATE[method.value]
        said = f"{counted(total)} parameters{of} x {STATE[method.value]:g} bytes"
    nodes = distributed.nodes.value if distributed is not None else 1
    copies = distributed is not None and distributed.strategy.value == "data-parallel"
    share = 1 if copies else nodes * devices.value
    over = "; data-parallel training copies all of it to each device" if copies else f" / {count(share, 'device')}"
    return int(size / share), f"{said} = {gibibytes(size)}{over}; activations come on top"

"""How long a fit takes on accelerators: as measured, scaled to other accelerators, or estimated from its tokens.

Training takes about 6 operations per parameter and token: 2 in the forward pass, 2 for the gradients of activations,
and 2 for those of weights (J. Kaplan et al., Scaling laws for neural language models, arXiv:2001.08361, section 2.1;
J. Hoffmann et al., Training compute-optimal large language models, arXiv:2203.15556, appendix F). LoRA and QLoRA need
no gradients of frozen weights. DPO also runs the forward pass of the reference model. An accelerator achieves a share
of its FLOP/s, which published runs state in the same terms: without what is computed again.

Traps that this module handles: a device with more FLOP/s achieves a smaller share of them; a mixture of experts
computes with its active parameters, although it holds all of them.
"""

from __future__ import annotations

from ....schema.hardware import Compute
from ....schema.units import Count, Duration, Percent
from ...because import Because, decision
from ...system import Accelerator, LlmShape, Planning
from ..choose import counted, number, seconds

__all__ = ["OPERATIONS", "estimated", "measured", "operations", "rate", "reached", "said_operations", "scaled"]

OPERATIONS = {"full": 6, "dpo": 8, "lora": 4, "qlora": 4}
"""Operations per parameter and token."""

UNITS = ((1e21, "ZFLOP"), (1e18, "EFLOP"), (1e15, "PFLOP"), (1e12, "TFLOP"))


def said_operations(many: float) -> str:
    """A number of operations in words: `4.82 EFLOP`."""
    size, unit = next(((size, unit) for size, unit in UNITS if many >= size), UNITS[-1])
    return f"{number(many / size)} {unit}"


@decision
def operations(shape: LlmShape, method: Because[str], tokens: Because[Count]) -> tuple[float, str]:
    """The operations of one fit."""
    active = shape.active_parameters if shape.active_parameters is not None else shape.parameters
    each = OPERATIONS[method.value]
    many = each * float(active.value) * float(tokens.value)
    said = f"{each} x {counted(float(active.value))} parameters x {counted(float(tokens.value))} tokens"
    return many, f"{said} = {said_operations(many)}"


def rate(device: Accelerator, devices: Because[int], planning: Planning) -> Because[float] | None:
    """The operations per second that devices achieve together in training; None if their FLOP/s are unknown."""
    if device.compute is None or not device.compute.value.amount:
        return None
    planned, own = planning.training_efficiency, device.training_efficiency
    share = planned if own is None or planned.kind != "default" else own
    return _rate(device.compute, devices, share)


@decision
def _rate(compute: Because[Compute], devices: Because[int], share: Because[Percent]) -> tuple[float, str]:
    times = f"{devices.value} x " if devices.value > 1 else ""
    return devices.value * float(compute.value) * float(share.value), f"{times}{compute.value} x {share.value}"


@decision
def measured(fit: Because[Duration]) -> tuple[float, str]:
    """The time of a fit on the accelerators of the spec, in seconds."""
    return float(fit.value), f"{seconds(float(fit.value))}, as measured"


@decision
def scaled(
    fit: Because[Duration], before: Because[float], after: Because[float], rough: Because[float]
) -> tuple[float, str]:
    """The time of a fit on other accelerators, in seconds, if it is bound by arithmetic."""
    took = float(fit.value) * before.value / after.value
    low, high = seconds(took / rough.value), seconds(took * rough.value)
    return took, (
        f"{seconds(float(fit.value))} x ({before.reason}) / ({after.reason}) = {seconds(took)}, a rough estimate "
        f"({low} to {high})"
    )


@decision
def estimated(many: Because[float], after: Because[float], rough: Because[float]) -> tuple[float, str]:
    """The time of a fit by its operations, in seconds."""
    took = many.value / after.value
    low, high = seconds(took / rough.value), seconds(took * rough.value)
    return (
        took,
        f"{said_operations(many.value)} / ({after.reason}) = {seconds(took)}, a rough estimate ({low} to {high})",
    )


@decision
def reached(
    many: Because[float], fit: Because[Duration], compute: Because[Compute], devices: Because[int]
) -> tuple[float, str]:
    """The share of their FLOP/s that accelerators achieved in a measured fit."""
    could = float(compute.value) * devices.value * float(fit.value)
    times = f"{devices.value} x " if devices.value > 1 else ""
    return many.value / could, f"{many.reason} / ({times}{compute.value} x {seconds(float(fit.value))})"

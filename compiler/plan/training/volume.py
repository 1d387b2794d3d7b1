"""The volume that the steps of a run share.

When TRL fine-tunes a language model, it keeps the files of the base model on this volume, as a cache of the hub, and
writes the result there: adapters, or the whole model in the precision of its optimizer. The default of a volume that
holds a classical model is too small for either, and the run would end with a full disk after hours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....schema.units import Memory
from ...because import Because, because, decision, fixed
from ...finding import refusal
from ...system import LlmShape
from ..choose import counted, gibibytes
from .shape import trained_shape

if TYPE_CHECKING:
    from . import TrainingPlan

__all__ = ["volume"]

USUAL = Memory.parse("20Gi")

BASE, WHOLE = 2, 4
"""Bytes per parameter: the files of a base model on the hub have 16 bits, and TRL writes a whole model with the 32 bits
that its optimizer needs.
"""


def volume(training: TrainingPlan) -> Because[Memory]:
    """The size of the volume. Refuses one that the base model and the result do not fit into."""
    given, kept = training.part.storage.given, _kept_by_trl(training)
    if kept is None:
        return given if given is not None else fixed(USUAL, "enough for a model and its metrics")
    enough = _enough(kept, _compressed(training))
    if given is None:
        return enough
    if given.value.amount < kept.value:
        raise refusal(
            "MLS008",
            f"a volume of {given.value} is too small for a run that fine-tunes this model",
            given,
            others=((kept, "needs more"),),
            note=f"{kept.reason}; the run would end with a full disk, perhaps after hours of training",
            help=f"remove `storage`, or write `storage: {enough.value}`, with {USUAL} for rows and metrics",
        )
    return given


def _kept_by_trl(training: TrainingPlan) -> Because[int] | None:
    """The bytes that TRL keeps on the volume; None without it, or if the size of the model is unknown."""
    found, shape = training.fine_tuning, trained_shape(training)
    if found is None or not found.own or shape is None:
        return None
    base = found.tuning.base
    hub = because(base is not None and base.value.startswith("hf:"), "where the base model comes from", base)
    return _kept(shape[0], hub, found.adapters)


@decision
def _kept(shape: LlmShape, hub: Because[bool], adapters: Because[bool]) -> tuple[int, str]:
    total = float(shape.parameters.value)
    parts = [(BASE, "for the files of the base model")] if hub.value else []
    parts += [(WHOLE, "for the result")] if not adapters.value else []
    said = " + ".join(f"{each} bytes {what}" for each, what in parts) or "nothing, because adapters are small"
    size = total * sum(each for each, _ in parts)
    return int(size), f"{counted(total)} parameters x ({said}) = {gibibytes(size)}"


def _compressed(training: TrainingPlan) -> Because[int] | None:
    """The bytes that the step `compress` writes at most, if there is one: a merged model with 16 bits."""
    step, shape = training.part.steps.compress, trained_shape(training)
    if step is None or shape is None:
        return None
    size = int(float(shape[0].parameters.value) * BASE)
    return because(size, f"{gibibytes(size)} for what `compress` writes", step, shape[0].parameters)


@decision
def _enough(kept: Because[int], compressed: Because[int] | None) -> tuple[Memory, str]:
    more = compressed.value if compressed is not None else 0
    whole = -(-(kept.value + more + int(USUAL.amount)) // 2**30)
    and_that = f", {compressed.reason}" if compressed is not None else ""
    return Memory.parse(f"{whole}Gi"), f"{kept.reason}{and_that}, and {USUAL} for rows and metrics"

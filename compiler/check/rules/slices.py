"""The rule on parts of accelerators: several of them are not one larger accelerator."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import AcceleratorRequest, MLSystem
from ..lint import rule

__all__ = ["several_slices"]


@rule(
    "MLS413",
    "error",
    "services.*.resources.accelerator.count",
    "training.resources.accelerator.count",
    "platform.accelerators.*.slice",
)
def several_slices(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Several slices for one pod.

    Why: a slice is a part of a device, cut off from all others. CUDA shows a process one of them and no more, and
    slices exchange nothing between them: a model has the memory of one, whatever else is paid for, and a server or a
    training run that divides its tensors over two fails at its start.

    Bad:
        serving: {resources: {accelerator: {type: a100-40gb-1g-5gb, count: 2}}}
    Good:
        serving: {resources: {accelerator: {type: a100-40gb-2g-10gb}}}
    """
    known = plan.platform.accelerators
    for asked in _asked(plan):
        if asked.count.value > 1 and known[asked.type.value].slice.value:
            yield finding(
                "MLS413",
                f"{asked.count.value} x `{asked.type.value}` do not add up: a process sees one slice",
                asked.count,
                others=((asked.type, "a slice of a device"),),
                note="the model has the memory of one, and what divides its tensors over several fails at its start",
                help="leave `count` out, and use a larger slice or a whole device; for more requests, more replicas",
            )


def _asked(plan: Plan) -> Iterator[AcceleratorRequest]:
    """What the pods of this environment ask for; where the planner chooses, it takes one slice."""
    asked = [service.part.resources.accelerator for service in plan.online.values()]
    asked += [service.part.resources.accelerator for service in plan.batch.values()]
    asked += [plan.training.part.resources.accelerator] if plan.training is not None else []
    yield from (one for one in asked if one is not None)

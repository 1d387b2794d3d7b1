"""The rule on slices of accelerators: several slices are not one larger accelerator."""

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

    Why: a slice is an isolated part of a device. CUDA exposes only one slice to a process, and slices cannot exchange
    data. A model gets the memory of one slice, however many are paid for, and a server or a training run that splits
    its tensors across two fails at startup.

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
                f"{asked.count.value} x `{asked.type.value}` cannot be combined: a process sees only one slice",
                asked.count,
                others=((asked.type, "a slice of a device"),),
                note="the model gets the memory of one slice, and splitting tensors across several fails at startup",
                help="remove `count`, and use a larger slice or a whole device; to serve more requests, add replicas",
            )


def _asked(plan: Plan) -> Iterator[AcceleratorRequest]:
    """The accelerators that the pods of this environment request; the planner chooses one slice at most."""
    asked = [service.part.resources.accelerator for service in plan.online.values()]
    asked += [service.part.resources.accelerator for service in plan.batch.values()]
    asked += [plan.training.part.resources.accelerator] if plan.training is not None else []
    yield from (one for one in asked if one is not None)

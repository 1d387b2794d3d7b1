"""The rules on several accelerators for one pod: slices are not one device, and not every server uses all of them."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.accelerators import called
from ...system import AcceleratorRequest, MLSystem
from ..lint import rule

__all__ = ["idle_accelerators", "several_slices"]


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


@rule("MLS446", "warning", "services.*.resources.accelerator.count")
def idle_accelerators(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Accelerators that the server does not use.

    Why: TensorFlow Serving runs the graph as it was saved. Unless the graph itself names several devices, TensorFlow
    computes on the first one. It takes the memory of the others, too, but they stay idle, in every replica, and each
    costs as much as the one that works (tensorflow/serving#311).

    Bad:
        release:
          artifact:
            uri: hf://example/fraud-scorer
            format: savedmodel
            digest: 0e9e39f249a16976918f6564b8830bc894c89659
        constraints: {latency: {p99: 121.44ms}}
        serving: {runtime: tensorflow-serving, resources: {accelerator: {type: l4, count: 2}}}
    Good:
        release:
          artifact:
            uri: hf://example/fraud-scorer
            format: savedmodel
            digest: 0e9e39f249a16976918f6564b8830bc894c89659
        constraints: {latency: {p99: 121.44ms}}
        serving: {runtime: tensorflow-serving, resources: {accelerator: {type: l4}}}
    """
    known = plan.platform.accelerators
    for service in plan.online.values():
        devices, runtime = service.devices, service.runtime
        if devices is None or runtime.every_accelerator.value or known[devices.type.value].slice.value:
            continue
        if devices.count.value > 1:
            yield finding(
                "MLS446",
                f"`{service.runtime_name.value}` computes on one accelerator, but each replica has "
                f"{called(devices.count.value, devices.type.value)}",
                devices.count,
                others=((service.runtime_name, "the runtime"),),
                note="unless the model itself names several devices, the others are idle, and cost as much",
                help="remove `count`, and add replicas to serve more requests",
            )

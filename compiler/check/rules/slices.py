"""The rules on several accelerators for one pod: slices are not one device, and not every server uses all of them."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.accelerators import called
from ...plan.choose import count
from ...plan.service import ServicePlan
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


@rule(
    "MLS446",
    "warning",
    "services.*.resources.accelerator.count",
    "services.*.serviceTime.at",
    "services.*.container.severalAccelerators",
)
def idle_accelerators(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Accelerators that are idle in every replica.

    Why: TensorFlow Serving runs the graph as it was saved, and unless the graph names several devices, TensorFlow
    computes on the first one (tensorflow/serving#311). Triton and TorchServe run a request on one device, so a plan
    that counts on fewer requests at once than a replica has devices pays for devices that it does not count on.

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
        asked, how = service.devices, service.runtime.several_accelerators.value
        if asked is None or known[asked.type.value].slice.value:
            continue
        if how == "first" and asked.count.value > 1:
            yield _first(service, asked)
        elif how == "each" and asked.count.value > service.slots.value:
            yield _each(service, asked)


def _first(service: ServicePlan, asked: AcceleratorRequest) -> Diagnostic:
    have = called(asked.count.value, asked.type.value)
    return finding(
        "MLS446",
        f"`{service.runtime_name.value}` computes on one accelerator, but each replica has {have}",
        asked.count,
        others=((service.runtime_name, "the runtime"),),
        note="unless the model itself names several devices, the others are idle, and cost as much",
        help="remove `count`, and add replicas to serve more requests",
    )


def _each(service: ServicePlan, asked: AcceleratorRequest) -> Diagnostic:
    requests, have = count(service.slots.value, "request"), called(asked.count.value, asked.type.value)
    return finding(
        "MLS446",
        f"the plan counts on {requests} at once in each replica, which has {have}",
        asked.count,
        others=((service.runtime_name, "runs a request on one of them"), (service.slots, "the requests at once")),
        note="the accelerators without a request are idle, and cost as much",
        help="remove `count`, or measure the service time with more requests at once, and write "
        f"`at: {asked.count.value}` under `serviceTime`",
    )

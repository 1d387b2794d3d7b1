"""The rule on accelerators that pods share in turns: each of their servers needs its own part of the memory."""

from __future__ import annotations

from collections.abc import Iterator

from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.service import ServicePlan
from ...system import MLSystem
from ..lint import rule

__all__ = ["more_than_its_share"]

SHARED = ".shared"
"""What the device plugin appends to the name of a resource that several pods use in turns."""

GKE = ("cloud.google.com/gke-gpu-sharing-strategy", "cloud.google.com/gke-max-shared-clients-per-gpu")
"""The labels of nodes on GKE whose accelerators are shared, and among how many pods."""


@rule(
    "MLS444",
    "warning",
    "services.*.container.deviceMemory",
    "services.*.scheduling.nodeSelector",
    "platform.accelerators.*.resource",
    "platform.accelerators.*.nodeSelector",
    "platform.scheduling.nodeSelector",
)
def more_than_its_share(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Server that takes the whole memory of an accelerator that it shares.

    Why: pods that use an accelerator in turns (time-slicing) see all of its memory, and nothing divides it among them.
    A language model server allocates its share of what the device has at startup. The next pod on the same device
    finds too little of it, and exits.

    Bad:
        platform: {accelerators: {l40s: {resource: nvidia.com/gpu.shared}}}
        problem: {task: generation}
        model: {llm: {family: llama-3.1-8b}}
        release:
          artifact:
            uri: hf://example/assistant-8b
            format: safetensors
            digest: 0e9e39f249a16976918f6564b8830bc894c89659
            size: 15Gi
        serving:
          runtime: vllm
          resources: {accelerator: {type: l40s}}
          llm:
            tokens: {context: 8192, output: 512}
    Good:
        platform: {accelerators: {l40s: {resource: nvidia.com/gpu.shared}}}
        problem: {task: generation}
        model: {llm: {family: llama-3.1-8b}}
        release:
          artifact:
            uri: hf://example/assistant-8b
            format: safetensors
            digest: 0e9e39f249a16976918f6564b8830bc894c89659
            size: 15Gi
        serving:
          runtime: vllm
          container: {deviceMemory: {utilization: 45%}}
          resources: {accelerator: {type: l40s}}
          llm:
            tokens: {context: 8192, output: 512}
    """
    for service in plan.online.values():
        taken, devices = service.runtime.device_memory, service.devices
        found = _shared(service) if taken is not None and devices is not None else None
        if taken is None or devices is None or found is None:
            continue
        pods, why = found
        if float(taken.utilization.value) * pods <= 1:
            continue
        yield finding(
            "MLS444",
            f"`{service.part.own_name.value}` takes {taken.utilization.value} of an accelerator that "
            f"{'several' if pods == LEAST else pods} pods share",
            devices.type,
            others=((why, "says that pods share it"), (taken.utilization, "its share of the memory")),
            note="nothing divides the memory among pods that use a device in turns, so the next one would not start",
            help=f"give the service `container: {{deviceMemory: {{utilization: {90 // pods}%}}}}`, or use whole "
            "devices",
        )


LEAST = 2
"""The fewest pods that share a device, where nothing says how many."""


def _shared(service: ServicePlan) -> tuple[int, Because[str]] | None:
    """How many pods may share a device of the service, and what says so; None if it has the device for itself."""
    devices, scope = service.devices, service.scope
    assert devices is not None
    resource = scope.resource_of(devices)
    if resource.value.endswith(SHARED):
        return LEAST, resource
    entry, cloud = scope.platform.accelerators[devices.type.value], scope.platform.cloud.value
    labels = {**entry.node_selector, **scope.platform.scheduling.node_selector, **service.part.scheduling.node_selector}
    if not entry.node_selector and cloud in entry.selectors:
        labels = {**entry.selectors[cloud], **labels}
    strategy, most = (labels.get(key) for key in GKE)
    if strategy is None or strategy.value != "time-sharing":
        return None
    return int(most.value) if most is not None and most.value.isdecimal() else LEAST, strategy

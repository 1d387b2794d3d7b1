"""The rule on the size of containers, which the platform bounds."""

from __future__ import annotations

from collections.abc import Iterator

from ....schema.units import Cores, Memory
from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import MLSystem, Policies, Sidecar
from ..lint import rule

__all__ = ["beyond_any_machine", "too_large"]

Request = tuple[str, Because[Cores] | Because[Memory], tuple[object, ...]]
"""The name of a container, what it requests, and where a spec can change that, best place first."""


@rule("MLS905", "error", "platform.policies.maxCpu", "platform.policies.maxMemory")
def too_large(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Container that requests more than the platform allows.

    Why: a platform usually enforces such a limit with a LimitRange or an admission policy. The pods are then rejected
    when they are created, after the merge. Requests that mlspec derives count, too.

    Bad:
        platform:
          policies: {maxCpu: 8, maxMemory: 16Gi}
        serving:
          serviceTime: {mean: 25ms}
          resources: {cpu: 16}
    Good:
        platform:
          policies: {maxCpu: 8, maxMemory: 16Gi}
        serving:
          serviceTime: {mean: 25ms}
          resources: {cpu: 8}
    """
    policies = system.platform.policies
    for name, asked, places in _requests(plan):
        key, most = _limit(policies, asked.value)
        if most is not None and asked.value.amount > most.value.amount:
            reason = f"{asked.reason}; " if asked.reason else ""
            yield finding(
                "MLS905",
                f"{name} requests `{key}: {asked.value}`; the platform allows {most.value}",
                *places,
                others=((most, "the limit"),),
                note=f"{reason}a cluster that enforces the limit rejects the pod",
                help=f"request less, or raise the limit in the platform file to {asked.value}",
            )


_LARGEST: dict[str, Cores | Memory] = {"cpu": Cores(1920), "memory": Memory(32 * 2**40)}
"""The largest machines that clouds rent: 1,920 vCPUs and 32 TiB, of Google's x4-megamem-1920-metal
(cloud.google.com/compute/docs/memory-optimized-machines) and Amazon's u7inh-32tb.480xlarge
(docs.aws.amazon.com/ec2/latest/instancetypes/mo.html), in November 2026."""


@rule("MLS487", "warning")
def beyond_any_machine(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Container that requests more than any machine has.

    Why: no node ever fits the pod, so it stays pending, and a cluster autoscaler adds nothing. `cpu: 4000` is 4,000
    cores; thousandths of a core are written `4000m`.

    Bad:
        serving: {resources: {cpu: 4000}}
    Good:
        serving: {resources: {cpu: 4000m}}
    """
    for name, asked, places in _requests(plan):
        key = "cpu" if isinstance(asked.value, Cores) else "memory"
        most = _LARGEST[key]
        if asked.value.amount > most.amount:
            slip = f"write `{asked.value}m`, if you mean thousandths of a core, or " if key == "cpu" else ""
            yield finding(
                "MLS487",
                f"{name} requests `{key}: {asked.value}`, which no machine has",
                *places,
                note=f"the largest machines of the clouds have {_said(most)}, so the pod would stay pending",
                help=f"{slip}request less",
            )


def _said(most: Cores | Memory) -> str:
    return f"{most.amount:,} cores" if isinstance(most, Cores) else str(most)


def _limit(policies: Policies, amount: Cores | Memory) -> tuple[str, Because[Cores] | Because[Memory] | None]:
    return ("cpu", policies.max_cpu) if isinstance(amount, Cores) else ("memory", policies.max_memory)


def _requests(plan: Plan) -> Iterator[Request]:
    """What the containers request whose sizes a spec decides; those that mlspec adds are small."""
    for service in plan.online.values():
        name, given, runtime = f"`{service.part.own_name.value}`", service.part.resources, service.runtime_name
        yield name, service.cpu, (given.cpu, runtime)
        for memory in {version.pod_memory.value: version.pod_memory for version in service.versions}.values():
            yield name, memory, (given.memory, runtime)
        yield from _of_sidecars(service.part.sidecars)
    for batch in plan.batch.values():
        name, given, image = f"`{batch.part.own_name.value}`", batch.part.resources, batch.part.image
        yield name, batch.cpu, (given.cpu, image)
        yield name, batch.pod_memory, (given.memory, image)
        yield from _of_sidecars(batch.part.sidecars)
    if plan.training is not None:
        part = plan.training.part
        yield "training", part.resources.cpu, (part.resources.cpu, part.image)
        yield "training", part.resources.memory, (part.resources.memory, part.image)
        yield from _of_sidecars(part.sidecars)


def _of_sidecars(sidecars: dict[str, Sidecar]) -> Iterator[Request]:
    for name, sidecar in sidecars.items():
        yield f"the sidecar `{name}`", sidecar.cpu, (sidecar.cpu, sidecar)
        yield f"the sidecar `{name}`", sidecar.memory, (sidecar.memory, sidecar)

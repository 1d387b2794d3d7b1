"""A ResourceQuota for each environment, set to the maximum that the plan allows the system."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from mlspec.plugin import (
    Artifact,
    Because,
    Kind,
    MLSystem,
    Piece,
    Plan,
    ServicePlan,
    Target,
    because,
    decision,
    labels,
    metadata,
    refusal,
)

__all__ = ["TARGET"]

COST_CENTER = "cost-center"


def emit(system: MLSystem, plan: Plan) -> Iterable[Piece]:
    """One quota for all services of an environment."""
    if plan.online:
        yield partial(quota, system, plan)


def quota(system: MLSystem, plan: Plan) -> Iterator[Artifact]:
    """What all replicas request at the peak, while a rollout runs two versions side by side."""
    center = system.metadata.labels.get(COST_CENTER)
    if center is None:
        raise refusal(
            "ACME001",
            f"the label `{COST_CENTER}` is missing",
            system.metadata.name,
            label="no cost center for this system",
            note="without an owner, a quota is never adjusted",
            help=f"add `labels: {{{COST_CENTER}: ...}}` under `metadata`",
        )
    services = list(plan.online.values())
    yield Artifact(
        path="quota/resourcequota.yaml",
        body={
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": metadata(plan, system.metadata.name, labels(plan, "quota")),
            "spec": {
                "hard": {
                    "pods": _total([_pods(service.max_replicas) for service in services]),
                    "requests.cpu": _total([_cores(service) for service in services]),
                }
            },
        },
        why=because("ResourceQuota", "the platform caps what a system may take", center),
    )


def _cores(service: ServicePlan) -> Because[int]:
    return _cores_of(_pods(service.max_replicas), service.cpu.map(lambda cores: float(cores.amount)))


@decision
def _pods(most: Because[int]) -> tuple[int, str]:
    return 2 * most.value, f"at most {most.value} replicas, times two versions during a rollout"


@decision
def _cores_of(pods: Because[int], cores: Because[float]) -> tuple[int, str]:
    total = -int(-(pods.value * cores.value) // 1)
    return total, f"{pods.value} pods with {cores.value:g} cores each, rounded up to whole cores"


def _total(parts: list[Because[int]]) -> Because[str]:
    """Kubernetes quantities are strings."""
    total = sum(part.value for part in parts)
    return because(
        str(total), f"the sum over {len(parts)} services" if len(parts) > 1 else "for the only service", *parts
    )


TARGET = Target(
    name="acme-quota",
    summary="a ResourceQuota set to what the plan may need",
    emit=emit,
    runs="serving",
    kinds={"ResourceQuota": Kind()},  # it references no other object
)

"""The titles of areas, which headlines cite."""

from __future__ import annotations

from ...because import Unavailable
from ...finding import Refusal
from ...plan import Plan
from ...plan.service import ServicePlan
from ...plan.serving.batch import BatchPlan

__all__ = ["batch", "capacity", "hardware", "named", "rollout"]


def named(service: ServicePlan | BatchPlan, key: str) -> str:
    """The name of a service's objects; its key in the spec if it has an invalid name."""
    try:
        return service.name.value
    except Unavailable:
        return key


def capacity(service: ServicePlan, key: str) -> str:
    """The area with its replicas."""
    return f"Capacity of {named(service, key)}"


def rollout(service: ServicePlan, key: str) -> str:
    """The area with its shadow stage and its canary."""
    return f"Rollout of {named(service, key)}"


def batch(run: BatchPlan, key: str) -> str:
    """The area of a batch inference service."""
    return f"Batch inference of {named(run, key)}"


def hardware(plan: Plan, service: ServicePlan, key: str) -> str:
    """The area with its accelerators, named for what the decisions are about."""
    try:
        language = plan.system.models[service.model.value].llm is not None
    except (Refusal, Unavailable):
        language = False
    return f"{'Language model' if language else 'Accelerators'} of {named(service, key)}"

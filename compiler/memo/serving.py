"""How services are sized, started, scaled and rolled out."""

from __future__ import annotations

from collections.abc import Iterator

from ..plan.batch import BatchPlan
from ..plan.canary import Judgement
from ..plan.headroom import headroom
from ..plan.service import ServicePlan
from .line import Line

__all__ = ["batch", "capacity", "rollout", "times"]


def capacity(service: ServicePlan) -> Iterator[Line]:
    """Replicas, what each of them gets, and what the autoscaler looks at."""
    yield Line(title="runtime", value=service.part.runtime)
    yield Line(title="replicas for the mean load", value=service.for_mean, unit="replicas")
    yield Line(title="replicas for the peak", value=service.for_peak, unit="replicas")
    yield Line(title="at least", value=service.scaling.least, unit="replicas")
    yield Line(title="at most", value=service.max_replicas, unit="replicas")
    able = headroom(service)
    if able is not None:
        yield Line(title="headroom: the most carry", value=able)
    yield Line(title="processors of a replica", value=service.cpu, unit="cores")
    yield Line(title="memory of a replica", value=service.memory)
    signal = service.scaling.signal
    if signal is not None:
        yield Line(title="scales on", value=signal)
        yield Line(title="target for a replica", value=service.scaling.threshold, unit="requests")
        yield Line(title="replicas while the signal is lost", value=service.scaling.fallback, unit="replicas")


def times(service: ServicePlan) -> Iterator[Line]:
    """From the fetch of the model to the end of the last request."""
    timing = service.timing
    yield Line(title="fetch", value=timing.fetch)
    yield Line(title="load", value=timing.load)
    yield Line(title="start", value=timing.start)
    yield Line(title="a rollout has failed after", value=timing.progress_deadline, unit="s")
    yield Line(title="a request may take", value=timing.timeout)
    yield Line(title="serves on while it leaves", value=timing.pre_stop, unit="s")
    yield Line(title="drains for", value=timing.drain, unit="s")
    yield Line(title="is killed after", value=timing.grace, unit="s")


def rollout(service: ServicePlan) -> Iterator[Line]:
    """The steps of a new version, and the odds of the judgement on it."""
    canary = service.canary
    if canary.shadow_stage is not None:
        yield Line(title="the shadow lasts", value=canary.shadow_stage.duration)
        yield Line(title="replicas of the shadow", value=canary.shadow_replicas, unit="replicas")
    if not canary.progressive.value:
        yield Line(title="step by step", value=canary.progressive)
        return
    for step in canary.steps:
        yield Line(title=f"step of {step.share.value} %", value=step.lasts)
    for judgement in canary.background:
        yield _judged("judged beside the steps", judgement)
    for judgement in canary.final:
        yield _judged("judged at the end", judgement)


def _judged(when: str, judgement: Judgement) -> Line:
    return Line(title=f"{judgement.objective.name}, {when}: fails above", value=judgement.limit, unit="of requests")


def batch(run: BatchPlan) -> Iterator[Line]:
    """How a batch run is divided, and how long it may take."""
    yield Line(title="parts at once", value=run.parallel, unit="pods")
    yield Line(title="between two runs", value=run.gap)
    yield Line(title="deadline", value=run.deadline)
    yield Line(title="a start may be late by", value=run.late, unit="s")
    yield Line(title="tries of a part after the first", value=run.retries, unit="tries")
    yield Line(title="processors of a part", value=run.cpu, unit="cores")
    yield Line(title="memory of a part", value=run.memory)
    yield Line(title="somebody is told after", value=run.stale)

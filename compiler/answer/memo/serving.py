"""How services are sized, started and scaled."""

from __future__ import annotations

from collections.abc import Iterator

from ....schema.units import Duration
from ...plan.scaling.headroom import headroom
from ...plan.service import ServicePlan
from ...plan.serving.batch import BatchPlan
from .line import Line

__all__ = ["batch", "capacity", "times"]


def capacity(service: ServicePlan) -> Iterator[Line]:
    """Replicas, what each of them gets, and what the autoscaler looks at."""
    path = service.part.spec_path
    yield Line(title="runtime", value=service.runtime_name, field=f"{path}.runtime")
    yield Line(title="replicas for the mean load", value=service.for_mean, count_of="replica")
    yield Line(title="replicas for the peak", value=service.for_peak, count_of="replica")
    yield Line(title="at least", value=service.scaling.least, count_of="replica", field=f"{path}.replicas.min")
    yield Line(title="at most", value=service.max_replicas, count_of="replica", field=f"{path}.replicas.max")
    able = headroom(service)
    if able is not None:
        yield Line(title="headroom: the most carry", value=able)
    yield Line(title="processors of a replica", value=service.cpu, count_of="core", field=f"{path}.resources.cpu")
    yield Line(title="memory of a replica", value=service.memory, field=f"{path}.resources.memory")
    signal, scaling = service.scaling.signal, service.scaling
    if signal is not None:
        yield Line(title="scales on", value=signal, field=f"{path}.replicas.signal")
        yield Line(
            title="target for a replica", value=scaling.threshold, count_of="request", field=f"{path}.replicas.target"
        )
        lost = "replicas while the signal is lost"
        yield Line(title=lost, value=scaling.fallback, count_of="replica", field=f"{path}.replicas.fallback")


def times(service: ServicePlan) -> Iterator[Line]:
    """From the fetch of the model to the end of the last request."""
    timing, path = service.timing, service.part.spec_path
    yield Line(title="fetch", value=timing.fetch)
    yield Line(title="load", value=timing.load, field=f"{path}.load")
    yield Line(title="start", value=timing.start)
    deadline = timing.progress_deadline
    yield Line(title="a rollout has failed after", value=deadline.map(Duration), field="rollout.progressDeadline")
    yield Line(title="a request may take", value=timing.timeout, field=f"{path}.endpoint.timeout")
    leaves = "serves on while it leaves"
    yield Line(title=leaves, value=timing.pre_stop.map(Duration), field=f"{path}.container.drain.preStop")
    yield Line(title="drains for", value=timing.drain.map(Duration), field=f"{path}.container.drain.timeout")
    yield Line(title="is killed after", value=timing.grace.map(Duration))


def batch(run: BatchPlan) -> Iterator[Line]:
    """How a batch run is divided, and how long it may take."""
    path = run.part.spec_path
    yield Line(title="parts at once", value=run.parallel, count_of="pod", field=f"{path}.parallel")
    yield Line(title="one after the other", value=run.rounds, count_of="round")
    if run.items is not None:
        yield Line(title="a part scores", value=run.items, count_of="item")
    yield Line(title="between two runs", value=run.gap, field=f"{path}.schedule")
    yield Line(title="deadline", value=run.deadline, field="constraints.deadline")
    yield Line(title="a start may be late by", value=run.late.map(Duration))
    yield Line(title="tries of a part after the first", value=run.retries, count_of="try", field=f"{path}.retries")
    yield Line(title="processors of a part", value=run.cpu, count_of="core", field=f"{path}.resources.cpu")
    yield Line(title="memory of a part", value=run.memory, field=f"{path}.resources.memory")
    yield Line(title="somebody is told after", value=run.stale)

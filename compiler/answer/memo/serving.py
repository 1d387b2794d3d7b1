"""How services are sized, started, and scaled."""

from __future__ import annotations

from collections.abc import Iterator

from ....schema.units import Duration
from ...because import because
from ...plan.latency import unspent
from ...plan.scaling.headroom import headroom
from ...plan.service import ServicePlan
from ...plan.serving.batch import BatchPlan
from .line import Line

__all__ = ["batch", "capacity", "times"]


def capacity(service: ServicePlan) -> Iterator[Line]:
    """Replicas, their resources, and the autoscaling signal."""
    path = service.part.spec_path
    yield Line(title="runtime", value=service.runtime_name, field=f"{path}.runtime")
    for sibling in service.siblings:
        yield Line(title="called within the system by", value=sibling)
    if service.for_trough is not None and service.scales.value:
        yield Line(title="replicas for the trough", value=service.for_trough, count_of="replica")
    yield Line(title="replicas for the mean load", value=service.for_mean, count_of="replica")
    yield Line(title="replicas for the peak load", value=service.for_peak, count_of="replica")
    yield Line(title="minimum replicas", value=service.scaling.least, count_of="replica", field=f"{path}.replicas.min")
    yield Line(title="maximum replicas", value=service.max_replicas, count_of="replica", field=f"{path}.replicas.max")
    able = headroom(service)
    if able is not None:
        yield Line(title="headroom: maximum sustainable rate", value=able)
    for part in unspent(service):
        yield Line(title=part.title, value=part.left)
    yield from _reaction(service)
    yield Line(title="CPU per replica", value=service.cpu, count_of="core", field=f"{path}.resources.cpu")
    yield Line(title="memory per replica", value=service.live.memory, field=f"{path}.resources.memory")
    if service.live.shared is not None:
        yield Line(title="shared memory", value=service.live.shared, field=f"{path}.container.sharedMemory")
    yield Line(title="disk per replica", value=service.live.disk, field=f"{path}.resources.ephemeralStorage")
    if service.recorder is not None:
        yield Line(title="delay of the recorder", value=service.recorder.part.hop, field="monitoring.capture.hop")
    if service.queue is not None:
        yield Line(title="requests that may wait", value=service.queue, count_of="request", field=f"{path}.queue")
    yield from _autoscaler(service)


def _autoscaler(service: ServicePlan) -> Iterator[Line]:
    """What it follows, and the number of replicas while it cannot see that."""
    signal, scaling, path = service.scaling.signal, service.scaling, service.part.spec_path
    if scaling.by_processors:
        yield Line(title="target CPU usage", value=scaling.processors, unit="%")
    elif signal is not None:
        yield Line(title="scaling signal", value=signal, field=f"{path}.replicas.signal")
        yield Line(
            title="target per replica", value=scaling.threshold, count_of="request", field=f"{path}.replicas.target"
        )
        fallback = f"{path}.replicas.fallback"
        yield Line(title="fallback replicas", value=scaling.fallback, count_of="replica", field=fallback)


def _reaction(service: ServicePlan) -> Iterator[Line]:
    """What happens between more requests and more replicas."""
    if not service.scales.value:
        return
    reaction = service.reaction
    yield Line(title="time until a new replica serves", value=reaction.time)
    if reaction.at_once is not None:
        yield Line(title="rate without new replicas", value=reaction.at_once)
    if reaction.jump is not None:
        yield Line(title="error budget of a jump to the peak", value=reaction.jump)


def times(service: ServicePlan) -> Iterator[Line]:
    """From fetching the model to the end of the last request."""
    timing, version, path = service.timing, service.live, service.part.spec_path
    yield Line(title="fetch time", value=version.fetch)
    yield Line(title="load time", value=version.load, field=f"{path}.load")
    yield Line(title="startup time", value=version.start)
    deadline = version.progress_deadline
    yield Line(title="progress deadline", value=deadline.map(Duration), field="rollout.progressDeadline")
    yield from _timeout(service)
    drain = f"{path}.container.drain"
    yield Line(title="preStop delay", value=timing.pre_stop.map(Duration), field=f"{drain}.preStop")
    yield Line(title="drain timeout", value=timing.drain.map(Duration), field=f"{drain}.timeout")
    yield Line(title="termination grace period", value=timing.grace.map(Duration))


def _timeout(service: ServicePlan) -> Iterator[Line]:
    """When the gateway gives up on a request, if it ever does."""
    title, enforced = "request timeout", service.gateway.enforces_timeout
    value = service.timing.timeout.also(enforced)
    if service.routed.value and enforced.value == "none":
        yield Line(title=title, value=enforced)
        yield Line(title="time that a request may take", value=value)
    else:
        yield Line(title=title, value=value, field=f"{service.part.spec_path}.endpoint.timeout")
    listeners, protocol = service.gateway.entry.grpc, service.part.protocol
    if service.routed.value and protocol.value == "grpc" and listeners.value != "any":
        why = "the gateway provider attaches GRPCRoutes only to these"
        sources = (listeners, protocol, service.gateway.provider)
        yield Line(title="listener of the GRPCRoute", value=because(listeners.value, why, *sources))


def batch(run: BatchPlan) -> Iterator[Line]:
    """How a batch run is partitioned, and how long it may take."""
    path = run.part.spec_path
    yield Line(title="parallel pods", value=run.parallel, count_of="pod", field=f"{path}.parallel")
    yield Line(title="sequential rounds", value=run.rounds, count_of="round")
    if run.items is not None:
        yield Line(title="items per partition", value=run.items, count_of="item")
    yield Line(title="time between runs", value=run.gap, field=f"{path}.schedule")
    if run.least_rate is not None:
        yield Line(title="rate that the deadline needs", value=run.least_rate)
    if run.length is not None:
        yield Line(title="time of a run", value=run.length)
    deadline = f"{path}.constraints.deadline" if run.part.constraints.deadline is not None else "constraints.deadline"
    yield Line(title="deadline", value=run.deadline, field=deadline)
    yield Line(title="start deadline", value=run.late.map(Duration))
    yield Line(title="retries per partition", value=run.retries, count_of="retry", field=f"{path}.retries")
    yield Line(title="CPU per pod", value=run.cpu, count_of="core", field=f"{path}.resources.cpu")
    yield Line(title="memory per pod", value=run.memory, field=f"{path}.resources.memory")
    if run.shared is not None:
        yield Line(title="shared memory", value=run.shared)
    yield Line(title="disk per pod", value=run.disk, field=f"{path}.resources.ephemeralStorage")
    if run.late_from is not None:
        yield Line(title="page if no success after", value=run.late_from, field=deadline)
    yield Line(title="alert if no success for", value=run.stale)

"""Serving: the workloads that answer requests, and the objects that they need."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from ...compiler.emit.artifact import Artifact, Piece, Target
from ...compiler.plan import Plan
from ...compiler.plan.service import ServicePlan
from ...compiler.plan.serving.recording import capture_of
from ...compiler.system import MLSystem
from . import accounts, network, objects, recorder, workload

__all__ = ["TARGET"]


def emit(_: MLSystem, plan: Plan) -> Iterable[Piece]:
    """The accounts of all services, and the objects of each service, if this environment runs serving."""
    yield partial(accounts.service_accounts, plan)
    for service in plan.online.values():
        yield partial(workload.workload, service)
        yield partial(workload.shadow, service)
        yield partial(objects.services, service)
        yield partial(objects.configuration, service)
        yield partial(recorder.configuration, service)
        yield partial(_schema, service, plan)
        yield partial(objects.disruption_budget, service)
        yield partial(network.policy, service)
    for run in plan.batch.values():
        from . import batch

        yield partial(batch.cron_job, run)
        yield partial(batch.network_policy, run)


def _schema(service: ServicePlan, plan: Plan) -> Iterable[Artifact]:
    """The schema of records, if something other than mlspec's recorder writes them."""
    capture = capture_of(service.scope, service.part)
    if capture is None or capture.by.value not in ("client", "runtime"):
        return ()
    from .record_schema import schema  # rarely needed, so imported late

    return schema(service, capture, plan)


TARGET = Target(
    name="serving",
    summary="workloads of online and batch services, and the objects that they need",
    emit=emit,
    runs="serving",
)

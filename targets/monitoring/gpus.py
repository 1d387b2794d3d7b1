"""Which devices have alerts: those of NVIDIA, which have an exporter. The alerts themselves are imported for them."""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because
from ...compiler.emit.artifact import Body
from ...compiler.plan.service import ServicePlan
from ...compiler.system import AcceleratorRequest
from .alert import Watched
from .dcgm import Pods, nvidia, of_runs
from .proof import Alert

__all__ = ["groups", "of_job"]

WHY = "devices of NVIDIA have an exporter"


def groups(service: ServicePlan) -> Iterator[Because[Body]]:
    """The alerts on the devices of a service; nothing without devices of NVIDIA."""
    resource = nvidia(service.scope, service.devices)
    if resource is None:
        return
    from .devices import group  # rarely needed, so imported late

    yield because(group(service, resource), WHY, resource)


def of_job(runs: Watched, asked: AcceleratorRequest | None, pods: Pods | None = None) -> Iterator[Because[Alert]]:
    """The alerts on the devices of a batch service or of training runs, which may do no work while they read data."""
    resource = nvidia(runs.scope, asked)
    if resource is None:
        return
    from .devices import failures  # rarely needed, so imported late

    for one in failures(runs, pods or of_runs(runs), resource):
        yield because(one, WHY, resource)

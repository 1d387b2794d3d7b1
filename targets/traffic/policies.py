"""What the objects of cloud gateways share: one for each Service that receives requests, and the health checks in it.

Traps handled here: the load balancer of a cloud checks the pods itself, at `/` unless an object for the Service says
otherwise. A canary or a shadow without its own object would never receive a request.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan.service import ServicePlan
from ...compiler.plan.serving.version import PROBE_PERIOD
from .. import naming

__all__ = ["HEALTHY", "UNHEALTHY", "answer_within", "attached", "interval", "receivers"]

HEALTHY = fixed(2, "two in a row, so that a replica that restarts does not receive requests too early")
UNHEALTHY = fixed(2, "two in a row, so that one slow answer does not make a replica unhealthy")


def receivers(service: ServicePlan) -> Iterator[Because[str]]:
    """Every Service that the route sends or mirrors requests to."""
    run = service.workload
    yield run.service
    if run.new_service is not None:
        yield run.new_service
    if service.shadow is not None:
        yield service.shadow_name


def attached(service: ServicePlan, name: Because[str], api: str, kind: str, spec: Body, why: str) -> Artifact:
    """An object with the name of the Service that it is for."""
    scope = service.scope
    body: Body = {
        "apiVersion": api,
        "kind": kind,
        "metadata": naming.metadata(scope, name, naming.labels(scope, "route", service.name)),
        "spec": spec,
    }
    return Artifact(
        path=naming.path_of(scope, "rollout", kind, name),
        body=body,
        why=because(kind, why, service.gateway.provider, service.runtime_name),
    )


def answer_within(service: ServicePlan, least: int = 1) -> Because[int]:
    """Seconds until a health check counts as failed: as for the readiness probe."""
    probe = service.runtime.probes.readiness
    if probe is None:
        return fixed(least, "the shortest timeout")
    return probe.timeout.map(lambda timeout: max(least, math.ceil(timeout.amount)))


def interval(timeout: Because[int]) -> Because[int]:
    """Seconds between health checks, more than one may take."""
    why = "the period of the kubelet's probes, or longer if a check may take longer"
    return because(max(PROBE_PERIOD, timeout.value + 1), why, timeout)

"""GKE: a GCPBackendPolicy and a HealthCheckPolicy for each Service.

Traps handled here: GKE does not accept a route with timeouts, and ends every request after 30 s unless the backend
policy says otherwise. Its health checks do not follow readiness probes: they ask for `/` and expect a 200. A model
server answers with a 404, so no pod would receive requests.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.finding import refusal
from ...compiler.plan.service import ServicePlan
from ...schema.units import Duration
from . import policies

__all__ = ["objects"]

API = "networking.gke.io/v1"

MOST_DRAIN = 3600
"""The longest drain in seconds that a GCPBackendPolicy accepts."""


def objects(service: ServicePlan) -> Iterator[Artifact]:
    """Both objects for each Service that receives requests."""
    for name in policies.receivers(service):
        why = "GKE takes the request timeout and the drain from it, and not from the route"
        yield policies.attached(service, name, API, "GCPBackendPolicy", _backend(service, name), why)
        why = "GKE checks the health of pods itself"
        yield policies.attached(service, name, API, "HealthCheckPolicy", _health(service, name), why)


def _target(name: Because[str]) -> Body:
    return {"group": "", "kind": "Service", "name": name}


def _backend(service: ServicePlan, name: Because[str]) -> Body:
    timeout = service.gateway.timeout
    drain = service.timing.drain.map(lambda seconds: min(seconds, MOST_DRAIN))
    return {
        "default": {
            "timeoutSec": None if timeout is None else _timeout(timeout),
            "connectionDraining": {"drainingTimeoutSec": drain},
        },
        "targetRef": _target(name),
    }


def _timeout(length: Because[Duration]) -> Because[int]:
    if not Duration(0) < length.value <= Duration(2**31 - 1):
        raise refusal(
            "MLS008",
            f"a gateway cannot time out after {length.value}",
            length,
            note="GKE's timeouts are between 1 s and 2,147,483,647 s",
            help="write four times the p99 objective, or leave the timeout out",
        )
    return length.map(lambda timeout: math.ceil(timeout.amount))


def _health(service: ServicePlan, name: Because[str]) -> Body:
    timeout = policies.answer_within(service)
    return {
        "default": {
            "checkIntervalSec": policies.interval(timeout),
            "timeoutSec": timeout,
            "healthyThreshold": policies.HEALTHY,
            "unhealthyThreshold": policies.UNHEALTHY,
            "config": _config(service),
        },
        "targetRef": _target(name),
    }


def _config(service: ServicePlan) -> Body | Because[Body]:
    check = service.gateway.check
    if check is None:
        serving = fixed("USE_SERVING_PORT", "the runtime has no readiness probe; an open port has to do")
        return {"type": "TCP", "tcpHealthCheck": {"portSpecification": serving}}
    port = {"portSpecification": "USE_FIXED_PORT", "port": check.port}
    if check.path is not None:
        return because({"type": "HTTP", "httpHealthCheck": {**port, "requestPath": check.path}}, _SAME, check.grpc)
    if check.grpc.value:
        return because({"type": "GRPC", "grpcHealthCheck": port}, _SAME, check.grpc)
    return because({"type": "TCP", "tcpHealthCheck": port}, _SAME, check.grpc)


_SAME = "what the kubelet asks, too"

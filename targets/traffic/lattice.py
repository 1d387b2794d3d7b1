"""AWS Gateway API Controller: a TargetGroupPolicy for each Service.

Traps handled here: VPC Lattice checks pods at `/`, and does not follow readiness probes. It checks with HTTP only, also
for gRPC. A change of the target group's protocol replaces the target group, so the policy sets none.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan.service import ServicePlan
from . import policies

__all__ = ["objects"]

API = "application-networking.k8s.aws/v1alpha1"


def objects(service: ServicePlan) -> Iterator[Artifact]:
    """One object for each Service that receives requests."""
    for name in policies.receivers(service):
        spec = {"targetRef": {"group": "", "kind": "Service", "name": name}, "healthCheck": _check(service)}
        why = "VPC Lattice checks the health of pods itself"
        yield policies.attached(service, name, API, "TargetGroupPolicy", spec, why)


def _check(service: ServicePlan) -> Body:
    timeout = policies.answer_within(service)
    asked = _asked(service)
    if asked is None:
        why = "the runtime has no HTTP port, and VPC Lattice checks only with HTTP"
        return {"enabled": because(False, why, service.runtime.ports)}
    return {
        "enabled": fixed(True, "a pod that is not ready would receive requests"),
        "intervalSeconds": policies.interval(timeout),
        "timeoutSeconds": timeout,
        "healthyThresholdCount": policies.HEALTHY,
        "unhealthyThresholdCount": policies.UNHEALTHY,
        **asked,
    }


def _asked(service: ServicePlan) -> Body | None:
    check, http = service.gateway.check, service.runtime.ports.http
    if check is not None and check.path is not None:
        return _by_http(check.path, check.port, fixed("200", "what a ready server answers"))
    if http is None:
        return None
    why = "the runtime has no HTTP health endpoint; any answer has to do"
    return _by_http(fixed("/", why), http, fixed("200-499", why))


def _by_http(path: Because[str], port: Because[int], status: Because[str]) -> Body:
    return {"path": path, "port": port, "protocol": "HTTP", "protocolVersion": "HTTP1", "statusMatch": status}

"""AWS Load Balancer Controller: a TargetGroupConfiguration for each Service.

Traps handled here: by default, a target group contains nodes, which needs a NodePort; for a ClusterIP Service, the
controller reports an error and no rule is created. Its health checks ask for `/` and do not follow readiness probes. A
target group for gRPC also checks with gRPC; the default check succeeds if the server says that it has no such method.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import because, fixed
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan.service import ServicePlan
from . import policies

__all__ = ["objects"]

LEAST_TIMEOUT = 2
"""The shortest timeout in seconds of an ALB's health check."""


def objects(service: ServicePlan) -> Iterator[Artifact]:
    """One object for each Service that receives requests."""
    for name in policies.receivers(service):
        spec = {"targetReference": {"name": name}, "defaultConfiguration": _configuration(service)}
        why = "the load balancer registers the addresses of pods, and checks their health itself"
        yield policies.attached(service, name, "gateway.k8s.aws/v1", "TargetGroupConfiguration", spec, why)


def _configuration(service: ServicePlan) -> Body:
    grpc, timeout = service.part.protocol.value == "grpc", policies.answer_within(service, LEAST_TIMEOUT)
    return {
        "targetType": fixed("ip", "the Services have cluster IPs, so there is no port on the nodes"),
        "protocolVersion": because("GRPC", "callers use gRPC", service.part.protocol) if grpc else None,
        "healthCheckConfig": {
            **(_by_grpc(service) if grpc else _by_http(service)),
            "healthCheckInterval": policies.interval(timeout),
            "healthCheckTimeout": timeout,
            "healthyThresholdCount": policies.HEALTHY,
            "unhealthyThresholdCount": policies.UNHEALTHY,
        },
    }


def _by_http(service: ServicePlan) -> Body:
    check = service.gateway.check
    if check is None or check.path is None:
        why = "the runtime has no HTTP health endpoint; any answer has to do"
        return {
            "healthCheckPath": fixed("/", why),
            "healthCheckProtocol": "HTTP",
            "matcher": {"httpCode": fixed("200-499", why)},
        }
    return {
        "healthCheckPath": check.path,
        "healthCheckPort": check.port.map(str),
        "healthCheckProtocol": "HTTP",
        "matcher": {"httpCode": fixed("200", "what a ready server answers")},
    }


def _by_grpc(service: ServicePlan) -> Body:
    check = service.gateway.check
    if check is None or not check.grpc.value:
        why = "the runtime is not probed with gRPC; an answer that it lacks the method has to do"
        return {
            "healthCheckPath": fixed("/AWS.ALB/healthcheck", why),
            "healthCheckProtocol": "HTTP",
            "matcher": {"grpcCode": fixed("12", why)},
        }
    return {
        "healthCheckPath": because("/grpc.health.v1.Health/Check", "the gRPC health protocol", check.grpc),
        "healthCheckPort": check.port.map(str),
        "healthCheckProtocol": "HTTP",
        "matcher": {"grpcCode": fixed("0", "what a ready server answers")},
    }

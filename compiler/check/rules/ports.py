"""The rule on ports of servers in the cluster, which network policies see after the translation of a Service."""

from __future__ import annotations

from collections.abc import Iterator

from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.network import Addressed, in_cluster, port_of
from ...system import HuggingFaceAccess, MLSystem, S3Access, TrackingAccess
from ..lint import rule

__all__ = ["port_of_a_service"]

OF_SERVICES = (80, 443)
"""Ports that Services often have, and that no pod without privileges can listen on."""


@rule("MLS904", "warning", "platform.network.policies", "access.*.ports", "access.*.endpoint")
def port_of_a_service(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Server in the cluster whose pods listen on another port.

    Why: most networks check a policy after the address of a Service was replaced with one of its pods. A policy that
    opens port 80 of the Service then blocks the pods, which listen on another port. Every connection times out.

    Bad:
        access:
          store: {kind: s3, endpoint: "http://minio.storage.svc", secret: store-keys}
    Good:
        access:
          store: {kind: s3, endpoint: "http://minio.storage.svc", ports: [9000], secret: store-keys}
    """
    if not system.platform.network.policies.value:
        return
    for name, access in system.access.items():
        if not isinstance(access, Addressed) or access.ports:
            continue
        address = _address(access)
        if address is None or not in_cluster(_host(address.value)) or port_of(address).value not in OF_SERVICES:
            continue
        yield finding(
            "MLS904",
            f"pods of `{_host(address.value)}` probably do not listen on port {port_of(address).value}",
            address,
            note="the network policy opens this port, and most networks check it against the port of the pods: every "
            "connection would time out",
            help=f"add `ports: [9000]` to the access `{name}`, with the port of its pods (`targetPort` of the Service)",
        )


def _address(access: Addressed) -> Because[str] | None:
    """The URL of a server; Kafka's brokers have ports of their own."""
    if isinstance(access, (S3Access, HuggingFaceAccess)):
        return access.endpoint
    return access.url if isinstance(access, TrackingAccess) else None


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0]

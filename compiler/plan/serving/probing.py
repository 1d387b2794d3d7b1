"""The ports and the paths that a runtime is probed at, for the kubelet and for gateways that probe it themselves."""

from __future__ import annotations

from ...because import Because, because
from ...finding import refusal
from ...record import Record
from ...system import Probe
from ...words import listing
from .facts import ServiceFacts

__all__ = ["Checked", "asked", "checked", "listening"]


class Checked(Record):
    """What a probe asks."""

    path: Because[str] | None
    """The HTTP path; None for a gRPC health check or an open port."""
    command: tuple[Because[str], ...]
    """The command to run in the container instead; empty for all other probes."""
    port: Because[int]
    grpc: Because[bool]
    """Whether it uses the gRPC health protocol."""


def checked(service: ServiceFacts, probe: Probe) -> Checked:
    """What a probe of a service's runtime asks. Refuses a port that the container does not have."""
    if probe.grpc.value:
        return Checked(path=None, command=(), port=asked(service, "grpc", probe.grpc), grpc=probe.grpc)
    path = None
    if probe.path is not None:
        path = _named(service, probe.path, "the health endpoint of the runtime")
    command = tuple(_named(service, part, "how the runtime says that it is healthy") for part in probe.command)
    return Checked(path=path, command=command, port=asked(service, probe.port.value, probe.port), grpc=probe.grpc)


def _named(service: ServiceFacts, part: Because[str], why: str) -> Because[str]:
    return because(part.value.replace("{model}", service.model.value), why, part, service.model)


def listening(service: ServiceFacts) -> dict[str, Because[int]]:
    """The ports that the container listens on."""
    ports = service.runtime.ports
    named = {"http": ports.http, "grpc": ports.grpc, "metrics": ports.metrics}
    return {name: port for name, port in named.items() if port is not None}


def asked(service: ServiceFacts, name: str, by: Because[object]) -> Because[int]:
    """The port that a probe uses."""
    known = listening(service)
    if name not in known:
        raise refusal(
            "MLS009",
            f"`container` lacks `ports.{name}`, which a probe uses",
            by,
            service.runtime,
            note="the kubelet would probe a port without a listener, and the pod would never become ready",
            help=f"add the port under `container.ports`, or probe {listing(known)}",
        )
    return because(known[name].value, "the port of the probe", known[name], by)

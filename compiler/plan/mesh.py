"""What the service mesh means for a service: which routes it follows, and how requests and probes arrive at a pod."""

from __future__ import annotations

from functools import cached_property

from ..because import Because, because
from ..system import Mesh, MeshCapability
from .scope import Scope
from .serving.facts import ServiceFacts

__all__ = ["MeshPlan", "entry", "pod_annotations", "probes", "tunnel", "waypoint"]


def entry(scope: Scope) -> MeshCapability:
    """What the mesh of the cluster does."""
    return scope.platform.providers.mesh[scope.platform.mesh.provider.value]


def tunnel(scope: Scope) -> Because[int] | None:
    """The port at which tunneled requests arrive at any pod in the mesh, whatever port they are for."""
    port = entry(scope).tunnel_port
    if port is None:
        return None
    return because(port.value, "where the mesh delivers tunneled requests", port, scope.platform.mesh.provider)


def probes(scope: Scope) -> Because[str] | None:
    """The address range that the kubelet's probes of any pod come from, if the mesh changes it."""
    source = entry(scope).probes
    if source is None:
        return None
    return because(
        source.value, "the mesh gives the kubelet's probes this source", source, scope.platform.mesh.provider
    )


def pod_annotations(scope: Scope) -> dict[str, Because[str]]:
    """What the pods tell the mesh. A proxy that is a regular container starts after the init containers, whose
    connections it should forward, and keeps running in a pod whose work is done.
    """
    mesh = scope.platform.mesh.provider
    return {
        key: because(value.value, "the proxy starts before the init containers and ends after the others", value, mesh)
        for key, value in entry(scope).pod_annotations.items()
    }


def waypoint(scope: Scope) -> dict[str, Because[str]] | None:
    """The labels of the waypoint's pods, which forward the requests of other pods."""
    label, name = entry(scope).waypoint_label, scope.platform.mesh.waypoint
    if label is None or name is None:
        return None
    why = "the waypoint forwards the requests of other pods"
    return {label.value: because(name.value, why, name, label, scope.platform.mesh.provider)}


class MeshPlan:
    """The service mesh of one online service."""

    def __init__(self, service: ServiceFacts) -> None:
        self._service = service

    @property
    def _chosen(self) -> Mesh:
        return self._service.scope.platform.mesh

    @cached_property
    def entry(self) -> MeshCapability:
        """What the mesh does."""
        return entry(self._service.scope)

    @cached_property
    def follows_routes(self) -> Because[bool]:
        """Whether requests of other pods follow a route whose parent is the Service, in the service's protocol."""
        protocol, mesh = self._service.part.protocol, self._chosen.provider
        able = [one for one in self.entry.callers if one.value == protocol.value]
        if not able:
            return because(False, "the mesh does not follow routes of this protocol", protocol, mesh)
        needed, waypoint = self.entry.waypoint_label, self._chosen.waypoint
        if needed is not None and waypoint is None:
            return because(False, "the mesh follows routes at a waypoint, and there is none", mesh, needed)
        return because(True, "the mesh follows routes of this protocol", able, protocol, mesh, waypoint)

    @cached_property
    def tunnel(self) -> Because[int] | None:
        """The port at which tunneled requests arrive at the pods, whatever port they are for."""
        return tunnel(self._service.scope)

    @cached_property
    def probes(self) -> Because[str] | None:
        """The address range that the kubelet's probes come from, if the mesh changes it."""
        return probes(self._service.scope)

    @cached_property
    def waypoint(self) -> dict[str, Because[str]] | None:
        """The labels of the waypoint's pods, which forward the requests of other pods."""
        return waypoint(self._service.scope)

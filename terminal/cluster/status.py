"""Read the live state of a system's workloads, with the objects that it depends on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...targets import live
from ...targets.live import Related, State
from .access import Cluster, Object, RefusedError
from .order import ordered

__all__ = ["state_of", "states"]

VERSIONS = {
    "HTTPRoute": "gateway.networking.k8s.io/v1",
    "GRPCRoute": "gateway.networking.k8s.io/v1",
    "AnalysisRun": "argoproj.io/v1alpha1",
    "ReplicaSet": "apps/v1",
}
"""The API versions of the objects that a state depends on."""


def states(cluster: Cluster, bodies: Iterable[Object]) -> Iterator[State]:
    """The live state of every workload."""
    for body in ordered(bodies):
        if body["kind"] in live.READERS:
            yield state_of(cluster, body)


def state_of(cluster: Cluster, body: Object) -> State:
    """The live state of one workload."""
    found = cluster.find(body)
    if found is None:
        return live.missing(body["kind"], body["metadata"]["name"])
    wanted = live.wanted_by(found)
    related = Related(
        routes=_found(cluster, found, wanted.routes),
        analyses=_found(cluster, found, wanted.analyses),
        versions=_found(cluster, found, wanted.versions),
    )
    state = live.state_of(found, related)
    assert state is not None
    return state


def _found(cluster: Cluster, owner: Object, names: Iterable[Object]) -> tuple[Object, ...]:
    """The objects that exist and may be read; a state tells what is known without the others."""
    namespace, found = cluster.namespace_of(owner), []
    for one in names:
        body = {
            "apiVersion": VERSIONS[one["kind"]],
            "kind": one["kind"],
            "metadata": {"name": one["metadata"]["name"], "namespace": namespace},
        }
        try:
            found.append(cluster.find(body))
        except RefusedError as error:
            if error.status not in (403, 404):
                raise
    return tuple(body for body in found if body is not None)

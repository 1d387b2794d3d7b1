"""The rule on addresses of the pod itself."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import BatchService, MLSystem, OnlineService
from ..lint import rule
from .texts import texts

__all__ = ["at_the_pod_itself"]

KEYS = ("uri", "url", "endpoint", "address", "host", "brokers", "api")
"""The keys of what pods connect to."""


@rule("MLS114", "warning", "training.sidecars", "services.*.sidecars")
def at_the_pod_itself(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Store or server at the address of the pod itself.

    Why: in a cluster, `localhost` is the pod that connects, and nothing else listens there unless the pod has a
    sidecar. What worked on a laptop is refused at the first connection, in every run.

    Bad:
        training:
          tracking: {uri: "http://localhost:5000"}
    Good:
        training:
          tracking: {uri: "http://mlflow.mlops:5000"}
    """
    if _has_sidecars(system):
        return
    for text in texts(system):
        host = _host(text.value.value) if text.key in KEYS and not text.variable else ""
        if host in ("localhost", "0.0.0.0", "[::1]") or host.startswith("127."):
            yield finding(
                "MLS114",
                f"`{host}` is the pod itself",
                text.value,
                note="no other server listens there, so every connection is refused",
                help="write the address of the server, such as `SERVICE.NAMESPACE` for one in the cluster, or suppress "
                "this finding if the cluster adds a proxy to the pod",
            )


def _has_sidecars(system: MLSystem) -> bool:
    served = [one for one in system.services.values() if isinstance(one, (OnlineService, BatchService))]
    return any(part.sidecars for part in (*served, *([system.training] if system.training is not None else [])))


def _host(address: str) -> str:
    """The host of a URI, or of an address without a scheme."""
    place = address.rpartition("://")[2].partition("/")[0].rpartition("@")[2].lower()
    return place if place.startswith("[") and place.endswith("]") else place.rpartition(":")[0] or place

"""Evictions, as a node's drain sends them, against the emitted disruption budgets."""

from __future__ import annotations

import pytest

from .api import ApiError, Object
from .control_plane import wait
from .ground import Ground
from .proof import Proof
from .systems import applied, compiled

NAMESPACE = "drained"


@pytest.fixture(scope="module")
def pods(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> list[Object]:
    """The ready pods of a service with two replicas."""
    ground.namespace(NAMESPACE)
    ground.apply(applied(compiled(tmp_path_factory.mktemp("drained"), NAMESPACE)))
    wait(lambda: len(_ready(ground)) == 2, "two replicas")
    budget = f"/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets/digits"
    wait(lambda: ground.api.get(budget)["status"].get("disruptionsAllowed") == 1, "the budget")
    return _ready(ground)


def test_a_drain_takes_one_replica_at_a_time(ground: Ground, proof: Proof, pods: list[Object]) -> None:
    first, second = pods
    _evict(ground, first)
    with pytest.raises(ApiError) as refused:
        _evict(ground, second)
    assert refused.value.status == 429
    wait(lambda: len(_ready(ground)) == 2 and first["metadata"]["name"] not in map(_name, _ready(ground)), "a new one")
    proof.row("Disruptions", ("what", "seen"), "two evictions at once of two replicas", "the second is refused")


def _evict(ground: Ground, pod: Object) -> None:
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{_name(pod)}/eviction"
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": _name(pod), "namespace": NAMESPACE}}
    ground.api.request("POST", path, body)


def _ready(ground: Ground) -> list[Object]:
    found = ground.api.items(f"/api/v1/namespaces/{NAMESPACE}/pods")
    return [pod for pod in found if _is_ready(pod) and not pod["metadata"].get("deletionTimestamp")]


def _is_ready(pod: Object) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))


def _name(pod: Object) -> str:
    return str(pod["metadata"]["name"])

"""Evictions, as a node's drain sends them, against the emitted disruption budgets."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from .api import ApiError, Object
from .control_plane import wait
from .ground import Ground
from .proof import Proof
from .systems import applied, compiled

NAMESPACE = "drained"
COLUMNS = ("what", "seen")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("drained")


@pytest.fixture(scope="module")
def pods(ground: Ground, folder: Path) -> list[Object]:
    """The ready pods of a service with two replicas."""
    ground.namespace(NAMESPACE)
    ground.apply(applied(compiled(folder / "1", NAMESPACE)))
    wait(lambda: len(_ready(ground)) == 2, "two replicas")
    wait(lambda: _allowed(ground) == 1, "the budget")
    return _ready(ground)


def test_a_drain_takes_one_replica_at_a_time(ground: Ground, proof: Proof, pods: list[Object]) -> None:
    first, second = pods
    _evict(ground, first)
    with pytest.raises(ApiError) as refused:
        _evict(ground, second)
    assert refused.value.status == 429
    wait(lambda: len(_ready(ground)) == 2 and first["metadata"]["name"] not in map(_name, _ready(ground)), "a new one")
    proof.row("Disruptions", COLUMNS, "two evictions at once of two replicas", "the second is refused")


@pytest.mark.usefixtures("pods")
def test_a_new_version_does_not_count_as_a_replica_of_the_live_one(ground: Ground, proof: Proof, folder: Path) -> None:
    """With one budget for both, three pods were healthy and two were expected, so both live ones could go at once."""
    wait(lambda: _roles(ground) == {"stable": 2}, "the label of the live version")
    ground.apply(applied(compiled(folder / "2", NAMESPACE, release__version=2)))
    wait(lambda: _roles(ground) == {"stable": 2, "canary": 1}, "a pod of the new version", 60)
    wait(lambda: _allowed(ground) == 1 and _allowed(ground, "digits-canary") == 1, "both budgets")
    live = [pod for pod in _ready(ground) if _role(pod) == "stable"]
    (new,) = (pod for pod in _ready(ground) if _role(pod) == "canary")
    _evict(ground, live[0])
    with pytest.raises(ApiError) as refused:
        _evict(ground, live[1])
    assert refused.value.status == 429
    _evict(ground, new)
    wait(lambda: _roles(ground) == {"stable": 2, "canary": 1}, "new pods with the labels of their version", 60)
    assert {_name(pod) for pod in live} - {_name(pod) for pod in _ready(ground)} == {_name(live[0])}
    proof.row("Disruptions", COLUMNS, "the same while a new version has a third pod", "the second is refused")


@pytest.mark.usefixtures("pods")
def test_a_version_that_goes_live_takes_over_the_budget_of_the_live_one(ground: Ground, proof: Proof) -> None:
    """The controller changes the label on the running pods: no pod starts again."""
    wait(lambda: _roles(ground) == {"stable": 2, "canary": 1}, "the state after the test before")
    before = {_name(pod) for pod in _ready(ground) if _role(pod) == "canary"}
    ground.api.merge(
        f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/rollouts/digits/status", {"status": {"promoteFull": True}}
    )
    wait(lambda: _roles(ground) == {"stable": 2} and _versions(ground) == {"2"}, "the new version to be live", 300)
    assert before <= {_name(pod) for pod in _ready(ground)}
    wait(lambda: _allowed(ground) == 1 and _allowed(ground, "digits-canary") == 0, "both budgets", 300)
    first, second = _ready(ground)
    _evict(ground, first)
    with pytest.raises(ApiError) as refused:
        _evict(ground, second)
    assert refused.value.status == 429
    proof.row("Disruptions", COLUMNS, "the same after the new version went live", "the second is refused")


def _versions(ground: Ground) -> set[str]:
    return {pod["metadata"]["labels"]["app.kubernetes.io/version"] for pod in _ready(ground)}


def _evict(ground: Ground, pod: Object) -> None:
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{_name(pod)}/eviction"
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": _name(pod), "namespace": NAMESPACE}}
    ground.api.request("POST", path, body)


def _allowed(ground: Ground, name: str = "digits") -> int:
    """How many pods of a budget may be evicted now."""
    budget = ground.api.get(f"/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets/{name}")
    allowed: int = budget.get("status", {}).get("disruptionsAllowed", 0)
    return allowed


def _roles(ground: Ground) -> Counter[str]:
    """The ready pods by the version that the controller says they have."""
    return Counter(map(_role, _ready(ground)))


def _role(pod: Object) -> str:
    return str(pod["metadata"]["labels"].get("mlspec/role"))


def _ready(ground: Ground) -> list[Object]:
    found = ground.api.items(f"/api/v1/namespaces/{NAMESPACE}/pods")
    return [pod for pod in found if _is_ready(pod) and not pod["metadata"].get("deletionTimestamp")]


def _is_ready(pod: Object) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))


def _name(pod: Object) -> str:
    return str(pod["metadata"]["name"])

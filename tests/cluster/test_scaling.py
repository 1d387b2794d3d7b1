"""A real autoscaler follows the load that the emitted rule records, within the emitted bounds."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest

from .adapter import Adapter
from .behavior import Behavior
from .control_plane import wait
from .ground import Ground
from .network import Demand
from .proof import Proof
from .systems import PATH, PLATFORM, applied, compiled

NAMESPACE = "scaled"


@pytest.fixture
def adapter(ground: Ground) -> Iterator[None]:
    """The metrics adapter that the platform file names."""
    made = Adapter(ground.api, ground.prometheus, ground.plane.certificate, ground.plane.key)
    made.start()
    yield
    made.stop()


@pytest.mark.usefixtures("adapter")
def test_an_autoscaler_adds_replicas_up_to_the_maximum(
    ground: Ground, proof: Proof, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """70 requests in flight per second of 20 ms each are 1.4 busy slots: two replicas at 0.7. Four times that is more
    than the maximum of three."""
    platform = copy.deepcopy(PLATFORM)
    platform["platform"]["autoscaling"] = {"provider": "hpa", "adapter": "prometheus-adapter"}
    ground.namespace(NAMESPACE)
    ground.behaviors[NAMESPACE, "1"] = Behavior(milliseconds=20)
    ground.apply(applied(compiled(tmp_path_factory.mktemp(NAMESPACE), NAMESPACE, platform)))
    ground.prometheus.sync()
    ground.network.demands[NAMESPACE] = Demand(PATH, lambda age: 40.0 if age < 100 else 280.0)
    wait(lambda: _replicas(ground) == 2, "the minimum", 120)
    took = wait(lambda: _replicas(ground) == 3, "the maximum", 400)
    status = ground.api.get(f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers/digits")["status"]
    conditions = {one["type"]: one["status"] for one in status["conditions"]}
    assert conditions["ScalingActive"] == "True", status
    proof.row("Scaling", ("what", "seen"), "HPA by the recorded load, from 2 to 3 replicas", f"{took:.0f} s")


def _replicas(ground: Ground) -> int:
    rollout = ground.api.get(f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/rollouts/digits")
    return int(rollout.get("status", {}).get("availableReplicas", 0))

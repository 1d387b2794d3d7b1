"""A version's whole way by release files: shadow, canary, in service, and back by `mlspec rollback`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import mlspec
from mlspec import Release

from ..support import changed
from .behavior import Behavior
from .control_plane import wait
from .ground import Ground
from .network import Demand
from .proof import Proof
from .systems import PATH, PLATFORM, SPEC, applied

NAMESPACE = "released"
QUICK = {**PLATFORM, "platform": {**PLATFORM["platform"], "planning": {"download": "10 GB/s", "nodeWait": "0s"}}}
"""Pods start at once here, and the stage is short."""
ROLLOUT = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/rollouts/digits"
OWN = {"app.kubernetes.io/name": "digits", "app.kubernetes.io/component": "predictor"}
"""The labels of the live service's pods."""
COLUMNS = ("what", "seen")
NOW = "2026-11-03T04:00:00Z"
STAGE = 2400.0
"""The requests that the shadow stage mirrors in its two minutes. The judgment needs a quarter of them, and a replica
that Prometheus found at a full minute: only the whole stage is sure to have one.
"""
AT_ONCE = 90.0
"""Seconds in which a rollback must have all traffic: the pods start, and no step is waited for."""


def version(number: int) -> dict[str, Any]:
    """A version as its training run describes it."""
    artifact = {"uri": f"https://models.example.com/{number}.onnx", "format": "onnx", "size": "26Ki"}
    return {"version": str(number), "artifact": {**artifact, "digest": f"sha256:{number:064x}"}}


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The system with a shadow stage, and version 1 in service."""
    folder = tmp_path_factory.mktemp("released")
    stages = [{"shadow": {"percent": "10%", "duration": "2m"}}, {"canary": {"steps": ["20%", "50%"]}}]
    environments = {NAMESPACE: {"namespace": NAMESPACE}}
    body = changed(SPEC, release=None, rollout={"stages": stages}, environments=environments)
    head = {"apiVersion": "mlspec/v1", "kind": "Release", "system": "digits", "environment": NAMESPACE}
    (folder / ".git").mkdir()
    (folder / "releases").mkdir()
    (folder / "mlspec.yaml").write_text(yaml.safe_dump(body, sort_keys=False))
    (folder / "mlspec.platform.yaml").write_text(yaml.safe_dump(QUICK, sort_keys=False))
    (folder / "releases" / f"{NAMESPACE}.yaml").write_text(yaml.safe_dump({**head, "release": version(1)}))
    for number in (2, 3, 4):
        (folder / f"{number}.yaml").write_text(yaml.safe_dump(version(number)))
    return folder / "mlspec.yaml"


def test_a_version_goes_into_service_and_back(ground: Ground, proof: Proof, spec: Path) -> None:
    ground.namespace(NAMESPACE)
    ground.apply(applied(mlspec.compile(spec, environments=[NAMESPACE])))
    ground.network.demands[NAMESPACE] = Demand(PATH, lambda _: 200.0)
    wait(lambda: _phase(ground) == "Healthy", "version 1")

    _apply(ground, spec, mlspec.promote(spec, to=NAMESPACE, release=spec.parent / "2.yaml", now="2026-11-02T04:00:00Z"))
    ground.prometheus.sync()
    wait(lambda: _shadowed(ground, "2") > 200, "mirrored requests")
    seen = ground.network.seen[NAMESPACE]
    whole, mirrored = seen.by_version["1"], seen.by_version["2"]
    time.sleep(20)
    share = (seen.by_version["2"] - mirrored) / (seen.by_version["1"] - whole)
    assert share == pytest.approx(0.1, abs=0.01)
    assert _weight(ground) == 0, "users get no answer of the shadow"
    proof.row("Releases", COLUMNS, "share of requests mirrored to a shadow of 10%", f"{share:.1%}")
    wait(lambda: _shadowed(ground, "2") > STAGE, "the end of the shadow stage", 240)

    _apply(ground, spec, mlspec.promote(spec, to=NAMESPACE, now="2026-11-02T06:00:00Z"))
    wait(lambda: ground.api.get(ROLLOUT)["status"].get("currentStepIndex") == 2, "the canary's first step")
    proof.row("Releases", COLUMNS, "a version that was good in the shadow", "gets its first requests")
    ground.api.merge(f"{ROLLOUT}/status", {"status": {"promoteFull": True}})  # what `promote --full` does
    wait(lambda: _phase(ground) == "Healthy" and _in_service(ground) == "2", "version 2", 120)

    wait(lambda: _versions(ground, {}) == {"2"}, "the pods of version 1 to end", 120)
    begin = time.monotonic()
    _apply(ground, spec, mlspec.rollback(spec, environment=NAMESPACE, to="1"))
    wait(lambda: _phase(ground) == "Healthy" and _in_service(ground) == "1", "version 1 again", AT_ONCE)
    proof.row(
        "Releases", COLUMNS, "`mlspec rollback`, from no pods to all traffic", f"{time.monotonic() - begin:.0f} s"
    )
    wait(lambda: _weight(ground) == 0, "the route to be as before", 30)


def test_a_version_that_was_in_no_shadow_waits(ground: Ground, proof: Proof, spec: Path) -> None:
    """A release file that was edited by hand leaves the stage out, and says nothing of it."""
    release = mlspec.promote(spec, to=NAMESPACE, release=spec.parent / "3.yaml", now=NOW, skip_shadow=True)
    mlspec.write(release, spec.parent / "out")
    file = spec.parent / "releases" / f"{NAMESPACE}.yaml"
    file.write_text(file.read_text().replace("  skippedShadow: true\n", ""))
    ground.apply(applied(mlspec.compile(spec, environments=[NAMESPACE])))
    wait(lambda: _phase(ground) == "Paused", "the rollout to wait")
    ground.prometheus.sync()
    wait(lambda: _fires(ground, "ModelRolloutHeld"), "the alert", 240)
    assert _weight(ground) == 0
    assert _shadowed(ground, "3") == 0, "no request reached the version"
    proof.row("Releases", COLUMNS, "a version that was in no shadow", "waits before its first request")


def test_a_version_that_fails_in_the_shadow_never_gets_a_request(ground: Ground, proof: Proof, spec: Path) -> None:
    """Each mirrored request fails, and no caller notices."""
    ground.behaviors[NAMESPACE, "4"] = Behavior(errors=1.0)
    _apply(ground, spec, mlspec.rollback(spec, environment=NAMESPACE, to="1"))
    wait(lambda: _phase(ground) == "Healthy" and _in_service(ground) == "1", "version 1", AT_ONCE)
    _apply(ground, spec, mlspec.promote(spec, to=NAMESPACE, release=spec.parent / "4.yaml", now=NOW))
    ground.prometheus.sync()
    wait(lambda: _shadowed(ground, "4") > STAGE, "the end of the shadow stage", 240)
    wait(lambda: _fires(ground, "ModelShadowFailing"), "the alert", 120)
    mirrored = _shadowed(ground, "4")
    _apply(ground, spec, mlspec.promote(spec, to=NAMESPACE, now="2026-11-03T06:00:00Z"))
    wait(lambda: bool(ground.api.get(ROLLOUT)["status"].get("abort")), "the rollout to be aborted")
    assert _weight(ground) == 0
    assert _shadowed(ground, "4") < mirrored + 200, "no request but those that were on their way"
    assert _in_service(ground) == "1"
    proof.row("Releases", COLUMNS, "a version that fails in the shadow", "is rolled back before its first request")


def _fires(ground: Ground, name: str) -> bool:
    found = [one for one in ground.prometheus.alerts() if one["labels"].get("namespace") == NAMESPACE]
    return any(one["state"] == "firing" and one["labels"]["alertname"] == name for one in found)


def _apply(ground: Ground, spec: Path, release: Release) -> None:
    mlspec.write(release, spec.parent / "out")
    ground.apply(applied(mlspec.compile(spec, environments=[NAMESPACE])))


def _weight(ground: Ground) -> int:
    return ground.network.seen[NAMESPACE].weights[-1][1]["digits-canary"]


def _shadowed(ground: Ground, number: str) -> float:
    return ground.network.seen[NAMESPACE].by_version.get(number, 0.0)


def _phase(ground: Ground) -> str:
    rollout = ground.api.get(ROLLOUT)
    status = rollout.get("status", {})
    fresh = status.get("observedGeneration") == str(rollout["metadata"]["generation"])
    return str(status.get("phase")) if fresh else ""


def _in_service(ground: Ground) -> str:
    """The version of the pods that the stable Service selects."""
    service = ground.api.get(f"/api/v1/namespaces/{NAMESPACE}/services/digits")
    found = _versions(ground, service["spec"]["selector"])
    return found.pop() if len(found) == 1 else ""


def _versions(ground: Ground, selector: Mapping[str, str]) -> set[str]:
    """The versions of the pods with these labels, without those in the shadow."""
    wanted = ",".join(f"{key}={value}" for key, value in {**OWN, **selector}.items())
    pods = ground.api.request("GET", f"/api/v1/namespaces/{NAMESPACE}/pods", labelSelector=wanted)["items"]
    return {pod["metadata"]["labels"]["app.kubernetes.io/version"] for pod in pods}

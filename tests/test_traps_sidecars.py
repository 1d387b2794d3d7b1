"""The traps of volumes and sidecars that the spec adds to a pod."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from . import batch, retraining
from .online import DIGEST, compiled, emitted, refused, spec, variables

IMAGE = f"registry.example.com/proxy:1@{DIGEST}"
VOLUMES: dict[str, Any] = {
    "rules": {"configMap": "fraud-rules", "path": "/etc/rules"},
    "keys": {"secret": "fraud-keys", "path": "/etc/keys"},
    "lookup": {"claim": "fraud-lookup", "path": "/lookup"},
    "scratch": {"size": "64Mi", "path": "/scratch"},
    "shared": {"claim": "fraud-shared", "writable": True},
}
PROXY: dict[str, Any] = {
    "image": IMAGE,
    "args": ["--port=5432"],
    "env": {"INSTANCE": "fraud-db"},
    "cpu": "200m",
    "memory": "256Mi",
    "user": 65532,
    "mounts": {"shared": "/shared", "keys": "/keys"},
}
EXTRAS: dict[str, Any] = {"serving__volumes": VOLUMES, "serving__sidecars": {"proxy": PROXY}}


def test_a_service_gets_its_volumes(tmp_path: Path) -> None:
    made = emitted(tmp_path, **EXTRAS)
    assert made.volume("own-rules") == {"name": "own-rules", "configMap": {"name": "fraud-rules"}}
    assert made.volume("own-keys") == {"name": "own-keys", "secret": {"secretName": "fraud-keys"}}
    assert made.volume("own-lookup")["persistentVolumeClaim"] == {"claimName": "fraud-lookup", "readOnly": True}
    assert made.volume("own-scratch")["emptyDir"] == {"sizeLimit": "64Mi"}
    assert made.volume("own-shared")["persistentVolumeClaim"] == {"claimName": "fraud-shared"}
    mounts = {mount["mountPath"]: mount for mount in made.server["volumeMounts"] if mount["name"].startswith("own-")}
    assert {path: mount.get("readOnly", False) for path, mount in mounts.items()} == {
        "/etc/rules": True,
        "/etc/keys": True,
        "/lookup": True,
        "/scratch": False,
    }


def test_trap_a_sidecar_starts_before_the_download_and_outlives_the_server(tmp_path: Path) -> None:
    """A second container would be killed first, with the connections of requests in flight."""
    made = emitted(tmp_path, **EXTRAS)
    proxy, download = made.pod["initContainers"]
    assert (proxy["name"], proxy["restartPolicy"], download["name"]) == ("proxy", "Always", "download")
    assert (proxy["image"], proxy["args"], variables(proxy)) == (IMAGE, ["--port=5432"], {"INSTANCE": "fraud-db"})
    assert proxy["resources"] == {"requests": {"cpu": "200m", "memory": "256Mi"}, "limits": {"memory": "256Mi"}}
    assert proxy["securityContext"]["runAsUser"] == 65532
    assert proxy["volumeMounts"] == [
        {"name": "own-shared", "mountPath": "/shared"},
        {"name": "own-keys", "mountPath": "/keys", "readOnly": True},
    ]


def test_trap_a_sidecar_does_not_keep_a_job_from_completing(tmp_path: Path) -> None:
    """As a second container, it runs on, and the Job waits for its deadline (kubernetes/kubernetes#25908)."""
    pod = batch.job(tmp_path, **EXTRAS)["template"]["spec"]
    assert [one["name"] for one in pod["initContainers"]] == ["proxy", "download"]
    assert len(pod["containers"]) == 1
    assert "/etc/rules" in {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    changes = {name.replace("serving", "training"): value for name, value in EXTRAS.items()}
    steps = retraining.pod(tmp_path, **changes)
    assert steps["initContainers"][0]["restartPolicy"] == "Always"
    assert "/etc/rules" in {mount["mountPath"] for mount in steps["initContainers"][1]["volumeMounts"]}


def test_trap_the_requests_of_sidecars_are_paid_for(tmp_path: Path) -> None:
    """0.2 cores and 0.25 GiB for each replica."""
    prices = {"platform__prices": {"core": "1 EUR/h", "memory": "1 EUR/h"}, "platform__rollout__provider": "none"}
    costs = []
    for changes in ({}, EXTRAS):
        [environment] = compiled(tmp_path, spec(**prices, **changes))._compiled.environments
        costs.append(environment.plan.cost.parts["serving fraud"])
        replicas = environment.plan.online["fraud"].min_replicas.value
    added = float(costs[1].value.amount) - float(costs[0].value.amount)
    assert added == pytest.approx(replicas * 730 * (0.2 + 0.25), rel=1e-3)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"serving__volumes__rules__path": "/tmp"}, "MLS008: `/tmp` is mounted twice"),
        ({"serving__volumes__rules__path": "/scratch/"}, "MLS008: `/scratch` is mounted twice"),
        ({"serving__sidecars__proxy__mounts": {"nothing": "/x"}}, "MLS010: unknown volume `nothing`"),
        ({"serving__sidecars": {"server": PROXY}}, "MLS008: `server` is a container of mlspec"),
        (
            {"serving__sidecars__proxy__image": "registry.example.com/proxy:1"},
            "MLS302: the image `registry.example.com/proxy` is not pinned to a digest",
        ),
    ],
    ids=["a path of the server", "a path of another volume", "an unknown volume", "a taken name", "a tag"],
)
def test_trap_what_an_api_server_would_refuse(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    assert told in refused(tmp_path, "triton", **{**EXTRAS, **changes})


def test_trap_a_volume_has_one_source(tmp_path: Path) -> None:
    two = {"serving__volumes": {"both": {"secret": "a", "configMap": "b", "path": "/x"}}}
    assert [one[:6] for one in refused(tmp_path, "triton", **two)] == ["MLS017"]


def test_trap_a_volume_that_nothing_mounts_has_no_effect(tmp_path: Path) -> None:
    alone = {"serving__volumes": {"idle": {"size": "1Gi"}}}
    assert refused(tmp_path, "triton", **alone) == ["MLS012: nothing mounts the volume `idle`"]

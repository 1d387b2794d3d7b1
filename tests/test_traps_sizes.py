"""The traps of sizes: a version of a model needs its own memory, disk, and time to start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .online import COMMIT, DIGEST, RUNTIMES, Emitted, emitted, errors, spec
from .support import ROOT

STAGES = [{"shadow": {"percent": "10%", "duration": "24h"}}, {"canary": {"steps": ["10%", "50%"]}}]


def shadow_of(made: Emitted) -> dict[str, Any]:
    found: dict[str, Any] = made.one("Deployment", "fraud-shadow")["spec"]
    return found


def with_shadow(size: str) -> dict[str, Any]:
    """Changes that put a version of this size into the shadow stage of a service with a model of 40 MiB."""
    place = {"uri": "s3://models/fraud/8/model.onnx", "format": "onnx", "digest": DIGEST, "access": "store"}
    return {"rollout__stages": STAGES, "release__shadow": {"version": 8, "artifact": {**place, "size": size}}}


# The shadow


def test_trap_a_large_shadow_has_the_memory_of_a_small_live_version(tmp_path: Path) -> None:
    """1 GiB for the server and twice the model, plus 256 MiB of shared memory: 9.25 GiB for 4 GiB of model."""
    made = emitted(tmp_path, **with_shadow("4Gi"))
    [server] = shadow_of(made)["template"]["spec"]["containers"]
    assert server["resources"]["limits"]["memory"] == "9472Mi"
    assert made.server["resources"]["limits"]["memory"] == "1536Mi"


def test_trap_a_large_shadow_is_killed_while_it_loads(tmp_path: Path) -> None:
    """100 GiB are read in 215 s at 500 MB/s, and fetched in 1,074 s at 100 MB/s."""
    made = emitted(tmp_path, **with_shadow("100Gi"))
    [server] = shadow_of(made)["template"]["spec"]["containers"]
    probe = server["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 2 * 215
    assert shadow_of(made)["progressDeadlineSeconds"] >= 2 * (215 + 1074)
    assert made.workload["spec"]["progressDeadlineSeconds"] == 600


def test_trap_a_patch_of_a_shadow_is_compared_with_the_live_version(tmp_path: Path) -> None:
    """900 s are enough for 40 MiB, and too few for 100 GiB."""
    patch = {
        "target": {"kind": "Deployment", "name": "fraud-shadow"},
        "reason": "fail fast",
        "patch": {"spec": {"progressDeadlineSeconds": 900}},
    }
    assert errors(tmp_path, spec(**with_shadow("40Mi"), patches=[patch])) == []
    found = errors(tmp_path, spec(**with_shadow("100Gi"), patches=[patch]))
    assert [error[:7] for error in found] == ["MLS406:"]


def test_trap_the_size_of_a_shadow_from_a_hub_has_no_effect(tmp_path: Path) -> None:
    """So a release file that says it could not bring the version into the shadow stage."""
    place = {"uri": "hf://acme/fraud-8", "format": "safetensors", "digest": COMMIT, "access": "hub", "size": "30Gi"}
    made = spec("vllm", rollout__stages=STAGES, release__shadow={"version": 8, "artifact": place})
    assert errors(tmp_path, made) == []


# Time to start


def budget(made: Emitted) -> int:
    """How many seconds the startup probe allows."""
    probe = made.server["startupProbe"]
    return int(probe["periodSeconds"] * probe["failureThreshold"])


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("load", [None, "1s"])
def test_trap_a_startup_probe_kills_a_server_on_a_busy_node(tmp_path: Path, runtime: str, load: str | None) -> None:
    """MLServer with eight workers needed 66 s on two busy cores, and got 30 s."""
    made = emitted(tmp_path, runtime, serving__load=load)
    assert budget(made) >= (300 if runtime in ("vllm", "sglang", "tgi") else 120)


@pytest.mark.parametrize("size", ["2Gi", None])
def test_trap_a_small_language_model_is_killed_while_it_compiles(tmp_path: Path, size: str | None) -> None:
    """A model of 2 GiB was ready 159 s after its container had started, and 150 s were too few for it."""
    made = emitted(tmp_path, "vllm", release__artifact__size=size, serving__load=None)
    assert budget(made) >= 300


@pytest.mark.parametrize("least", ["120s", "30m"])
def test_trap_a_rollout_fails_before_the_startup_probe_does(tmp_path: Path, least: str) -> None:
    made = emitted(tmp_path, serving__container={"leastStartup": least})
    assert budget(made) == {"120s": 120, "30m": 1800}[least]
    assert made.workload["spec"]["progressDeadlineSeconds"] > budget(made)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_runtime_says_how_long_it_takes_to_start(runtime: str) -> None:
    """A container that the author builds may take any time; its default is generous."""
    said = (ROOT / "compiler" / "catalog" / "runtimes" / f"{runtime}.yaml").read_text()
    assert ("\nstartTime: " in said) == (runtime != "custom")

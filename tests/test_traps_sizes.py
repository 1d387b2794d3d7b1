"""The traps of sizes: a version of a model needs its own memory, disk, and time to start."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from . import batch, retraining
from .online import COMMIT, DIGEST, GPU, RUNTIMES, Emitted, compiled, emitted, errors, spec
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


# Disk


def mebi(quantity: str) -> int:
    return int(quantity.removesuffix("Mi")) if quantity.endswith("Mi") else int(quantity.removesuffix("Gi")) * 1024


def disk(container: dict[str, Any]) -> tuple[str, str | None]:
    """What a container requests of the disk of the node, and its limit."""
    given = container["resources"]
    return given["requests"]["ephemeral-storage"], given["limits"].get("ephemeral-storage")


def test_trap_a_pod_requests_no_disk_for_its_model(tmp_path: Path) -> None:
    """16 GiB plus a quarter are 20,496 MiB with 16 MiB to round; a server of its own files of 1 GiB, and 100 MiB of
    logs: 21,620 MiB, in steps of 256 MiB.
    """
    made = emitted(tmp_path, release__artifact__size="16Gi")
    assert disk(made.server) == ("21760Mi", "21760Mi")
    assert disk(made.download) == ("20596Mi", "20596Mi")
    assert made.volume("model")["emptyDir"] == {"sizeLimit": "20496Mi"}


@pytest.mark.parametrize("runtime", ["vllm", "sglang", "tgi"])
def test_trap_the_weights_that_a_server_downloads_have_no_limit(tmp_path: Path, runtime: str) -> None:
    """20,496 MiB for the weights and 5 GiB for compiled code are 25,616 MiB; logs come on top."""
    made = emitted(tmp_path, runtime)
    assert made.volume(f"home-{runtime}")["emptyDir"] == {"sizeLimit": "25616Mi"}
    assert disk(made.server) == ("25856Mi", "25856Mi")


@pytest.mark.parametrize(("disk", "fits"), [("15Gi", False), ("16Gi", False), ("30Gi", True)])
@pytest.mark.parametrize("runtime", ["vllm", "sglang", "tgi"])
def test_trap_a_server_is_evicted_while_it_downloads(tmp_path: Path, runtime: str, disk: str, fits: bool) -> None:
    """The volume of its cache has the same limit as the pod. What an init container downloads has one of its own."""
    less = {"serving__resources": {"accelerator": {"type": "l4"}, "ephemeralStorage": disk}}
    told = [text for text in errors(tmp_path, spec(runtime, **less)) if text.startswith("MLS443")]
    assert told == ([] if fits else [f"MLS443: `fraud` may write {disk}, but its model has 16Gi"])
    assert errors(tmp_path, spec("triton", serving__resources={"ephemeralStorage": "39Mi"})) == []


def test_trap_an_archive_is_unpacked_onto_the_disk(tmp_path: Path) -> None:
    told = errors(tmp_path, spec("torchserve", serving__resources={"ephemeralStorage": "39Mi"}))
    assert "MLS443: `fraud` may write 39Mi, but its model has 40Mi" in told


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_trap_the_limit_of_a_pod_evicts_it_while_its_volumes_have_room(tmp_path: Path, runtime: str) -> None:
    """The kubelet adds up volumes and logs. What a server of the author's own writes is unknown, so it has no limit."""
    made = emitted(tmp_path, runtime)
    volumes = [volume["emptyDir"] for volume in made.pod["volumes"] if "emptyDir" in volume]
    on_disk = [volume.get("sizeLimit") for volume in volumes if volume.get("medium") != "Memory"]
    requested, limit = disk(made.server)
    if runtime in ("bentoml", "custom", "ray-serve"):
        assert limit is None
        return
    assert requested == limit
    assert all(on_disk)
    assert mebi(requested) >= max(map(mebi, map(str, on_disk))) + 100


def test_trap_an_unpacked_archive_needs_its_space_again(tmp_path: Path) -> None:
    """1,296 MiB for the archive of 1 GiB, twice that to unpack it, and 1 GiB and 100 MiB: 5,012 MiB."""
    made = emitted(tmp_path, "torchserve", release__artifact__size="1Gi")
    assert disk(made.server) == ("5Gi", "5Gi")


def test_trap_a_batch_pod_requests_no_disk_for_its_model(tmp_path: Path) -> None:
    """1,296 MiB for a model of 1 GiB, and 100 MiB of logs. What the image writes is unknown, so there is no limit, and
    none of the download either: it would count for the whole pod.
    """
    pod = batch.job(tmp_path, releases__lightgbm__artifact__size="1Gi")["template"]["spec"]
    assert disk(pod["containers"][0]) == ("1536Mi", None)
    assert disk(pod["initContainers"][0]) == ("1396Mi", None)
    said = batch.job(tmp_path, serving__resources={"ephemeralStorage": "30Gi"})["template"]["spec"]
    assert disk(said["containers"][0]) == ("30Gi", "30Gi")
    [tmp] = [volume for volume in said["volumes"] if volume["name"] == "tmp"]
    assert tmp["emptyDir"] == {"sizeLimit": "30Gi"}


def test_trap_a_training_pod_fills_the_disk_of_a_node(tmp_path: Path) -> None:
    """Every step may use as much as the volume for temporary files has."""
    pod = retraining.pod(tmp_path, training__resources={"ephemeralStorage": "9Gi"})
    assert {disk(step) for step in (*pod["initContainers"], *pod["containers"])} == {("9Gi", "9Gi")}
    [tmp] = [volume for volume in pod["volumes"] if volume["name"] == "tmp"]
    assert tmp["emptyDir"] == {"sizeLimit": "9Gi"}


def test_the_author_says_how_much_disk_a_replica_needs(tmp_path: Path) -> None:
    made = emitted(tmp_path, "bentoml", serving__resources={"ephemeralStorage": "30Gi"})
    assert disk(made.server) == ("30Gi", "30Gi")
    assert made.volume("tmp")["emptyDir"] == {"sizeLimit": "30Gi"}


@pytest.mark.parametrize("runtime", ["triton", "vllm"])
def test_trap_the_disk_of_a_model_of_unknown_size_is_reserved_silently(tmp_path: Path, runtime: str) -> None:
    """What is known is requested. There is no limit, and a warning says so."""
    made = spec(runtime, release__artifact__size=None)
    found = [d.id for d in compiled(tmp_path, made).diagnostics]
    assert "MLS414" in found
    pod = emitted(tmp_path, runtime, release__artifact__size=None)
    assert disk(pod.server)[1] is None


def test_trap_an_image_volume_is_counted_twice(tmp_path: Path) -> None:
    """The image does not count as disk of the pod: 1 GiB of its own files, and 100 MiB of logs."""
    place = {"uri": "oci://registry.example.com/fraud:7", "digest": DIGEST, "format": "onnx", "size": "16Gi"}
    made = emitted(tmp_path, release__artifact=place, access=None, platform__kubernetes="1.35")
    assert disk(made.server) == ("1280Mi", "1280Mi")


# Threads


def parameters(made: Emitted) -> dict[str, str]:
    return dict(
        re.findall(r'parameters \{ key: "(\w+)", value: \{ string_value: "(\d+)" \} \}', made.file("config.pbtxt"))
    )


@pytest.mark.parametrize(
    ("format_", "names"),
    [
        ("onnx", ["intra_op_thread_count"]),
        ("torchscript", ["INTRA_OP_THREAD_COUNT", "INTER_OP_THREAD_COUNT"]),
        ("openvino", ["INFERENCE_NUM_THREADS"]),
        ("python", []),
    ],
)
def test_trap_each_instance_of_triton_takes_all_cores_of_the_node(
    tmp_path: Path, format_: str, names: list[str]
) -> None:
    """Eight cores for four instances are two threads each, and so are those of Python models."""
    parts = {"serving__serviceTime": {"mean": "2ms", "at": 4}, "serving__resources": {"cpu": 8}}
    place = {"release__artifact__uri": "s3://models/fraud/7/"}  # OpenVINO's graph and weights are two files
    made = emitted(tmp_path, release__artifact__format=format_, **place, **parts)
    assert parameters(made) == dict.fromkeys(names, "2")
    assert made.env["OMP_NUM_THREADS"] == "2"


def test_trap_one_instance_that_batches_has_all_cores_of_its_pod(tmp_path: Path) -> None:
    made = emitted(tmp_path, serving__batching={"maxSize": 8}, serving__resources={"cpu": 8})
    assert parameters(made) == {"intra_op_thread_count": "8"}


def test_trap_tensorflow_takes_all_cores_of_the_node(tmp_path: Path) -> None:
    """One session runs all requests, so its threads are those of the pod."""
    flags = emitted(tmp_path, "tensorflow-serving", serving__resources={"cpu": "6500m"}).flags
    assert flags["--tensorflow_intra_op_parallelism"] == "6"
    assert flags["--tensorflow_inter_op_parallelism"] == "6"


@pytest.mark.parametrize(
    ("runtime", "each"),
    [("mlserver", "2"), ("torchserve", "2"), ("bentoml", "8"), ("kserve-huggingface", "8")],
)
def test_trap_each_worker_takes_all_cores_of_the_node(tmp_path: Path, runtime: str, each: str) -> None:
    """Four workers share eight cores. KServe has one process; how many BentoML has is up to its image."""
    parts = {"serving__serviceTime": {"mean": "2ms", "at": 4}, "serving__resources": {"cpu": 8}}
    assert emitted(tmp_path, runtime, **parts).env["OMP_NUM_THREADS"] == each


def test_the_author_sets_the_number_of_threads(tmp_path: Path) -> None:
    assert emitted(tmp_path, serving__env={"OMP_NUM_THREADS": "3"}).env["OMP_NUM_THREADS"] == "3"


@pytest.mark.parametrize("runtime", [name for name in RUNTIMES if name != "custom"])
def test_an_accelerator_does_the_work(tmp_path: Path, runtime: str) -> None:
    made = emitted(tmp_path, runtime, **GPU)
    assert "OMP_NUM_THREADS" not in made.env
    assert not any("parallelism" in flag for flag in made.flags)


def test_trap_torchserve_has_a_copy_of_the_model_for_each_worker(tmp_path: Path) -> None:
    """2 GiB for Java and a worker, 2 x 1 GiB to read and load, and 3 x (256 MiB + 1 GiB): 7.75 GiB."""
    made = emitted(tmp_path, "torchserve", release__artifact__size="1Gi", serving__serviceTime={"mean": "2ms", "at": 4})
    assert "default_workers_per_model=4" in made.file("config.properties")
    assert made.server["resources"]["limits"]["memory"] == "7936Mi"


# Availability, places, and priorities

DEPLOYMENT: dict[str, Any] = {"platform__rollout__provider": "none", "constraints__throughput": {"peak": "60/s"}}


@pytest.mark.parametrize("changes", [{}, DEPLOYMENT], ids=["Rollout", "Deployment"])
def test_trap_a_server_that_breaks_on_its_first_requests_replaces_one_that_works(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    assert emitted(tmp_path, **changes).workload["spec"]["minReadySeconds"] == 10
    assert shadow_of(emitted(tmp_path, **with_shadow("40Mi")))["minReadySeconds"] == 10


def test_trap_a_server_must_settle_before_the_progress_deadline(tmp_path: Path) -> None:
    """The API server refuses a Deployment otherwise."""
    fast = {"download": "1 TB/s", "nodeWait": "0s"}
    made = emitted(tmp_path, serving__load="1s", rollout__progressDeadline="5s", platform__planning=fast)
    assert made.workload["spec"]["minReadySeconds"] == 4


@pytest.mark.parametrize(("changes", "label"), [({}, "rollouts-pod-template-hash"), (DEPLOYMENT, "pod-template-hash")])
def test_trap_a_new_version_is_spread_around_the_old_one(tmp_path: Path, changes: dict[str, Any], label: str) -> None:
    """Its pods are counted by the label of the controller that makes them, which differs."""
    constraints = emitted(tmp_path, **changes).pod["topologySpreadConstraints"]
    assert [constraint["matchLabelKeys"] for constraint in constraints] == [[label], [label]]
    shadow = shadow_of(emitted(tmp_path, **with_shadow("40Mi")))["template"]["spec"]
    assert {key for one in shadow["topologySpreadConstraints"] for key in one["matchLabelKeys"]} == {
        "pod-template-hash"
    }


def test_trap_a_shadow_takes_the_place_of_pods_that_serve(tmp_path: Path) -> None:
    """A PriorityClass must exist in the cluster, so only the platform can name it."""
    assert "priorityClassName" not in emitted(tmp_path).pod
    made = emitted(tmp_path, **with_shadow("40Mi"), platform__priorities={"serving": "high", "shadow": "low"})
    assert made.pod["priorityClassName"] == "high"
    assert shadow_of(made)["template"]["spec"]["priorityClassName"] == "low"


def test_the_platform_names_the_priorities_of_runs(tmp_path: Path) -> None:
    scoring = batch.job(tmp_path, platform__priorities={"batch": "later"})
    assert scoring["template"]["spec"]["priorityClassName"] == "later"
    assert retraining.pod(tmp_path, platform__priorities={"training": "last"})["priorityClassName"] == "last"


# Overload


def policy(made: Emitted) -> dict[str, str]:
    names = ("timeout_action", "default_timeout_microseconds", "max_queue_size")
    return {name: value for name, value in re.findall(r"(\w+): (\w+)", made.file("config.pbtxt")) if name in names}


BATCHED: dict[str, Any] = {
    "serving__batching": {"maxSize": 8},
    "serving__serviceTime": {"mean": "2ms", "at": 8},
    "serving__endpoint": {"timeout": "1s"},
}


def test_trap_a_queue_grows_while_callers_give_up(tmp_path: Path) -> None:
    """Eight slots answer 8 x 1 s / 2 ms = 4,000 requests within a second, so 3,992 may wait. Triton counts only what it
    rejects for its age, so that must come first: the queue has twice the room.
    """
    made = emitted(tmp_path, **BATCHED)
    assert policy(made) == {
        "timeout_action": "REJECT",
        "default_timeout_microseconds": "1000000",
        "max_queue_size": "7984",
    }
    assert "dynamic_batching" not in emitted(tmp_path).file("config.pbtxt")  # whose queue has no policy


def test_trap_a_language_model_accepts_more_than_it_can_answer(tmp_path: Path) -> None:
    """Sixteen slots answer 16 x 60 s / 1 s = 960 requests within a minute. vLLM counts those that run,
    SGLang does not.
    """
    minute = {"serving__endpoint": {"timeout": "60s"}}
    assert emitted(tmp_path, "vllm", **minute).flags["--max-num-queued-reqs"] == "960"
    assert emitted(tmp_path, "sglang", **minute).flags["--max-queued-requests"] == "944"


def test_trap_a_short_timeout_leaves_no_queue(tmp_path: Path) -> None:
    """As many may wait as run, so that a replica never idles between two requests."""
    flags = emitted(tmp_path, "sglang", serving__endpoint={"timeout": "1s"}).flags
    assert flags["--max-queued-requests"] == "16"


def test_the_author_sets_the_queue(tmp_path: Path) -> None:
    assert policy(emitted(tmp_path, **BATCHED, serving__queue=5))["max_queue_size"] == "10"
    assert emitted(tmp_path, "vllm", serving__queue=5).flags["--max-num-queued-reqs"] == "21"
    assert errors(tmp_path, spec("mlserver", serving__queue=5)) == ["MLS012: `mlserver` does not support `queue`"]

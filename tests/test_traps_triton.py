"""The traps of Triton: loading, configuration, metrics, and shutdown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .online import GPU, Emitted, emitted, refused
from .prototext import prototext

EXPORTED = {
    "nv_inference_request_success",
    "nv_inference_request_failure",
    "nv_inference_request_duration_us",
    "nv_inference_pending_request_count",
    "nv_inference_first_response_histogram_ms_bucket",
    "nv_inference_first_response_histogram_ms_count",
    "nv_inference_first_response_histogram_ms_sum",
}


def config(made: Emitted) -> dict[str, list[object]]:
    return prototext(made.file("config.pbtxt"))


# What is loaded, and from where


def test_trap_the_latest_version_is_served_unless_one_is_pinned(tmp_path: Path) -> None:
    assert config(emitted(tmp_path))["version_policy"] == [{"specific": [{"versions": [7]}]}]


@pytest.mark.parametrize(("version", "folder"), [("7", 7), ("007", 7), ("2026.11.2", 1), ("v3", 1), ("0", 1)])
def test_trap_a_version_folder_is_a_number_without_a_leading_zero(tmp_path: Path, version: str, folder: int) -> None:
    made = emitted(tmp_path, release__version=version)
    assert made.mounts[f"/models/fraud/{folder}"] == "model"
    assert config(made)["version_policy"] == [{"specific": [{"versions": [folder]}]}]


def test_trap_explicit_control_lets_every_caller_load_and_unload_models(tmp_path: Path) -> None:
    """`none` loads everything in the repository, which contains only the model, and does not poll."""
    made = emitted(tmp_path)
    assert made.flags["--model-control-mode"] == "none"
    assert not {"--load-model", "--repository-poll-secs"} & set(made.flags)
    below = {path.split("/")[2] for path in made.mounts if path.startswith("/models/")}
    assert below == {"fraud"}


def test_trap_a_server_is_ready_only_when_its_models_are(tmp_path: Path) -> None:
    """Strict readiness and exit on error are Triton's defaults, and no flag may turn them off."""
    assert not {"--strict-readiness", "--exit-on-error", "--disable-auto-complete-config"} & set(
        emitted(tmp_path).flags
    )


@pytest.mark.parametrize(
    ("format_", "file", "backend"),
    [
        ("onnx", "model.onnx", "onnxruntime"),
        ("tensorrt", "model.plan", "tensorrt"),
        ("torchscript", "model.pt", "pytorch"),
        ("python", "model.py", "python"),
    ],
)
def test_trap_each_backend_wants_its_own_file_name(tmp_path: Path, format_: str, file: str, backend: str) -> None:
    made = emitted(tmp_path, **of_format(format_), **(GPU if format_ == "tensorrt" else {}))
    assert config(made)["backend"] == [backend]
    assert {v["name"]: v["value"] for v in made.download["env"] if "value" in v}["MODEL_FILE"] == file


def test_trap_the_layout_is_repository_model_version(tmp_path: Path) -> None:
    """The download, the mounts, the flag, and the configuration use the same path."""
    made = emitted(tmp_path)
    root, name = made.flags["--model-repository"], "fraud"
    assert made.mounts[f"{root}/{name}/7"] == "model"
    assert made.mounts[f"{root}/{name}/config.pbtxt"] == "config"
    assert config(made)["name"] == [name]
    assert [m["name"] for m in made.download["volumeMounts"]] == ["model"]


def test_trap_the_entrypoint_of_the_image_must_run(tmp_path: Path) -> None:
    """It sets up CUDA's compatibility libraries and runs its arguments, so the first argument is the server."""
    server = emitted(tmp_path).server
    assert "command" not in server
    assert server["args"][0] == "tritonserver"
    assert server["image"].startswith("nvcr.io/nvidia/tritonserver:26.07-py3")


# The content of config.pbtxt


def test_trap_a_tensor_that_is_not_configured_is_refused(tmp_path: Path) -> None:
    made = config(emitted(tmp_path))
    assert made["input"] == [{"name": ["amount"], "data_type": ["TYPE_FP32"], "dims": [4]}]
    assert made["output"] == [{"name": ["score"], "data_type": ["TYPE_FP32"], "dims": [1]}]
    assert any(t.startswith("MLS009") for t in refused(tmp_path, "triton", model__signature=None))


@pytest.mark.parametrize(
    ("dtype", "tritons"),
    [
        ("bool", "TYPE_BOOL"),
        ("int64", "TYPE_INT64"),
        ("uint8", "TYPE_UINT8"),
        ("float16", "TYPE_FP16"),
        ("bfloat16", "TYPE_BF16"),
        ("float64", "TYPE_FP64"),
        ("string", "TYPE_STRING"),
    ],
)
def test_trap_triton_has_its_own_names_for_types(tmp_path: Path, dtype: str, tritons: str) -> None:
    inputs = [{"name": "x", "dtype": dtype, "shape": [-1, 2]}]
    made = config(emitted(tmp_path, model__signature__inputs=inputs))
    assert made["input"] == [{"name": ["x"], "data_type": [tritons], "dims": [-1, 2]}]


def test_trap_batching_waits_in_microseconds(tmp_path: Path) -> None:
    made = config(emitted(tmp_path, serving__batching={"maxSize": 4, "maxDelay": "1.5ms"}))
    assert made["max_batch_size"] == [4]
    policy = {"timeout_action": ["REJECT"], "default_timeout_microseconds": [1_000_000], "max_queue_size": [998]}
    assert made["dynamic_batching"] == [  # preferred sizes rarely help
        {"max_queue_delay_microseconds": [1500], "default_queue_policy": [policy]}
    ]


def test_trap_dynamic_batching_needs_a_batch_dimension(tmp_path: Path) -> None:
    made = config(emitted(tmp_path))
    assert made["max_batch_size"] == [0]
    assert "dynamic_batching" not in made


@pytest.mark.parametrize(
    ("changes", "group"),
    [
        ({}, {"count": [1], "kind": ["KIND_CPU"]}),
        ({"serving__serviceTime": {"mean": "2ms", "at": 4}}, {"count": [4], "kind": ["KIND_CPU"]}),
        ({"serving__serviceTime": {"mean": "2ms", "at": 4}, **GPU}, {"count": [1], "kind": ["KIND_GPU"]}),
    ],
    ids=["one at a time", "four at once", "accelerator"],
)
def test_trap_concurrency_needs_several_instances(
    tmp_path: Path, changes: dict[str, object], group: dict[str, list[object]]
) -> None:
    assert config(emitted(tmp_path, **changes))["instance_group"] == [group]


def test_trap_the_response_cache_is_enabled_in_two_places(tmp_path: Path) -> None:
    """In the server and in the model. It uses memory of the container: 1 GiB, twice 40 MiB, and 3 GiB make 4.25 GiB."""
    made = emitted(tmp_path, serving__caching={"size": "3Gi"})
    assert made.flags["--cache-config"] == f"local,size={3 * 2**30}"
    assert config(made)["response_cache"] == [{"enable": ["true"]}]
    assert made.server["resources"]["limits"]["memory"] == "4608Mi"  # in steps of 256 MiB, with 256 MiB of /dev/shm


@pytest.mark.parametrize("batching", [None, {"maxSize": 4}], ids=["single", "batched"])
def test_trap_a_warm_up_with_a_batch_of_zero_is_skipped(tmp_path: Path, batching: object) -> None:
    inputs = [{"name": "amount", "dtype": "float32", "shape": [-1, 4]}]
    changes = {"model__signature__inputs": inputs, "serving__batching": batching}
    [warm_up] = config(emitted(tmp_path, serving__warmup={"requests": 20}, **changes))["model_warmup"]
    zeros = {"data_type": ["TYPE_FP32"], "dims": [1, 4], "zero_data": ["true"]}  # a free dimension needs a number
    assert warm_up == {
        "name": ["warm-up"],
        "batch_size": [1],
        "count": [20],
        "inputs": [{"key": ["amount"], "value": [zeros]}],
    }


# What it exports


def test_trap_ports_of_three_servers(tmp_path: Path) -> None:
    made = emitted(tmp_path)
    ports = {port["name"]: port["containerPort"] for port in made.server["ports"]}
    assert ports == {"http": 8000, "grpc": 8001, "metrics": 8002}
    assert not {"--http-port", "--grpc-port", "--metrics-port"} & set(made.flags)
    [endpoint] = made.one("PodMonitor")["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("metrics", "/metrics")


def test_trap_latency_histograms_are_off_by_default(tmp_path: Path) -> None:
    assert emitted(tmp_path).flags["--metrics-config"] == "histogram_latencies=true"


def test_trap_the_default_buckets_are_too_wide_for_fast_models(tmp_path: Path) -> None:
    """The defaults are 100, 500, 2000, and 5000 ms. A bound of 35 ms needs its own bucket, in milliseconds."""
    made = emitted(tmp_path, constraints__latency={"p99": "35ms"})
    [metrics] = config(made)["model_metrics"]
    assert isinstance(metrics, dict)
    [control] = metrics["metric_control"]
    assert control["metric_identifier"] == [{"family": ["nv_inference_first_response_histogram_ms"]}]
    buckets = control["histogram_options"][0]["buckets"]
    assert 35 in buckets
    assert buckets == sorted(buckets)
    assert 'le=~"35([.]0)?"' in made.ratio("latency-p99")


def test_trap_the_series_of_a_histogram_end_in_bucket(tmp_path: Path) -> None:
    """The documentation prints them without the suffix. Counters have no `_total`."""
    series = emitted(tmp_path).series()
    assert {name for name in series if name.startswith("nv_")} <= EXPORTED
    assert "nv_inference_first_response_histogram_ms_bucket" in series


def test_trap_durations_are_counters_of_microseconds(tmp_path: Path) -> None:
    """Their rate in seconds is the number of in-flight requests. A replica should use 70% of its slots."""
    trigger = emitted(tmp_path).trigger
    assert trigger["query"].startswith("(sum(rate(nv_inference_request_duration_us{")
    assert "/ 1000000" in trigger["query"]
    assert trigger["threshold"] == "0.7"


def test_trap_without_a_service_time_the_queue_is_the_signal(tmp_path: Path) -> None:
    made = emitted(tmp_path, serving__serviceTime=None, constraints__throughput=None)
    assert made.trigger["query"].startswith("sum(nv_inference_pending_request_count{")


def test_trap_a_canceled_request_is_not_a_server_error(tmp_path: Path) -> None:
    bad, every = emitted(tmp_path).ratio("availability").split("\n/\n")
    assert 'reason!="CANCELED"' in bad
    assert 'reason!="CANCELED"' in every, "callers who give up would make the failures of the others look rarer"


def test_trap_requests_are_successes_and_failures_together(tmp_path: Path) -> None:
    assert {"nv_inference_request_success", "nv_inference_request_failure"} <= emitted(tmp_path).series()


@pytest.mark.parametrize(("changes", "flag"), [({}, "false"), (GPU, None)], ids=["CPU", "accelerator"])
def test_trap_there_are_no_gpu_metrics_without_a_gpu(tmp_path: Path, changes: dict[str, object], flag: object) -> None:
    assert emitted(tmp_path, **changes).flags.get("--allow-gpu-metrics") == flag


# Probes and shutdown


def test_trap_readiness_and_liveness_have_different_endpoints(tmp_path: Path) -> None:
    server = emitted(tmp_path).server
    paths = {probe: server[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/v2/health/ready", "readiness": "/v2/health/ready", "liveness": "/v2/health/live"}


@pytest.mark.parametrize(("timeout", "drain"), [("2s", 30), ("45s", 45)])
def test_trap_in_flight_requests_get_only_the_exit_timeout(tmp_path: Path, timeout: str, drain: int) -> None:
    made = emitted(tmp_path, serving__endpoint={"timeout": timeout})
    assert made.flags["--exit-timeout-secs"] == str(drain)
    assert made.server["lifecycle"]["preStop"] == {"sleep": {"seconds": 5}}
    assert made.pod["terminationGracePeriodSeconds"] == 5 + drain + 5


def test_trap_the_image_has_its_own_user(tmp_path: Path) -> None:
    assert emitted(tmp_path).pod["securityContext"]["runAsUser"] == 1000


def test_trap_the_python_backend_needs_more_than_64_mebibytes_of_shared_memory(tmp_path: Path) -> None:
    made = emitted(tmp_path)
    assert made.mounts["/dev/shm"] == "shm"
    assert made.volume("shm")["emptyDir"] == {"medium": "Memory", "sizeLimit": "256Mi"}


def test_trap_every_instance_has_its_own_copy_of_the_model(tmp_path: Path) -> None:
    """Eight instances with 500 MiB: 1024 for the server, 2 x 500 for the first, and 7 x (32 + 500) for the others are
    5748 MiB, so 23 x 256 MiB, plus 256 MiB of shared memory. One instance that batches for all needs 2024 MiB.
    """
    changes: dict[str, object] = {
        "release__artifact__size": "500Mi",
        "serving__serviceTime": {"mean": "5ms", "at": 8},
    }
    made = emitted(tmp_path, **changes)
    assert "instance_group [{ count: 8, kind: KIND_CPU }]" in made.file("config.pbtxt")
    assert made.server["resources"]["limits"]["memory"] == "6Gi"
    batched = emitted(tmp_path, **changes, serving__batching={"maxSize": 8})
    assert "instance_group [{ count: 1, kind: KIND_CPU }]" in batched.file("config.pbtxt")
    assert batched.server["resources"]["limits"]["memory"] == "2304Mi"


PICTURE = {
    "release__artifact__format": "python",
    "release__artifact__uri": "s3://models/fraud/7/model.py",
    "model__signature__inputs": [{"name": "picture", "dtype": "float32", "shape": [3, 1024, 1024]}],
}


def test_trap_the_region_of_each_python_instance_grows_with_its_largest_batch(tmp_path: Path) -> None:
    """A picture has 3 x 1024 x 1024 x 4 = 12,582,912 bytes, and its score 4. A batch of 16 needs 1.5 times as much, 288
    MiB, and an instance starts with 1 MiB; rounded up to 64 MiB. Requests failed when 256 MiB were full.
    """
    made = emitted(tmp_path, **PICTURE, serving__batching={"maxSize": 16, "maxDelay": "2ms"})
    assert config(made)["instance_group"] == [{"count": [1], "kind": ["KIND_CPU"]}]
    assert made.volume("shm")["emptyDir"]["sizeLimit"] == "320Mi"


def test_a_small_request_needs_no_more_than_the_usual_shared_memory(tmp_path: Path) -> None:
    python = {name: value for name, value in PICTURE.items() if "artifact" in name}
    assert emitted(tmp_path, **python).volume("shm")["emptyDir"]["sizeLimit"] == "256Mi"


@pytest.mark.parametrize(
    "changes",
    [
        {"release__artifact__format": "onnx", "release__artifact__uri": "s3://models/fraud/7/model.onnx"},
        {"serving__container": {"sharedMemory": "256Mi"}},
        {"model__signature__inputs": [{"name": "picture", "dtype": "float32", "shape": [3, -1, -1]}]},
        {"model__signature__inputs": [{"name": "picture", "dtype": "float32", "shape": [3, -1, 1024]}]},
    ],
    ids=["another backend", "given", "two dynamic dimensions", "a dynamic dimension"],
)
def test_shared_memory_is_not_guessed(tmp_path: Path, changes: dict[str, Any]) -> None:
    batching = {"serving__batching": {"maxSize": 64, "maxDelay": "2ms"}}
    assert emitted(tmp_path, **{**PICTURE, **batching, **changes}).volume("shm")["emptyDir"]["sizeLimit"] == "256Mi"


# Settings of its own


def test_trap_one_instance_on_an_accelerator_leaves_it_idle_between_requests(tmp_path: Path) -> None:
    assert config(emitted(tmp_path, **GPU))["instance_group"] == [{"count": [1], "kind": ["KIND_GPU"]}]
    two = emitted(tmp_path, **GPU, serving__instances=2)
    assert config(two)["instance_group"] == [{"count": [2], "kind": ["KIND_GPU"]}]


def test_each_instance_needs_memory(tmp_path: Path) -> None:
    memory = [emitted(tmp_path, serving__instances=count).server["resources"]["requests"]["memory"] for count in (1, 9)]
    assert memory[0] != memory[1]


def test_trap_a_model_that_is_fast_with_some_batch_sizes(tmp_path: Path) -> None:
    batching = {"maxSize": 16, "maxDelay": "2ms", "preferredSizes": [4, 16]}
    made = config(emitted(tmp_path, serving__batching=batching))["dynamic_batching"]
    assert made == [{"preferred_batch_size": [4, 16], **_queue(made), "max_queue_delay_microseconds": [2000]}]


def _queue(made: list[object]) -> dict[str, object]:
    [found] = made
    assert isinstance(found, dict)
    return {"default_queue_policy": found["default_queue_policy"]}


@pytest.mark.parametrize("size", [0, 17])
def test_trap_a_preferred_batch_above_the_largest_stops_the_server(tmp_path: Path, size: int) -> None:
    batching = {"maxSize": 16, "preferredSizes": [size]}
    told = refused(tmp_path, "triton", serving__batching=batching)
    assert told == [f"MLS008: a batch cannot have {size} items"]


def test_parameters_of_the_backend_win_over_derived_threads(tmp_path: Path) -> None:
    given = {"execution_mode": "1", "intra_op_thread_count": "2", "path": 'a"b\\c{d}\ne'}
    made = config(emitted(tmp_path, serving__parameters=given))["parameters"]
    assert made == [{"key": [name], "value": [{"string_value": [value]}]} for name, value in given.items()]


@pytest.mark.parametrize(
    ("runtime", "changes", "feature"),
    [
        ("vllm", {"serving__instances": 2}, "instances"),
        ("tensorflow-serving", {"serving__parameters": {"execution_mode": "1"}}, "parameters"),
        (
            "mlserver",
            {"serving__batching": {"maxSize": 8, "maxDelay": "1ms", "preferredSizes": [4]}},
            "batching.preferredSizes",
        ),
    ],
)
def test_a_server_without_the_setting_is_named(
    tmp_path: Path, runtime: str, changes: dict[str, Any], feature: str
) -> None:
    assert f"MLS012: `{runtime}` does not support `{feature}`" in refused(tmp_path, runtime, **changes)


def of_format(format_: str) -> dict[str, Any]:
    name = "any/" if format_ == "openvino" else "any.name"
    return {"release__artifact__uri": f"s3://models/fraud/{name}", "release__artifact__format": format_}


def test_trap_tensorrt_loads_no_instance_on_a_cpu(tmp_path: Path) -> None:
    told = refused(tmp_path, "triton", **of_format("tensorrt"))
    assert told == ["MLS012: Triton serves `tensorrt` on NVIDIA GPUs only"]
    assert "kind: KIND_GPU" in emitted(tmp_path, **of_format("tensorrt"), **GPU).file("config.pbtxt")


def test_trap_openvino_loads_no_instance_on_a_gpu(tmp_path: Path) -> None:
    """The kind of its instances is that of a CPU even where a parameter names another device."""
    told = refused(tmp_path, "triton", **of_format("openvino"), **GPU)
    assert told == ["MLS012: Triton serves `openvino` on CPUs only"]
    assert "kind: KIND_CPU" in emitted(tmp_path, **of_format("openvino")).file("config.pbtxt")
    made = emitted(tmp_path, **of_format("openvino"), **GPU, serving__parameters={"TARGET_DEVICE": "GPU"})
    assert "kind: KIND_CPU" in made.file("config.pbtxt")

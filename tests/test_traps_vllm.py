"""The traps of vLLM: arguments that exist, pinned weights, renamed series, and its own drain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .online import COMMIT, DIGEST, compiled, emitted, refused, spec

# The flags of `vllm serve --help` that mlspec may write.
FLAGS = {
    "--revision",
    "--served-model-name",
    "--port",
    "--max-model-len",
    "--max-num-seqs",
    "--max-num-queued-reqs",
    "--override-generation-config",
    "--enable-prefix-caching",
    "--no-enable-prefix-caching",
    "--tensor-parallel-size",
    "--quantization",
    "--shutdown-timeout",
    "--disable-access-log-for-endpoints",
}
# The series of current versions that mlspec may read.
EXPORTED = {
    "http_requests_total",
    "vllm:e2e_request_latency_seconds_bucket",
    "vllm:e2e_request_latency_seconds_count",
    "vllm:time_to_first_token_seconds_bucket",
    "vllm:time_to_first_token_seconds_count",
    "vllm:inter_token_latency_seconds_bucket",
    "vllm:inter_token_latency_seconds_count",
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "vllm:kv_cache_usage_perc",
}
EVERYTHING: dict[str, Any] = {
    "serving__llm": {"tokens": {"context": 8192, "output": 512}, "caching": {"prefix": False}},
    "serving__batching": {"maxSize": 32},
    "serving__resources": {"cpu": 6, "memory": "24Gi", "accelerator": {"type": "l4", "count": 2}},
    "model__optimization": {"quantization": {"method": "fp8"}},
    "constraints__firstToken": {"p95": "500ms"},
    "constraints__interToken": {"p95": "100ms"},
}

# Arguments


def test_trap_the_image_already_runs_serve(tmp_path: Path) -> None:
    server = emitted(tmp_path, "vllm").server
    assert "command" not in server
    assert server["args"][0] == "meta-llama/Llama-3.1-8B-Instruct"
    assert "serve" not in server["args"]


@pytest.mark.parametrize("changes", [{}, EVERYTHING], ids=["little", "everything"])
def test_trap_an_argument_that_does_not_exist_stops_the_server(tmp_path: Path, changes: dict[str, Any]) -> None:
    made = emitted(tmp_path, "vllm", **changes)
    assert set(made.flags) <= FLAGS
    assert len([arg for arg in made.server["args"] if not arg.startswith("--")]) == 1  # the model


def test_every_setting_becomes_an_argument(tmp_path: Path) -> None:
    flags = emitted(tmp_path, "vllm", **EVERYTHING).flags
    assert flags["--max-num-seqs"] == "32"
    assert flags["--override-generation-config"] == '{"max_new_tokens": 512}'
    assert flags["--quantization"] == "fp8"
    assert "--no-enable-prefix-caching" in flags


def test_trap_a_hub_repository_changes_under_a_running_service(tmp_path: Path) -> None:
    assert emitted(tmp_path, "vllm").flags["--revision"] == COMMIT
    assert refused(tmp_path, "vllm", release__artifact__digest=DIGEST) == [
        "MLS012: a hub repository must be pinned by its commit"
    ]


def test_trap_without_a_name_the_path_is_the_models_name(tmp_path: Path) -> None:
    assert emitted(tmp_path, "vllm").flags["--served-model-name"] == "fraud"


def test_trap_weights_from_a_store_are_served_from_where_they_are_mounted(tmp_path: Path) -> None:
    artifact = {"uri": "s3://models/chat/", "format": "safetensors", "digest": DIGEST, "size": "16Gi", "access": "s"}
    changes = {"access": {"s": {"kind": "s3", "secret": "keys"}}, "release__artifact": artifact}
    made = emitted(tmp_path, "vllm", **changes)
    assert made.mounts[made.server["args"][0]] == "model"
    assert "--revision" not in made.flags


def test_trap_the_longest_context_rarely_fits(tmp_path: Path) -> None:
    assert emitted(tmp_path, "vllm", serving__llm={"tokens": {"context": 8192, "output": 512}}).flags[
        "--max-model-len"
    ] == ("8192")


@pytest.mark.parametrize("method", ["int8", "dynamic", "static", "aware-training"])
def test_trap_vllm_knows_other_methods_of_quantization(tmp_path: Path, method: str) -> None:
    changes = {"model__optimization": {"quantization": {"method": method}}}
    assert refused(tmp_path, "vllm", **changes) == [f"MLS012: vLLM cannot serve weights quantized by `{method}`"]


@pytest.mark.parametrize("method", ["fp8", "awq", "gptq", "compressed-tensors", "modelopt", "mxfp4"])
def test_methods_of_the_same_name(tmp_path: Path, method: str) -> None:
    changes = {"model__optimization": {"quantization": {"method": method}}}
    assert emitted(tmp_path, "vllm", **changes).flags["--quantization"] == method


@pytest.mark.parametrize(
    ("method", "bits", "instead"),
    [("fp8", 4, "`bits: 8`"), ("awq", 8, "`bits: 4`"), ("mxfp4", 8, "`bits: 4`"), ("modelopt", 16, "`bits: 8`")],
)
def test_trap_a_method_has_only_some_numbers_of_bits(tmp_path: Path, method: str, bits: int, instead: str) -> None:
    """FP8 with 4 bits was planned with half of its weights, and vLLM has AWQ with 4 bits only."""
    few = {"method": method, "bits": bits}
    family = {"model__llm": {"family": "llama-3.1-8b"}, "model__optimization": {"quantization": few}}
    told = [one for one in compiled(tmp_path, spec("vllm", **family)).diagnostics if one.id == "MLS008"]
    assert [one.message for one in told] == [f"weights quantized by `{method}` cannot have {bits} bits"]
    assert instead in told[0].help


@pytest.mark.parametrize(("method", "bits"), [("fp8", 8), ("awq", 4), ("gptq", 8), ("gptq", 3), ("modelopt", 4)])
def test_bits_that_a_method_has(tmp_path: Path, method: str, bits: int) -> None:
    few = {"method": method, "bits": bits}
    family = {"model__llm": {"family": "llama-3.1-8b"}, "model__optimization": {"quantization": few}}
    assert "MLS008" not in {one.id for one in compiled(tmp_path, spec("vllm", **family)).diagnostics}


@pytest.mark.parametrize("runtime", ["vllm", "sglang"])
@pytest.mark.parametrize(
    ("few", "accelerator", "runs"),
    [
        ({"method": "modelopt"}, "a10g", False),
        ({"method": "modelopt", "bits": 8}, "a100-80gb", False),
        ({"method": "modelopt", "bits": 4}, "a100-80gb", True),
        ({"method": "modelopt"}, "l4", True),
        ({"method": "modelopt"}, "h100-1g-20gb", True),
        ({"method": "fp8"}, "a10g", True),
    ],
)
def test_trap_only_devices_with_fp8_run_weights_of_model_optimizer(
    tmp_path: Path, runtime: str, few: dict[str, object], accelerator: str, runs: bool
) -> None:
    changes = {
        "model__optimization": {"quantization": few},
        "serving__resources__accelerator": {"type": accelerator},
        "platform__cloud": "gke",
    }
    message = f"MLS012: `{accelerator}` cannot run weights quantized by `modelopt` to 8 bits"
    assert (message in refused(tmp_path, runtime, **changes)) is not runs


@pytest.mark.parametrize(
    ("accelerator", "size", "fits"),
    [("l4", 2048, True), ("l4", 2049, False), ("a100-80gb", 2049, False), ("h100", 2049, True), ("h100", 8193, False)],
)
def test_trap_a_default_step_has_no_room_for_all_sequences(
    tmp_path: Path, accelerator: str, size: int, fits: bool
) -> None:
    """vLLM has a limit of its own, which is that of a small device on an A100 with 80 GB, too."""
    changes = {"serving__batching": {"maxSize": size}, "serving__resources__accelerator": {"type": accelerator}}
    told = [text for text in refused(tmp_path, "vllm", **changes) if text.startswith("MLS428")]
    assert bool(told) != fits
    more = {**changes, "serving__llm__promptChunk": size}
    assert [text for text in refused(tmp_path, "vllm", **more) if text.startswith("MLS428")] == []


@pytest.mark.parametrize(("runtime", "method", "told"), [("vllm", "fp8", 0), ("vllm", "awq", 1), ("sglang", "fp8", 1)])
def test_trap_files_that_are_not_quantized_yet(tmp_path: Path, runtime: str, method: str, told: int) -> None:
    """vLLM quantizes to FP8 layer by layer as it loads. The help was about files that have the weights twice."""
    family = {"model__llm": {"family": "llama-3.1-8b"}, "model__optimization": {"quantization": {"method": method}}}
    found = [one for one in compiled(tmp_path, spec(runtime, **family)).diagnostics if one.id == "MLS426"]
    assert [one.help for one in found] == told * [
        "name files that are quantized, or remove `quantization` of the model, or correct the size or the family"
    ]


def test_trap_the_driver_takes_a_part_of_the_memory_first(tmp_path: Path) -> None:
    whole = refused(tmp_path, "vllm", serving__container={"deviceMemory": {"utilization": "100%"}})
    assert whole == ["MLS008: vLLM cannot use 100% of the memory of an accelerator"]
    made = emitted(tmp_path, "vllm", serving__container={"deviceMemory": {"utilization": "98%"}})
    assert made.flags["--gpu-memory-utilization"] == "0.98"


def test_trap_continuous_batching_has_no_delay(tmp_path: Path) -> None:
    told = refused(tmp_path, "vllm", serving__batching={"maxSize": 32, "maxDelay": "1ms"})
    assert told == ["MLS012: `vllm` does not support `batching.maxDelay`"]


def test_trap_there_is_no_fallback_to_cpu(tmp_path: Path) -> None:
    changes = {"serving__resources": {"cpu": 6, "memory": "24Gi"}}
    assert "MLS012: `vllm` needs an accelerator" in refused(tmp_path, "vllm", **changes)


# The pod


def test_trap_a_service_named_vllm_sets_vllm_port(tmp_path: Path) -> None:
    made = emitted(tmp_path, "vllm")
    assert made.pod["enableServiceLinks"] is False
    assert "VLLM_PORT" not in made.env


@pytest.mark.parametrize(("count", "parallel"), [(1, None), (2, "2"), (4, "4")])
def test_trap_several_accelerators_are_used_only_in_parallel(tmp_path: Path, count: int, parallel: object) -> None:
    accelerator = {"type": "l4", "count": count}
    made = emitted(tmp_path, "vllm", serving__resources={"cpu": 6, "memory": "24Gi", "accelerator": accelerator})
    assert made.flags.get("--tensor-parallel-size") == parallel
    assert made.server["resources"]["limits"]["nvidia.com/gpu"] == str(count)


def test_trap_tensor_parallelism_uses_shared_memory(tmp_path: Path) -> None:
    """It counts against the container's limit: the requested 24 GiB, plus 2 GiB."""
    made = emitted(tmp_path, "vllm")
    assert made.mounts["/dev/shm"] == "shm"
    assert made.volume("shm")["emptyDir"] == {"medium": "Memory", "sizeLimit": "2Gi"}
    assert made.server["resources"]["limits"]["memory"] == "26Gi"


def test_trap_a_user_without_a_home_cannot_cache(tmp_path: Path) -> None:
    """The image has only root. So caches are in volumes, and a variable replaces the missing entry in passwd."""
    made = emitted(tmp_path, "vllm")
    folders = [value for value in made.env.values() if isinstance(value, str) and value.startswith("/")]
    assert {"HOME", "HF_HOME", "USER", "VLLM_CACHE_ROOT", "TRITON_CACHE_DIR"} <= set(made.env)
    assert all(made.mounts["/home/vllm"] and folder.startswith("/home/vllm") for folder in folders)


def test_trap_gated_weights_need_a_token_at_run_time(tmp_path: Path) -> None:
    made = emitted(tmp_path, "vllm")
    assert made.env["HF_TOKEN"] == {"secretKeyRef": {"name": "hub-token", "key": "token"}}
    assert "initContainers" not in made.pod


def test_trap_a_private_hub_needs_its_address(tmp_path: Path) -> None:
    hub = {"kind": "huggingface", "secret": "hub-token", "endpoint": "https://hub.example.com:8443"}
    made = emitted(tmp_path, "vllm", access={"hub": hub})
    assert made.env["HF_ENDPOINT"] == "https://hub.example.com:8443"
    ports = [port["port"] for rule in made.one("NetworkPolicy")["spec"]["egress"] for port in rule["ports"]]
    assert 8443 in ports


def test_trap_the_startup_includes_the_download(tmp_path: Path) -> None:
    """16 GiB at 100 MB/s take 172 s, plus 150 s to load. Twice the sum, at one probe every 5 s, allows 129 failures."""
    made = emitted(tmp_path, "vllm")
    assert made.server["startupProbe"]["failureThreshold"] == 129
    assert made.workload["spec"]["progressDeadlineSeconds"] > 129 * 5


# Probes and the drain


@pytest.mark.parametrize("probe", ["startup", "readiness", "liveness"])
def test_trap_the_port_opens_once_the_model_is_loaded(tmp_path: Path, probe: str) -> None:
    """`/health` needs no key, even where `/v1` does."""
    assert emitted(tmp_path, "vllm").server[f"{probe}Probe"]["httpGet"] == {"path": "/health", "port": "http"}


def test_trap_a_busy_engine_answers_slowly(tmp_path: Path) -> None:
    assert emitted(tmp_path, "vllm").server["livenessProbe"]["timeoutSeconds"] == 5


@pytest.mark.parametrize(("timeout", "drain"), [("30s", 60), ("120s", 120)])
def test_trap_requests_in_flight_are_aborted_on_sigterm(tmp_path: Path, timeout: str, drain: int) -> None:
    """vLLM also aborts requests that arrive during the drain, so the endpoint must be gone before."""
    made = emitted(tmp_path, "vllm", serving__endpoint={"timeout": timeout})
    assert made.flags["--shutdown-timeout"] == str(drain)
    assert made.server["lifecycle"]["preStop"] == {"sleep": {"seconds": 15}}
    assert made.pod["terminationGracePeriodSeconds"] == 15 + drain + 5


def test_trap_probes_and_scrapes_fill_the_log(tmp_path: Path) -> None:
    assert emitted(tmp_path, "vllm").flags["--disable-access-log-for-endpoints"] == "/health,/metrics"


# What it exports


@pytest.mark.parametrize("changes", [{}, EVERYTHING], ids=["little", "everything"])
def test_trap_series_were_renamed(tmp_path: Path, changes: dict[str, Any]) -> None:
    """No query reads `gpu_cache_usage_perc` or `time_per_output_token_seconds`; `request_success_total` counts all."""
    assert emitted(tmp_path, "vllm", **changes).series() <= EXPORTED


def test_trap_metrics_share_the_port_of_the_api(tmp_path: Path) -> None:
    made = emitted(tmp_path, "vllm")
    assert made.server["ports"] == [{"name": "http", "containerPort": 8000}]
    [endpoint] = made.one("PodMonitor")["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("http", "/metrics")


def test_trap_statuses_are_grouped(tmp_path: Path) -> None:
    bad, every = emitted(tmp_path, "vllm").ratio("availability").split("\n/\n")
    assert "http_requests_total{" in bad
    assert 'status="5xx"' in bad
    assert all('handler=~"/v1/.*|' in side and 'method="POST"' in side for side in (bad, every))


def test_trap_the_first_bucket_is_300_milliseconds(tmp_path: Path) -> None:
    fast: dict[str, Any] = {"serving__serviceTime": {"mean": "50ms", "at": 16}}
    assert any(t.startswith("MLS501") for t in refused(tmp_path, "vllm", constraints__latency={"p95": "200ms"}, **fast))
    made = emitted(tmp_path, "vllm", constraints__latency={"p95": "300ms"}, **fast)
    assert 'le="0.3"' in made.ratio("latency-p95")


def test_trap_token_latencies_have_their_own_buckets(tmp_path: Path) -> None:
    made = emitted(tmp_path, "vllm", **EVERYTHING)
    assert "vllm:time_to_first_token_seconds_bucket{" in made.ratio("first-token-p95")
    assert 'le="0.5"' in made.ratio("first-token-p95")
    assert "vllm:inter_token_latency_seconds_bucket{" in made.ratio("inter-token-p95")
    assert 'le="0.1"' in made.ratio("inter-token-p95")


def test_trap_the_cache_usage_is_a_fraction_and_not_a_percentage(tmp_path: Path) -> None:
    lines = [line for line in emitted(tmp_path, "vllm").promql().split("\n") if "vllm:kv_cache_usage_perc" in line]
    thresholds = [float(line.rpartition(">")[2].strip(" )")) for line in lines]
    assert thresholds
    assert all(0 < threshold < 1 for threshold in thresholds)


@pytest.mark.parametrize(
    ("changes", "series"),
    [
        ({}, "vllm:num_requests_running"),
        ({"serving__serviceTime": None, "constraints__throughput": None}, "vllm:num_requests_waiting"),
    ],
    ids=["measured", "unknown"],
)
def test_trap_memory_of_an_accelerator_says_nothing_about_load(
    tmp_path: Path, changes: dict[str, Any], series: str
) -> None:
    assert emitted(tmp_path, "vllm", **changes).trigger["query"].lstrip("(").startswith(f"sum({series}{{")


# Volumes


@pytest.mark.parametrize("runtime", ["vllm", "sglang"])
def test_trap_the_tokens_of_one_answer_are_no_sample_of_requests(tmp_path: Path, runtime: str) -> None:
    """Each token has a sample, and those of one answer are slow together: four slow tokens must not judge a version."""
    made = emitted(tmp_path, runtime, constraints__interToken={"p95": "100ms"})
    counted = "http_re"  # http_requests_total of vLLM, http_responses_total of SGLang
    templates = made.all("AnalysisTemplate")
    measured = [one for body in templates for one in body["spec"]["metrics"] if one["name"] == "inter-token-p95"]
    assert measured
    for metric in measured:
        ratio, _, volume = metric["provider"]["prometheus"]["query"].rpartition("\nand ")
        assert "inter_token_latency" in ratio
        assert counted in volume
        assert "inter_token_latency" not in volume
    groups = [group for body in made.all("PrometheusRule") for group in body["spec"]["groups"]]
    rules = [rule for group in groups for rule in group["rules"] if rule["labels"].get("slo") == "inter-token-p95"]
    recorded = [rule for rule in rules if str(rule.get("record", "")).startswith("mlspec:sli_bad")]
    assert recorded
    assert all(counted in rule["expr"] for rule in recorded), "three slow tokens are not three slow requests"


@pytest.mark.parametrize("runtime", ["vllm", "sglang"])
def test_trap_memory_is_never_fuller_than_full(tmp_path: Path, runtime: str) -> None:
    """The alert compares a share with the limit. Requests in flight can be more than the slots, so 100% is a limit."""
    assert refused(tmp_path, runtime, monitoring__saturation="100%") == ["MLS008: `saturation: 100%` is never exceeded"]
    assert refused(tmp_path, runtime, monitoring__saturation="95%") == []
    assert refused(tmp_path, "triton", monitoring__saturation="100%") == []

"""The traps of SGLang: its address, its optional metrics, and the memory that the plan and the server agree on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.plan.language_models.fit import Fit

from .online import COMMIT, DIGEST, Emitted, emitted, of, refused, spec
from .test_plan_llm import MIB, assistant, found, hardware, plan

# The flags of `python3 -m sglang.launch_server --help` that mlspec may write.
FLAGS = {
    "--model-path",
    "--revision",
    "--served-model-name",
    "--host",
    "--port",
    "--context-length",
    "--max-running-requests",
    "--max-queued-requests",
    "--radix-eviction-policy",
    "--disable-radix-cache",
    "--tp-size",
    "--mem-fraction-static",
    "--quantization",
    "--is-embedding",
    "--enable-metrics",
    "--bucket-e2e-request-latency",
    "--bucket-time-to-first-token",
    "--bucket-inter-token-latency",
    "--uvicorn-access-log-exclude-prefixes",
}
# The series of current versions that mlspec may read.
EXPORTED = {
    "sglang:http_responses_total",
    "sglang:e2e_request_latency_seconds_bucket",
    "sglang:e2e_request_latency_seconds_count",
    "sglang:time_to_first_token_seconds_bucket",
    "sglang:time_to_first_token_seconds_count",
    "sglang:inter_token_latency_seconds_bucket",
    "sglang:inter_token_latency_seconds_count",
    "sglang:num_running_reqs",
    "sglang:num_queue_reqs",
    "sglang:token_usage",
}
EVERYTHING: dict[str, Any] = {
    "serving__llm": {"tokens": {"context": 8192}, "caching": {"prefix": False}},
    "serving__batching": {"maxSize": 32},
    "serving__resources": {"cpu": 6, "memory": "24Gi", "accelerator": {"type": "l4", "count": 2}},
    "model__optimization": {"quantization": {"method": "fp8"}},
    "constraints__firstToken": {"p95": "50ms"},
    "constraints__interToken": {"p95": "25ms"},
}
EACH = pytest.mark.parametrize("changes", [{}, EVERYTHING], ids=["little", "everything"])


def listed(made: Emitted, flag: str) -> list[str]:
    """The values of a flag that takes a list: the arguments up to the next flag."""
    rest = made.server["args"][made.server["args"].index(flag) + 1 :]
    end = next((index for index, arg in enumerate(rest) if arg.startswith("--")), len(rest))
    return list(rest[:end])


# Arguments


@EACH
def test_trap_an_argument_that_does_not_exist_stops_the_server(tmp_path: Path, changes: dict[str, Any]) -> None:
    made = emitted(tmp_path, "sglang", **changes)
    assert made.server["command"] == ["python3", "-m", "sglang.launch_server"]
    assert set(made.flags) <= FLAGS


def test_trap_it_listens_only_on_localhost(tmp_path: Path) -> None:
    """The default is 127.0.0.1, which neither probes nor requests can reach."""
    flags = emitted(tmp_path, "sglang").flags
    assert flags["--host"] == "0.0.0.0"
    assert flags["--port"] == "30000"


def test_every_setting_becomes_an_argument(tmp_path: Path) -> None:
    flags = emitted(tmp_path, "sglang", **EVERYTHING).flags
    assert flags["--context-length"] == "8192"
    assert flags["--max-running-requests"] == "32"
    assert flags["--tp-size"] == "2"
    assert flags["--quantization"] == "fp8"
    assert "--disable-radix-cache" in flags
    kept = emitted(tmp_path, "sglang", serving__llm={"tokens": {"context": 8192}, "caching": {"prefix": True}}).flags
    assert kept["--radix-eviction-policy"] == "lru"
    assert "--disable-radix-cache" not in kept


def test_trap_a_hub_repository_changes_under_a_running_service(tmp_path: Path) -> None:
    flags = emitted(tmp_path, "sglang").flags
    assert (flags["--model-path"], flags["--revision"]) == ("meta-llama/Llama-3.1-8B-Instruct", COMMIT)
    assert refused(tmp_path, "sglang", release__artifact__digest=DIGEST) == [
        "MLS012: a hub repository must be pinned by its commit"
    ]


def test_trap_weights_from_a_store_are_served_from_where_they_are_mounted(tmp_path: Path) -> None:
    artifact = {"uri": "s3://models/chat/", "format": "safetensors", "digest": DIGEST, "size": "16Gi", "access": "s"}
    changes = {"access": {"s": {"kind": "s3", "secret": "keys"}}, "release__artifact": artifact}
    made = emitted(tmp_path, "sglang", **changes)
    assert made.mounts[made.flags["--model-path"]] == "model"
    assert "--revision" not in made.flags


def test_trap_without_a_name_the_path_is_the_models_name(tmp_path: Path) -> None:
    assert emitted(tmp_path, "sglang").flags["--served-model-name"] == "fraud"


@pytest.mark.parametrize("method", ["int8", "dynamic", "static", "aware-training"])
def test_trap_sglang_knows_other_methods_of_quantization(tmp_path: Path, method: str) -> None:
    changes = {"model__optimization": {"quantization": {"method": method}}}
    assert refused(tmp_path, "sglang", **changes) == [f"MLS012: SGLang cannot serve weights quantized by `{method}`"]


@pytest.mark.parametrize("method", ["awq", "gptq"])
def test_trap_a_flag_for_the_method_keeps_sglang_from_its_faster_kernels(tmp_path: Path, method: str) -> None:
    """It recognizes the method in the checkpoint, and then chooses the kernels by itself."""
    made = emitted(tmp_path, "sglang", model__optimization={"quantization": {"method": method}})
    assert "--quantization" not in made.flags


def test_trap_a_model_that_could_generate_refuses_to_embed(tmp_path: Path) -> None:
    assert emitted(tmp_path, "sglang", problem__task="embedding").flags["--is-embedding"] == "true"
    assert "--is-embedding" not in emitted(tmp_path, "sglang").flags


def test_trap_the_embedder_of_another_service_refuses_to_embed(tmp_path: Path) -> None:
    retrieval = {"store": "pgvector", "uri": "postgres://articles.support:5432/articles", "embedder": "embedder"}
    made = spec("sglang")
    serving = made.pop("serving")
    tokens = {"context": 8192, "output": 256}
    chat = {**serving, "endpoint": {"hosts": ["chat.example.com"]}, "llm": {"tokens": tokens, "retrieval": retrieval}}
    made["services"] = {"chat": {**chat, "runtime": "vllm"}, "embedder": serving}
    found = of(tmp_path, made)
    [embedder] = found.one("Rollout", "fraud-embedder")["spec"]["template"]["spec"]["containers"]
    [asker] = found.one("Rollout", "fraud-chat")["spec"]["template"]["spec"]["containers"]
    assert "--is-embedding" in embedder["args"]
    assert "--is-embedding" not in asker["args"]


def test_trap_a_chat_without_a_limit_ends_with_its_context(tmp_path: Path) -> None:
    """The server itself cannot limit answers, so mlspec does not promise a limit, and requires a context instead."""
    tokens = {"context": 8192, "output": 512}
    told = refused(tmp_path, "sglang", serving__llm={"tokens": tokens})
    assert told == ["MLS012: `sglang` does not support `llm.tokens.output`"]
    assert refused(tmp_path, "sglang", serving__llm={"tokens": {"context": 8192}}) == []
    assert refused(tmp_path, "sglang", serving__llm={"caching": {"prefix": True}}, problem__task="generation") == [
        "MLS801: the language model is served without a limit on `context`"
    ]


def test_trap_continuous_batching_has_no_delay(tmp_path: Path) -> None:
    told = refused(tmp_path, "sglang", serving__batching={"maxSize": 32, "maxDelay": "1ms"})
    assert told == ["MLS012: `sglang` does not support `batching.maxDelay`"]


def test_trap_there_is_no_fallback_to_cpu(tmp_path: Path) -> None:
    changes = {"serving__resources": {"cpu": 6, "memory": "24Gi"}}
    assert "MLS012: `sglang` needs an accelerator" in refused(tmp_path, "sglang", **changes)


# Memory


def test_trap_the_share_of_memory_is_guessed_on_each_device(tmp_path: Path) -> None:
    """The plan and the server agree, because the share is always explicit: the catalog's, or the spec's own."""
    assert emitted(tmp_path, "sglang").flags["--mem-fraction-static"] == "0.85"
    own = {"deviceMemory": {"utilization": "70%"}}
    assert emitted(tmp_path, "sglang", serving__container=own).flags["--mem-fraction-static"] == "0.7"


def fit(tmp_path: Path, **changes: object) -> Fit:
    found = hardware(tmp_path, runtime="sglang", llm__tokens={"context": 8192, "prompt": 2000}, **changes).fit
    assert found is not None
    return found


def test_the_share_covers_weights_and_cache_but_not_activations(tmp_path: Path) -> None:
    """For an L4, which reports 23,034 MiB, and Llama 3.1 8B in 16 bits.

    0.85 x 23,034 MiB is 19,578.9 MiB. 1,024 MiB of graphs leave 18,554.9 MiB, and 8,030,261,248 x 2 bytes of weights
    (15,316.5 MiB) leave 3,238.4 MiB. At 128 KiB per token, that is 25,907 tokens.
    """
    made = fit(tmp_path)
    assert made.budget.value == pytest.approx((0.85 * 23_034 - 1024) * MIB - 16.06e9, abs=2**20)
    assert made.longest == pytest.approx(25_907, abs=5)


def test_a_context_that_does_not_fit_is_found(tmp_path: Path) -> None:
    wide = assistant(runtime="sglang", llm__tokens={"context": 131_072})
    [finding] = found(tmp_path, wide, "MLS408")
    assert finding.message == "`chat` with a context of 131,072 tokens does not fit on `l4`"
    assert "85%" in (finding.note or "")


@pytest.mark.parametrize("accelerator", ["l4", "h100"])
def test_sglang_runs_2048_sequences_by_default(tmp_path: Path, accelerator: str) -> None:
    speed = plan(
        tmp_path,
        assistant(
            runtime="sglang", llm__tokens={"context": 8192, "prompt": 20}, resources__accelerator={"type": accelerator}
        ),
    ).hardware.speed
    assert speed is not None
    assert "2,048 allowed (the runtime's default limit" in speed.sequences.reason


# The pod


def test_tensor_parallelism_uses_shared_memory(tmp_path: Path) -> None:
    """It counts against the container's limit: the requested 24 GiB, plus 2 GiB."""
    made = emitted(tmp_path, "sglang", **EVERYTHING)
    assert made.volume("shm")["emptyDir"] == {"medium": "Memory", "sizeLimit": "2Gi"}
    assert made.server["resources"]["limits"]["memory"] == "26Gi"
    assert made.server["resources"]["limits"]["nvidia.com/gpu"] == "2"


def test_trap_a_user_without_a_home_cannot_cache(tmp_path: Path) -> None:
    made = emitted(tmp_path, "sglang")
    folders = [value for value in made.env.values() if isinstance(value, str) and value.startswith("/")]
    assert {"HOME", "HF_HOME", "USER", "SGLANG_CACHE_DIR"} <= set(made.env)
    assert all(made.mounts["/home/sglang"] and folder.startswith("/home/sglang") for folder in folders)


def test_trap_gated_weights_need_a_token_at_run_time(tmp_path: Path) -> None:
    made = emitted(tmp_path, "sglang")
    assert made.env["HF_TOKEN"] == {"secretKeyRef": {"name": "hub-token", "key": "token"}}
    assert "initContainers" not in made.pod


# Probes and the drain


def test_trap_health_generates_a_token_and_sleeps_a_second(tmp_path: Path) -> None:
    """So it never answers within Kubernetes' default timeout, and costs too much every five seconds of a start."""
    server = emitted(tmp_path, "sglang").server
    assert server["livenessProbe"]["httpGet"] == {"path": "/health", "port": "http"}
    assert server["livenessProbe"]["timeoutSeconds"] == 5
    for probe in ("startupProbe", "readinessProbe"):
        assert server[probe]["httpGet"] == {"path": "/ready", "port": "http"}


@pytest.mark.parametrize(("timeout", "drain"), [("30s", 60), ("120s", 120)])
def test_trap_it_drains_without_a_limit_so_the_grace_period_is_the_limit(
    tmp_path: Path, timeout: str, drain: int
) -> None:
    made = emitted(tmp_path, "sglang", serving__endpoint={"timeout": timeout})
    assert made.server["lifecycle"]["preStop"] == {"sleep": {"seconds": 15}}
    assert made.pod["terminationGracePeriodSeconds"] == 15 + drain + 5
    assert not {name for name in made.env if "FORCE_SHUTDOWN" in name}


def test_trap_probes_and_scrapes_fill_the_log(tmp_path: Path) -> None:
    excluded = listed(emitted(tmp_path, "sglang"), "--uvicorn-access-log-exclude-prefixes")
    assert excluded == ["/health", "/ready", "/metrics"]


# What it exports


def test_trap_metrics_exist_only_when_they_are_enabled(tmp_path: Path) -> None:
    made = emitted(tmp_path, "sglang")
    assert made.flags["--enable-metrics"] == "true"
    [endpoint] = made.one("PodMonitor")["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("http", "/metrics")
    assert made.server["ports"] == [{"name": "http", "containerPort": 30000}]


@EACH
def test_trap_series_were_renamed(tmp_path: Path, changes: dict[str, Any]) -> None:
    """No query reads `time_per_output_token_seconds` or `func_latency_seconds`, which no longer exist."""
    assert emitted(tmp_path, "sglang", **changes).series() <= EXPORTED


def test_trap_probes_are_counted_as_requests(tmp_path: Path) -> None:
    bad, every = emitted(tmp_path, "sglang").ratio("availability").split("\n/\n")
    assert 'status_code=~"5.."' in bad
    assert all('endpoint=~"/v1/.*|' in side and 'method=~"POST|PUT"' in side for side in (bad, every))


def test_trap_there_is_no_bucket_below_100_milliseconds(tmp_path: Path) -> None:
    """Nor at 3 s. So mlspec sets the buckets, one of them at the bound, and each as a separate argument."""
    made = emitted(
        tmp_path, "sglang", **{**EVERYTHING, "constraints__latency": {"p95": "3s"}, "serving__serviceTime": None}
    )
    assert listed(made, "--bucket-e2e-request-latency") == ["0.75", "1.5", "3", "6", "12", "30"]
    assert listed(made, "--bucket-time-to-first-token") == ["0.0125", "0.025", "0.05", "0.1", "0.2", "0.5"]
    assert listed(made, "--bucket-inter-token-latency") == ["0.00625", "0.0125", "0.025", "0.05", "0.1", "0.25"]
    assert 'le=~"3([.]0)?"' in made.ratio("latency-p95")
    assert 'le="0.05"' in made.ratio("first-token-p95")
    assert 'le="0.025"' in made.ratio("inter-token-p95")


def test_without_a_bound_the_buckets_keep_their_defaults(tmp_path: Path) -> None:
    assert "--bucket-time-to-first-token" not in emitted(tmp_path, "sglang").flags


@pytest.mark.parametrize(
    ("changes", "series"),
    [
        ({}, "sglang:num_running_reqs"),
        ({"serving__serviceTime": None, "constraints__throughput": None}, "sglang:num_queue_reqs"),
    ],
    ids=["measured", "unknown"],
)
def test_trap_memory_of_an_accelerator_says_nothing_about_load(
    tmp_path: Path, changes: dict[str, Any], series: str
) -> None:
    assert emitted(tmp_path, "sglang", **changes).trigger["query"].lstrip("(").startswith(f"sum({series}{{")

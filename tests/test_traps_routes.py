"""The traps of paths: a route for every path exposes the runtime's own controls, and a narrow one is an outage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.catalog import load as catalog

from .cluster.network import _matches
from .online import RUNTIMES, Emitted, compiled, emitted, errors, spec
from .test_traps_rollout import rule

OWN = ("bentoml", "ray-serve", "custom")
"""Runtimes whose paths only the author of the container knows."""

CALLED: dict[str, tuple[str, ...]] = {
    "triton": (
        "/v2/models/fraud/infer",
        "/v2/models/fraud/versions/7/infer",
        "/v2/models/fraud/generate_stream",
        "/v2/models/fraud",
        "/v2/health/ready",
    ),
    "tensorflow-serving": (
        "/v1/models/fraud:predict",
        "/v1/models/fraud/versions/7:predict",
        "/v1/models/fraud/labels/stable:predict",
        "/v1/models/fraud/metadata",
    ),
    "vllm": (
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/responses/resp_1",
        "/v1/embeddings",
        "/v1/models",
        "/health",
    ),
    "sglang": ("/v1/chat/completions", "/generate", "/v1/rerank", "/v1/models"),
    "tgi": ("/v1/chat/completions", "/generate", "/generate_stream", "/"),
    "mlserver": ("/v2/models/fraud/infer", "/v2/models/fraud/versions/7/infer", "/v2/health/live", "/invocations"),
    "torchserve": ("/predictions/fraud", "/predictions/fraud/7", "/ping"),
    "kserve-huggingface": ("/v1/models/fraud:predict", "/v2/models/fraud/infer", "/openai/v1/embeddings"),
    "bentoml": ("/score", "/any/other"),
    "ray-serve": ("/score",),
    "custom": ("/score",),
}
"""What callers of each runtime ask for, from the documentation of its protocol."""

CONTROLS: dict[str, tuple[str, ...]] = {
    "triton": (
        "/v2/repository/models/fraud/unload",
        "/v2/repository/index",
        "/v2/trace/setting",
        "/v2/models/fraud/trace/setting",
        "/v2/logging",
        "/v2/systemsharedmemory/region/a/register",
        "/v2/cudasharedmemory/status",
    ),
    "tensorflow-serving": ("/monitoring/prometheus/metrics", "/v1/models/other:predict"),
    "vllm": ("/metrics", "/v1/load_lora_adapter", "/v1/unload_lora_adapter", "/sleep", "/collective_rpc", "/load"),
    "sglang": ("/metrics", "/flush_cache", "/update_weights_from_disk", "/load_lora_adapter", "/set_internal_state"),
    "tgi": ("/metrics",),
    "mlserver": ("/v2/repository/models/fraud/unload", "/v2/repository/index", "/metrics"),
    "torchserve": ("/models", "/models/fraud", "/metrics"),
    "kserve-huggingface": ("/v2/repository/models/fraud/unload", "/metrics", "/docs"),
}
"""What changes a server, or says more about it than callers need."""


def takes(made: Emitted, path: str) -> bool:
    """Whether the route takes a path, as a gateway on the proving ground decides it."""
    return _matches(rule(made), path)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_trap_a_route_without_the_paths_of_callers_is_an_outage(tmp_path: Path, runtime: str) -> None:
    made = emitted(tmp_path, runtime)
    assert [path for path in CALLED[runtime] if not takes(made, path)] == []


@pytest.mark.parametrize("runtime", CONTROLS)
def test_trap_a_route_for_every_path_lets_callers_control_the_server(tmp_path: Path, runtime: str) -> None:
    made = emitted(tmp_path, runtime)
    assert [path for path in CONTROLS[runtime] if takes(made, path)] == []


def test_every_runtime_says_its_paths_except_containers_of_ones_own() -> None:
    assert set(CONTROLS) == set(RUNTIMES) - set(OWN)
    for runtime in CONTROLS:
        entry = catalog.runtime(runtime)
        assert entry is not None
        assert "routes" in entry.entries, runtime


@pytest.mark.parametrize("runtime", OWN)
def test_a_container_of_ones_own_gets_every_path_unless_it_says_which(tmp_path: Path, runtime: str) -> None:
    made = spec(runtime)
    container = {**made["serving"]["container"], "routes": {"http": ["/score", "/v1/{model}/*"]}}
    said = emitted(tmp_path, runtime, serving__container=container)
    assert [match["path"] for match in rule(said)["matches"]] == [
        {"type": "Exact", "value": "/score"},
        {"type": "PathPrefix", "value": "/v1/fraud"},
    ]
    assert [takes(said, path) for path in ("/score", "/v1/fraud/a", "/metrics")] == [True, True, False]


def methods(made: Emitted) -> set[tuple[str, str | None]]:
    taken: list[dict[str, Any]] = [match["method"] for match in rule(made, "GRPCRoute")["matches"]]
    assert {one["type"] for one in taken} == {"Exact"}
    return {(one["service"], one.get("method")) for one in taken}


@pytest.mark.parametrize(
    ("runtime", "called"),
    [
        ("triton", ("inference.GRPCInferenceService", "ModelInfer")),
        ("mlserver", ("inference.GRPCInferenceService", "ModelInfer")),
        ("kserve-huggingface", ("inference.GRPCInferenceService", "ModelInfer")),
        ("tensorflow-serving", ("tensorflow.serving.PredictionService", None)),
    ],
)
def test_trap_a_grpc_route_without_matches_lets_callers_control_the_server(
    tmp_path: Path, runtime: str, called: tuple[str, str | None]
) -> None:
    changes: dict[str, object] = {"constraints__latency": None} if runtime == "mlserver" else {}
    taken = methods(emitted(tmp_path, runtime, serving__protocol="grpc", **changes))
    assert called in taken
    whole = {service for service, method in taken if method is None}
    assert not whole & {"inference.GRPCInferenceService", "tensorflow.serving.ModelService"}
    controls = ("Repository", "Trace", "Log", "SharedMemory", "HandleReloadConfigRequest")
    assert [method for _, method in taken if method and any(word in method for word in controls)] == []


def test_a_route_has_at_most_64_matches(tmp_path: Path) -> None:
    """The limit of the HTTPRoute's own schema; an API server refuses more."""
    container = spec("custom")["serving"]["container"]
    for count, said in ((64, []), (65, ["MLS008: a route cannot have 65 matches"])):
        own = {**container, "routes": {"http": [f"/{number}" for number in range(count)]}}
        assert errors(tmp_path, spec("custom", serving__container=own)) == said


def test_trap_an_api_server_refuses_a_route_with_more_than_16_hosts(tmp_path: Path) -> None:
    """The limit of the schemas of both kinds of routes."""
    for count, said in ((16, []), (17, ["MLS008: a route cannot have 17 host names"])):
        for protocol in ("http", "grpc"):
            hosts = {"hosts": [f"fraud-{number}.example.com" for number in range(count)]}
            assert errors(tmp_path, spec(serving__endpoint=hosts, serving__protocol=protocol)) == said


@pytest.mark.parametrize("path", ["score", "/a/../b", "/a//b", "/a*", "/a/*/b", "/a b", ""])
def test_trap_an_api_server_refuses_paths_with_empty_or_relative_steps(tmp_path: Path, path: str) -> None:
    own = {**spec("custom")["serving"]["container"], "routes": {"http": [path]}}
    (found,) = compiled(tmp_path, spec("custom", serving__container=own)).diagnostics
    assert "write it like `/v2/models/{model}/infer`" in found.help


@pytest.mark.parametrize(("runtime", "label"), [("vllm", 'method="POST"'), ("sglang", 'method=~"POST|PUT"')])
def test_trap_a_list_of_models_is_no_request(tmp_path: Path, runtime: str, label: str) -> None:
    """Clients that ask for the models at every start would dilute the error rate of a canary."""
    assert label in emitted(tmp_path, runtime).ratio("availability")

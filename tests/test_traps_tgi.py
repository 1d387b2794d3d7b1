"""The traps of Text Generation Inference: an image and a port that need root, and counters without `_total`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .online import COMMIT, DIGEST, compiled, emitted, errors, refused, spec

# The flags of `text-generation-launcher --help` that mlspec may write.
FLAGS = {
    "--model-id",
    "--revision",
    "--port",
    "--max-total-tokens",
    "--max-input-tokens",
    "--max-batch-size",
    "--max-concurrent-requests",
    "--num-shard",
    "--quantize",
    "--graceful-termination-timeout",
    "--json-output",
}
# The series of the server that mlspec may read.
EXPORTED = {
    "tgi_request_count",
    "tgi_request_failure",
    "tgi_request_duration_bucket",
    "tgi_request_duration_count",
    "tgi_batch_current_size",
    "tgi_queue_size",
}
EVERYTHING: dict[str, Any] = {
    "serving__llm": {"tokens": {"context": 8192}},
    "serving__batching": {"maxSize": 32},
    "serving__resources": {"cpu": 6, "memory": "24Gi", "accelerator": {"type": "l4", "count": 2}},
    "model__optimization": {"quantization": {"method": "fp8"}},
}


@pytest.mark.parametrize("changes", [{}, EVERYTHING], ids=["little", "everything"])
def test_trap_an_argument_that_does_not_exist_stops_the_server(tmp_path: Path, changes: dict[str, Any]) -> None:
    made = emitted(tmp_path, "tgi", **changes)
    assert made.server["command"] == ["text-generation-launcher"]
    assert set(made.flags) <= FLAGS
    assert all(arg.startswith("--") for arg in made.server["args"])


def test_every_setting_becomes_an_argument(tmp_path: Path) -> None:
    """A context includes the prompt and the answer, so a prompt is at least one token shorter."""
    flags = emitted(tmp_path, "tgi", **EVERYTHING).flags
    assert (flags["--max-total-tokens"], flags["--max-input-tokens"]) == ("8192", "8191")
    assert flags["--num-shard"] == "2"
    assert flags["--quantize"] == "fp8"


@pytest.mark.parametrize(("size", "most"), [(32, "128"), (64, "128"), (200, "400")])
def test_trap_more_than_128_concurrent_requests_are_rejected(tmp_path: Path, size: int, most: str) -> None:
    flags = emitted(tmp_path, "tgi", serving__batching={"maxSize": size}).flags
    assert (flags["--max-batch-size"], flags["--max-concurrent-requests"]) == (str(size), most)


def test_trap_the_image_binds_a_privileged_port(tmp_path: Path) -> None:
    made = emitted(tmp_path, "tgi")
    assert made.flags["--port"] == "8080"
    assert made.server["ports"] == [{"name": "http", "containerPort": 8080}]


def test_trap_the_official_image_runs_only_as_root(tmp_path: Path) -> None:
    """Its Python is under /root, so mlspec requires a custom image."""
    assert refused(tmp_path, "tgi", serving__container=None) == ["MLS009: `container` lacks `image`"]


def test_trap_a_hub_repository_changes_under_a_running_service(tmp_path: Path) -> None:
    flags = emitted(tmp_path, "tgi").flags
    assert (flags["--model-id"], flags["--revision"]) == ("meta-llama/Llama-3.1-8B-Instruct", COMMIT)
    assert refused(tmp_path, "tgi", release__artifact__digest=DIGEST) == [
        "MLS012: a hub repository must be pinned by its commit"
    ]


def test_the_plan_and_the_server_take_the_same_share_of_memory(tmp_path: Path) -> None:
    assert emitted(tmp_path, "tgi").env["TGI_WIGGLE_ROOM"] == "0.9"
    image = f"registry.example.com/fraud/tgi:3.3.7@{DIGEST}"
    own = {"image": image, "deviceMemory": {"utilization": "80%"}}
    assert emitted(tmp_path, "tgi", serving__container=own).env["TGI_WIGGLE_ROOM"] == "0.8"


@pytest.mark.parametrize("method", ["int8", "modelopt", "mxfp4"])
def test_trap_tgi_knows_other_methods_of_quantization(tmp_path: Path, method: str) -> None:
    changes = {"model__optimization": {"quantization": {"method": method}}}
    assert refused(tmp_path, "tgi", **changes) == [f"MLS012: TGI cannot serve weights quantized by `{method}`"]


def test_trap_only_the_context_limits_an_answer(tmp_path: Path) -> None:
    told = refused(tmp_path, "tgi", serving__llm={"tokens": {"context": 8192, "output": 512}})
    assert told == ["MLS012: `tgi` does not support `llm.tokens.output`"]


@pytest.mark.parametrize(("timeout", "drain"), [("30s", 90), ("120s", 120)])
def test_trap_it_stops_draining_after_90_seconds(tmp_path: Path, timeout: str, drain: int) -> None:
    made = emitted(tmp_path, "tgi", serving__endpoint={"timeout": timeout})
    assert made.flags["--graceful-termination-timeout"] == str(drain)
    assert made.pod["terminationGracePeriodSeconds"] == 15 + drain + 5


def test_trap_counters_have_no_total(tmp_path: Path) -> None:
    made = emitted(tmp_path, "tgi", **EVERYTHING)
    assert made.series() <= EXPORTED
    assert not any(name.endswith("_total") for name in made.series())


def test_trap_an_invalid_request_counts_as_a_failure(tmp_path: Path) -> None:
    """The caller's failure, not a server error."""
    bad, every = emitted(tmp_path, "tgi").ratio("availability").split("\n/\n")
    assert 'tgi_request_failure{namespace="default",job="default/fraud",err!~"validation|template"}' in bad
    assert "tgi_request_count{" in every


def test_trap_bounds_are_powers_of_one_and_a_half(tmp_path: Path) -> None:
    """0.0001 x 1.5^27 is 5.68 s, the nearest one below 8 s, as the server writes it: with binary rounding."""
    bound = 0.0001
    for _ in range(27):
        bound *= 1.5
    assert 5.68 < bound < 5.69
    assert f'le="{bound!r}"' in emitted(tmp_path, "tgi").ratio("latency-p95")
    # 0.0001 x 1.5^28 is 8.52 s, and 5.68 s is less than 70% of it
    assert any(t.startswith("MLS501") for t in refused(tmp_path, "tgi", constraints__latency={"p95": "8500ms"}))


def test_trap_the_first_token_is_not_timed(tmp_path: Path) -> None:
    assert refused(tmp_path, "tgi", constraints__firstToken={"p95": "500ms"}) == [
        "MLS012: `tgi` does not export first-token latency metrics"
    ]


def test_trap_bounds_of_fifteen_digits_are_suggested_in_a_valid_format(tmp_path: Path) -> None:
    """64 s is between 43.143988327398915 s, which is too far below, and 64.71598249109837 s."""
    changes = {"constraints__latency": {"p95": "64s"}}
    [found] = [d for d in compiled(tmp_path, spec("tgi", **changes)).diagnostics if d.severity == "error"]
    assert found.help.startswith("use `43143.988328ms` or `64715.982492ms`; ")
    for proposed in ("43143.988328ms", "64715.982492ms"):
        assert errors(tmp_path, spec("tgi", constraints__latency={"p95": proposed})) == []

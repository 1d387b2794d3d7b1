"""The traps of TorchServe: unreachable addresses, tokens, metrics in a log, and a shutdown without a drain."""

from __future__ import annotations

from pathlib import Path

import pytest

from .online import GPU, Emitted, emitted, refused

EXPORTED = {"ts_inference_requests_total", "ts_inference_latency_microseconds", "Requests5XX"}


def properties(made: Emitted) -> dict[str, str]:
    """`config.properties` as Java reads it: up to the first `=`."""
    lines = [line.partition("=") for line in made.file("config.properties").splitlines()]
    return {key: value for key, _, value in lines}


def test_trap_every_address_defaults_to_127_0_0_1(tmp_path: Path) -> None:
    """The management address can load other models, so it stays local."""
    found = properties(emitted(tmp_path, "torchserve"))
    assert found["inference_address"] == "http://0.0.0.0:8080"
    assert found["metrics_address"] == "http://0.0.0.0:8082"
    assert found["management_address"] == "http://127.0.0.1:8081"


def test_trap_requests_need_a_token_that_is_in_a_file_of_the_container(tmp_path: Path) -> None:
    assert "--disable-token-auth" in emitted(tmp_path, "torchserve").flags


def test_trap_metrics_are_written_to_a_log(tmp_path: Path) -> None:
    made = emitted(tmp_path, "torchserve")
    assert properties(made)["metrics_mode"] == "prometheus"
    [endpoint] = made.one("PodMonitor")["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("metrics", "/metrics")


def test_trap_the_image_keeps_a_shell_as_process_1(tmp_path: Path) -> None:
    server = emitted(tmp_path, "torchserve").server
    assert server["command"] == ["torchserve", "--start", "--foreground"]


def test_trap_a_snapshot_of_an_earlier_start_overrides_the_configuration(tmp_path: Path) -> None:
    made = emitted(tmp_path, "torchserve")
    assert "--no-config-snapshots" in made.flags
    assert made.flags["--ts-config"] == "/mnt/config/config.properties"
    assert made.mounts["/mnt/config"] == "config"


def test_the_archive_is_loaded_under_the_name_in_requests(tmp_path: Path) -> None:
    made = emitted(tmp_path, "torchserve")
    found = properties(made)
    assert found["load_models"] == "fraud=model.mar"
    assert made.mounts[found["model_store"]] == "model"


def test_trap_there_are_as_many_workers_as_cores_of_the_node(tmp_path: Path) -> None:
    """That is the default; on an accelerator, it is one for each device."""
    changes = {"serving__serviceTime": {"mean": "2ms", "at": 3}}
    assert properties(emitted(tmp_path, "torchserve", **changes))["default_workers_per_model"] == "3"
    assert "default_workers_per_model" not in properties(emitted(tmp_path, "torchserve", **GPU))
    assert properties(emitted(tmp_path, "torchserve", **GPU, serving__instances=2))["default_workers_per_model"] == "2"
    assert emitted(tmp_path, "torchserve", **GPU).server["image"] == "docker.io/pytorch/torchserve:0.12.0-gpu"


def test_a_request_times_out_together_with_the_gateway(tmp_path: Path) -> None:
    made = emitted(tmp_path, "torchserve", serving__endpoint={"timeout": "1500ms"})
    assert properties(made)["default_response_timeout"] == "2"


def test_trap_logs_and_archives_are_written_to_the_working_directory(tmp_path: Path) -> None:
    made = emitted(tmp_path, "torchserve")
    assert made.server["securityContext"]["readOnlyRootFilesystem"] is True
    assert {made.env[name].split("/")[1] for name in ("TEMP", "LOG_LOCATION", "METRICS_LOCATION")} == {"tmp"}


def test_trap_sigterm_is_ignored(tmp_path: Path) -> None:
    """It serves until it is killed. By then, the endpoint is gone, and the remaining time is for in-flight requests."""
    made = emitted(tmp_path, "torchserve")
    assert made.server["lifecycle"]["preStop"] == {"sleep": {"seconds": 15}}
    assert made.pod["terminationGracePeriodSeconds"] == 15 + 30


def test_trap_there_is_no_histogram(tmp_path: Path) -> None:
    assert refused(tmp_path, "torchserve", constraints__latency={"p99": "100ms"}) == [
        "MLS012: `torchserve` does not export latency metrics"
    ]
    assert emitted(tmp_path, "torchserve").series() == EXPORTED


def test_trap_time_is_counted_in_microseconds(tmp_path: Path) -> None:
    asked = emitted(tmp_path, "torchserve").trigger["query"]
    assert asked.startswith("sum(rate(ts_inference_latency_microseconds{")
    assert "/ 1000000 * count(" in asked


def test_trap_batches_are_the_archives_own(tmp_path: Path) -> None:
    assert refused(tmp_path, "torchserve", serving__batching={"maxSize": 8}) == [
        "MLS012: `torchserve` does not support `batching.maxSize`"
    ]


@pytest.mark.parametrize("format_", ["torchscript", "onnx"])
def test_trap_a_model_is_an_archive(tmp_path: Path, format_: str) -> None:
    told = refused(tmp_path, "torchserve", release__artifact__format=format_)
    assert told == [f"MLS012: `torchserve` cannot load the format `{format_}`"]

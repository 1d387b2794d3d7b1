"""The traps of TensorFlow Serving: one version, files instead of defaults, and a server that ignores SIGTERM."""

from __future__ import annotations

from pathlib import Path

import pytest

from .online import GPU, emitted, refused
from .prototext import prototext

RUNTIME = "tensorflow-serving"
GRPC = {"serving__protocol": "grpc"}

# What is loaded, and from where


def test_trap_the_highest_version_is_served_unless_one_is_pinned(tmp_path: Path) -> None:
    """A new folder would go live within a second, without a rollout."""
    made = emitted(tmp_path, RUNTIME)
    [models] = prototext(made.file("models.config"))["model_config_list"]
    assert models["config"] == [
        {
            "name": ["fraud"],
            "base_path": ["/models/fraud"],
            "model_platform": ["tensorflow"],
            "model_version_policy": [{"specific": [{"versions": [7]}]}],
        }
    ]
    assert made.flags["--file_system_poll_wait_seconds"] == "0"
    assert "--model_config_file_poll_wait_seconds" not in made.flags  # 0, the default: read once


def test_trap_exactly_one_numeric_version_is_mounted_under_the_base_path(tmp_path: Path) -> None:
    made = emitted(tmp_path, RUNTIME)
    [models] = prototext(made.file("models.config"))["model_config_list"]
    [base] = models["config"][0]["base_path"]
    assert [path for path in made.mounts if path.startswith(base)] == [f"{base}/7"]
    assert made.mounts[f"{base}/7"] == "model"


@pytest.mark.parametrize(("version", "folder"), [("42", 42), ("2026.11.2", 1)])
def test_trap_a_version_folder_is_a_number(tmp_path: Path, version: str, folder: int) -> None:
    made = emitted(tmp_path, RUNTIME, release__version=version)
    assert f"specific {{ versions: {folder} }}" in made.file("models.config")
    assert f"/models/fraud/{folder}" in made.mounts


def test_trap_the_script_of_the_image_takes_the_flags_and_the_signal(tmp_path: Path) -> None:
    """It passes its own model as flags, and stays process 1."""
    made = emitted(tmp_path, RUNTIME)
    assert made.server["command"] == ["tensorflow_model_server"]
    assert not {"--model_name", "--model_base_path"} & set(made.flags)


def test_trap_configuration_files_are_where_the_flags_look(tmp_path: Path) -> None:
    made = emitted(tmp_path, RUNTIME, serving__batching={"maxSize": 8})
    files = [path for flag, path in made.flags.items() if flag.endswith("_file")]
    assert len(files) == 3
    for path in files:
        folder, _, name = path.rpartition("/")
        assert made.mounts[folder] == "config"
        assert made.file(name)


@pytest.mark.parametrize(("changes", "image"), [({}, "2.20.0"), (GPU, "2.20.0-gpu")], ids=["CPU", "accelerator"])
def test_trap_accelerators_have_their_own_image(tmp_path: Path, changes: dict[str, object], image: str) -> None:
    assert emitted(tmp_path, RUNTIME, **changes).server["image"] == f"docker.io/tensorflow/serving:{image}"


# Ports, probes, metrics


def test_trap_grpc_has_the_lower_port(tmp_path: Path) -> None:
    made = emitted(tmp_path, RUNTIME)
    assert (made.flags["--port"], made.flags["--rest_api_port"]) == ("8500", "8501")
    assert {port["name"]: port["containerPort"] for port in made.server["ports"]} == {"http": 8501, "grpc": 8500}


@pytest.mark.parametrize("probe", ["startup", "readiness", "liveness"])
def test_trap_a_probe_over_rest_counts_as_a_request(tmp_path: Path, probe: str) -> None:
    """And the gRPC health service is off by default."""
    made = emitted(tmp_path, RUNTIME)
    found = made.server[f"{probe}Probe"]
    assert found["grpc"] == {"port": 8500}
    assert "httpGet" not in found
    assert made.flags["--enable_grpc_healthcheck_service"] == "true"


def test_trap_there_are_no_metrics_without_a_monitoring_file(tmp_path: Path) -> None:
    """They are on the REST port, under their own path."""
    made = emitted(tmp_path, RUNTIME)
    [monitoring] = prototext(made.file("monitoring.config"))["prometheus_config"]
    assert monitoring == {"enable": ["true"], "path": ["/monitoring/prometheus/metrics"]}
    assert made.flags["--monitoring_config_file"].endswith("/monitoring.config")
    [endpoint] = made.one("PodMonitor")["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("http", "/monitoring/prometheus/metrics")


def test_trap_series_begin_with_a_colon_and_end_without_total(tmp_path: Path) -> None:
    assert emitted(tmp_path, RUNTIME).series() == {
        ":tensorflow:serving:request_count",
        ":tensorflow:serving:request_latency_bucket",
        ":tensorflow:serving:request_latency_count",
        ":tensorflow:serving:request_latency_sum",
    }


def test_trap_latencies_are_microseconds_in_buckets_that_are_not_round(tmp_path: Path) -> None:
    """10 x 1.8^16 = 121440 us is the bucket below 125 ms. Below 100 ms, the next one is a third lower, at 67.5 ms."""
    ratio = emitted(tmp_path, RUNTIME).ratio("latency-p99")
    assert 'le=~"121440([.]0)?"' in ratio
    assert any(t.startswith("MLS501") for t in refused(tmp_path, RUNTIME, constraints__latency={"p99": "100ms"}))


def test_trap_grpc_and_rest_write_the_api_label_differently(tmp_path: Path) -> None:
    """`Predict` over gRPC, `predict` over REST, and no label for requests for the model's state."""
    made = emitted(tmp_path, RUNTIME)
    latency = [line for line in made.promql().split("\n") if ":tensorflow:serving:request_latency" in line]
    assert latency
    assert all('API=~"(?i)predict"' in line for line in latency)


def test_trap_there_is_no_gauge_of_requests_in_flight(tmp_path: Path) -> None:
    """The time spent per second, in microseconds, gives their number."""
    query = emitted(tmp_path, RUNTIME).trigger["query"]
    assert query.startswith("sum(rate(:tensorflow:serving:request_latency_sum{")
    assert "/ 1000000" in query


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        ("INTERNAL", True),
        ("UNAVAILABLE", True),
        ("DEADLINE_EXCEEDED", True),
        ("INVALID_ARGUMENT", False),
        ("OK", False),
    ],
)
def test_trap_a_status_other_than_ok_may_be_the_callers_fault(tmp_path: Path, status: str, counts: bool) -> None:
    bad, every = emitted(tmp_path, RUNTIME).ratio("availability").split("\n/\n")
    matched = bad.partition('status=~"')[2].partition('"')[0].split("|")
    assert (status in matched) == counts
    assert "status" not in every


# Requests


def test_trap_batching_is_switched_on_by_a_flag_and_a_file(tmp_path: Path) -> None:
    changes = {"serving__batching": {"maxSize": 64, "maxDelay": "2ms"}, "serving__resources": {"cpu": 8}}
    made = emitted(tmp_path, RUNTIME, **changes)
    assert made.flags["--enable_batching"] == "true"
    assert made.flags["--batching_parameters_file"].endswith("/batching.config")
    assert prototext(made.file("batching.config")) == {
        "max_batch_size": [{"value": [64]}],
        "batch_timeout_micros": [{"value": [2000]}],
        "num_batch_threads": [{"value": [8]}],
        "max_enqueued_batches": [{"value": [100]}],
    }


def test_trap_a_batching_file_without_batching_stops_the_server(tmp_path: Path) -> None:
    assert not {"--enable_batching", "--batching_parameters_file"} & set(emitted(tmp_path, RUNTIME).flags)


def test_trap_the_rest_port_gives_up_after_30_seconds(tmp_path: Path) -> None:
    made = emitted(tmp_path, RUNTIME, serving__endpoint={"timeout": "90s"})
    assert made.flags["--rest_api_timeout_in_ms"] == "90000"


# How it stops


def test_trap_sigterm_is_ignored(tmp_path: Path) -> None:
    """It serves until it is killed. So the grace period is the short drain time, mostly before the signal."""
    made = emitted(tmp_path, RUNTIME)
    assert made.server["lifecycle"]["preStop"] == {"sleep": {"seconds": 15}}
    assert made.pod["terminationGracePeriodSeconds"] == 30


def test_trap_a_grpc_service_uses_cleartext_http2(tmp_path: Path) -> None:
    ports = {port["name"]: port for port in emitted(tmp_path, RUNTIME, **GRPC).one("Service")["spec"]["ports"]}
    assert ports["grpc"]["appProtocol"] == "kubernetes.io/h2c"

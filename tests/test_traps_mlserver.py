"""The traps of MLServer: two files, a readiness that includes the model, and the names that it actually exports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .online import Emitted, emitted

RUNTIME = "mlserver"


def settings(made: Emitted, name: str = "model-settings.json") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(made.file(name))
    return found


# What is loaded, and how


@pytest.mark.parametrize(
    ("format_", "implementation"),
    [
        ("sklearn", "mlserver_sklearn.SKLearnModel"),
        ("xgboost", "mlserver_xgboost.XGBoostModel"),
        ("lightgbm", "mlserver_lightgbm.LightGBMModel"),
        ("catboost", "mlserver_catboost.CatboostModel"),
        ("mlflow", "mlserver_mlflow.MLflowRuntime"),
    ],
)
def test_trap_the_implementation_is_a_class(tmp_path: Path, format_: str, implementation: str) -> None:
    changes = {"release__artifact__uri": "s3://models/fraud/7/"} if format_ == "mlflow" else {}
    made = settings(emitted(tmp_path, RUNTIME, release__artifact__format=format_, **changes))
    assert (made["name"], made["implementation"]) == ("fraud", implementation)


@pytest.mark.parametrize(
    ("uri", "place"), [("s3://models/fraud/7/model.joblib", "/mnt/models/model.joblib"), ("s3://m/7/", "/mnt/models")]
)
def test_trap_the_version_is_a_parameter_next_to_the_path(tmp_path: Path, uri: str, place: str) -> None:
    made = emitted(tmp_path, RUNTIME, release__artifact__uri=uri)
    assert settings(made)["parameters"] == {"uri": place, "version": "7"}
    assert made.mounts["/mnt/models"] == "model"


def test_trap_the_shell_of_the_image_swallows_sigterm(tmp_path: Path) -> None:
    """The server itself becomes process 1, and gets the folder with both files as an argument."""
    made = emitted(tmp_path, RUNTIME)
    *_, script = made.server["command"]
    start, _, folder = script.rpartition(" ")
    assert start.endswith("exec mlserver start")
    assert made.mounts[folder] == "config"
    assert made.pod["terminationGracePeriodSeconds"] == 5 + 30 + 5


def test_trap_a_failed_model_exits_with_zero(tmp_path: Path) -> None:
    """Only a pod that always restarts would retry."""
    assert emitted(tmp_path, RUNTIME).pod.get("restartPolicy", "Always") == "Always"


def test_trap_batching_needs_a_size_and_a_time_in_seconds(tmp_path: Path) -> None:
    both = settings(emitted(tmp_path, RUNTIME, serving__batching={"maxSize": 16, "maxDelay": "5ms"}))
    assert (both["max_batch_size"], both["max_batch_time"]) == (16, 0.005)
    size = settings(emitted(tmp_path, RUNTIME, serving__batching={"maxSize": 16}))
    assert size["max_batch_time"] > 0
    assert not {"max_batch_size", "max_batch_time"} & set(settings(emitted(tmp_path, RUNTIME)))


def test_trap_a_python_process_works_on_one_request_at_a_time(tmp_path: Path) -> None:
    made = emitted(tmp_path, RUNTIME, serving__serviceTime={"mean": "5ms", "at": 4})
    assert settings(made, "settings.json")["parallel_workers"] == 4


def test_trap_busy_workers_are_killed_after_five_seconds(tmp_path: Path) -> None:
    """Without the setting, a longer answer is lost, and the server never exits: see test_real_servers.py."""
    made = emitted(tmp_path, RUNTIME)
    drain = settings(made, "settings.json")["parallel_workers_timeout"]
    assert drain == 30
    assert made.pod["terminationGracePeriodSeconds"] == 5 + drain + 5


def test_trap_metrics_outlive_a_crash_in_the_volume_of_the_pod(tmp_path: Path) -> None:
    """Requests that were in flight would be in flight forever, and the autoscaler would add replicas for them."""
    made = emitted(tmp_path, RUNTIME)
    assert made.env["MLSERVER_METRICS_DIR"].startswith("/tmp/")
    assert made.server["command"][2].startswith('rm -rf "$MLSERVER_METRICS_DIR" && ')


def test_trap_every_worker_loads_its_own_copy_of_the_model(tmp_path: Path) -> None:
    """Measured: 240 MiB + workers x (143 MiB + the model). Sixteen with 40 MiB need 3.1 GiB, which 1280Mi would kill.

    1024 for the first, 2 x 40 for its model, and 15 x (256 + 40) for the others are 5544 MiB: 22 x 256 MiB.
    """
    assert emitted(tmp_path, RUNTIME).server["resources"]["limits"]["memory"] == "1280Mi"
    many = emitted(tmp_path, RUNTIME, serving__serviceTime={"mean": "5ms", "at": 16})
    assert many.server["resources"]["limits"]["memory"] == "5632Mi"


def test_trap_inputs_have_the_types_of_the_protocol(tmp_path: Path) -> None:
    inputs = [{"name": "country", "dtype": "string"}, {"name": "amount", "dtype": "float64", "shape": [-1, 3]}]
    made = settings(emitted(tmp_path, RUNTIME, model__signature__inputs=inputs))
    assert made["inputs"] == [
        {"name": "country", "datatype": "BYTES", "shape": [-1]},
        {"name": "amount", "datatype": "FP64", "shape": [-1, 3]},
    ]


def test_trap_the_working_directory_is_read_only(tmp_path: Path) -> None:
    """Metrics, environments, and the caches of libraries go there by default."""
    made = emitted(tmp_path, RUNTIME)
    assert {"MLSERVER_METRICS_DIR", "MLSERVER_ENVIRONMENTS_DIR", "HOME"} <= set(made.env)
    assert all(value.startswith("/tmp") for name, value in made.env.items() if name != "OMP_NUM_THREADS")
    assert made.mounts["/tmp"] == "tmp"


# Ports and probes


def test_trap_metrics_have_their_own_port(tmp_path: Path) -> None:
    made = emitted(tmp_path, RUNTIME)
    server = settings(made, "settings.json")
    assert (server["http_port"], server["grpc_port"], server["metrics_port"]) == (8080, 8081, 8082)
    ports = {port["name"]: port["containerPort"] for port in made.server["ports"]}
    assert ports == {"http": 8080, "grpc": 8081, "metrics": 8082}
    [endpoint] = made.one("PodMonitor")["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("metrics", server["metrics_endpoint"])


def test_trap_a_server_without_a_model_is_ready(tmp_path: Path) -> None:
    """`/v2/health/ready` is positive for an empty registry, so the probes ask for the model itself."""
    server = emitted(tmp_path, RUNTIME).server
    paths = {probe: server[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "readiness", "liveness")}
    assert paths == {
        "startup": "/v2/models/fraud/ready",
        "readiness": "/v2/models/fraud/ready",
        "liveness": "/v2/health/live",
    }


def test_trap_the_image_has_its_own_user(tmp_path: Path) -> None:
    assert emitted(tmp_path, RUNTIME).pod["securityContext"]["runAsUser"] == 1000


# What it exports


def test_trap_the_documentation_lists_different_names(tmp_path: Path) -> None:
    """No rule reads `rest_server_requests_duration_seconds`, per-model series with the version `None`, or the queues,
    which are histograms."""
    assert emitted(tmp_path, RUNTIME).series() == {
        "rest_server_requests_total",
        "rest_server_request_duration_seconds_bucket",
        "rest_server_request_duration_seconds_count",
        "rest_server_requests_in_progress",
    }


def test_trap_the_path_label_is_a_template_without_the_model(tmp_path: Path) -> None:
    bad, every = emitted(tmp_path, RUNTIME).ratio("availability").split("\n/\n")
    assert 'status_code=~"5.."' in bad
    assert all('path=~"/v2/models/.*/infer"' in side for side in (bad, every))
    assert "fraud" not in every.replace('job="default/fraud"', "")


def test_trap_seconds_are_seconds(tmp_path: Path) -> None:
    assert 'le="0.1"' in emitted(tmp_path, RUNTIME).ratio("latency-p99")


def test_trap_probes_and_scrapes_are_in_progress_too(tmp_path: Path) -> None:
    query = emitted(tmp_path, RUNTIME).trigger["query"]
    assert query.startswith("sum(rest_server_requests_in_progress{")
    assert 'method="POST"' in query

"""The traps of BentoML, Ray Serve, and KServe's Hugging Face server: the user's own code, and few metrics."""

from __future__ import annotations

from pathlib import Path

import pytest

from .online import COMMIT, DIGEST, compiled, emitted, spec, variables

BENTOML, RAY, KSERVE = "bentoml", "ray-serve", "kserve-huggingface"

# Images that the user builds


@pytest.mark.parametrize(
    ("runtime", "told"),
    [
        (BENTOML, "build it with `bentoml containerize`"),
        (RAY, "`ray start --head --metrics-export-port=8080`"),
        ("tgi", "`RUN chmod -R a+rX /root`"),
    ],
)
def test_trap_an_image_that_starts_something_else_is_never_ready(tmp_path: Path, runtime: str, told: str) -> None:
    """So the message says what the image must start."""
    [finding] = [d for d in compiled(tmp_path, spec(runtime, serving__container=None)).diagnostics if d.id == "MLS009"]
    assert finding.message == "`container` lacks `image`"
    assert told in (finding.help or "")


@pytest.mark.parametrize(("runtime", "root"), [(BENTOML, "/models"), (RAY, "/models"), (KSERVE, "/mnt/models")])
def test_they_get_the_path_of_the_model(tmp_path: Path, runtime: str, root: str) -> None:
    made = emitted(tmp_path, runtime)
    assert made.env["MLSPEC_MODEL_PATH"].startswith(root)
    assert made.env["MLSPEC_MODEL_NAME"] == "fraud"
    assert made.mounts[root] == "model"


# BentoML


def test_trap_bentoml_counts_its_probes(tmp_path: Path) -> None:
    made = emitted(tmp_path, BENTOML)
    bad, every = made.ratio("availability").split("\n/\n")
    assert 'http_response_code=~"5.."' in bad
    for query in (bad, every, made.ratio("latency-p99"), made.trigger["query"].partition(" or ")[0]):
        assert 'endpoint!~"/(livez|readyz|healthz)"' in query
    assert "bentoml_service_request_duration_seconds_bucket{" in made.ratio("latency-p99")
    assert 'le="0.1"' in made.ratio("latency-p99")


def test_bentoml_has_separate_probe_endpoints(tmp_path: Path) -> None:
    server = emitted(tmp_path, BENTOML).server
    paths = [server[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "readiness", "liveness")]
    assert paths == ["/readyz", "/readyz", "/livez"]
    assert emitted(tmp_path, BENTOML).pod["securityContext"]["runAsUser"] == 1034


def test_trap_bentoml_creates_folders_in_its_home(tmp_path: Path) -> None:
    """The home of its images is in the read-only root file system: see test_real_servers.py."""
    assert emitted(tmp_path, BENTOML).env["BENTOML_HOME"].startswith("/tmp/")


# Ray Serve


def test_trap_ray_counts_in_milliseconds(tmp_path: Path) -> None:
    ratio = emitted(tmp_path, RAY, constraints__latency={"p99": "200ms"}).ratio("latency-p99")
    assert "ray_serve_http_request_latency_ms_bucket{" in ratio
    assert 'le=~"200([.]0)?"' in ratio


def test_trap_rays_probes_have_no_application_label(tmp_path: Path) -> None:
    made = emitted(tmp_path, RAY)
    bad, every = made.ratio("availability").split("\n/\n")
    assert 'status_code=~"5.."' in bad  # the error counter includes client errors
    assert all('application!=""' in query for query in (bad, every, made.ratio("latency-p99")))
    assert "ray_serve_num_http_error_requests_total" not in made.promql()


def test_trap_a_head_is_healthy_before_a_replica_is(tmp_path: Path) -> None:
    """It answers once it knows a route, and while every request hangs because the only replica is gone."""
    server = emitted(tmp_path, RAY).server
    paths = [server[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "readiness", "liveness")]
    assert paths == ["/readyz", "/readyz", "/-/healthz"]


def test_trap_ray_starts_longer_than_models_load(tmp_path: Path) -> None:
    """Twice 30 s to start plus 80 s to read 40 GB, with a probe every 5 s: 44 probes. BentoML starts in 10 s: 36."""
    size = {"release__artifact__size": "39.9G"}
    assert emitted(tmp_path, RAY, **size).server["startupProbe"]["failureThreshold"] == 44
    assert emitted(tmp_path, BENTOML, **size).server["startupProbe"]["failureThreshold"] == 36


def test_trap_ray_exports_metrics_on_another_port(tmp_path: Path) -> None:
    made = emitted(tmp_path, RAY)
    assert {port["name"]: port["containerPort"] for port in made.server["ports"]} == {"http": 8000, "metrics": 8080}
    [endpoint] = made.one("PodMonitor")["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] == "metrics"


def test_trap_rays_object_store_is_in_shared_memory(tmp_path: Path) -> None:
    made = emitted(tmp_path, RAY)
    assert made.volume("shm")["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Gi"}


def test_trap_ray_exits_immediately_on_sigterm(tmp_path: Path) -> None:
    """So in-flight requests finish before that, when the endpoint is already gone."""
    made = emitted(tmp_path, RAY)
    assert made.server["lifecycle"]["preStop"] == {"sleep": {"seconds": 30}}
    assert made.pod["terminationGracePeriodSeconds"] >= 30 + 20 + 5


# KServe's server of Hugging Face models


def test_trap_kserve_times_the_prediction_alone(tmp_path: Path) -> None:
    made = emitted(tmp_path, KSERVE)
    ratio = made.ratio("latency-p99")
    assert (
        'request_predict_seconds_bucket{namespace="default",job="default/fraud",model_name="fraud",le="0.1"}' in ratio
    )
    assert made.trigger["query"].startswith("sum(rate(request_predict_seconds_sum{")


def test_trap_kserves_readiness_ignores_the_model(tmp_path: Path) -> None:
    server = emitted(tmp_path, KSERVE).server
    assert server["readinessProbe"]["httpGet"]["path"] == "/v2/models/fraud/ready"
    assert server["livenessProbe"]["httpGet"]["path"] == "/v2/health/live"


def test_trap_kserves_other_backend_is_not_counted(tmp_path: Path) -> None:
    """The arguments refer to variables, which Kubernetes expands."""
    made = emitted(tmp_path, KSERVE)
    assert made.flags["--backend"] == "huggingface"
    assert made.flags["--model_name"] == "$(MLSPEC_MODEL_NAME)"
    assert made.flags["--model_dir"] == "$(MLSPEC_MODEL_PATH)"


def test_trap_kserve_would_follow_a_repository_that_changes(tmp_path: Path) -> None:
    """So an init container has to download its files, and verify them."""
    artifact = {"uri": "hf://org/classifier", "format": "safetensors", "digest": COMMIT, "access": "hub"}
    changes = {"access": {"hub": {"kind": "huggingface", "secret": "t"}}, "release__artifact": artifact}
    made = emitted(tmp_path, KSERVE, platform__images__runtime=f"registry.example.com/mlspec@{DIGEST}", **changes)
    assert variables(made.download)["MODEL_COMMIT"] == COMMIT
    assert made.env["MLSPEC_MODEL_PATH"] == "/mnt/models"


def test_trap_kserves_probes_wait_for_the_requests_before_them(tmp_path: Path) -> None:
    """A model blocks the event loop: with a timeout of one second, the kubelet would restart a server that is busy."""
    server = emitted(tmp_path, KSERVE).server
    assert [server[f"{probe}Probe"]["timeoutSeconds"] for probe in ("readiness", "liveness")] == [5, 10]

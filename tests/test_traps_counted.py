"""The traps of what servers count: series of one protocol, requests that wait, errors without a counter, and callers
whose requests are no requests. The numbers go through a real Prometheus.
"""

from __future__ import annotations

import http.server
import json
import math
import random
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.because import fixed
from mlspec.compiler.plan.serving.capacity import carrying
from mlspec.schema.units import Rate

from .online import Emitted, compiled, emitted, refused, spec
from .scenes import counter, fires, labeled, reads
from .support import CARE, demand
from .test_traps_monitoring import alerts

OWN = {"namespace": "default", "job": "default/fraud"}
GRPC = {"serving__protocol": "grpc"}
METHOD = {**OWN, "grpc_method": "ModelInfer", "grpc_service": "inference.GRPCInferenceService", "grpc_type": "UNARY"}


def load(of: Emitted) -> str:
    """The query of the autoscaler."""
    return f"({of.trigger['query']})"


# One protocol


def test_grpc_requests_of_mlserver_have_series_of_their_own(tmp_path: Path) -> None:
    made = emitted(tmp_path, "mlserver", **GRPC)
    assert made.series() == {
        "grpc_server_started_total", "grpc_server_handling_seconds_bucket", "grpc_server_handling_seconds_count",
        "model_infer_request_failure_total",
    }  # fmt: skip
    assert not any("grpc" in name for name in emitted(tmp_path, "mlserver").series())


def test_grpc_requests_of_mlserver_are_counted(tmp_path: Path) -> None:
    """10 requests a minute end, and 2 of them fail; after 10 minutes, 4 have not ended. Probes are other methods, and
    a caller's wrong model name is its own mistake.
    """
    made = emitted(tmp_path, "mlserver", **GRPC)
    series = {
        labeled("grpc_server_started_total", **METHOD): counter((10, 10.4)),
        labeled("grpc_server_handling_seconds_count", **METHOD): counter((10, 10)),
        labeled("grpc_server_handling_seconds_count", **{**METHOD, "grpc_method": "ServerLive"}): counter((10, 100)),
        labeled("model_infer_request_failure_total", **OWN, model="fraud", version=""): counter((10, 2)),
        labeled("model_infer_request_failure_total", **OWN, model="nope", version=""): counter((10, 50)),
        labeled("up", **OWN): "1x10",
    }
    reads(tmp_path, load(made), series, 10, 4)
    reads(tmp_path, f"({made.ratio('availability')})", series, 10, 0.2)


# Requests that wait


@pytest.mark.parametrize(
    ("runtime", "runs", "waits"),
    [
        ("vllm", "vllm:num_requests_running", "vllm:num_requests_waiting"),
        ("sglang", "sglang:num_running_reqs", "sglang:num_queue_reqs"),
        ("tgi", "tgi_batch_current_size", "tgi_queue_size"),
    ],
)
def test_requests_that_wait_are_in_flight(runtime: str, runs: str, waits: str, tmp_path: Path) -> None:
    """A server that works on 8 at most would never pass a threshold of 11.2, however long its queue grows."""
    series = {labeled(runs, **OWN): "8x10", labeled(waits, **OWN): "300x10", labeled("up", **OWN): "1x10"}
    reads(tmp_path, load(emitted(tmp_path, runtime)), series, 5, 308)


def test_a_triton_whose_requests_never_finish_is_busy(tmp_path: Path) -> None:
    """Its counter of time moves when a request ends; its gauge has those that wait, but not those that run."""
    series = {
        labeled("nv_inference_request_duration_us", **OWN, model="fraud"): "5x10",
        labeled("nv_inference_pending_request_count", **OWN, model="fraud"): "12x10",
        labeled("up", **OWN): "1x10",
    }
    reads(tmp_path, load(emitted(tmp_path)), series, 5, 12)


# Errors without a counter, and requests that are none


@pytest.mark.parametrize(("done", "ratio"), [(7, 0.3), (10, 0), (11, 0)])
def test_kserve_has_an_error_where_nothing_is_postprocessed(done: int, ratio: float, tmp_path: Path) -> None:
    made = emitted(tmp_path, "kserve-huggingface", constraints__availability="99.5%")
    series = {
        labeled("request_predict_seconds_count", **OWN, model_name="fraud"): counter((10, 10)),
        labeled("request_postprocess_seconds_count", **OWN, model_name="fraud"): counter((10, done)),
    }
    reads(tmp_path, f"({made.ratio('availability')})", series, 10, ratio)


def test_strangers_paths_are_no_requests_of_bentoml(tmp_path: Path) -> None:
    name = "bentoml_service_request_total"
    series = {
        labeled(name, **OWN, endpoint="/predict", http_response_code="200"): counter((10, 8)),
        labeled(name, **OWN, endpoint="/predict", http_response_code="500"): counter((10, 2)),
        labeled(name, **OWN, endpoint="/wp-login.php", http_response_code="404"): counter((10, 90)),
        labeled(name, **OWN, endpoint="/readyz", http_response_code="200"): counter((10, 12)),
    }
    reads(tmp_path, f"({emitted(tmp_path, 'bentoml').ratio('availability')})", series, 10, 0.2)


def test_probes_and_callers_who_left_are_no_requests_of_ray(tmp_path: Path) -> None:
    """The startup and readiness probes ask the application; 499 is a caller who gave up."""
    name, app = "ray_serve_num_http_requests_total", {"application": "default", "route": "/"}
    series = {
        labeled(name, **OWN, **app, method="POST", status_code="200"): counter((10, 8)),
        labeled(name, **OWN, **app, method="POST", status_code="500"): counter((10, 2)),
        labeled(name, **OWN, **app, method="POST", status_code="499"): counter((10, 5)),
        labeled(name, **OWN, **app, method="GET", status_code="200"): counter((10, 12)),
        labeled(name, **OWN, application="", route="/-/healthz", method="GET", status_code="200"): counter((10, 12)),
    }
    made = emitted(tmp_path, "ray-serve")
    reads(tmp_path, f"({made.ratio('availability')})", series, 10, 0.2)
    assert 'status_code!="499"' in made.ratio("latency-p99"), "it has a sample of the time until the caller left"


# How many requests a replica takes


@pytest.mark.parametrize("runtime", ["vllm", "sglang", "tgi"])
def test_slots_are_never_above_what_the_server_takes(runtime: str, tmp_path: Path) -> None:
    """70% of 8, not of 16: otherwise, the planned capacity does not exist."""
    limited = {"serving__batching": {"maxSize": 8}}
    assert emitted(tmp_path, runtime, **limited).trigger["threshold"] == "5.6"
    found = [d for d in compiled(tmp_path, spec(runtime, **limited)).diagnostics if d.id == "MLS411"]
    assert [d.message for d in found] == [
        "the service time holds for 16 requests in flight, but a replica takes at most 8"
    ]
    enough = spec(runtime, serving__batching={"maxSize": 16})
    assert [d.id for d in compiled(tmp_path, enough).diagnostics if d.id == "MLS411"] == []


def test_the_workers_of_mlserver_have_a_queue_each() -> None:
    """M/M/1 for each of N x 4 workers: 100/s x 20 ms are 2 Erlangs, and P(T > 150 ms) = exp(-(1 - 2/4N) x 7.5).

    One replica: exp(-3.75) = 2.4%. Two: exp(-5.6) = 0.36%. Three slots at a time, M/M/4 with 2 Erlangs, needs one.
    """

    def needs(bound: str, queues: str) -> int:
        rate, of = fixed(Rate.parse("100/s"), ""), demand("20ms", 4, {"p99": bound}, queues)
        return carrying(rate, of, CARE).value

    assert (needs("200ms", "workers"), needs("150ms", "workers")) == (1, 2)
    assert (needs("200ms", "random"), needs("150ms", "random")) == (1, 1)


def test_only_workers_with_a_queue_each_need_more_replicas(tmp_path: Path) -> None:
    """4 Erlangs, 1/N on each worker: exp(-(1 - 1/2) x 8) is 1.8%, and exp(-(1 - 1/3) x 8) is 0.5%."""
    busy: dict[str, object] = {
        "constraints__throughput": {"mean": "320/s", "peak": "320/s"},
        "constraints__latency": {"p99": "100ms"},
        "constraints__availability": "99.5%",
        "serving__serviceTime": {"mean": "12.5ms", "at": 4},
    }
    assert emitted(tmp_path, "mlserver", **busy).one("ScaledObject")["spec"]["minReplicaCount"] == 3
    assert emitted(tmp_path, **busy).one("ScaledObject")["spec"]["minReplicaCount"] == 2


# A HorizontalPodAutoscaler on CPU


HPA: dict[str, object] = {"platform__autoscaling__provider": "hpa", "platform__rollout__provider": "none"}


def cpu_target(of: Emitted) -> int:
    [metric] = of.one("HorizontalPodAutoscaler")["spec"]["metrics"]
    found: int = metric["resource"]["target"]["averageUtilization"]
    return found


def test_an_autoscaler_on_cpu_runs_the_replicas_that_the_peak_needs(tmp_path: Path) -> None:
    """240/s x 8 ms = 1.92 cores. A p99 of 100 ms needs 4 replicas, because exp(-(125 - 240/3) x 0.1) is 1.1%.
    They are 48% busy; with 70%, it would run 3, which lint refuses as a maximum.
    """
    fast: dict[str, object] = {
        **HPA,
        "constraints__throughput": {"mean": "100/s", "peak": "240/s"},
        "serving__serviceTime": {"mean": "8ms"},
    }
    target = cpu_target(emitted(tmp_path, "mlserver", **fast))
    assert math.ceil(1.92 / (target / 100)) == 4
    assert "MLS404: the peak of 240/s needs 4 replicas, but the limit is 3" in refused(
        tmp_path, "mlserver", **fast, serving__replicas={"max": 3}
    )


def test_an_autoscaler_on_cpu_never_runs_fewer_replicas_than_the_plan(tmp_path: Path) -> None:
    draw = random.Random(20261127)
    for _ in range(12):
        mean, peak = draw.randint(20, 60), draw.randint(80, 400)
        each, slots = draw.randint(4, 20), draw.choice([1, 2, 4])
        made = emitted(
            tmp_path,
            "mlserver",
            **HPA,
            constraints__throughput={"mean": f"{mean}/s", "peak": f"{peak}/s"},
            constraints__latency={"p99": "250ms"},
            serving__serviceTime={"mean": f"{each}ms", "at": slots},
        )
        spec_ = made.one("HorizontalPodAutoscaler")["spec"]
        cores = float(made.server["resources"]["requests"]["cpu"])
        rate = fixed(Rate.parse(f"{peak}/s"), "")
        of = demand(f"{each}ms", slots, {"p99": "250ms"}, "workers" if slots > 1 else "random")
        needed = carrying(rate, of, CARE).value
        runs = math.ceil(round(peak * each / 1000 / (cpu_target(made) / 100 * cores), 9))
        assert max(runs, spec_["minReplicas"]) >= needed


# What a server says before its model is there


@pytest.mark.parametrize(
    ("states", "status"),
    [([["READY"]], 0), ([["UNLOADING", "READY"]], 0), ([["LOADING"]], 1), ([[]], 1), ([], 1)],
)
def test_torchserve_is_started_once_a_worker_has_the_model(states: list[Any], status: int, tmp_path: Path) -> None:
    """`/ping` says `Healthy` before that, and also if no worker can load it; the answer is the one of 0.12."""
    probe = emitted(tmp_path, "torchserve").server["startupProbe"]
    program, *arguments = probe["exec"]["command"]
    assert program == "python"
    models = [{"modelName": "fraud", "workers": [{"id": "9000", "status": one} for one in each]} for each in states]
    asked: list[str] = []

    class Management(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(models).encode())

        def log_message(self, *_: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Management) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = [re.sub(r"(?<=127\.0\.0\.1:)8081", str(server.server_port), argument) for argument in arguments]
        done = subprocess.run([sys.executable, *here], capture_output=True, check=False)
        server.shutdown()
    assert (min(done.returncode, 1), asked) == (status, ["/models/fraud"])


# What a model gets


@pytest.mark.parametrize(("columns", "content"), [(1, "np"), (2, "pd")])
def test_mlflow_models_get_an_array_or_a_data_frame(columns: int, content: str, tmp_path: Path) -> None:
    """Without it, a plain request fails: the model gets a dictionary of tensors."""
    inputs = [{"name": f"x{index}", "dtype": "float32", "shape": [4]} for index in range(columns)]
    made = emitted(tmp_path, "mlserver", release__artifact__format="mlflow", model__signature__inputs=inputs,
                   release__artifact__uri="s3://models/fraud/7/")  # fmt: skip
    assert json.loads(made.file("model-settings.json"))["parameters"]["content_type"] == content
    plain = emitted(tmp_path, "mlserver", model__signature__inputs=inputs)
    assert "content_type" not in json.loads(plain.file("model-settings.json"))["parameters"]


# Saturation


@pytest.mark.parametrize(("running", "waiting", "memory", "fires_"), [
    (8, "300x40", "0.5x40", {"ModelRequestsWait"}),  # the server works on no more than 8, with free memory
    (8, "0x40", "0.95x40", {"ModelServiceSaturated"}),
    (8, "0 5 0 4 0 7 0 1 0 2 0x30", "0.5x40", set()),  # a queue that empties again and again
    (3, "0x40", "0.5x40", set()),
])  # fmt: skip
def test_a_queue_is_heard_although_memory_is_free(
    running: int, waiting: str, memory: str, fires_: set[str], tmp_path: Path
) -> None:
    """vLLM with 300 waiting requests and half of its cache free was silent for two hours."""
    series = {
        labeled("vllm:num_requests_running", **OWN): f"{running}x40",
        labeled("vllm:num_requests_waiting", **OWN): waiting,
        labeled("vllm:kv_cache_usage_perc", **OWN): memory,
        labeled("up", **OWN): "1x40",
    }
    made = emitted(tmp_path, "vllm")
    own = [alert for name in ("ModelRequestsWait", "ModelServiceSaturated") for alert in alerts(made, name)]
    assert len(own) == 2
    fires(tmp_path, own, series, {30: {(name, "ticket") for name in fires_}})

"""A counter that is born with its first events: `increase()` compares samples, so it never sees those events.

Two hundred errors in the first scrape of a series must count as two hundred, whether the server creates the series
with them or had it at zero. A series that is older than the window must not count as new.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .analyses import NEW, asked, metrics
from .online import RUNTIMES, emitted
from .scenes import labeled, proves, reads
from .test_traps_monitoring import OWN, alerts, recorded, rules

FAILURES: dict[str, tuple[str, dict[str, str]]] = {
    "bentoml": ("bentoml_service_request_total", {"endpoint": "/predict", "http_response_code": "503"}),
    "custom": ("http_requests_total", {"handler": "/predict", "status": "500"}),
    "mlserver": (
        "rest_server_requests_total",
        {"method": "POST", "path": "/v2/models/{model_name}/infer", "status_code": "500"},
    ),
    "ray-serve": (
        "ray_serve_num_http_requests_total",
        {"application": "default", "method": "POST", "status_code": "500"},
    ),
    "sglang": ("sglang:http_responses_total", {"endpoint": "/v1/completions", "method": "POST", "status_code": "500"}),
    "tensorflow-serving": (":tensorflow:serving:request_count", {"model_name": "fraud", "status": "INTERNAL"}),
    "tgi": ("tgi_request_failure", {"err": "generation"}),
    "torchserve": ("Requests5XX", {"Level": "Host"}),
    "triton": ("nv_inference_request_failure", {"model": "fraud", "version": "1", "reason": "BACKEND"}),
    "vllm": ("http_requests_total", {"handler": "/v1/chat/completions", "method": "POST", "status": "5xx"}),
}
"""A counter of failures of each runtime that has one, as the server exports it."""

BORN_LATE = sorted(set(FAILURES) - {"triton"})
EACH = pytest.mark.parametrize("runtime", BORN_LATE)

HISTORIES: list[tuple[str, float, str]] = [
    ("_x100 200x60", 200.0, "the series is born with its events"),
    ("0x99 200x60", 200.0, "it is zero before"),
    ("_x100 200x5 stale", 200.0, "the pod is gone by now"),
    ("_x100 200x9 250x50", 250.833333, "more events follow: `increase()` adds half a minute of them"),
    ("5000x200", 0.0, "it is older than the window, and nothing happened"),
    ("5000x69 stale 5000x100", 0.0, "the scrape failed when the window began"),
    ("5000x60 _x10 5000x100", 0.0, "Prometheus restarted when the window began"),
    ("", 0.0, "it does not exist"),
]
"""At minute 130, over one hour."""


def failing(runtime: str, values: str, **labels: str) -> dict[str, str]:
    name, own = FAILURES[runtime]
    return {labeled(name, **OWN, **labels, **own): values} if values else {}


def test_every_runtime_with_a_counter_of_failures_is_tried(tmp_path: Path) -> None:
    for runtime in set(RUNTIMES) - set(FAILURES):
        of = emitted(tmp_path, runtime)
        assert not [rule for rule in rules(of) if rule["labels"].get("slo") == "availability"]


@pytest.mark.parametrize("runtime", sorted(FAILURES))
def test_the_first_errors_of_a_series_that_is_born_with_them_count(runtime: str, tmp_path: Path) -> None:
    """The share of bad events of a server that just begins to fail was zero, so no alert fired."""
    bad = recorded(emitted(tmp_path, runtime), "mlspec:sli_bad:increase1h", "availability")
    for values, count, _ in HISTORIES:
        if runtime == "triton" and values.startswith("_"):
            continue  # its counters are zero once the model is loaded
        reads(tmp_path, bad, failing(runtime, values), 130, count)


@EACH
def test_a_server_that_only_fails_is_noticed(runtime: str, tmp_path: Path) -> None:
    """Its first scrape has all of its errors, and no request follows."""
    found = [rule for rule in rules(emitted(tmp_path, runtime)) if rule["labels"].get("slo") == "availability"]
    fired = [rule for rule in found if "alert" in rule]
    other = {"tgi": "tgi_request_count", "torchserve": "ts_inference_requests_total"}.get(runtime)
    counted = {labeled(other, **OWN, model_name="fraud"): "_x100 200x60"} if other else {}
    told = [rule["annotations"]["summary"].replace("{{ $value | humanizePercentage }}", "100%") for rule in fired]
    series = {**failing(runtime, "_x100 200x60"), **counted}
    proves(tmp_path, found, series, [(103, rule, said) for rule, said in zip(fired, told, strict=True)])


@EACH
def test_the_first_errors_of_a_new_version_count(runtime: str, tmp_path: Path) -> None:
    """A canary's pods are new, so all of its series are."""
    of = emitted(tmp_path, runtime)
    guard = metrics(of, "step-1")["most-requests-fail"]
    other = {"tgi": "tgi_request_count", "torchserve": "ts_inference_requests_total"}.get(runtime)
    new = {"rollouts_pod_template_hash": NEW}
    counted = {labeled(other, **OWN, **new, model_name="fraud"): "_x19 40x20"} if other else {}
    reads(tmp_path, asked(guard), {**failing(runtime, "_x19 40x20", **new), **counted}, 20, 40.0)


TIMES: dict[str, tuple[str, dict[str, str]]] = {
    "bentoml": ("bentoml_service_request_duration_seconds", {"endpoint": "/predict", "http_response_code": "200"}),
    "kserve-huggingface": ("request_predict_seconds", {"model_name": "fraud"}),
}


@pytest.mark.parametrize("runtime", TIMES)
def test_the_first_slow_requests_of_a_histogram_count(runtime: str, tmp_path: Path) -> None:
    """The first requests of a new replica are its slowest."""
    name, own = TIMES[runtime]
    bad = recorded(emitted(tmp_path, runtime), "mlspec:sli_bad:increase1h", "latency-p99")
    reads(tmp_path, bad, {labeled(f"{name}_count", **OWN, **own): "_x100 200x60"}, 130, 200.0)


def test_a_counter_of_your_own_that_starts_at_zero_needs_only_the_short_query(tmp_path: Path) -> None:
    made: dict[str, Any] = {"requests": [{"series": "a_total", "born": "start"}], "errors": [{"series": "b_total"}]}
    of = emitted(tmp_path, "custom", serving__container__metrics={**made, "inFlight": {"gauge": "c"}})
    ratio = recorded(of, "mlspec:sli_error:ratio_rate1h", "availability")
    assert "min_over_time(b_total{" in ratio
    assert "min_over_time(a_total{" not in ratio
    assert alerts(of, "ModelErrorBudgetBurn")

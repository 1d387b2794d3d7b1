"""Every series that a rule, an analysis, an autoscaler, or a dashboard reads is one that something exports.

That is the chosen runtime, by its entry in the catalog and what the spec changes of it; a rule of the same bundle;
Prometheus itself; kube-state-metrics; the kubelet; NVIDIA's exporter; a controller; or, by the contract, a job. A query
on a misspelled series returns nothing, silently and forever.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.compiler.exported import CONTRACT

from .grafana import dashboards
from .online import RUNTIMES, compiled, spec
from .support import EXAMPLES, ROOT, files, loaded
from .validation import load

KUBE_STATE = {
    "kube_cronjob_info",
    "kube_cronjob_created",
    "kube_cronjob_status_last_schedule_time",
    "kube_cronjob_status_last_successful_time",
    "kube_job_failed",
    "kube_job_status_start_time",
    "kube_job_status_completion_time",
    "kube_deployment_spec_replicas",
    "kube_deployment_status_replicas_available",
    "kube_deployment_status_replicas_updated",
    "kube_horizontalpodautoscaler_spec_max_replicas",
    "kube_horizontalpodautoscaler_status_condition",
    "kube_horizontalpodautoscaler_status_current_replicas",
    "kube_pod_container_status_restarts_total",
}
"""Of kube-state-metrics, docs/metrics/workload/{cronjob,job,deployment,horizontalpodautoscaler,pod}-metrics.md."""

CONTROLLERS = {
    "rollout_info",
    "rollout_info_replicas_available",
    "rollout_info_replicas_desired",
    "keda_scaler_detail_errors_total",
}
"""Of Argo Rollouts, controller/metrics/prommetrics.go, and of KEDA, pkg/metricscollector/prommetrics.go."""

NODES = {
    "container_cpu_usage_seconds_total",
    "container_memory_working_set_bytes",
    "DCGM_FI_DEV_GPU_UTIL",
    "DCGM_FI_DEV_FB_USED",
    "DCGM_FI_DEV_FB_FREE",
    "DCGM_FI_DEV_XID_ERRORS",
    "DCGM_FI_DEV_ROW_REMAP_FAILURE",
}
"""Of cAdvisor in the kubelet (google/cadvisor, docs/storage/prometheus.md), and of the default set of NVIDIA's DCGM
exporter (etc/default-counters.csv)."""

RECORDER = {f"mlspec_recorder_{name}_total" for name in ("requests", "records", "dropped", "unread_connections")}
"""Of mlspec's own recorder: see test_capture_records."""

OWN = {"up", "ALERTS"}
"""Of Prometheus itself."""

WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset"}
FUNCTIONS = {
    *(
        "sum",
        "max",
        "min",
        "count",
        "avg",
        "rate",
        "increase",
        "absent",
        "abs",
        "present_over_time",
        "count_over_time",
        "vector",
        "time",
        "round",
        "scalar",
        "sqrt",
    ),
    *("clamp_min", "clamp_max", "histogram_quantile", "label_replace", "topk", "quantile", "changes", "delta"),
    *("min_over_time", "max_over_time", "avg_over_time", "last_over_time", "resets"),
}


def read(query: str) -> set[str]:
    """The series that a query reads: its names, less functions, words, matchers, windows and lists of labels."""
    text = re.sub(r'"(?:[^"\\]|\\.)*"', '""', query)
    text = re.sub(r"\{[^{}]*\}|\[[^\[\]]*\]", " ", text)
    text = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)", " ", text)
    names = re.findall(r"(?<![\w.])[a-zA-Z_:][\w:]*", text)
    return {name for name in names if name not in WORDS | FUNCTIONS}


def queries(body: object) -> Iterator[str]:
    """Everything that Prometheus is asked, in an object or a file of rules."""
    if isinstance(body, dict):
        for key, value in body.items():
            if key in ("expr", "query") and isinstance(value, str):
                yield value
            else:
                yield from queries(value)
    elif isinstance(body, list):
        for item in body:
            yield from queries(item)


HISTOGRAM = ("bucket", "count", "sum")


def exported(metrics: dict[str, Any]) -> Iterator[str]:
    """The series of one runtime, as its entry names them."""
    for meaning in ("requests", "errors", "successes", "canceled", "promptTokens", "generatedTokens"):
        yield from (counter["series"] for counter in metrics.get(meaning, ()))
    for name in ("latency", "firstToken", "interToken"):
        if name in metrics:
            yield from (f"{metrics[name]['series']}_{suffix}" for suffix in HISTOGRAM)
    flying = metrics.get("inFlight", {})
    yield from (flying[key] for key in ("gauge", "busy", "plus", "minus") if key in flying)
    yield from (metrics[name]["series"] for name in ("queue", "saturation") if name in metrics)


def services(made: dict[str, Any]) -> list[dict[str, Any]]:
    found = made.get("services", {"": made.get("serving", {})})
    return [service for service in found.values() if service.get("mode") == "online"]


def entry(runtime: str) -> dict[str, Any]:
    """What the catalog says of a runtime."""
    found: dict[str, Any] = loaded((ROOT / "compiler/catalog/runtimes" / f"{runtime}.yaml").read_text())
    return found


def known(made: dict[str, Any]) -> set[str]:
    """What the services of a spec export."""
    found: set[str] = set()
    for service in services(made):
        changed = service.get("container", {}).get("metrics", {})
        found |= set(exported({**entry(service["runtime"])["metrics"], **changed}))
    return found


def unknown(made: dict[str, Any], bodies: list[Any]) -> set[str]:
    rules = [rule for body in bodies for rule in _rules(body)]
    recorded = {rule["record"] for rule in rules if "record" in rule}
    asked = {name for body in bodies for query in queries(body) for name in read(query)}
    assert asked, "nothing is asked at all"
    jobs = {each.name for each in CONTRACT}
    return asked - known(made) - recorded - KUBE_STATE - CONTROLLERS - NODES - OWN - RECORDER - jobs


def bodies(texts: Mapping[str, str]) -> list[Any]:
    """The objects of a bundle, and the queries of its dashboards."""
    boards = [{"expr": query} for made in dashboards(texts) for query in queries({"panels": made["panels"]})]
    assert boards
    return [*(load(text) for path, text in texts.items() if path.endswith(".yaml")), *boards]


def _rules(body: Any) -> Iterator[dict[str, Any]]:
    for group in body.get("groups", body.get("spec", {}).get("groups", ())):
        yield from group["rules"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_series_of_an_example_is_written_by_somebody(example: Path) -> None:
    made = loaded((example / "mlspec.yaml").read_text())
    result = mlspec.compile(example / "mlspec.yaml")
    assert result.bundles, [d.message for d in result.diagnostics if d.severity == "error"]
    for bundle in (result.bundles[name] for name in result.bundles if name != "_system"):
        assert unknown(made, bodies(bundle.files)) == set(), bundle.environment


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_entry_says_where_it_is_from_and_when_that_was(runtime: str) -> None:
    found = entry(runtime)
    assert found["source"].startswith("https://")
    assert str(found["checked"]) >= "2026-11-23"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_series_of_a_runtime_is_written_by_somebody(runtime: str, tmp_path: Path) -> None:
    made = spec(runtime)
    result = compiled(tmp_path, made)
    assert result.ok, [d.message for d in result.diagnostics]
    assert unknown(made, bodies(files(result))) == set()


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ('sum(rate(a_total{le=~"b([.]0)?",x="{{args.c}}"}[5m])) or vector(0)', {"a_total"}),
        ("max by (pod) (:b:c_sum) > 1e6 and on (x) d == 1", {":b:c_sum", "d"}),
        ("time() - e > 5 * count(up == 1)", {"e", "up"}),
        ("histogram_quantile(0.9, sum by (le) (rate(f_bucket[1m]))) unless g", {"f_bucket", "g"}),
    ],
)
def test_names_are_found_in_queries(query: str, names: set[str]) -> None:
    assert read(query) == names

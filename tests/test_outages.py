"""Outages without an error: each fires the alerts that it must, and health fires none at all.

The service is examples/fraud-scorer, with all of its rules: two replicas of Triton, and a trough of 6 requests per
second. tests/outages.py plays what happens to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .online import GPU, RUNTIMES, emitted
from .outages import MINUTES, Service, down, line, series
from .scenes import counter, fires, labeled, proves, reads
from .support import EXAMPLES
from .test_alerts import Watched, watched
from .test_traps_births import FAILURES
from .test_traps_monitoring import OWN, alerts, recorded

UP = line((MINUTES, "."))
LOADING = 8
"""The minutes in which a new replica is a target, but does not answer."""


def scorer() -> Watched:
    (example,) = [path for path in EXAMPLES if path.name == "fraud-scorer"]
    return next(
        of
        for of in watched(example)
        if of.service == "fraud-scorer" and any(a["alert"] == "ModelTrafficGone" for a in of.alerts())
    )


def joins(minute: int) -> str:
    return line((minute, "-"), (LOADING, "x"), (MINUTES, "."))


HANGING = "the backend hangs: the replicas are up, requests arrive, and none ends"
FLAPPING = "both replicas flap: up one minute of four"
LOOPING = "one replica is in a crash loop: up two minutes of six"
CANCELED = "a tenth of the callers give up"
PENDING = "a replica is pending: it is no target"
GONE = "traffic is gone"
LIMITED = "the load asks for more replicas than the maximum"
UNREAD = "the autoscaler cannot read the load"
UNWATCHED = "kube-state-metrics is not there"

OUTAGES: dict[str, tuple[Service, int, set[tuple[str, str]]]] = {
    HANGING: (
        Service(ends=lambda m: 600 if m < 60 else 0, waiting=lambda m: m % 3 if m < 60 else m - 60),
        90,
        {("ModelRequestsHang", "page"), ("ModelTrafficGone", "page"), ("ModelServiceSaturated", "ticket")},
    ),
    FLAPPING: (
        Service(replicas=[line((60, "."), (MINUTES, ".xxx"))] * 2),
        110,
        {("ModelServiceFlapping", "page"), ("ModelReplicaFlapping", "ticket"), ("ModelReplicaRestarting", "ticket")},
    ),
    LOOPING: (
        Service(replicas=[UP, line((60, "."), (MINUTES, "..xxxx"))]),
        110,
        {("ModelReplicaFlapping", "ticket"), ("ModelReplicaRestarting", "ticket")},
    ),
    "one replica is in a crash loop whose back-off has reached its maximum": (
        Service(replicas=[UP, line((20, "."), (MINUTES, "." + "x" * 5))]),
        160,
        {("ModelReplicaFlapping", "ticket"), ("ModelReplicaRestarting", "ticket")},
    ),
    "all callers give up": (
        Service(ends=lambda m: 600 if m < 60 else 0, cancel=lambda m: 0 if m < 60 else 600),
        90,
        {("ModelRequestsCanceled", "ticket"), ("ModelTrafficGone", "page")},
    ),
    CANCELED: (
        Service(cancel=lambda m: 0 if m < 60 else 66),
        100,
        {("ModelRequestsCanceled", "ticket")},
    ),
    PENDING: (
        Service(wanted=lambda m: 2 if m < 60 else 3, scaled=lambda m: 2 if m < 60 else 3),
        90,
        {("ModelReplicasMissing", "ticket")},
    ),
    GONE: (
        Service(ends=lambda m: 600 if m < 60 else 6, waiting=lambda _: 0),
        90,
        {("ModelTrafficGone", "page")},
    ),
    LIMITED: (
        Service(
            replicas=[UP] * 3,
            available=lambda _: 3,
            wanted=lambda _: 3,
            scaled=lambda _: 3,
            limited=lambda m: m >= 60,
        ),
        100,
        {("ModelAutoscalerAtMaximum", "ticket")},
    ),
    UNREAD: (
        Service(unread=lambda m: 2 if m >= 60 else 0),
        90,
        {("ModelAutoscalerFailing", "ticket")},
    ),
    UNWATCHED: (
        Service(watched=False),
        90,
        {("ModelPodMetricsAbsent", "ticket")},
    ),
}
"""What happens, a minute during it, and the alerts that fire then."""

HEALTH: dict[str, Service] = {
    "as always": Service(),
    "at the trough, all night": Service(ends=lambda _: 360, waiting=lambda _: 0),
    "below the trough: half of it": Service(ends=lambda m: 600 if m < 60 else 180, waiting=lambda _: 0),
    "Prometheus restarts": Service(replicas=[line((100, "."), (12, "~"), (MINUTES, "."))] * 2),
    "a new Prometheus": Service(replicas=[line((100, "~"), (MINUTES, "."))] * 2),
    "a replica restarts": Service(replicas=[UP, line((60, "."), (5, "x"), (MINUTES, "."))]),
    "a replica restarts twice in an hour": Service(
        replicas=[UP, line((60, "."), (2, "x"), (30, "."), (2, "x"), (MINUTES, "."))]
    ),
    "single scrapes fail": Service(replicas=[UP, line((MINUTES, "." * 9 + "o"))]),
    "three replicas are added, one after another": Service(
        replicas=[UP, UP, joins(60), joins(63), joins(66)],
        available=lambda m: 2 + sum(m >= at + LOADING for at in (60, 63, 66)),
        wanted=lambda m: 2 + sum(m >= at for at in (60, 63, 66)),
        scaled=lambda m: 2 + sum(m >= at for at in (60, 63, 66)),
        most=6,
    ),
    "replicas are added for an hour, so that one always loads": Service(
        replicas=[UP, UP, *(joins(at) for at in range(60, 120, 10))],
        available=lambda m: 2 + sum(m >= at + LOADING for at in range(60, 120, 10)),
        wanted=lambda m: 2 + sum(m >= at for at in range(60, 120, 10)),
        scaled=lambda m: 2 + sum(m >= at for at in range(60, 120, 10)),
        most=9,
    ),
    "replicas are removed": Service(
        replicas=[UP, UP, line((60, "."), (MINUTES, "-")), line((62, "."), (MINUTES, "-"))],
        available=lambda m: 4 - (m >= 60) - (m >= 62),
        wanted=lambda m: 4 - (m >= 60) - (m >= 62),
        scaled=lambda m: 4 - (m >= 60) - (m >= 62),
        most=6,
    ),
    "a new version replaces the old one": Service(
        replicas=[line((90, "."), (MINUTES, "-"))] * 2 + [joins(60), joins(80)],
        available=lambda m: 2 + (60 + LOADING <= m < 90) + (80 + LOADING <= m < 90),
    ),
    "the service is at its maximum, which is enough": Service(
        replicas=[UP] * 3, available=lambda _: 3, wanted=lambda _: 3, scaled=lambda _: 3
    ),
    "a service that has no callers yet": Service(ends=lambda _: 0, waiting=lambda _: 0),
    "a gauge is stuck after a crash, and no request arrives": Service(ends=lambda _: 0, waiting=lambda _: 3),
    "some callers give up": Service(cancel=lambda _: 10),
    "a few requests take long": Service(waiting=lambda _: 2),
}

LOOKS = (40, 62, 65, 70, 76, 90, 100, 102, 112, 113, 115, 118, 125, 140, 180, 235)


def rules(of: Watched) -> list[dict[str, Any]]:
    """All rules but those on the version in the shadow stage, which is another service here."""
    return [rule for rule in of.rules if not rule.get("alert", "").startswith("ModelShadow")]


def story(of: Watched, what: Service) -> dict[str, str]:
    return series(what, {"namespace": of.namespace, "job": of.target["job"]}, of.model, of.service)


@pytest.mark.exhaustive
@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_without_an_error_is_heard(outage: str, tmp_path: Path) -> None:
    of, (what, minute, alerts) = scorer(), OUTAGES[outage]
    fires(tmp_path, rules(of), story(of, what), {minute: alerts})


@pytest.mark.exhaustive
@pytest.mark.parametrize("health", HEALTH)
def test_health_is_silent(health: str, tmp_path: Path) -> None:
    of, what = scorer(), HEALTH[health]
    fires(tmp_path, rules(of), story(of, what), {minute: set() for minute in LOOKS if not down(what, minute)})


SAID = {
    ("ModelRequestsHang", HANGING): "60 requests are in flight, more arrive, and none has finished for 10m",
    ("ModelTrafficGone", GONE): "60 requests ended in 10m, although the replicas are up; the trough is 6/s",
    (
        "ModelServiceFlapping",
        FLAPPING,
    ): "replicas keep going down and coming back, and 75% of the capacity was lost in the last 15 minutes",
    ("ModelReplicaFlapping", LOOPING): "1 of the replicas went down three times or more in an hour",
    ("ModelReplicaRestarting", LOOPING): "1 of the containers restarted three times or more in an hour",
    ("ModelReplicasMissing", PENDING): "at most 2 replicas have been available for 15m, fewer than wanted",
    (
        "ModelRequestsCanceled",
        CANCELED,
    ): "callers gave up on 9.91% of the requests in the last 30m; the objectives do not count them",
    ("ModelAutoscalerAtMaximum", LIMITED): "the load asks for more than the maximum of 3 replicas",
    ("ModelAutoscalerFailing", UNREAD): "the autoscaler cannot read the load, so replicas no longer follow it",
    (
        "ModelPodMetricsAbsent",
        UNWATCHED,
    ): "Prometheus has no metrics of kube-state-metrics for the pods, so no alert on "
    "restarts or on the limits of the autoscaler can fire",
}
"""What the on-call engineer reads."""


@pytest.mark.parametrize(("name", "outage"), SAID)
def test_the_alert_says_what_happens(name: str, outage: str, tmp_path: Path) -> None:
    of, (what, minute, _) = scorer(), OUTAGES[outage]
    (rule,) = of.alerts(name)
    told = [(minute, rule, f"{of.service}: {SAID[name, outage]}"), (25, rule, None)]
    proves(tmp_path, [rule], story(of, what), told)


def test_every_alert_is_in_the_table() -> None:
    groups = ("ModelRequests", "ModelTraffic", "ModelServiceFlapping", "ModelReplica", "ModelAutoscaler", "ModelPod")
    found = {rule["alert"] for rule in rules(scorer()) if rule.get("alert", "").startswith(groups)}
    assert {name for name, _ in SAID} == found - {"ModelReplicaDown"}


# Other runtimes, and other controllers

GAUGES: dict[str, tuple[str, dict[str, str]]] = {
    "bentoml": ("bentoml_service_request_in_progress", {"endpoint": "/predict"}),
    "custom": ("http_requests_in_progress", {}),
    "mlserver": ("rest_server_requests_in_progress", {"method": "POST"}),
    "ray-serve": ("ray_serve_num_ongoing_http_requests", {}),
    "sglang": ("sglang:num_queue_reqs", {}),
    "tgi": ("tgi_queue_size", {}),
    "triton": ("nv_inference_pending_request_count", {"model": "fraud"}),
    "vllm": ("vllm:num_requests_waiting", {}),
}
"""A gauge of requests that do not end. The other runtimes have none: only a trough tells that their requests hang."""

COUNTS = {"tgi": ("tgi_request_count", {}), "triton": ("nv_inference_request_success", {"model": "fraud"})}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_requests_that_hang_are_heard_on_every_runtime_with_a_gauge(runtime: str, tmp_path: Path) -> None:
    found = alerts(emitted(tmp_path, runtime), "ModelRequestsHang")
    assert bool(found) is (runtime in GAUGES)
    for rule in found:
        (gauge, own), (count, labels) = GAUGES[runtime], COUNTS.get(runtime, FAILURES[runtime])
        ended, flying = labeled(count, **OWN, **labels), labeled(gauge, **OWN, **own)
        said = rule["annotations"]["summary"].replace("{{ $value }}", "40")
        for calls, waits, fires_ in (
            ("0+9x59 531x99", "2x59 0+1x99", True),
            ("0+9x159", "2x159", False),  # it works
            ("531x159", "3x159", False),  # a gauge that is stuck, and no request
            ("0+9x59 _x9 621+9x89", "2x59 _x9 0+1x89", False),  # a restart of Prometheus
        ):
            proves(tmp_path, [rule], {ended: calls, flying: waits}, [(100, rule, said if fires_ else None)])


def test_a_deployment_that_lacks_a_replica_is_heard(tmp_path: Path) -> None:
    (rule,) = alerts(emitted(tmp_path, platform__rollout__provider="none"), "ModelReplicasMissing")
    said = "fraud: at most 2 replicas have been available for 15m, fewer than wanted"
    for wanted, available, told in (
        ("2x30 3x90", "2x120", said),  # the third one is pending, or was refused by the quota
        ("2x30 3x90", "2x38 3x90", None),
        ("2+1x90", "0 2+1x90", None),  # always one behind, while replicas are added
        ("2x120", "0x9 2x120", None),
    ):
        proves(tmp_path, [rule], deployment("2x120", wanted, available), [(60, rule, told), (16, rule, None)])


def deployment(updated: str, wanted: str, available: str) -> dict[str, str]:
    own = {"namespace": "default", "deployment": "fraud"}
    return {
        labeled("kube_deployment_spec_replicas", **own): wanted,
        labeled("kube_deployment_status_replicas_available", **own): available,
        labeled("kube_deployment_status_replicas_updated", **own): updated,
    }


def test_an_update_in_place_always_lacks_one_replica(tmp_path: Path) -> None:
    of = emitted(tmp_path, platform__rollout__provider="none", **GPU)
    (rule,) = alerts(of, "ModelReplicasMissing")
    said = rule["annotations"]["summary"].replace("{{ $value }}", "3")
    for updated, available, told in (
        ("4x30 1x20 2x20 3x20 4x60", "4x30 3x60 4x60", None),
        ("4x120", "4x30 3x90", said),
    ):
        proves(tmp_path, [rule], deployment(updated, "4x120", available), [(75, rule, told), (25, rule, None)])


def test_a_horizontal_pod_autoscaler_that_cannot_read_the_load_is_heard(tmp_path: Path) -> None:
    of = emitted(tmp_path, platform__autoscaling__provider="hpa", platform__autoscaling__adapter="prometheus-adapter")
    (rule,) = alerts(of, "ModelAutoscalerFailing")
    own = {"namespace": "default", "horizontalpodautoscaler": "fraud", "condition": "ScalingActive", "status": "false"}
    series = {labeled("kube_horizontalpodautoscaler_status_condition", **own): "0x30 1x30"}
    labels = {**rule, "labels": {**rule["labels"], **own}}
    proves(tmp_path, [rule], series, [(40, labels, rule["annotations"]["summary"]), (30, rule, None)])


def test_an_autoscaler_that_cannot_scale_is_never_at_its_maximum(tmp_path: Path) -> None:
    of = emitted(tmp_path, serving__replicas={"min": 3, "max": 3})
    assert alerts(of, "ModelAutoscalerAtMaximum") == []
    assert alerts(of, "ModelAutoscalerFailing")
    none = emitted(tmp_path, platform__autoscaling__provider="none", constraints__throughput={"mean": "20/s"})
    assert alerts(none, "ModelAutoscalerFailing") == []


@pytest.mark.parametrize(
    ("throughput", "window"),
    [
        ({"mean": "20/s", "trough": "6/s"}, "10m"),
        ({"mean": "20/s", "trough": "0.01/s"}, "34m"),  # 20 requests take 2000 s
        ({"mean": "20/s", "trough": "0.0001/s"}, None),  # silence is no news
        ({"mean": "20/s", "trough": "0/s"}, None),
        ({"mean": "20/s"}, None),
    ],
)
def test_only_a_declared_trough_tells_that_traffic_is_gone(
    throughput: dict[str, str], window: str | None, tmp_path: Path
) -> None:
    found = alerts(emitted(tmp_path, constraints__throughput=throughput), "ModelTrafficGone")
    assert bool(found) is (window is not None)
    assert all(f"requests ended in {window}," in rule["annotations"]["summary"] for rule in found)


def test_ray_counts_the_callers_who_left_and_the_objectives_do_not(tmp_path: Path) -> None:
    of = emitted(tmp_path, "ray-serve")
    (rule,) = alerts(of, "ModelRequestsCanceled")
    own = {**OWN, "application": "default", "method": "POST"}
    series = {
        labeled("ray_serve_num_http_requests_total", **own, status_code="200"): counter((60, 90)),
        labeled("ray_serve_num_http_requests_total", **own, status_code="499"): counter((60, 10)),
    }
    said = rule["annotations"]["summary"].replace("{{ $value | humanizePercentage }}", "10%")
    proves(tmp_path, [rule], series, [(50, rule, said)])
    reads(tmp_path, recorded(of, "mlspec:sli_error:ratio_rate1h", "availability"), series, 50, 0.0)

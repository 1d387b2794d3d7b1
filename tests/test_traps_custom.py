"""The traps of a custom container: the fields that it needs, and the variables that it gets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from .online import emitted, refused, spec
from .test_traps_monitoring import alerts

RUNTIME = "custom"
CONTAINER: dict[str, Any] = spec(RUNTIME)["serving"]["container"]


@pytest.mark.parametrize("field", ["image", "user"])
def test_trap_it_has_no_defaults(tmp_path: Path, field: str) -> None:
    lacking = {key: value for key, value in CONTAINER.items() if key != field}
    assert refused(tmp_path, RUNTIME, serving__container=lacking) == [f"MLS009: `container` lacks `{field}`"]


@pytest.mark.parametrize("counter", ["requests", "errors", "successes", "canceled", "promptTokens", "generatedTokens"])
def test_trap_a_counter_without_a_series_counts_nothing(tmp_path: Path, counter: str) -> None:
    metrics = {**CONTAINER["metrics"], counter: [{"match": 'code="500"'}]}
    found = refused(tmp_path, RUNTIME, serving__container={**CONTAINER, "metrics": metrics})
    assert found == [f"MLS009: missing `series` in `{counter}`"]


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ({"inFlight": {"busy": "busy_total", "minus": "ended_total"}}, "MLS009: `minus` needs `gauge`"),
        ({"inFlight": {"gauge": "running", "unit": "ms"}}, "MLS009: `unit` needs `busy`"),
        ({"inFlight": {"plus": "waiting"}}, "MLS009: `inFlight` needs `gauge` or `busy`"),
        ({"inFlight": {"gauge": "running", "busy": "busy_total"}}, "MLS017: `gauge` and `busy` cannot both be set"),
        ({"inFlight": {}}, "MLS009: `inFlight` needs `gauge` or `busy`"),
        ({"queue": {"match": 'kind="live"'}}, "MLS009: missing `series` in `queue`"),
        ({"saturation": {"match": 'kind="live"'}}, "MLS009: missing `series` in `saturation`"),
        ({"firstToken": {"buckets": [1, 2]}}, "MLS009: missing `series` in `firstToken`"),
    ],
)
def test_trap_a_metric_that_nothing_could_read(tmp_path: Path, metrics: dict[str, Any], message: str) -> None:
    made = {**CONTAINER, "metrics": {**CONTAINER["metrics"], **metrics}}
    assert message in refused(tmp_path, RUNTIME, serving__container=made)


def _matched(name: str) -> dict[str, str]:
    return {"series": name, "match": f'of="{name}"', "born": "start"}


EXPORTED: dict[str, Any] = {
    "path": "/own",
    "requests": [_matched("requests_total")],
    "errors": [_matched("errors_total")],
    "canceled": [_matched("canceled_total")],
    "latency": {**_matched("latency"), "unit": "ms", "buckets": [50, 100, 200], "settable": True},
    "queue": {"series": "waiting", "match": 'of="queue"'},
    "saturation": {"series": "used", "match": 'of="slots"'},
}


@pytest.mark.parametrize("covers", ["requests", "successes"])
@pytest.mark.parametrize(
    "in_flight",
    [{"gauge": "arrived_total", "minus": "ended_total"}, {"busy": "busy_total", "unit": "ms"}],
    ids=["counts", "times"],
)
def test_trap_all_that_a_server_exports_has_an_effect(tmp_path: Path, covers: str, in_flight: dict[str, str]) -> None:
    """Otherwise, an error would ask its author to remove what is true."""
    latency = {**EXPORTED["latency"], "covers": covers}
    metrics = {**EXPORTED, "latency": latency, "inFlight": {**in_flight, "plus": "queued", "match": 'of="server"'}}
    canary = [{"canary": {"steps": ["10%", "50%"]}}]
    made = emitted(tmp_path, RUNTIME, serving__container={**CONTAINER, "metrics": metrics}, rollout__stages=canary)
    told = {metric["name"] for one in made.all("AnalysisTemplate") for metric in one["spec"]["metrics"]}
    assert ("most-requests-unfinished" in told) is (covers == "successes")


def test_trap_the_matchers_of_the_saturation(tmp_path: Path) -> None:
    """Without them, the alert would read the saturation of other resources, too."""
    saturation = {"series": "used_ratio", "match": 'resource="slots"'}
    made = {**CONTAINER, "metrics": {**CONTAINER["metrics"], "saturation": saturation}}
    (rule,) = alerts(emitted(tmp_path, RUNTIME, serving__container=made), "ModelServiceSaturated")
    assert rule["expr"].startswith('max(used_ratio{namespace="default",job="default/fraud",resource="slots"}) > ')


def test_trap_readiness_and_liveness_have_different_endpoints(tmp_path: Path) -> None:
    server = emitted(tmp_path, RUNTIME).server
    paths = {probe: server[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/readyz", "readiness": "/readyz", "liveness": "/healthz"}


@pytest.mark.parametrize(
    ("probe", "ports", "check"),
    [
        ({"port": "metrics"}, {"http": 8080, "metrics": 9090}, {"tcpSocket": {"port": "metrics"}}),
        ({"port": "metrics"}, {"http": 8080, "metrics": 8080}, {"tcpSocket": {"port": "http"}}),
        ({"port": "grpc", "path": "/up"}, {"http": 8080, "grpc": 9000}, {"httpGet": {"path": "/up", "port": "grpc"}}),
        ({"grpc": True}, {"http": 8080, "grpc": 9000}, {"grpc": {"port": 9000}}),
        ({"grpc": False}, {"http": 8080}, {"tcpSocket": {"port": "http"}}),
    ],
)
def test_trap_a_probe_uses_a_port_of_the_pod(
    tmp_path: Path, probe: dict[str, Any], ports: dict[str, int], check: dict[str, Any]
) -> None:
    made = emitted(
        tmp_path,
        RUNTIME,
        serving__container={**CONTAINER, "ports": ports, "probes": {"startup": {"path": None, **probe}}},
    )
    assert {key: made.server["startupProbe"].get(key) for key in check} == check
    assert {"tcpSocket", "httpGet", "grpc"} & set(made.server["startupProbe"]) == set(check)


@pytest.mark.parametrize("probe", [{"grpc": True}, {"port": "grpc", "path": "/up"}, {"port": "grpc"}])
def test_trap_a_probe_of_a_missing_port(tmp_path: Path, probe: dict[str, Any]) -> None:
    container = {**CONTAINER, "probes": {"readiness": probe}}
    assert "MLS009: `container` lacks `ports.grpc`, which a probe uses" in refused(
        tmp_path, RUNTIME, serving__container=container
    )


def test_trap_probes_and_scrapes_count_as_requests(tmp_path: Path) -> None:
    made = emitted(tmp_path, RUNTIME)
    sides = [*made.ratio("availability").split("\n/\n"), made.ratio("latency-p99")]
    assert all('handler!~"/(healthz|readyz|metrics)"' in side for side in sides)
    assert 'status=~"5.."' in sides[0]


def test_trap_the_histogram_is_in_seconds(tmp_path: Path) -> None:
    made = emitted(tmp_path, RUNTIME)
    assert "http_request_duration_seconds_bucket{" in made.ratio("latency-p99")
    assert 'le="0.1"' in made.ratio("latency-p99")


def test_trap_one_port_has_one_name(tmp_path: Path) -> None:
    made = emitted(tmp_path, RUNTIME)
    assert made.server["ports"] == [{"name": "http", "containerPort": 8080}]
    [endpoint] = made.one("PodMonitor")["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("http", "/metrics")


@pytest.mark.parametrize(("uri", "path"), [("s3://m/7/model.bin", "/models/model.bin"), ("s3://m/7/", "/models")])
def test_trap_it_gets_the_path_of_its_model(tmp_path: Path, uri: str, path: str) -> None:
    made = emitted(tmp_path, RUNTIME, release__artifact__uri=uri)
    assert made.env == {"MLSPEC_MODEL_PATH": path, "MLSPEC_MODEL_NAME": "fraud", "MLSPEC_MODEL_VERSION": "7"}
    assert made.mounts["/models"] == "model"


def test_trap_only_declared_folders_are_writable(tmp_path: Path) -> None:
    made = emitted(tmp_path, RUNTIME, serving__container={**CONTAINER, "writable": ["/tmp", "/var/cache/serve"]})
    assert made.server["securityContext"]["readOnlyRootFilesystem"] is True
    assert {"/tmp", "/var/cache/serve"} <= set(made.mounts)
    assert made.pod["securityContext"]["runAsUser"] == 1001


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/model", "model-files"),
        ("/config/", "config-files"),
        ("/var/lib/My_App.d", "var-lib-my-app-d"),
        ("/a" * 40, ""),
    ],
)
def test_trap_the_name_of_a_volume_is_a_unique_label(tmp_path: Path, path: str, name: str) -> None:
    made = emitted(tmp_path, RUNTIME, serving__container={**CONTAINER, "writable": ["/tmp", path]})
    names = [volume["name"] for volume in made.pod["volumes"]]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label) for label in names)
    assert made.mounts[path] == (name or made.mounts[path])


def test_trap_without_a_signal_nothing_scales(tmp_path: Path) -> None:
    silent = {key: value for key, value in CONTAINER.items() if key != "metrics"}
    assert "MLS012: `custom` exports no metric for its load" in refused(tmp_path, RUNTIME, serving__container=silent)


def test_trap_a_server_that_ignores_sigterm_drains_in_its_grace_period(tmp_path: Path) -> None:
    drain = {"preStop": "10s", "timeout": "20s", "handlesTerm": False}
    made = emitted(tmp_path, RUNTIME, serving__container={**CONTAINER, "drain": drain})
    assert made.server["lifecycle"]["preStop"] == {"sleep": {"seconds": 10}}
    assert made.pod["terminationGracePeriodSeconds"] == 30


FLYING = {"gauge": "http_requests_in_progress"}
HISTOGRAM = "http_request_duration_seconds"


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (
            {"latency": {"series": f"{HISTOGRAM}_bucket"}},
            f"`{HISTOGRAM}_bucket` is a part of a histogram, not its name",
        ),
        ({"latency": {"series": f"{HISTOGRAM}_count"}}, f"`{HISTOGRAM}_count` is a part of a histogram, not its name"),
        ({"inFlight": {"busy": HISTOGRAM}}, f"`{HISTOGRAM}` is a histogram, which has no series of that name"),
        ({"inFlight": {"busy": f"{HISTOGRAM}_sum"}}, ""),
        ({"requests": [{"series": "a", "match": 'job="api"'}]}, 'no series of this server has `job="api"`'),
        ({"requests": [{"series": "a", "match": 'job=~"default/.*"'}]}, ""),
        ({"requests": [{"series": "a", "match": 'namespace!~"kube-.*"'}]}, ""),
        (
            {"inFlight": {**FLYING, "match": 'namespace!="default"'}},
            'no series of this server has `namespace!="default"`',
        ),
        ({"latency": {"series": HISTOGRAM, "match": 'le="0.1"'}}, 'no series of this server has `le="0.1"`'),
        ({"latency": {"series": HISTOGRAM, "match": 'handler="/",le!="+Inf"'}}, ""),
    ],
)
def test_trap_a_series_that_no_query_finds_never_alerts(metrics: dict[str, Any], said: str, tmp_path: Path) -> None:
    container = {**CONTAINER, "metrics": {"inFlight": FLYING, **metrics}}
    assert refused(tmp_path, RUNTIME, serving__container=container) == ([f"MLS738: {said}"] if said else [])


@pytest.mark.parametrize(
    ("requests", "errors", "all_fail"),
    [
        ([{"series": "a"}], [{"series": "a"}], True),
        ([{"series": "a", "match": 'path="/"'}], [{"series": "a"}], True),
        ([{"series": "a", "match": 'path="/"'}], [{"series": "a", "match": 'path="/"'}], True),
        ([{"series": "a"}], [{"series": "a", "match": 'code=~"5.."'}], False),
        ([{"series": "a"}, {"series": "b"}], [{"series": "b"}], False),
        ([{"series": "a"}, {"series": "b"}], [{"series": "b"}, {"series": "a"}], True),
    ],
)
def test_trap_failures_that_are_all_requests_page_at_once(
    requests: list[dict[str, str]], errors: list[dict[str, str]], all_fail: bool, tmp_path: Path
) -> None:
    container = {**CONTAINER, "metrics": {"inFlight": FLYING, "requests": requests, "errors": errors}}
    said = f"MLS738: `{errors[0]['series']}` counts every request as a failure"
    assert refused(tmp_path, RUNTIME, serving__container=container) == ([said] if all_fail else [])

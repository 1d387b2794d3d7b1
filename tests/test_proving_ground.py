"""The parts of the proving ground that are ours: they must answer as the real ones do, or nothing is proven."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .cluster.api import path_of
from .cluster.behavior import GOOD, Behavior
from .cluster.canaries import Canary, Moment
from .cluster.control_plane import ControlPlane, wait
from .cluster.kubelet import behavior_of
from .cluster.network import _matches
from .cluster.processes import environment
from .cluster.prometheus import discovered, scrape_config
from .cluster.proof import Proof
from .cluster.servers import Counters, server_of

JOB = "batch.kubernetes.io/job-name"
CHOSEN = {"targetLabel": "a", "action": "Replace"}
TRITON: dict[str, Any] = {
    "metadata": {
        "namespace": "good",
        "name": "digits-1",
        "uid": "1",
        "labels": {"app.kubernetes.io/version": "2", JOB: "run-7"},
    },
    "spec": {
        "nodeName": "node-0",
        "containers": [
            {
                "name": "server",
                "image": "nvcr.io/nvidia/tritonserver:26.07-py3",
                "args": ["tritonserver", "--model-repository=/models", "--metrics-config=histogram_latencies=true"],
                "volumeMounts": [{"name": "model", "mountPath": "/models/digits/1"}],
                "ports": [{"name": "http", "containerPort": 8000}, {"name": "metrics", "containerPort": 8002}],
                "env": [
                    {"name": "EMPTY"},
                    {"name": "RUN", "valueFrom": {"fieldRef": {"fieldPath": f"metadata.labels['{JOB}']"}}},
                    {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}},
                ],
            }
        ],
    },
    "status": {"podIP": "10.244.0.2", "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
}
MONITOR: dict[str, Any] = {
    "metadata": {"namespace": "good", "name": "digits"},
    "spec": {
        "selector": {"matchLabels": {"app.kubernetes.io/name": "digits"}},
        "podMetricsEndpoints": [{"port": "metrics", "interval": "15s", "relabelings": [CHOSEN]}],
    },
}


def test_a_server_answers_only_what_its_command_opens() -> None:
    server = server_of(TRITON)
    assert server is not None
    assert server.answers(8000, "/v2/health/ready")
    assert server.answers(8000, "/v2/models/digits/infer")
    assert not server.answers(8000, "/v2/models/other/infer")
    assert not server.answers(8001, "/v2/health/ready")
    assert server.answers(8002, "/metrics")


@pytest.mark.parametrize(("flag", "exported"), [(True, True), (False, False)])
def test_triton_exports_histograms_only_when_asked(flag: bool, exported: bool) -> None:
    words = TRITON["spec"]["containers"][0]["args"][: 3 if flag else 2]
    pod = {"spec": {"containers": [{**TRITON["spec"]["containers"][0], "args": words}]}}
    server = server_of(pod)
    assert server is not None
    assert any("histogram" in line for line in server.export(Counters())) is exported


def test_counters_count_fractions_and_export_whole_numbers() -> None:
    count = Counters()
    for _ in range(3):
        count.add(0.5, 0.25, 80)
    count.add(1, 0, 400)
    assert (int(count.good), int(count.bad)) == (2, 0)
    assert (count.within(100), count.within(500)) == (1, 2)


def test_a_server_that_is_not_described_answers_nothing() -> None:
    server = server_of({"spec": {"containers": [{"name": "server", "image": "example/other:1"}]}})
    assert server is not None
    assert not any(server.answers(port, "/v2/health/ready") for port in (0, 8000))


def test_a_version_behaves_as_its_scenario_says() -> None:
    bad = Behavior(errors=0.1)
    find = behavior_of({("good", "2"): bad})
    assert find(TRITON) is bad
    assert find({"metadata": {"namespace": "good", "labels": {"app.kubernetes.io/version": "1"}}}) is GOOD


@pytest.mark.parametrize(
    ("match", "taken"),
    [
        ({"type": "PathPrefix", "value": "/"}, True),
        ({"type": "PathPrefix", "value": "/v2"}, True),
        ({"type": "PathPrefix", "value": "/v"}, False),  # prefixes match whole elements (Gateway API, PathMatchType)
        ({"type": "Exact", "value": "/v2"}, False),
    ],
)
def test_a_route_matches_paths_as_the_gateway_api_says(match: dict[str, str], taken: bool) -> None:
    assert _matches({"matches": [{"path": match}]}, "/v2/models/digits/infer") is taken


def test_a_pod_is_found_with_the_labels_that_monitors_choose_by() -> None:
    found = {target["targets"][0]: target["labels"] for target in discovered(TRITON)}
    assert set(found) == {"10.244.0.2:8000", "10.244.0.2:8002"}
    labels = found["10.244.0.2:8002"]
    assert labels["__meta_kubernetes_pod_label_app_kubernetes_io_version"] == "2"
    assert labels["__meta_kubernetes_pod_container_port_name"] == "metrics"
    assert labels["__meta_kubernetes_pod_ready"] == "true"


def test_a_monitor_becomes_the_operators_scrape_configuration() -> None:
    (config,) = scrape_config(MONITOR, "pods.json", "http://127.0.0.1:1")
    steps = config["relabel_configs"]
    names = [f"__meta_kubernetes_pod_{word}_app_kubernetes_io_name" for word in ("label", "labelpresent")]
    assert config["job_name"] == "podMonitor/good/digits/0"
    assert {"action": "keep", "source_labels": names, "regex": "(digits);true"} in steps
    assert {"target_label": "job", "replacement": "good/digits"} in steps
    assert steps[-1] == {"target_label": "a", "action": "replace"}


def test_a_job_gets_the_environment_that_a_kubelet_gives() -> None:
    assert environment(TRITON, TRITON["spec"]["containers"][0]) == {"EMPTY": "", "RUN": "run-7"}


def test_objects_are_found_at_their_paths() -> None:
    policy = {
        "kind": "NetworkPolicy",
        "apiVersion": "networking.k8s.io/v1",
        "metadata": {"name": "a", "namespace": "b"},
    }
    assert path_of(policy) == "/apis/networking.k8s.io/v1/namespaces/b/networkpolicies/a"
    assert path_of({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "a"}}) == "/api/v1/namespaces/a"


def moment(**changed: Any) -> Moment:
    usual = {"seconds": 60.0, "phase": "Progressing", "step": 1, "message": "", "aborted": False, "canary": 20}
    return Moment(**{**usual, "selected": (True, True), **changed})


@pytest.mark.parametrize(
    ("last", "alerts", "end"),
    [
        (moment(phase="Healthy", canary=0), {}, "promoted"),
        (moment(phase="Degraded", aborted=True, canary=0), {}, "rolled back"),
        (moment(phase="Paused"), {"ModelRolloutHeld": 60.0}, "held"),
        (moment(phase="Degraded", aborted=True), {}, None),  # the route still has the weight
        (moment(phase="Paused"), {}, None),  # the engineer has not been told
    ],
)
def test_a_canary_is_done_when_nothing_more_will_happen(
    last: Moment, alerts: dict[str, float], end: str | None
) -> None:
    canary: Any = Canary.__new__(Canary)
    canary.moments, canary.alerts = [moment(seconds=1.0, canary=0), last], alerts
    assert canary.done is (end is not None)
    if end is not None:
        assert canary.end == end


def test_a_program_that_leaves_others_behind_takes_them_along(tmp_path: Path) -> None:
    """Argo Rollouts starts its plugins in groups of their own, and does not end them."""
    plane, noted = ControlPlane(tmp_path), tmp_path / "pid"
    plane.run("parent", ["sh", "-c", f"setsid sleep 600 & echo $! > {noted}; wait"])
    wait(lambda: noted.exists() and noted.read_text().endswith("\n"), "the child", 10)
    child = Path(f"/proc/{noted.read_text().strip()}/stat")
    assert child.exists()
    plane.stop()
    wait(lambda: not child.exists() or child.read_text().split()[2] == "Z", "the child to end", 10)


def test_what_was_proven_is_a_table() -> None:
    proof = Proof()
    proof.row("Jobs", ("what", "seen"), "a run", 24)
    assert proof.markdown().endswith("## Jobs\n\n| what | seen |\n| --- | --- |\n| a run | 24 |\n")

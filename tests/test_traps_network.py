"""The traps of network policies: one that is too narrow causes an outage, and one that is too wide goes unnoticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlspec.compiler.language import OBJECTS

from .online import DIGEST, RUNTIMES, emitted
from .policies import policy, ports, reached

# Ingress


@pytest.mark.parametrize(
    ("runtime", "served", "scraped"),
    [
        ("triton", [8000, 8001], [8002]),
        ("tensorflow-serving", [8500, 8501], [8501]),
        ("vllm", [8000], [8000]),
        ("sglang", [30000], [30000]),
        ("tgi", [8080], [8080]),
        ("mlserver", [8080, 8081], [8082]),
        ("torchserve", [8080], [8082]),
        ("kserve-huggingface", [8080, 8081], [8080]),
        ("bentoml", [3000], [3000]),
        ("ray-serve", [8000], [8080]),
        ("custom", [8080], [8080]),
    ],
)
def test_trap_prometheus_needs_only_the_metrics_port(
    tmp_path: Path, runtime: str, served: list[int], scraped: list[int]
) -> None:
    """Probes come from the node, and are allowed anyway."""
    callers, prometheus = policy(emitted(tmp_path, runtime))["ingress"]
    assert (ports(callers), ports(prometheus)) == (served, scraped)
    [source] = prometheus["from"]
    assert source["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "monitoring"}


def test_trap_a_policy_that_forgets_the_gateway_is_an_outage(tmp_path: Path) -> None:
    callers = [{"namespace": "payments"}, {"namespace": "web", "labels": {"app": "shop"}}]
    endpoint = {"hosts": ["fraud.example.com"], "callers": callers, "throughGateway": "90%"}
    [served, _] = policy(emitted(tmp_path, serving__endpoint=endpoint))["ingress"]
    names = [source["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for source in served["from"]]
    assert names == ["gateway-system", "payments", "web"]
    assert [source.get("podSelector") for source in served["from"]] == [None, None, {"matchLabels": {"app": "shop"}}]


def test_trap_an_ambient_mesh_delivers_requests_at_its_own_port(tmp_path: Path) -> None:
    """A policy that only names the ports of the runtime drops every tunneled request and every scrape."""
    plain = policy(emitted(tmp_path))["ingress"]
    served, scraped, _ = policy(emitted(tmp_path, platform__mesh={"provider": "istio-ambient"}))["ingress"]
    assert [(ports(served), served["from"]), (ports(scraped), scraped["from"])] == [
        ([8000, 8001, 15008], plain[0]["from"]),
        ([8002, 15008], plain[1]["from"]),
    ]


def test_trap_an_ambient_mesh_changes_the_source_of_probes(tmp_path: Path) -> None:
    """ztunnel gives the kubelet's probes a link-local source, so they no longer come from the node."""
    probes = policy(emitted(tmp_path, platform__mesh={"provider": "istio-ambient"}))["ingress"][2]
    assert probes["from"] == [{"ipBlock": {"cidr": "169.254.7.127/32"}}]
    assert ports(probes) == [8000, 8001, 8002]


def test_trap_a_waypoint_forwards_requests_from_its_own_address(tmp_path: Path) -> None:
    made = emitted(tmp_path, platform__mesh={"provider": "istio-ambient", "waypoint": "models"})
    *_, waypoint = policy(made)["ingress"][0]["from"]
    assert waypoint == {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": made.workload["metadata"]["namespace"]}},
        "podSelector": {"matchLabels": {"gateway.networking.k8s.io/gateway-name": "models"}},
    }


@pytest.mark.parametrize("mesh", ["none", "istio", "cilium"])
def test_a_mesh_without_a_tunnel_needs_no_more_ports(tmp_path: Path, mesh: str) -> None:
    plain = policy(emitted(tmp_path))["ingress"]
    assert policy(emitted(tmp_path, platform__mesh={"provider": mesh}))["ingress"] == plain


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_trap_an_empty_selector_selects_the_whole_namespace(tmp_path: Path, runtime: str) -> None:
    made = emitted(tmp_path, runtime)
    chosen = policy(made)["podSelector"]["matchLabels"]
    assert chosen
    assert chosen.items() <= made.workload["spec"]["template"]["metadata"]["labels"].items()
    assert policy(made)["policyTypes"] == ["Ingress", "Egress"]


def test_trap_a_shadow_may_come_from_another_port(tmp_path: Path) -> None:
    artifact = {"uri": "https://next.example.com:8443/8.onnx", "format": "onnx", "digest": DIGEST}
    stages = [{"shadow": {"percent": "10%", "duration": "24h"}}, {"canary": {"steps": ["10%", "50%"]}}]
    changes = {"rollout__stages": stages, "release__shadow": {"version": 8, "artifact": artifact}}
    assert reached(emitted(tmp_path, **changes)) == {443, 8443}


def test_trap_a_share_of_the_requests_is_mirrored_only_since_gateway_api_1_3() -> None:
    """`requestMirror.percent` is in the standard HTTPRoute of 1.3.0. That of 1.2.1 would mirror everything."""
    *_, default, why = OBJECTS["GatewayCapability"]["mirroring"]
    assert default == "percent"
    assert "Gateway API 1.3" in why


def test_trap_a_shadow_without_a_policy_may_connect_anywhere(tmp_path: Path) -> None:
    artifact = {"uri": "s3://models/fraud/8/model.onnx", "format": "onnx", "digest": DIGEST, "access": "store"}
    stages = [{"shadow": {"percent": "10%", "duration": "24h"}}, {"canary": {"steps": ["10%", "50%"]}}]
    changes = {"rollout__stages": stages, "release__shadow": {"version": 8, "artifact": artifact}}
    made = emitted(tmp_path, **changes)
    shadow = made.one("Deployment", "fraud-shadow")["spec"]["template"]["metadata"]["labels"]
    assert policy(made)["podSelector"]["matchLabels"].items() <= shadow.items()


def test_a_platform_without_policies_gets_none(tmp_path: Path) -> None:
    assert emitted(tmp_path, platform__network__policies=False).all("NetworkPolicy") == []

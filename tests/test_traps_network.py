"""The traps of network policies: one that is too narrow causes an outage, and one that is too wide goes unnoticed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.language import OBJECTS

from .online import DIGEST, RUNTIMES, Emitted, emitted

IMAGE: dict[str, Any] = {
    "platform__kubernetes": "1.35",
    "release__artifact__uri": "oci://registry.example.com/fraud/model:7",
    "release__artifact__access": None,
    "access__store": None,
}


def policy(made: Emitted) -> dict[str, Any]:
    found: dict[str, Any] = made.one("NetworkPolicy")["spec"]
    return found


def ports(rule: dict[str, Any]) -> list[int]:
    return [port["port"] for port in rule["ports"]]


def reached(made: Emitted) -> set[int]:
    """The ports that are allowed for any address."""
    return {port for rule in policy(made)["egress"] if "to" not in rule for port in ports(rule)}


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
    [served, _] = policy(emitted(tmp_path, serving__endpoint={"callers": callers}))["ingress"]
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


@pytest.mark.parametrize("mesh", ["none", "istio", "cilium", "linkerd"])
def test_a_mesh_without_a_tunnel_needs_no_more_ports(tmp_path: Path, mesh: str) -> None:
    assert policy(emitted(tmp_path, platform__mesh={"provider": mesh})) == policy(emitted(tmp_path))


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
    *_, default, why = OBJECTS["Gateway"]["mirroring"]
    assert default == "percent"
    assert "Gateway API 1.3" in why


def test_trap_a_shadow_without_a_policy_may_connect_anywhere(tmp_path: Path) -> None:
    artifact = {"uri": "s3://models/fraud/8/model.onnx", "format": "onnx", "digest": DIGEST, "access": "store"}
    stages = [{"shadow": {"percent": "10%", "duration": "24h"}}, {"canary": {"steps": ["10%", "50%"]}}]
    changes = {"rollout__stages": stages, "release__shadow": {"version": 8, "artifact": artifact}}
    made = emitted(tmp_path, **changes)
    shadow = made.one("Deployment", "fraud-shadow")["spec"]["template"]["metadata"]["labels"]
    assert policy(made)["podSelector"]["matchLabels"].items() <= shadow.items()


# Egress


def test_trap_dns_uses_udp_and_tcp(tmp_path: Path) -> None:
    dns = policy(emitted(tmp_path, platform__network__dns="openshift-dns"))["egress"][0]
    assert dns["ports"] == [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
    [to] = dns["to"]
    assert to["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "openshift-dns"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {443}),
        ({"access__store": {"kind": "s3", "secret": "k", "endpoint": "https://minio.example.com:9000"}}, {443, 9000}),
        ({"release__artifact__uri": "https://models.example.com:8443/7.onnx", "release__artifact__access": None,
          "access": None}, {8443}),
        (IMAGE, set()),
        ({**IMAGE, "access__features": {"kind": "gcs", "secret": "k"}, "serving__access": ["features"]}, {443}),
        ({**IMAGE, "access__events": {"kind": "kafka", "secret": "k"}, "serving__access": ["events"]}, {9092}),
    ],
    ids=["a store", "a custom store", "a web server", "an image", "a store at run time", "a broker at run time"],
)  # fmt: skip
def test_trap_blocked_connections_time_out(tmp_path: Path, changes: dict[str, Any], expected: set[int]) -> None:
    """Nodes pull images, so pods need no egress to a registry."""
    assert reached(emitted(tmp_path, **changes)) == expected


EVERYWHERE: dict[str, object] = {"serving__resources": {"accelerator": {"type": "a100-80gb"}}}
"""An accelerator that every cloud has."""


@pytest.mark.parametrize(
    ("cloud", "servers"),
    [
        ("eks", {("169.254.170.23/32", 80)}),
        ("eks-auto", {("169.254.170.23/32", 80)}),
        ("gke", {("169.254.169.252/32", 988), ("169.254.169.254/32", 80)}),
        ("aks", set()),
        ("none", set()),
    ],
)
def test_trap_credentials_come_from_an_address_of_the_node(
    tmp_path: Path, cloud: str, servers: set[tuple[str, int]]
) -> None:
    """Only for pods with an identity. AKS and others issue credentials over HTTPS."""
    by_identity = {"access__store": {"kind": "s3", "serviceAccount": "fraud-models"}}
    made = policy(emitted(tmp_path, platform__cloud=cloud, **by_identity, **EVERYWHERE))
    blocks = [rule for rule in made["egress"] if "ipBlock" in rule.get("to", [{}])[0]]
    assert {(rule["to"][0]["ipBlock"]["cidr"], ports(rule)[0]) for rule in blocks} == servers
    by_secret = policy(emitted(tmp_path, platform__cloud=cloud, **EVERYWHERE))
    assert not [rule for rule in by_secret["egress"] if "ipBlock" in rule.get("to", [{}])[0]]


def test_a_platform_without_policies_gets_none(tmp_path: Path) -> None:
    assert emitted(tmp_path, platform__network__policies=False).all("NetworkPolicy") == []

"""The traps of service meshes: a policy that stops the proxy in the pod stops the pod, whatever the runtime does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.compiler.catalog import load as catalog

from .online import compiled, emitted, errors, spec
from .policies import named, namespaces, policy, ports
from .support import EXAMPLES, objects
from .test_online_learning import ACCESS, FRAUD, ONLINE

CONTROL_PLANES = {
    # istio-discovery/templates/service.yaml: 15012 is xDS and the CA with TLS, at the same port of istiod's pods.
    "istio": ("istio-system", [15012]),
    # linkerd-control-plane/templates: `targetPort` of linkerd-identity, linkerd-dst, and linkerd-policy.
    "linkerd": ("linkerd", [8080, 8086, 8090]),
}
ON_NODES = ["none", "cilium", "istio-ambient"]
"""Meshes without a proxy in the pod."""

TUNNELS = {"istio-ambient": 15008, "linkerd": 4143}
"""Where requests between pods arrive. Linkerd does so since 2.18 (linkerd.io/2.18/common-errors/network-policy)."""

PODS = {
    "predictor", "batch-predictor", "feature-store", "monitor", "learner", "trainer", "trainer-node", "workflow",
}  # fmt: skip
"""The components whose pods have a policy."""


def everything(*settings: str) -> Iterator[dict[str, Any]]:
    """The objects of every example. The one that trains also learns online, and its runs are workflows."""
    for example in EXAMPLES:
        path, own = example / "mlspec.yaml", list(settings)
        text = path.read_text()
        if path == FRAUD:
            for before, added in (("  cooldown: 3d\n", ONLINE), ("  git: {", ACCESS)):
                text = text.replace(before, added + before)
            own.append("platform.orchestration.provider=argo-workflows")
        result = mlspec.compile(mlspec.load(path, text=text, settings=own), today="2026-11-23")
        assert [one.message for one in result.diagnostics if one.severity == "error"] == []
        yield from objects(result)


def test_every_mesh_is_known_to_these_tests() -> None:
    assert set(catalog.providers("mesh")) == {*CONTROL_PLANES, *ON_NODES}


@pytest.mark.parametrize("mesh", CONTROL_PLANES)
def test_trap_a_policy_blocks_the_proxy_from_its_control_plane(mesh: str) -> None:
    """The proxy's connections leave from the pod. Blocked, istio-proxy never gets a certificate, so no pod is ever
    ready (istio/istio#31717, istio/istio#32945).
    """
    found = set()
    for made in everything(f"platform.mesh.provider={mesh}"):
        if made["kind"] == "NetworkPolicy":
            found.add(made["metadata"]["labels"]["app.kubernetes.io/component"])
            name, listening = CONTROL_PLANES[mesh]
            [rule] = [one for one in made["spec"]["egress"] if "to" in one and namespaces(one) == [name]]
            assert ports(rule) == listening, made["metadata"]["name"]
    assert found == PODS


NATIVE = {
    "istio": {"sidecar.istio.io/nativeSidecar"},
    "linkerd": {f"config.{of}.linkerd.io/proxy-enable-native-sidecar" for of in ("alpha", "beta")},
}
"""What makes the proxy a native sidecar (istio.io, annotations; linkerd.io, proxy configuration)."""


@pytest.mark.parametrize("mesh", [*CONTROL_PLANES, "istio-ambient"])
def test_trap_init_containers_have_no_network_before_the_proxy_starts(mesh: str) -> None:
    """A rule of the pod sends their connections to the proxy, which is a regular container unless the pod says
    otherwise. No model is downloaded, and no Job ends (linkerd.io, native sidecars).
    """
    seen = set()
    for made in everything(f"platform.mesh.provider={mesh}"):
        for metadata in templates(made):
            seen.add(made["kind"])
            notes = metadata.get("annotations", {})
            asked = {key for key in notes if "native" in key.lower()}
            assert asked == NATIVE.get(mesh, set()), made["metadata"]["name"]
            assert {notes[key] for key in asked} <= {"true"}
    assert {"Deployment", "Rollout", "CronJob"} <= seen


def templates(body: Any) -> Iterator[dict[str, Any]]:
    """The metadata of all pod templates in an object."""
    for key, value in body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ():
        if key == "template" and isinstance(value, dict) and "containers" in value.get("spec", {}):
            yield value["metadata"]
        yield from templates(value)


def between_pods(made: dict[str, Any]) -> list[dict[str, Any]]:
    """The rules of a policy for other pods, at certain ports, but not those for the mesh's control plane."""
    spec = made["spec"]
    rules = [(rule, rule.get("from", rule.get("to", []))) for rule in (*spec.get("ingress", []), *spec["egress"])]
    planes = [{"kubernetes.io/metadata.name": name} for name, _ in CONTROL_PLANES.values()]
    selected = [(rule, [one for one in peers if "ipBlock" not in one]) for rule, peers in rules if "ports" in rule]
    return [
        rule
        for rule, peers in selected
        if peers and not any(one.get("namespaceSelector", {}).get("matchLabels") in planes for one in peers)
    ]


@pytest.mark.parametrize("mesh", TUNNELS)
def test_trap_a_policy_names_the_port_that_a_mesh_replaces(mesh: str) -> None:
    """Both policies see the port of the tunnel: that of the caller, and that of the pod that it calls. Prometheus is a
    caller, too (linkerd/linkerd2#15246, linkerd/linkerd2#12382).
    """
    found = set()
    for made in everything(f"platform.mesh.provider={mesh}"):
        if made["kind"] == "NetworkPolicy":
            for rule in between_pods(made):
                assert TUNNELS[mesh] in ports(rule), (made["metadata"]["name"], rule)
                found.add(made["metadata"]["labels"]["app.kubernetes.io/component"])
    assert found == {"predictor", "batch-predictor", "monitor", "learner", "trainer", "feature-store"}


def test_trap_an_ambient_mesh_changes_the_source_of_the_probes_of_every_pod() -> None:
    """A pod whose probes are blocked never becomes ready, and then restarts forever."""
    found = set()
    for made in everything("platform.mesh.provider=istio-ambient"):
        if made["kind"] == "NetworkPolicy":
            rules = made["spec"].get("ingress", [])
            if any(rule.get("from") == [{"ipBlock": {"cidr": "169.254.7.127/32"}}] for rule in rules):
                found.add(made["metadata"]["labels"]["app.kubernetes.io/component"])
    assert found == {"predictor", "monitor", "learner"}


@pytest.mark.parametrize("mesh", ON_NODES)
def test_a_mesh_without_a_proxy_in_the_pod_needs_no_rule(tmp_path: Path, mesh: str) -> None:
    assert named(emitted(tmp_path, platform__mesh={"provider": mesh})) == []


@pytest.mark.parametrize("mesh", CONTROL_PLANES)
def test_trap_the_control_plane_of_a_managed_mesh_has_another_namespace(tmp_path: Path, mesh: str) -> None:
    """AKS runs istiod in `aks-istio-system`, and OpenShift where `spec.namespace` of the Istio resource says."""
    made = emitted(tmp_path, platform__mesh={"provider": mesh, "controlPlane": "aks-istio-system"})
    [rule] = named(made)
    assert (namespaces(rule), ports(rule)) == (["aks-istio-system"], CONTROL_PLANES[mesh][1])


@pytest.mark.parametrize("mesh", ["cilium", "istio-ambient"])
def test_trap_a_namespace_silently_opens_nothing_for_a_mesh_on_the_nodes(tmp_path: Path, mesh: str) -> None:
    chosen = {"provider": mesh, "controlPlane": "istio-system"}
    assert errors(tmp_path, spec(platform__mesh=chosen)) == ["MLS012: `controlPlane` has no effect here"]


def test_a_platform_changes_where_a_control_plane_listens(tmp_path: Path) -> None:
    own = {"istio": {"controlPlane": {"namespace": "mesh", "ports": [15012, 15010]}}}
    [rule] = named(emitted(tmp_path, platform={"mesh": {"provider": "istio"}, "providers": {"mesh": own}}))
    assert (namespaces(rule), ports(rule)) == (["mesh"], [15010, 15012])


def test_a_platform_says_that_its_control_plane_is_outside_of_the_cluster(tmp_path: Path) -> None:
    """Google's managed control plane has no pods that a policy can select."""
    own = {"istio": {"controlPlane": None}}
    assert named(emitted(tmp_path, platform={"mesh": {"provider": "istio"}, "providers": {"mesh": own}})) == []


def test_trap_a_control_plane_without_ports_would_open_all_of_them(tmp_path: Path) -> None:
    own: dict[str, Any] = {"istio": {"controlPlane": {"ports": []}}}
    made = spec(platform={"mesh": {"provider": "istio"}, "providers": {"mesh": own}})
    assert errors(tmp_path, made) == ["MLS009: the control plane of `istio` has no `ports`"]


def test_a_rule_says_which_mesh_needs_it(tmp_path: Path) -> None:
    result = compiled(tmp_path, spec(platform__mesh={"provider": "istio"}))
    found = mlspec.explain(result, "NetworkPolicy/fraud:spec.egress[1].ports[0].port")["default"]
    assert found.why == "the mesh's proxy in the pod gets its configuration and certificates there"


@pytest.mark.parametrize("mesh", CONTROL_PLANES)
def test_probes_of_a_pod_with_a_proxy_need_no_rule(tmp_path: Path, mesh: str) -> None:
    """Istio sends them to its agent, at 15020, but they still come from the node, which every policy allows."""
    assert len(policy(emitted(tmp_path, platform__mesh={"provider": mesh}))["ingress"]) == 2

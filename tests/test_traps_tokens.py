"""The traps of authentication at the gateway: a policy that nothing reads, or that lets too much through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.catalog import load as catalog

from .online import compiled, emitted, refused, spec
from .systems.maker import cataloged
from .test_traps_gateways import behind
from .validation import VERSIONS, problems

TOKENS = {
    "issuer": "https://id.example.com/",
    "audiences": ["fraud-scorer"],
    "keys": "https://id.example.com/.well-known/jwks.json",
}
UNABLE = [name for name in catalog.providers("gateway") if "tokens" not in cataloged(f"providers/gateway/{name}")]


def asking(provider: str, /, **changes: object) -> dict[str, object]:
    """Changes of a spec whose callers send tokens."""
    return behind(provider, serving__endpoint={"auth": {**TOKENS, **changes}})


def policy(tmp_path: Path, **changes: object) -> dict[str, Any]:
    return emitted(tmp_path, **behind("envoy-gateway", serving__endpoint={"auth": TOKENS}, **changes)).one(
        "SecurityPolicy"
    )


def test_trap_authentication_without_an_effect_left_the_gateway_open(tmp_path: Path) -> None:
    """It was a warning, and each request was answered, with or without a token."""
    assert policy(tmp_path)["spec"]["jwt"] == {
        "providers": [
            {
                "name": "fraud",
                "issuer": TOKENS["issuer"],
                "audiences": TOKENS["audiences"],
                "remoteJWKS": {"uri": TOKENS["keys"]},
            }
        ]
    }


@pytest.mark.parametrize("provider", UNABLE)
def test_trap_a_gateway_that_reads_no_policy_of_ours_is_refused(tmp_path: Path, provider: str) -> None:
    assert refused(tmp_path, "triton", **asking(provider)) == [f"MLS012: mlspec cannot make `{provider}` check tokens"]


@pytest.mark.parametrize("provider", ["istio", "openshift"])
def test_a_refusal_names_the_objects_that_one_can_write(tmp_path: Path, provider: str) -> None:
    """Istio ignores a policy with a target in another namespace, so mlspec cannot put it next to the route."""
    (said,) = [
        one for one in compiled(tmp_path, spec("triton", **asking(provider))).diagnostics if one.severity == "error"
    ]
    assert said.help is not None
    assert said.help.startswith("remove `auth` and write a RequestAuthentication and an AuthorizationPolicy of ")
    assert "in the namespace of the Gateway" in said.help


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_trap_the_policy_is_for_the_route_that_exists(tmp_path: Path, protocol: str) -> None:
    """A target of the wrong kind is no error of the API server: the gateway waits for it, and passes requests on."""
    made = policy(tmp_path, serving__protocol=protocol)
    route = emitted(tmp_path, **behind("envoy-gateway", serving__protocol=protocol)).one(
        {"http": "HTTPRoute", "grpc": "GRPCRoute"}[protocol]
    )
    assert made["spec"]["targetRefs"] == [
        {"group": "gateway.networking.k8s.io", "kind": route["kind"], "name": route["metadata"]["name"]}
    ]


def test_trap_a_policy_of_the_gateway_would_not_hold_for_the_route(tmp_path: Path) -> None:
    """Without a merge type, only the most specific policy holds (Envoy Gateway, SecurityPolicySpec.mergeType)."""
    assert policy(tmp_path)["spec"]["mergeType"] == "StrategicMerge"


def test_trap_without_an_audience_a_token_for_any_other_service_would_do(tmp_path: Path) -> None:
    assert [found[:6] for found in refused(tmp_path, "triton", **asking("envoy-gateway", audiences=[]))] == ["MLS011"]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("audiences", [f"a{number}" for number in range(9)], "Envoy Gateway accepts 8 audiences, not 9"),
        ("issuer", "https://id.example.com/" + "a" * 231, "Envoy Gateway accepts 253 characters here, not 254"),
        ("keys", "https://id.example.com/" + "a" * 231, "Envoy Gateway accepts 253 characters here, not 254"),
    ],
)
def test_what_the_policy_has_no_room_for_is_refused(tmp_path: Path, field: str, value: object, said: str) -> None:
    assert refused(tmp_path, "triton", **asking("envoy-gateway", **{field: value})) == [f"MLS008: {said}"]


def test_the_most_that_it_has_room_for_is_not(tmp_path: Path) -> None:
    longest = "https://id.example.com/" + "a" * 230
    most = asking("envoy-gateway", issuer=longest, keys=longest, audiences=[f"a{number}" for number in range(8)])
    assert refused(tmp_path, "triton", **most) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_an_api_server_would_take_the_policy(tmp_path: Path, version: str) -> None:
    assert list(problems(policy(tmp_path), version)) == []


def test_trap_tokens_that_no_route_asks_for(tmp_path: Path) -> None:
    """Callers reach the Service itself, which checks nothing."""
    unrouted = {"auth": TOKENS, "callers": [{"namespace": "shop"}], "throughGateway": "0%"}
    found = refused(tmp_path, "triton", serving__endpoint=unrouted, rollout=None)
    assert found == ["MLS012: `auth` has no effect here"]


def test_a_patch_that_breaks_the_reference_is_found(tmp_path: Path) -> None:
    patch = {"spec": {"targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "gone"}]}}
    patches = [{"target": {"kind": "SecurityPolicy", "name": "fraud"}, "reason": "a test", "patch": patch}]
    found = refused(tmp_path, "triton", **asking("envoy-gateway"), patches=patches)
    assert found == ["MLS034: SecurityPolicy `fraud` is for a HTTPRoute `gone` that does not exist"]

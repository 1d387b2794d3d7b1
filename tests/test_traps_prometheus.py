"""The traps of a Prometheus that asks who queries it: Amazon's, Grafana's, Thanos behind a proxy, and tenants.

Its status 401 is a failed query: KEDA falls back, and Argo Rollouts ends the rollout (keda#4206, mimir#9616).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.language import UNIONS

from .online import Emitted, emitted, errors, refused, spec
from .support import compile_text, dumped, minimal
from .test_metamorphic import Examined, those

THANOS = "https://thanos.example.com"
AMAZON = "https://aps-workspaces.eu-central-1.amazonaws.com/workspaces/ws-123"
ROLE = "arn:aws:iam::123456789012:role/prometheus-reader"
KINDS = ["bearer", "basic", "sigv4"]
NO_ROLLOUT = {"platform__rollout__provider": "none"}


def asking(auth: dict[str, Any] | None, url: str = THANOS, **more: object) -> dict[str, Any]:
    return {"platform__prometheus": {"url": url, "auth": auth} if auth else {"url": url}, **more}


def trigger(of: Emitted) -> dict[str, Any]:
    (found,) = of.one("ScaledObject")["spec"]["triggers"]
    return dict(found)


def providers(of: Emitted) -> list[dict[str, Any]]:
    templates = of.all("AnalysisTemplate")
    assert templates
    return [metric["provider"]["prometheus"] for body in templates for metric in body["spec"]["metrics"]]


def secrets(of: Emitted) -> dict[str, Any]:
    """The arguments from Secrets, which all templates share."""
    given = [
        {one["name"]: one["valueFrom"]["secretKeyRef"] for one in body["spec"].get("args", []) if "valueFrom" in one}
        for body in of.all("AnalysisTemplate")
    ]
    assert all(one == given[0] for one in given)
    return given[0]


def parameters(of: Emitted) -> dict[str, tuple[str, str]]:
    listed = of.one("TriggerAuthentication")["spec"]["secretTargetRef"]
    return {one["parameter"]: (one["name"], one["key"]) for one in listed}


def test_without_authentication_nothing_of_it_is_written(tmp_path: Path) -> None:
    of = emitted(tmp_path)
    assert of.all("TriggerAuthentication") == []
    assert "authenticationRef" not in trigger(of)
    assert all(set(provider) == {"address", "query"} for provider in providers(of))


def test_a_bearer_token_comes_from_a_secret(tmp_path: Path) -> None:
    of = emitted(tmp_path, "triton", **asking({"kind": "bearer", "secret": "thanos"}))
    assert parameters(of) == {"bearerToken": ("thanos", "token")}
    assert trigger(of)["metadata"]["authModes"] == "bearer"
    assert trigger(of)["authenticationRef"] == {"name": "fraud"}
    assert secrets(of) == {"prometheus-token": {"name": "thanos", "key": "token"}}
    header = {"key": "Authorization", "value": "Bearer {{args.prometheus-token}}"}
    assert all(provider["headers"] == [header] for provider in providers(of))


def test_amazon_wants_signed_requests(tmp_path: Path) -> None:
    auth = {"kind": "sigv4", "region": "eu-central-1", "role": ROLE}
    of = emitted(tmp_path, "triton", **asking(auth, AMAZON))
    assert trigger(of)["metadata"]["awsRegion"] == "eu-central-1"
    assert "authModes" not in trigger(of)["metadata"], "KEDA refuses an identity next to another mode"
    assert of.one("TriggerAuthentication")["spec"] == {"podIdentity": {"provider": "aws", "roleArn": ROLE}}
    signed = {"sigv4": {"region": "eu-central-1", "roleArn": ROLE}}
    assert all(provider["authentication"] == signed for provider in providers(of))
    del auth["role"]
    of = emitted(tmp_path, "triton", **asking(auth, AMAZON))
    assert of.one("TriggerAuthentication")["spec"] == {"podIdentity": {"provider": "aws", "identityOwner": "keda"}}
    assert all(provider["authentication"] == {"sigv4": {"region": "eu-central-1"}} for provider in providers(of))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (AMAZON, "kind: sigv4, region: eu-central-1"),
        ("https://prometheus-prod-01.grafana.net/api/prom", "kind: basic"),
    ],
)
def test_a_managed_prometheus_answers_no_anonymous_query(tmp_path: Path, url: str, said: str) -> None:
    """The case that was found: only a URL. It compiled, and every query would have been refused."""
    made = compile_text(tmp_path, minimal(platform={"prometheus": {"url": url}}))
    (found,) = {one.help for one in made.diagnostics if one.id == "MLS009"}
    assert said in found


def test_a_tenant_is_a_header_of_every_query(tmp_path: Path) -> None:
    """mimir#9616. In KEDA's syntax, a comma or an equals sign in it would be another header."""
    tenants = {"X-Scope-OrgID": "payments|risk", "X-Query": "1"}
    of = emitted(tmp_path, "triton", platform__prometheus={"url": THANOS, "headers": tenants})
    assert trigger(of)["metadata"]["customHeaders"] == "X-Scope-OrgID=payments|risk,X-Query=1"
    listed = [{"key": key, "value": value} for key, value in tenants.items()]
    assert all(provider["headers"] == listed for provider in providers(of))
    for name, value in (("X-Scope-OrgID", "a,b=c"), ("X-Scope-OrgID", "{{args.x}}"), ("authorization", "Bearer")):
        assert refused(tmp_path, "triton", platform__prometheus={"headers": {name: value}})


def test_argo_rollouts_has_no_field_for_a_password(tmp_path: Path) -> None:
    """1.9 has none, and silently prunes it. The Secret can hold the whole header; from 1.10, the platform says so."""
    basic = {"kind": "basic", "secret": "grafana"}
    said = refused(tmp_path, "triton", **asking(basic))
    assert said == ["MLS012: `argo-rollouts` cannot authenticate to Prometheus with `basic`"]
    of = emitted(tmp_path, "triton", **asking({**basic, "header": "authorization"}))
    assert secrets(of) == {"prometheus-header": {"name": "grafana", "key": "authorization"}}
    assert {provider["headers"][0]["value"] for provider in providers(of)} == {"{{args.prometheus-header}}"}
    assert parameters(of) == {"username": ("grafana", "username"), "password": ("grafana", "password")}
    newer = {"platform__providers": {"rollout": {"argo-rollouts": {"authenticates": ["bearer", "basic", "sigv4"]}}}}
    of = emitted(tmp_path, "triton", **asking(basic), **newer)
    fields = {"username": "{{args.prometheus-username}}", "password": "{{args.prometheus-password}}"}
    assert all(provider["authentication"] == {"basicAuth": fields} for provider in providers(of))


def test_a_private_authority_is_given_to_the_controllers_that_take_one(tmp_path: Path) -> None:
    auth = {"kind": "bearer", "secret": "thanos", "ca": {"secret": "thanos-ca", "key": "ca.crt"}}
    said = refused(tmp_path, "triton", **asking(auth))
    assert said == ["MLS012: `argo-rollouts` cannot be given a certificate authority"]
    of = emitted(tmp_path, "triton", **asking(auth), **NO_ROLLOUT)
    assert parameters(of) == {"bearerToken": ("thanos", "token"), "ca": ("thanos-ca", "ca.crt")}


@pytest.mark.parametrize("kind", KINDS)
def test_every_way_is_refused_where_it_is_unknown(tmp_path: Path, kind: str) -> None:
    """A provider states what it can do. A way that it does not state is never silently left out."""
    auth = {"bearer": {"secret": "s"}, "basic": {"secret": "s"}, "sigv4": {"region": "eu-west-1"}}[kind]
    unable: dict[str, Any] = {"autoscaling": {"keda": {"authenticates": []}}}
    made = spec("triton", **asking({"kind": kind, **auth}), **NO_ROLLOUT, platform__providers=unable)
    assert errors(tmp_path, made) == [f"MLS012: `keda` cannot authenticate to Prometheus with `{kind}`"]


def test_every_kind_of_authentication_is_tested() -> None:
    assert list(UNIONS["PrometheusAuth"][1]) == KINDS


def test_the_shadow_is_judged_with_the_same_credentials(tmp_path: Path) -> None:
    """Every template asks the same Prometheus, not only those of the canary."""
    stages = [{"shadow": {"percent": "10%", "duration": "24h"}}, {"canary": {"steps": ["10%", "50%"]}}]
    of = emitted(tmp_path, "triton", **asking({"kind": "bearer", "secret": "thanos"}), rollout={"stages": stages})
    assert "fraud-shadow" in {body["metadata"]["name"] for body in of.all("AnalysisTemplate")}
    assert secrets(of) == {"prometheus-token": {"name": "thanos", "key": "token"}}
    assert all("headers" in provider for provider in providers(of))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_line_that_changes_with_authentication_names_its_cause(tmp_path: Path, kind: str) -> None:
    ways: dict[str, dict[str, object]] = {
        "bearer": {"secret": "thanos", "key": "bearer"},
        "basic": {"secret": "grafana", "username": "user", "password": "pass", "header": "authorization"},
        "sigv4": {"region": "eu-central-1", "role": ROLE},
    }
    made = spec("triton", **asking({"kind": kind, **ways[kind]}))
    made["platform"]["prometheus"]["headers"] = {"X-Scope-OrgID": "payments"}
    (tmp_path / "mlspec.yaml").write_text(dumped(made))
    (tmp_path / ".git").mkdir()
    examined = Examined(tmp_path, those("platform.", "metadata."))
    assert not examined.base.compiled.failed
    assert examined.silent == []

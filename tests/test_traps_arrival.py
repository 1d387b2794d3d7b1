"""The traps of how requests arrive: a canary that gets none of them, a route for every host, and routes of a mesh."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.plan.service import ServicePlan

from .online import DIGEST, Emitted, compiled, emitted, errors, spec

CALLERS = [{"namespace": "payments"}]
CANARY = {"rollout__stages": [{"canary": {"steps": ["10%", "50%"]}}]}
SHADOW: dict[str, Any] = {
    "release__shadow": {
        "version": 8,
        "artifact": {"uri": "s3://models/fraud/8/model.onnx", "format": "onnx", "digest": DIGEST, "access": "store"},
    },
    "rollout__stages": [{"shadow": {"percent": "100%"}}, {"canary": {"steps": ["10%", "50%"]}}],
}


def endpoint(**given: Any) -> dict[str, object]:
    return {"serving__endpoint": {key: value for key, value in given.items() if value is not None}}


def service(tmp_path: Path, **changes: object) -> ServicePlan:
    (environment,) = compiled(tmp_path, spec(**changes))._compiled.environments
    (found,) = environment.plan.online.values()
    return found


def kinds(of: Emitted) -> set[str]:
    return {body["kind"] for body in of.bodies}


def allowed(of: Emitted) -> list[str]:
    """The namespaces whose pods may call the server."""
    sources = of.one("NetworkPolicy")["spec"]["ingress"][0]["from"]
    return [one["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for one in sources]


def parents(of: Emitted, kind: str = "HTTPRoute") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = of.one(kind)["spec"]["parentRefs"]
    return found


# Hosts


def test_a_route_without_hosts_would_take_the_requests_to_every_host_of_the_gateway(tmp_path: Path) -> None:
    made = spec(**endpoint(), metadata__name="fraud-scorer")
    found = compiled(tmp_path, made).diagnostics
    assert [one.id for one in found] == ["MLS617"]
    assert "`endpoint: {hosts: [fraud-scorer.example.com]}`" in found[0].help
    obeyed = {"serving__endpoint": {"hosts": ["fraud-scorer.example.com"]}}
    for help_ in (obeyed, {"platform__gateway__domain": "models.example.com"}):
        assert compiled(tmp_path, spec(**{**endpoint(), **help_})).diagnostics == ()


def test_a_host_below_the_domain_differs_by_service_and_by_environment(tmp_path: Path) -> None:
    places = {"environments": {"staging": {"namespace": "fraud-staging"}, "production": {"namespace": "fraud-live"}}}
    domain = {"platform__gateway__domain": "models.example.com"}
    result = compiled(tmp_path, spec(**endpoint(), **places, **domain))
    assert result.diagnostics == ()
    hosts = {
        name: bundle.find("HTTPRoute", "fraud")["spec"]["hostnames"]
        for name, bundle in result.bundles.items()
        if name != "_system"
    }
    assert hosts == {
        "staging": ["fraud.fraud-staging.models.example.com"],
        "production": ["fraud.fraud-live.models.example.com"],
    }


def test_a_given_host_is_kept_below_a_domain(tmp_path: Path) -> None:
    of = emitted(tmp_path, platform__gateway__domain="models.example.com", **endpoint(hosts=["fraud.example.org"]))
    assert of.one("HTTPRoute")["spec"]["hostnames"] == ["fraud.example.org"]


def test_a_host_that_no_route_accepts_is_refused(tmp_path: Path) -> None:
    """A host name has 253 characters at most: `fraud.default.` has 14 of them."""
    domain = ".".join(["a" * 59] * 4)
    assert len(f"fraud.default.{domain}") == 253
    emitted(tmp_path, **endpoint(), platform__gateway__domain=domain)
    made = spec(**endpoint(), platform__gateway__domain=f"b{domain}")
    assert errors(tmp_path, made) == ["MLS032: the host name of `fraud` is too long: 254 characters"]


# Callers that bypass the route


def test_a_canary_that_callers_bypass_would_wait_for_requests_forever(tmp_path: Path) -> None:
    """Argo Rollouts points the Service to the live version, and an analysis would count none of their requests."""
    of = emitted(tmp_path, **endpoint(callers=CALLERS))
    assert kinds(of) & {"HTTPRoute", "Rollout", "AnalysisTemplate"} == set()
    assert of.workload["kind"] == "Deployment"
    assert of.one("ScaledObject")["spec"]["scaleTargetRef"]["kind"] == "Deployment"
    assert [one["metadata"]["name"] for one in of.all("Service")] == ["fraud"]
    assert (
        of.one("Service")["spec"]["selector"].items() <= of.workload["spec"]["template"]["metadata"]["labels"].items()
    )
    assert allowed(of) == ["payments"]


def test_a_service_without_a_route_says_why_it_has_no_canary(tmp_path: Path) -> None:
    why = service(tmp_path, **endpoint(callers=CALLERS)).canary.progressive
    assert (why.value, why.reason) == (
        False, "callers reach the Service directly, and only a route can shift traffic",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({**endpoint(hosts=["a.example.com"], callers=CALLERS)}, "canary"),
        ({**CANARY, **endpoint(hosts=["a.example.com"], callers=CALLERS)}, "canary"),
        ({**CANARY, **endpoint(callers=CALLERS)}, "canary"),
        ({**SHADOW, **endpoint(callers=CALLERS), "rollout__stages": [{"shadow": {}}]}, "shadow"),
    ],
    ids=["by default", "hosts and a stage", "callers only", "a shadow"],
)
def test_a_canary_that_some_callers_bypass_is_an_error(tmp_path: Path, changes: dict[str, Any], what: str) -> None:
    assert errors(tmp_path, spec(**changes)) == [f"MLS609: the requests of these callers bypass the {what} of `fraud`"]


@pytest.mark.parametrize(
    "obeyed",
    [
        endpoint(hosts=["fraud.example.com"], callers=CALLERS, throughGateway="90%"),
        endpoint(hosts=["fraud.example.com"]),
        {**endpoint(callers=CALLERS), "rollout__stages": None},
    ],
    ids=["the share", "no callers", "no stages"],
)
def test_each_way_out_leads_to_a_clean_spec(tmp_path: Path, obeyed: dict[str, Any]) -> None:
    assert compiled(tmp_path, spec(**{**CANARY, **obeyed})).diagnostics == ()


def test_one_service_of_two_can_be_without_a_canary(tmp_path: Path) -> None:
    made = spec(**CANARY)
    serving = made.pop("serving")
    second = {**serving, "endpoint": {"callers": CALLERS}}
    made["services"] = {"a": serving, "b": second}
    assert errors(tmp_path, made) == ["MLS609: the requests of these callers bypass the canary of `b`"]
    second["endpoint"] = {"callers": CALLERS, "throughGateway": "0%"}
    result = compiled(tmp_path, made)
    assert result.diagnostics == ()
    bundle = result.bundles["default"]
    assert {(one["kind"], one["metadata"]["name"]) for one in bundle.objects if one["kind"] in WORKLOADS} == {
        ("Rollout", "fraud-a"), ("HTTPRoute", "fraud-a"), ("Deployment", "fraud-b"),
    }  # fmt: skip


WORKLOADS = ("Rollout", "Deployment", "HTTPRoute")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (endpoint(hosts=["a.example.com"], callers=CALLERS, throughGateway="0%"),
         "MLS017: `throughGateway: 0%` contradicts `hosts`"),
        (endpoint(throughGateway="0%"), "MLS017: no request can reach `fraud`: it has neither a route nor `callers`"),
        ({**endpoint(callers=CALLERS, throughGateway="10%"), "platform__traffic__provider": "none",
          "platform__rollout__provider": "none"},
         "MLS017: `throughGateway: 10%` contradicts the platform, which has no routes"),
        (endpoint(hosts=["a.example.com"], throughGateway="101%"),
         "MLS008: 101% of the requests cannot arrive through the gateway"),
    ],
)  # fmt: skip
def test_a_share_that_contradicts_the_rest_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    assert errors(tmp_path, spec(**changes)) == [message]


def test_requests_that_bypass_the_route_do_not_count_for_a_verdict(tmp_path: Path) -> None:
    """A step that gets half of the requests lasts twice as long; 20/s become 10/s."""
    whole = service(tmp_path, **CANARY).canary
    half = service(
        tmp_path, **CANARY, **endpoint(hosts=["a.example.com"], callers=CALLERS, throughGateway="50%")
    ).canary
    assert whole.rate is not None
    assert half.rate is not None
    assert (str(whole.rate.value), str(half.rate.value)) == ("20/s", "10/s")
    seconds = [plan.arm(plan.shares[0]).value.amount for plan in (whole, half)]
    assert seconds[0] * 2 - 30 <= seconds[1] <= seconds[0] * 2


def test_the_trough_of_a_canary_is_a_part_of_the_trough_as_well(tmp_path: Path) -> None:
    """Else a window would expect as many requests at night through the route as of the whole service."""
    some = endpoint(hosts=["a.example.com"], callers=CALLERS, throughGateway="25%")
    trough = service(tmp_path, constraints__throughput__trough="4/s", **CANARY, **some).canary.trough
    assert trough is not None
    assert str(trough.value) == "1/s"


def test_the_other_versions_answer_the_requests_that_bypass_the_route(tmp_path: Path) -> None:
    """At 20%, a new version gets 10% of all requests if half of them pass the route: what a guard expects of it."""
    half = endpoint(hosts=["a.example.com"], callers=CALLERS, throughGateway="50%")
    step = [{"canary": {"steps": ["20%"]}}]
    shares = []
    for given in ({}, half):
        (only,) = service(tmp_path, rollout__stages=step, **given).canary.steps
        assert only.answers is not None
        shares.append(only.answers.share.value)
    assert shares == ["0.2", "0.1"]


def test_the_night_of_a_canary_is_that_of_its_route(tmp_path: Path) -> None:
    """Enough requests at the trough for the whole service are too few for a canary that gets a tenth of them."""
    some = endpoint(hosts=["a.example.com"], callers=CALLERS, throughGateway="10%")
    night = {"constraints__throughput": {"mean": "20/s", "peak": "60/s", "trough": "15/s"}}
    step = {"rollout__stages": [{"canary": {"steps": ["50%"]}}]}
    troughs = [service(tmp_path, **night, **step, **more).canary.trough for more in ({}, some)]
    assert [str(trough.value) for trough in troughs if trough is not None] == ["15/s", "1.5/s"]


def test_a_shadow_has_replicas_for_the_requests_that_are_mirrored(tmp_path: Path) -> None:
    """Only those that pass the route: 40% of ten replicas' requests need four."""
    busy = {"constraints__throughput": {"mean": "3000/s", "peak": "3000/s"}}
    some = endpoint(hosts=["a.example.com"], callers=CALLERS, throughGateway="40%")
    mean = service(tmp_path, **busy, **SHADOW).for_mean.value
    assert mean > 5
    of = emitted(tmp_path, **busy, **SHADOW, **some)
    assert of.one("Deployment", "fraud-shadow")["spec"]["replicas"] == -(-mean * 40 // 100)


def test_requests_that_bypass_the_route_do_count_for_alerts(tmp_path: Path) -> None:
    """An objective covers all requests, so MLS503 asks whether all of them are enough."""
    quiet = {"constraints__throughput": {"mean": "800/h", "peak": "1/s"}, "constraints__latency": None}
    some = endpoint(hosts=["a.example.com"], callers=CALLERS, throughGateway="10%")
    ids = [{one.id for one in compiled(tmp_path, spec(**quiet, **more)).diagnostics} for more in ({}, some)]
    assert ["MLS503" in found for found in ids] == [False, False]


def test_a_sibling_bypasses_the_route_like_a_caller(tmp_path: Path) -> None:
    """Another service of the system calls the Service, so a canary would get no requests."""
    made = spec(access__ranker={"kind": "service", "service": "b"})
    serving = made.pop("serving")
    second = {**serving, "endpoint": {}}
    made["services"] = {"a": {**serving, "access": ["ranker"]}, "b": second}
    result = compiled(tmp_path, made)
    assert result.diagnostics == ()
    bundle = result.bundles["default"]
    assert {(one["kind"], one["metadata"]["name"]) for one in bundle.objects if one["kind"] in WORKLOADS} == {
        ("Rollout", "fraud-a"), ("HTTPRoute", "fraud-a"), ("Deployment", "fraud-b"),
    }  # fmt: skip
    second["endpoint"] = {"hosts": ["other.example.com"]}
    assert errors(tmp_path, made) == ["MLS609: the requests of these callers bypass the canary of `b`"]
    second["endpoint"] = {"hosts": ["other.example.com"], "throughGateway": "50%"}
    assert compiled(tmp_path, made).diagnostics == ()


# A mesh


@pytest.mark.parametrize("provider", ["istio", "linkerd", "cilium"])
def test_a_mesh_routes_callers_only_if_the_service_is_a_parent_of_the_route(provider: str, tmp_path: Path) -> None:
    """`group` has to be written: its default is the one of Gateways. Hosts are not read of a Service's route."""
    some = endpoint(hosts=["fraud.example.com"], callers=CALLERS)
    of = emitted(tmp_path, **CANARY, **some, platform__mesh__provider=provider)
    gateway, own = parents(of)
    assert gateway["kind"] == "Gateway"
    assert own == {"group": "", "kind": "Service", "name": "fraud", "port": 8000}
    assert of.one("HTTPRoute")["spec"]["hostnames"] == ["fraud.example.com"]
    assert [one["weight"] for one in of.one("HTTPRoute")["spec"]["rules"][0]["backendRefs"]] == [100, 0]


def test_a_mesh_gives_a_service_with_callers_only_a_canary(tmp_path: Path) -> None:
    of = emitted(tmp_path, **CANARY, **endpoint(callers=CALLERS, throughGateway="0%"), platform__mesh__provider="istio")
    assert [one["kind"] for one in parents(of)] == ["Service"]
    assert "hostnames" not in of.one("HTTPRoute")["spec"]
    assert of.workload["kind"] == "Rollout"
    assert allowed(of) == ["payments"]


def test_a_mesh_makes_all_requests_count(tmp_path: Path) -> None:
    some = endpoint(hosts=["a.example.com"], callers=CALLERS, throughGateway="10%")
    rate = service(tmp_path, **CANARY, **some, platform__mesh__provider="istio").canary.rate
    assert rate is not None
    assert str(rate.value) == "20/s"


def test_a_mesh_that_does_not_follow_routes_for_grpc_bypasses_the_canary(tmp_path: Path) -> None:
    some = {**CANARY, **endpoint(hosts=["a.example.com"], callers=CALLERS), "serving__protocol": "grpc"}
    assert errors(tmp_path, spec(**some, platform__mesh__provider="istio")) == [
        "MLS609: the requests of these callers bypass the canary of `fraud`"
    ]
    of = emitted(tmp_path, **some, platform__mesh__provider="linkerd")
    assert parents(of, "GRPCRoute")[1] == {"group": "", "kind": "Service", "name": "fraud", "port": 8001}


def test_a_gateway_that_no_route_is_attached_to_gets_no_objects(tmp_path: Path) -> None:
    """A load balancer outside the cluster needs its policies for the Services that it sends requests to."""
    gateway = {"platform__gateway__provider": "gke", "platform__gateway__dataPlane": {"cidrs": ["10.0.8.0/23"]}}
    some = {**CANARY, **gateway, "platform__mesh__provider": "istio"}
    both = emitted(tmp_path, **some, **endpoint(hosts=["a.example.com"], callers=CALLERS))
    assert "HealthCheckPolicy" in kinds(both)
    alone = spec(**CANARY, **endpoint(callers=CALLERS, throughGateway="0%"), platform__mesh__provider="istio")
    (tmp_path / "mlspec.platform.yaml").write_text(
        "apiVersion: mlspec/v1\nkind: Platform\nplatform: {gateway: {provider: gke}}\n"
    )
    result = compiled(tmp_path, alone)
    assert result.diagnostics == ()
    assert "HealthCheckPolicy" not in {one["kind"] for one in result.bundles["default"].objects}


def test_a_service_without_callers_is_no_parent(tmp_path: Path) -> None:
    assert [one["kind"] for one in parents(emitted(tmp_path, **CANARY, platform__mesh__provider="istio"))] == [
        "Gateway"
    ]


# Timeouts


@pytest.mark.parametrize(
    ("latency", "timeout", "found"),
    [
        ({"p99": "100ms"}, "99ms", ["MLS612"]),
        ({"p99": "100ms"}, "100ms", []),
        ({"p95": "50ms", "p99": "100ms"}, "60ms", ["MLS612"]),
        ({"p95": "50ms"}, "60ms", []),
    ],
)
def test_a_timeout_below_the_objective_fails_what_the_objective_allows(
    latency: dict[str, str], timeout: str, found: list[str], tmp_path: Path
) -> None:
    """The highest percentile with an objective counts."""
    made = spec(constraints__latency=latency, **endpoint(hosts=["a.example.com"], timeout=timeout))
    assert [one.id for one in compiled(tmp_path, made).diagnostics] == found

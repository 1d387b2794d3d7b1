"""The traps of gateway products: where their requests come from, and what each ignores or refuses in a route."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.compiler.catalog import load as catalog
from mlspec.targets import traffic

from .online import Emitted, compiled, emitted, refused, spec
from .test_traps_rollout import SHADOW, rule

GATEWAYS = tuple(catalog.providers("gateway"))
RANGES = ("10.0.8.0/23",)

FRONT_ENDS = ["35.191.0.0/16", "130.211.0.0/22"]
"""What checks the health of pods behind Google's load balancers."""


def behind(provider: str, /, **changes: object) -> dict[str, object]:
    """Changes of a spec behind a gateway, with the addresses that only a platform can know."""
    cidrs = {"platform__gateway__dataPlane": {"cidrs": list(RANGES)}} if provider in NEED_RANGES else {}
    return {"platform__gateway__provider": provider, **cidrs, **changes}


NEED_RANGES = ("gke", "alb", "lattice", "agc")
NO_TIMEOUT = ("nginx-gateway-fabric", "traefik", "kong", "alb", "lattice", "agc")


def sources(made: Emitted) -> list[dict[str, Any]] | None:
    """Who may send requests; None for everyone."""
    found: list[dict[str, Any]] | None = made.one("NetworkPolicy")["spec"]["ingress"][0].get("from")
    return found


def pods(namespace: str, **labels: str) -> dict[str, Any]:
    peer: dict[str, Any] = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    return {**peer, "podSelector": {"matchLabels": labels}} if labels else peer


ENVOY = {
    "app.kubernetes.io/name": "envoy",
    "app.kubernetes.io/component": "proxy",
    "app.kubernetes.io/managed-by": "envoy-gateway",
}


# Where requests come from


@pytest.mark.parametrize(
    ("provider", "allowed"),
    [
        ("generic", [pods("infra")]),
        ("istio", [pods("infra")]),
        ("openshift", [pods("infra")]),
        ("nginx-gateway-fabric", [pods("infra")]),
        ("kong", [pods("infra")]),
        ("kgateway", [pods("infra")]),
        ("agentgateway", [pods("infra")]),
        ("envoy-gateway", [pods("envoy-gateway-system", **ENVOY)]),
        ("contour", [pods("projectcontour", app="envoy")]),
        ("traefik", [pods("traefik")]),
        ("gke-global-external", [{"ipBlock": {"cidr": cidr}} for cidr in FRONT_ENDS]),
        ("gke", [{"ipBlock": {"cidr": cidr}} for cidr in (*FRONT_ENDS, *RANGES)]),
        ("alb", [{"ipBlock": {"cidr": cidr}} for cidr in RANGES]),
        ("agc", [{"ipBlock": {"cidr": cidr}} for cidr in RANGES]),
        ("lattice", [{"ipBlock": {"cidr": cidr}} for cidr in ("169.254.171.0/24", *RANGES)]),
        ("cilium", None),
    ],
)
def test_trap_a_gateways_proxies_may_not_run_where_its_object_is(
    tmp_path: Path, provider: str, allowed: list[dict[str, Any]] | None
) -> None:
    """A policy that admits the wrong namespace drops every request."""
    assert sources(emitted(tmp_path, **behind(provider, platform__gateway__namespace="infra"))) == allowed


def test_every_gateway_has_its_sources_tested() -> None:
    (mark,) = test_trap_a_gateways_proxies_may_not_run_where_its_object_is.pytestmark
    assert sorted(provider for provider, _ in mark.args[1]) == sorted(GATEWAYS)


def test_trap_cilium_matches_its_gateway_with_no_selector_and_no_range(tmp_path: Path) -> None:
    """Callers in the spec stay valid, although the rule admits them anyway."""
    both = {"hosts": ["fraud.example.com"], "callers": [{"namespace": "web"}], "throughGateway": "90%"}
    made = emitted(tmp_path, **behind("cilium", serving__endpoint=both))
    first, scraped = made.one("NetworkPolicy")["spec"]["ingress"]
    assert set(first) == {"ports"}
    assert [port["port"] for port in first["ports"]] == [8000, 8001]
    assert scraped["from"] == [pods("monitoring")]


def test_envoy_gateway_may_run_its_proxies_next_to_the_gateway(tmp_path: Path) -> None:
    changes = behind("envoy-gateway", platform__gateway__dataPlane={"namespace": "infra"})
    assert sources(emitted(tmp_path, **changes)) == [pods("infra", **ENVOY)]


def test_a_platform_that_knows_its_proxies_overrides_the_entry(tmp_path: Path) -> None:
    place = {"namespace": "edge", "labels": {"app": "proxy"}, "cidrs": ["fd00::/64"]}
    made = emitted(tmp_path, **behind("istio", platform__gateway__dataPlane=place))
    assert sources(made) == [pods("edge", app="proxy"), {"ipBlock": {"cidr": "fd00::/64"}}]


@pytest.mark.parametrize("provider", NEED_RANGES)
def test_trap_a_load_balancer_outside_the_cluster_is_shut_out(tmp_path: Path, provider: str) -> None:
    (found,) = compiled(tmp_path, spec(platform={"gateway": {"provider": provider}})).diagnostics
    assert found.id == "MLS009"
    assert found.message.startswith("the addresses of the gateway are unknown: ")
    for obeyed in (
        {"gateway": {"provider": provider, "dataPlane": {"cidrs": list(RANGES)}}},
        {
            "gateway": {"provider": provider},
            "network": {"policies": False},
        },
    ):
        assert compiled(tmp_path, spec(platform=obeyed)).diagnostics == ()


def test_health_checks_reach_a_port_that_only_the_probe_uses(tmp_path: Path) -> None:
    probe = {"readiness": {"path": "/ping", "port": "metrics"}}
    for provider, expected in (("gke", [8000, 8001, 8002]), ("istio", [8000, 8001])):
        made = emitted(tmp_path, **behind(provider, serving__container={"probes": probe}))
        assert [port["port"] for port in made.one("NetworkPolicy")["spec"]["ingress"][0]["ports"]] == expected


@pytest.mark.parametrize(
    ("cidr", "help_"),
    [
        ("10.0.0.1/24", "write `10.0.0.0/24`"),
        ("10.0.0.0", "write it like `10.0.0.0/24`"),
        ("10.0.0.256/32", "write it like `10.0.0.0/24`"),
        ("fd00:0::/64", "write `fd00::/64`"),
    ],
)
def test_trap_an_api_server_refuses_bits_behind_the_prefix(tmp_path: Path, cidr: str, help_: str) -> None:
    found = compiled(tmp_path, spec(platform={"gateway": {"dataPlane": {"cidrs": [cidr]}}}))
    assert [one.help for one in found.diagnostics] == [help_]


# Timeouts


@pytest.mark.parametrize("provider", GATEWAYS)
def test_trap_gke_does_not_accept_a_route_with_timeouts_and_others_ignore_them(tmp_path: Path, provider: str) -> None:
    without = provider in (*NO_TIMEOUT, "gke", "gke-global-external")
    assert ("timeouts" in rule(emitted(tmp_path, **behind(provider)))) is not without


@pytest.mark.parametrize("provider", NO_TIMEOUT)
def test_trap_a_timeout_that_the_gateway_ignores(tmp_path: Path, provider: str) -> None:
    changes = behind(provider, serving__endpoint={"timeout": "9s"})
    assert refused(tmp_path, "triton", **changes) == ["MLS012: the gateway would ignore `timeout: 9s`"]
    emitted(tmp_path, **behind(provider))


def test_trap_a_grpc_route_has_no_timeouts(tmp_path: Path) -> None:
    changes = {"serving__protocol": "grpc", "serving__endpoint": {"hosts": ["fraud.example.com"], "timeout": "9s"}}
    (found,) = compiled(tmp_path, spec(**changes)).diagnostics
    assert f"{found.id}: {found.message}" == "MLS012: the gateway would ignore `timeout: 9s`"
    assert found.help == "leave it out, and set a deadline in the client"
    assert compiled(tmp_path, spec(serving__protocol="grpc")).diagnostics == ()


def test_a_timeout_sets_the_policy_of_gke_in_whole_seconds(tmp_path: Path) -> None:
    made = emitted(tmp_path, **behind("gke", serving__endpoint={"timeout": "1500ms"}))
    policy = made.one("GCPBackendPolicy")["spec"]["default"]
    assert policy["timeoutSec"] == 2
    grace = made.pod["terminationGracePeriodSeconds"]
    assert policy["connectionDraining"]["drainingTimeoutSec"] == grace - 10, "5 s preStop, and 5 s to exit"


def test_trap_gke_ends_requests_after_30_s_unless_a_policy_says_otherwise(tmp_path: Path) -> None:
    made = emitted(tmp_path, "vllm", **behind("gke"))
    assert made.one("GCPBackendPolicy")["spec"]["default"]["timeoutSec"] == 40, "four times the p95 of 10 s"


def told(tmp_path: Path, **changes: object) -> dict[str, str]:
    """The lines of the plan, by title."""
    (memo,) = mlspec.plan(compiled(tmp_path, spec(**changes))).values()
    return {one.title: one.value for area in memo.areas for one in area.decisions}


def test_the_plan_says_that_no_gateway_enforces_a_timeout(tmp_path: Path) -> None:
    """The drain timeout still depends on how long a request may take."""
    said = told(tmp_path, **behind("alb", serving__protocol="grpc"))
    assert (said["request timeout"], said["time that a request may take"]) == ("none", "1s")
    assert said["listener of the GRPCRoute"] == "https"
    said = told(tmp_path, **behind("istio"))
    assert said["request timeout"] == "1s"
    assert not {"time that a request may take", "listener of the GRPCRoute"} & set(said)


# Mirrors


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        ("traefik", "MLS606: this gateway cannot mirror requests"),
        ("kong", "MLS606: this gateway cannot mirror requests"),
        ("alb", "MLS606: this gateway cannot mirror requests"),
        ("contour", "MLS606: this gateway cannot mirror a share of the requests"),
    ],
)
def test_trap_a_mirror_breaks_the_route_of_some_gateways(tmp_path: Path, provider: str, said: str) -> None:
    """Traefik answers every request with 500, and others do not translate the route."""
    assert said in refused(tmp_path, "triton", **behind(provider, **SHADOW))


def test_a_platform_may_say_that_its_gateway_mirrors(tmp_path: Path) -> None:
    changes = behind("agc", platform__gateway__mirroring="percent", **SHADOW)
    (mirror,) = rule(emitted(tmp_path, **changes))["filters"]
    assert mirror["requestMirror"]["percent"] == 10


# gRPC


@pytest.mark.parametrize("provider", ["gke", "gke-global-external"])
def test_trap_a_gateway_without_grpc_ignores_the_route(tmp_path: Path, provider: str) -> None:
    changes = behind(provider, serving__protocol="grpc")
    assert f"MLS012: `{provider}` is not known to support gRPC routes" in refused(tmp_path, "triton", **changes)


# Health checks

PATHS = {"triton": ("/v2/health/ready", 8000), "vllm": ("/health", 8000), "mlserver": ("/v2/models/fraud/ready", 8080)}


def test_every_kind_of_objects_in_the_catalog_has_a_module() -> None:
    words = [entry.entries.get(field) for entry in map(_entry, GATEWAYS) for field in ("objects", "tokens")]
    used = {getattr(word, "text", "none") for word in words}
    modules = {info.name for info in pkgutil.iter_modules(traffic.__path__)}
    written = {name for name in modules if hasattr(import_module(f"{traffic.__name__}.{name}"), "objects")}
    assert used == {"none", *written}


def _entry(name: str) -> Any:
    return catalog.providers("gateway")[name]


@pytest.mark.parametrize("runtime", PATHS)
def test_trap_gke_asks_for_the_root_unless_each_service_has_a_policy(tmp_path: Path, runtime: str) -> None:
    path, port = PATHS[runtime]
    made = emitted(tmp_path, runtime, **behind("gke"))
    for service in made.all("Service"):
        check = made.one("HealthCheckPolicy", service["metadata"]["name"])["spec"]
        assert check["targetRef"] == {"group": "", "kind": "Service", "name": service["metadata"]["name"]}
        assert check["default"]["config"] == {
            "type": "HTTP",
            "httpHealthCheck": {"portSpecification": "USE_FIXED_PORT", "port": port, "requestPath": path},
        }
        assert check["default"]["timeoutSec"] <= check["default"]["checkIntervalSec"], "the CRD's own rule"
    assert len(made.all("HealthCheckPolicy")) == 2


@pytest.mark.parametrize(
    ("provider", "kind", "field"),
    [
        ("gke", "HealthCheckPolicy", "targetRef"),
        ("gke", "GCPBackendPolicy", "targetRef"),
        ("alb", "TargetGroupConfiguration", "targetReference"),
        ("lattice", "TargetGroupPolicy", "targetRef"),
    ],
)
def test_trap_a_shadow_and_a_canary_need_their_own_objects(
    tmp_path: Path, provider: str, kind: str, field: str
) -> None:
    shadow = SHADOW if provider == "gke" else {}
    made = emitted(tmp_path, **behind(provider, **shadow))
    services = {service["metadata"]["name"] for service in made.all("Service")}
    assert {one["spec"][field]["name"] for one in made.all(kind)} == services
    assert len(services) == (3 if shadow else 2)


def test_gke_asks_a_runtime_that_is_probed_with_grpc_by_grpc(tmp_path: Path) -> None:
    check = emitted(tmp_path, "tensorflow-serving", **behind("gke")).one("HealthCheckPolicy")["spec"]["default"]
    assert check["config"] == {"type": "GRPC", "grpcHealthCheck": {"portSpecification": "USE_FIXED_PORT", "port": 8500}}


def test_trap_an_alb_cannot_register_the_pods_of_a_cluster_ip_by_node(tmp_path: Path) -> None:
    made = emitted(tmp_path, **behind("alb"))
    assert {service["spec"]["type"] for service in made.all("Service")} == {"ClusterIP"}
    own = made.one("TargetGroupConfiguration")["spec"]["defaultConfiguration"]
    assert own == {
        "targetType": "ip",
        "healthCheckConfig": {
            "healthCheckPath": "/v2/health/ready",
            "healthCheckPort": "8000",
            "healthCheckProtocol": "HTTP",
            "matcher": {"httpCode": "200"},
            "healthCheckInterval": 5,
            "healthCheckTimeout": 2,
            "healthyThresholdCount": 2,
            "unhealthyThresholdCount": 2,
        },
    }


@pytest.mark.parametrize(
    ("runtime", "path", "codes"),
    [("triton", "/AWS.ALB/healthcheck", "12"), ("tensorflow-serving", "/grpc.health.v1.Health/Check", "0")],
)
def test_trap_an_alb_checks_a_target_group_for_grpc_with_grpc(
    tmp_path: Path, runtime: str, path: str, codes: str
) -> None:
    made = emitted(tmp_path, runtime, **behind("alb", serving__protocol="grpc"))
    own = made.one("TargetGroupConfiguration")["spec"]["defaultConfiguration"]
    assert own["protocolVersion"] == "GRPC"
    assert (own["healthCheckConfig"]["healthCheckPath"], own["healthCheckConfig"]["matcher"]) == (
        path,
        {"grpcCode": codes},
    )


def test_lattice_asks_the_readiness_path_also_for_grpc(tmp_path: Path) -> None:
    for protocol in ("http", "grpc"):
        made = emitted(tmp_path, **behind("lattice", serving__protocol=protocol))
        check = made.one("TargetGroupPolicy")["spec"]["healthCheck"]
        assert (check["path"], check["port"], check["statusMatch"]) == ("/v2/health/ready", 8000, "200")


def test_trap_a_slow_health_check_needs_a_longer_interval(tmp_path: Path) -> None:
    """A load balancer refuses a timeout that is as long as the interval."""
    made = emitted(tmp_path, "kserve-huggingface", **behind("alb"))
    check = made.one("TargetGroupConfiguration")["spec"]["defaultConfiguration"]["healthCheckConfig"]
    assert (check["healthCheckTimeout"], check["healthCheckInterval"]) == (5, 6)


@pytest.mark.parametrize(
    ("provider", "kind", "patch", "said"),
    [
        (
            "gke",
            "HealthCheckPolicy",
            {"default": {"config": {"httpHealthCheck": {"port": 9000}}}},
            "checks the health of port 9000, which the pods of `fraud` do not have",
        ),
        (
            "alb",
            "TargetGroupConfiguration",
            {"defaultConfiguration": {"healthCheckConfig": {"healthCheckPort": "9000"}}},
            "checks the health of port 9000, which the pods of `fraud` do not have",
        ),
        (
            "lattice",
            "TargetGroupPolicy",
            {"healthCheck": {"port": 9000}},
            "checks the health of port 9000, which the pods of `fraud` do not have",
        ),
        ("gke", "GCPBackendPolicy", {"targetRef": {"name": "gone"}}, "is for a Service `gone` that does not exist"),
    ],
)
def test_a_patch_that_breaks_a_reference_is_found(
    tmp_path: Path, provider: str, kind: str, patch: dict[str, Any], said: str
) -> None:
    patches = [{"target": {"kind": kind, "name": "fraud"}, "reason": "a test", "patch": {"spec": patch}}]
    assert refused(tmp_path, "triton", **behind(provider, patches=patches)) == [f"MLS034: {kind} `fraud` {said}"]

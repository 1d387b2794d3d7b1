"""What two services, environments, or systems of one run both claim in a cluster."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.compiler.check.claims import Claims, RouteClaim
from mlspec.compiler.check.collisions import Ledger, shared_host
from mlspec.compiler.diagnostics import SourceFile, Span

from .online import compiled, spec, two_services
from .support import Ran, dumped, minimal, run

HOST = {"serving__endpoint": {"hosts": ["models.example.com"]}}


def of_services(tmp_path: Path, first: dict[str, Any], second: dict[str, Any], **changes: Any) -> list[str]:
    made = two_services(**second)
    made["services"]["a"] |= first
    made |= changes
    return [f"{one.id}: {one.message}" for one in compiled(tmp_path, made).diagnostics if one.severity == "error"]


def hosts(*names: str, **more: Any) -> dict[str, Any]:
    return {"endpoint": {"hosts": list(names)} if names else {}, **more}


BOTH = "the routes of `fraud-b` and `fraud-a` match"
GATEWAY = "of the gateway `gateway-system/gateway`"


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        (hosts("x.example.com"), hosts("y.example.com"), []),
        (hosts("x.example.com"), hosts("x.example.com"),
         [f"MLS610: {BOTH} the host `x.example.com` and the path `/v2` {GATEWAY}"]),
        (hosts("x.example.com", "y.example.com"), hosts("z.example.com", "y.example.com"),
         [f"MLS610: {BOTH} the host `y.example.com` and the path `/v2` {GATEWAY}"]),
        (hosts(), hosts(),
         [f"MLS610: {BOTH} every host and the path `/v2` {GATEWAY}"]),
        (hosts("x.example.com"), hosts(), []),  # the longer host name wins, and the other route gets the rest
        (hosts("x.example.com"), hosts("x.example.com", protocol="grpc"),
         [f"MLS610: `fraud-a` has an HTTPRoute and `fraud-b` a GRPCRoute for the host `x.example.com` {GATEWAY}"]),
        (hosts("x.example.com"), hosts(protocol="grpc"),
         [f"MLS610: `fraud-a` has an HTTPRoute and `fraud-b` a GRPCRoute for the host `x.example.com` {GATEWAY}"]),
        (hosts("x.example.com"), hosts("y.example.com", protocol="grpc"), []),
    ],
    ids=["two hosts", "one host", "one of several", "no hosts", "one without", "kinds", "other kind", "apart"],
)  # fmt: skip
def test_of_two_equal_routes_one_silently_gets_nothing(
    first: dict[str, Any], second: dict[str, Any], found: list[str], tmp_path: Path
) -> None:
    assert of_services(tmp_path, first, second) == found


def test_a_patched_path_is_another_path(tmp_path: Path) -> None:
    """The check reads the objects as they are applied."""
    rules = [{"matches": [{"path": {"type": "PathPrefix", "value": "/v2"}}]}]  # the runtime's is exact
    patch = {
        "target": {"kind": "HTTPRoute", "name": "fraud-b"},
        "reason": "one host",
        "patch": {"spec": {"rules": rules}},
    }
    assert of_services(tmp_path, hosts("x.example.com"), hosts("x.example.com"), patches=[patch]) == []
    rules[0]["matches"][0]["path"]["type"] = "Exact"
    found = of_services(tmp_path, hosts("x.example.com"), hosts("x.example.com"), patches=[patch])
    assert [one[:6] for one in found] == ["MLS610"]


def test_services_with_paths_of_their_own_may_share_a_host(tmp_path: Path) -> None:
    """The help of a route that shares only some paths leads there."""
    shared, ready = hosts("x.example.com"), {"container": {"routes": {"http": ["/v2", "/v2/models/{model}/ready"]}}}
    made = two_services(**shared, **ready)
    made["services"]["a"] |= shared
    (found,) = compiled(tmp_path, made).diagnostics
    assert "list only what the other one lacks under `container.routes`" in found.help
    made["services"]["a"]["container"] = {"routes": {"http": ["/v2/models/{model}/infer"]}}
    assert compiled(tmp_path, made).diagnostics == ()


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        ((), (), ""),
        (("a.example.com",), (), "a.example.com"),
        (("a.example.com",), ("*.example.com",), "a.example.com"),
        (("*.example.com",), ("b.a.example.com",), "*.example.com"),
        (("example.com",), ("*.example.com",), None),
        (("*.a.example.com",), ("*.example.com",), "*.a.example.com"),
        (("a.example.com",), ("b.example.com",), None),
    ],
)
def test_a_wildcard_matches_one_or_more_labels(
    one: tuple[str, ...], other: tuple[str, ...], common: str | None
) -> None:
    assert shared_host(one, other) == common


def claim(listener: str, name: str) -> Claims:
    route = RouteClaim(
        gateway=("", "gateways", "public"),
        listener=listener,
        kind="HTTPRoute",
        namespace="models",
        name=name,
        hosts=(),
        matches=("/*",),
        places=(Span(SourceFile(f"{name}.yaml", "a: b"), 0, 0, 0, 1),),
    )
    return Claims(system=name, environment="default", objects=(), routes=(route,), folders=())


@pytest.mark.parametrize(("one", "other", "found"), [("a", "b", 0), ("a", "a", 1), ("", "b", 1), ("a", "", 1)])
def test_a_route_without_a_listener_is_attached_to_all(one: str, other: str, found: int) -> None:
    ledger = Ledger()
    assert ledger.add([claim(one, "first")]) == []
    assert len(ledger.add([claim(other, "second")])) == found


# Environments


def of_environments(tmp_path: Path, first: object, second: object) -> list[str]:
    platform = {
        "apiVersion": "mlspec/v1",
        "kind": "Platform",
        "clusters": {"eu": {"cloud": "eks"}, "us": {"cloud": "eks"}},
    }
    (tmp_path / "mlspec.platform.yaml").write_text(dumped(platform))
    made = spec(environments={"one": first, "two": second})
    return [f"{one.id}: {one.message}" for one in compiled(tmp_path, made).diagnostics if one.severity == "error"]


def test_environments_of_one_cluster_share_its_gateway_and_its_namespaces(tmp_path: Path) -> None:
    assert [one[:6] for one in of_environments(tmp_path, {}, {})] == ["MLS610"]
    assert [one[:6] for one in of_environments(tmp_path, {"cluster": "eu"}, {"cluster": "eu"})] == ["MLS610"]
    assert of_environments(tmp_path, {"cluster": "eu"}, {"cluster": "us"}) == []
    same = {"namespace": "fraud"}
    (found,) = of_environments(tmp_path, same, same)
    assert found.startswith("MLS611: `two` and `one` both write the Service `fraud` in the namespace `fraud`, and ")
    assert of_environments(tmp_path, {**same, "cluster": "eu"}, {**same, "cluster": "us"}) == []


def test_an_environment_that_is_not_compiled_claims_nothing(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "mlspec.yaml").write_text(dumped(spec(environments={"one": {}, "two": {}})))
    assert [one.id for one in mlspec.lint(tmp_path / "mlspec.yaml")] == ["MLS610"]
    assert mlspec.lint(tmp_path / "mlspec.yaml", environments=["one"]) == ()


ARGOCD = {"tool": "argocd", "repository": "https://git.example.com/deploy.git"}
CLUSTERS: dict[str, Any] = {"eu": {"cloud": "eks"}, "us": {"cloud": "eks"}}


def between(tmp_path: Path, platform: object, **environments: object) -> list[str]:
    """The ids of the findings on several environments, with the settings of their platform."""
    file = {"apiVersion": "mlspec/v1", "kind": "Platform", "platform": platform, "clusters": CLUSTERS}
    (tmp_path / "mlspec.platform.yaml").write_text(dumped(file))
    return [one.id for one in compiled(tmp_path, spec(environments=environments)).diagnostics]


HOST_OF_TWO = {"serving": {"endpoint": {"hosts": ["two.example.com"]}}}


@pytest.mark.parametrize(
    ("gitops", "found"),
    [
        ({**ARGOCD, "path": "deploy/{system}"}, ["MLS630"]),
        ({**ARGOCD, "path": "deploy/{system}/{environment}"}, []),
        ({"tool": "flux", "source": "deploy", "path": "deploy"}, ["MLS630"]),
        ({"tool": "flux", "path": "deploy"}, ["MLS614", "MLS614"]),  # mlspec writes nothing that reads the folder
        ({"tool": "kustomize", "path": "deploy"}, []),
    ],
)
def test_trap_one_folder_is_deployed_for_two_environments(
    gitops: dict[str, object], found: list[str], tmp_path: Path
) -> None:
    """Each of the two owns the same objects, and prunes those that it does not find."""
    said = between(tmp_path, {"gitops": gitops}, one={}, two={"spec": HOST_OF_TWO})
    assert said == list(dict.fromkeys(found))


def test_another_branch_or_another_cluster_has_another_folder(tmp_path: Path) -> None:
    branch = {"platform": {"gitops": {"revision": "refs/heads/next"}}, **HOST_OF_TWO}
    one_path = {"gitops": {**ARGOCD, "path": "deploy"}}
    assert between(tmp_path, one_path, one={}, two={"spec": branch}) == []
    flux = {"gitops": {"tool": "flux", "source": "deploy", "path": "deploy"}}
    assert between(tmp_path, flux, one={"cluster": "eu"}, two={"cluster": "us"}) == []
    assert between(tmp_path, flux, one={"cluster": "eu"}, two={"cluster": "eu", "spec": HOST_OF_TWO}) == ["MLS630"]


@pytest.mark.parametrize(
    ("server", "other", "found"),
    [
        ({}, {}, ["MLS631"]),
        ({"server": "https://eu.example.com"}, {"server": "https://eu.example.com"}, ["MLS631"]),
        ({"server": "https://eu.example.com"}, {}, []),
        ({"server": "https://kubernetes.default.svc"}, {"server": "https://kubernetes.default.svc"}, []),
    ],
    ids=["by default", "one server", "two servers", "an Argo CD in each"],
)
def test_trap_two_clusters_are_deployed_to_the_one_of_argo_cd(
    server: dict[str, str], other: dict[str, str], found: list[str], tmp_path: Path
) -> None:
    one = {"cluster": "eu", "spec": {"platform": {"gitops": server}}}
    two = {"cluster": "us", "spec": {"platform": {"gitops": other}}}
    assert between(tmp_path, {"gitops": ARGOCD}, one=one, two=two) == found


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://thanos.example.com", ["MLS632"]),
        ("http://10.0.0.7:9090", ["MLS632"]),
        ("http://prometheus-operated.monitoring:9090", []),
        ("http://prometheus-operated.monitoring.svc:9090", []),
        ("http://prometheus-operated.monitoring.svc.cluster.local:9090", []),
    ],
)
def test_trap_one_prometheus_adds_up_the_pods_of_two_clusters(url: str, found: list[str], tmp_path: Path) -> None:
    """The name of a Service means another server in each cluster."""
    places = {name: {"cluster": name, "namespace": "fraud"} for name in CLUSTERS}
    assert between(tmp_path, {"prometheus": {"url": url}}, **places) == found
    apart = {name: {"cluster": name} for name in CLUSTERS}
    assert between(tmp_path, {"prometheus": {"url": url}}, **apart) == []
    tenants = {
        name: {**place, "spec": {"platform": {"prometheus": {"headers": {"X-Scope-OrgID": name}}}}}
        for name, place in places.items()
    }
    assert between(tmp_path, {"prometheus": {"url": url}}, **tenants) == []
    nothing = {"prometheus": {"url": url}, "rollout": {"provider": "none"}, "autoscaling": {"provider": "none"}}
    assert between(tmp_path, nothing, **places) == []


# Systems of one run


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    return tmp_path


def written(place: Path, name: str, /, **changes: object) -> Path:
    folder = place / name
    folder.mkdir(exist_ok=True)
    (folder / "mlspec.yaml").write_text(minimal(**{"metadata__name": name, **changes}))
    return folder


def linted(*specs: Path, more: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    ran = run("lint", *specs, "--format", "json", *more)
    found: list[dict[str, Any]] = json.loads(ran.out)["diagnostics"]
    return found


def test_two_systems_with_one_host_are_reported_with_both_places(place: Path) -> None:
    one, two = written(place, "one", **HOST), written(place, "two", **HOST)
    (found,) = linted(one, two)
    assert found["id"] == "MLS610"
    assert found["message"].startswith("the routes of `two` in `default` and `one` in `default` match the host ")
    ran = run("lint", one, two)
    assert ran.status == 1
    assert f"--> {two}/mlspec.yaml:" in ran.err
    assert f"::: {one}/mlspec.yaml:" in ran.err
    assert "models.example.com" in ran.err.partition(":::")[2], "the text of the other file is shown, too"
    assert linted(one) == linted(two) == []


def test_a_system_that_collides_is_not_written(place: Path) -> None:
    one, two = written(place, "one", **HOST), written(place, "two", **HOST)
    assert run("compile", one, two).status == 1
    assert (one / "out").exists()
    assert not (two / "out").exists()


def test_two_systems_of_one_name_and_namespace_write_the_same_objects(place: Path) -> None:
    one, two = written(place, "one", metadata__name="same"), written(place, "two", metadata__name="same")
    (found,) = linted(one, two)
    assert found["id"] == "MLS611"
    assert "both write the Service `same` in the namespace `default`, and 14 more objects" in found["message"]


def test_trap_a_path_without_the_system_deploys_one_system_for_all(place: Path) -> None:
    gitops = {"platform__gitops": {**ARGOCD, "path": "deploy/{environment}"}}
    hosts = ({"serving__endpoint": {"hosts": [f"{name}.example.com"]}} for name in ("one", "two"))
    one, two = (written(place, name, **gitops, **host) for name, host in zip(("one", "two"), hosts, strict=True))
    (found,) = linted(one, two)
    assert found["id"] == "MLS630"
    assert found["message"] == (
        "Argo CD applies the folder `deploy/default` for `two` in `default` and for `one` in `default`"
    )
    assert found["help"] == 'write `path: "deploy/{system}/{environment}"` under `platform.gitops`'
    assert linted(one) == linted(two) == []


def test_trap_two_joined_names_are_the_same_application(place: Path) -> None:
    """Argo CD deletes what the Application that was replaced had deployed."""
    made = {"one": ("fraud", "eu-test"), "two": ("fraud-eu", "test")}
    systems = [
        written(
            place,
            name,
            metadata__name=system,
            platform__gitops=ARGOCD,
            environments={environment: {"namespace": name}},
            serving__endpoint={"hosts": [f"{name}.example.com"]},
        )
        for name, (system, environment) in made.items()
    ]
    (found,) = linted(*systems)
    assert found["id"] == "MLS611"
    assert "both write the Application `fraud-eu-test` in the namespace `argocd`" in found["message"]
    assert found["help"] == "rename one of the systems or one of the environments"


def shared(place: Path, name: str, identity: str, **more: object) -> Path:
    store = {"kind": "s3", "serviceAccount": "models", "identity": f"arn:aws:iam::123456789012:role/{identity}"}
    artifact = {"uri": "s3://models/7/model.onnx", "access": "store"}
    digest = {"format": "onnx", "digest": f"sha256:{'1' * 64}", "size": "40Mi"}
    hosts = {"hosts": [f"{name}.example.com"]}
    changes = {"access": {"store": store}, "release__artifact": {**artifact, **digest}, "serving__endpoint": hosts}
    return written(place, name, **changes, platform__cloud="eks", **more)


def test_a_service_account_may_be_shared_but_not_by_two_identities(place: Path) -> None:
    assert linted(shared(place, "one", "models"), shared(place, "two", "models")) == []
    (found,) = linted(shared(place, "one", "models"), shared(place, "two", "other"))
    assert (found["id"], found["help"][:38]) == ("MLS611", "write the same `identity` in both, or ")
    assert "the ServiceAccount `models` in the namespace `default`" in found["message"]


@pytest.mark.parametrize("tool", ["argocd", "flux"])
def test_trap_two_applications_fight_over_a_shared_service_account(place: Path, tool: str) -> None:
    """Each has its own labels in Git, and `prune` deletes what one of them no longer has."""
    one, two = (shared(place, name, "models", platform__gitops={"tool": tool}) for name in ("one", "two"))
    by_hand = shared(place, "three", "models")
    for other in (two, by_hand):
        (found,) = [said for said in linted(one, other) if said["severity"] == "error"]
        assert found["id"] == "MLS611"
        assert "the ServiceAccount `models` in the namespace `default`" in found["message"]
        assert found["help"].startswith("write another `serviceAccount` in the access of one system, and ")
    elsewhere = {"production": {"namespace": "other"}}
    apart = shared(place, "two", "models", platform__gitops={"tool": tool}, environments=elsewhere)
    assert not [said for said in linted(one, apart) if said["severity"] == "error"]


def test_a_collision_between_systems_can_be_suppressed_and_graded_like_any_finding(place: Path) -> None:
    one, two = written(place, "one", **HOST), written(place, "two", **HOST)
    file = two / "mlspec.yaml"
    lines = file.read_text().splitlines()
    (at,) = (number for number, line in enumerate(lines) if "models.example.com" in line)
    lines[at] += "  # mlspec: ignore[MLS610] the clusters differ"
    file.write_text("\n".join(lines))
    assert linted(one, two) == []
    assert linted(two) == [], "another run uses the comment"
    assert linted(two, one) == []
    assert [found["id"] for found in linted(one, written(place, "three", **HOST))] == ["MLS610"]
    warned = written(place, "warned", **HOST)
    platform = {"apiVersion": "mlspec/v1", "kind": "Platform"}
    policies = {"platform": {"policies": {"severity": {"MLS61": "warning"}}}}
    (warned / "mlspec.platform.yaml").write_text(dumped({**platform, **policies}))
    assert [found["severity"] for found in linted(one, warned)] == ["warning"]
    assert linted(one, warned, more=("--ignore", "MLS610")) == []


@pytest.mark.parametrize("form", ["text", "concise", "json", "sarif", "github", "gitlab", "junit"])
def test_every_format_reports_it(place: Path, form: str) -> None:
    one, two = written(place, "one", **HOST), written(place, "two", **HOST)
    ran: Ran = run("lint", one, two, "--format", form)
    assert "MLS610" in ran.out + ran.err
    assert ran.status == 1


def test_many_systems_are_compared_whichever_core_compiles_them(place: Path) -> None:
    hosts = [{"serving__endpoint": {"hosts": [f"{number % 11}.example.com"]}} for number in range(12)]
    several = [written(place, f"s{number:02}", **given) for number, given in enumerate(hosts)]
    (found,) = linted(*several)
    assert found["message"].startswith("the routes of `s11` in `default` and `s00` in `default` match")


def test_what_is_kept_of_a_system_is_small(place: Path) -> None:
    """A run over a thousand systems keeps the claims of all: the lines that a finding may show, and no file or plan."""
    folder = written(place, "one", **HOST)
    file = folder / "mlspec.yaml"
    file.write_text(file.read_text() + "# comment\n" * 20000)
    ledger = Ledger()
    ledger.add(mlspec.compile(file)._compiled.claims)
    assert len(pickle.dumps(ledger)) < 10_000


def test_the_api_compares_results(place: Path) -> None:
    one, two = written(place, "one", **HOST), written(place, "two", **HOST)
    results = [mlspec.compile(folder / "mlspec.yaml") for folder in (one, two)]
    assert [found.id for found in mlspec.collisions(results)] == ["MLS610"]
    assert mlspec.collisions(results[:1]) == ()

"""The traps of services that call each other past the gateway: both of their network policies have to allow it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import mlspec

from .online import compiled, emitted, errors, of, spec
from .policies import BATCH, blocks, calling, named, namespaces, of_service, ports, trains
from .support import ROOT, changed


def test_trap_siblings_cannot_call_each_other(tmp_path: Path) -> None:
    """Both policies have to allow the connection, at the ports of the one that is called."""
    made = of(tmp_path, calling())
    labels = {"app.kubernetes.io/name": "fraud", "app.kubernetes.io/instance": "fraud-embedder"}
    caller, called = of_service(made, "fraud-api"), of_service(made, "fraud-embedder")
    [rule] = [rule for rule in caller["egress"] if "to" in rule]
    assert rule["to"] == [{"podSelector": {"matchLabels": labels}}]
    assert ports(rule) == ports(called["ingress"][0]) == [8000, 8001]
    *_, sibling = called["ingress"][0]["from"]
    assert sibling == {"podSelector": {"matchLabels": {**labels, "app.kubernetes.io/instance": "fraud-api"}}}
    for kind, name in (("Rollout", "fraud-api"), ("Deployment", "fraud-embedder")):
        pods = made.one(kind, name)["spec"]["template"]["metadata"]["labels"]
        assert of_service(made, name)["podSelector"]["matchLabels"].items() <= pods.items()
    assert len(caller["ingress"][0]["from"]) == 1


def test_trap_batch_runs_and_training_runs_call_services_too(tmp_path: Path) -> None:
    made = of(tmp_path, calling({**BATCH, "access": ["embedder"]}, **trains(access=["embedder"])))
    callers = [peer["podSelector"]["matchLabels"] for peer in of_service(made, "fraud-embedder")["ingress"][0]["from"]]
    assert [labels["app.kubernetes.io/instance"] for labels in callers] == ["fraud-api", "fraud-retrain"]
    for job, labels in zip(
        (made.one("CronJob", "fraud-api"), made.one("CronJob", "fraud-retrain")), callers, strict=True
    ):
        pods = job["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
        assert labels.items() <= pods.items()
    for name in ("fraud-api", "fraud-retrain"):
        assert [8000, 8001] in [ports(rule) for rule in of_service(made, name)["egress"]]


def test_trap_an_ambient_mesh_tunnels_requests_to_its_own_port(tmp_path: Path) -> None:
    """Policies are checked outside of the pod, where a request to a pod goes to the tunnel's port. A waypoint forwards
    requests between siblings. What is outside of the cluster is not tunneled.
    """
    mesh = {"mesh": {"provider": "istio-ambient", "waypoint": "models"}}
    servers = {
        "cache": {"kind": "tcp", "host": "redis.cache.svc", "ports": [6379]},
        "db": {"kind": "tcp", "host": "db.example.com", "ports": [5432], "cidrs": ["10.1.0.0/16"]},
        "runs": {"kind": "tracking", "url": "http://mlflow.mlops:5000"},
    }
    made = changed(calling(), platform=mesh, services__api__access=["embedder", *servers])
    made["access"] |= servers
    _, anywhere, sibling, cache, database = of_service(of(tmp_path, made), "fraud-api")["egress"]
    assert ports(anywhere) == [443, 5000, 15008]
    assert (ports(sibling), ports(cache), ports(database)) == ([8000, 8001, 15008], [6379, 15008], [5432])
    assert sibling["to"][1]["podSelector"]["matchLabels"] == {"gateway.networking.k8s.io/gateway-name": "models"}


def test_the_plan_says_who_calls_a_service(tmp_path: Path) -> None:
    result = compiled(tmp_path, calling())
    decisions = [one for area in mlspec.plan(result)["default"].areas for one in area.decisions]
    assert [one.value for one in decisions if one.title.endswith("called within the system by")] == ["fraud-api"]


def test_a_service_that_only_its_siblings_call_needs_no_other_callers(tmp_path: Path) -> None:
    made = of(tmp_path, calling(platform={"traffic": {"provider": "none"}, "rollout": {"provider": "none"}},
                                services__api__endpoint={"callers": [{"namespace": "web"}]}))  # fmt: skip
    [sibling] = of_service(made, "fraud-embedder")["ingress"][0]["from"]
    assert sibling["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "fraud-api"


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (calling(access__embedder__service="embeder"), "MLS010: unknown service `embeder`"),
        (calling(access__embedder__service="api"), "MLS012: `api` would call itself"),
        (calling(BATCH, access__embedder__service="api", services__embedder__access=["embedder"]),
         "MLS012: `api` accepts no requests"),
    ],
    ids=["an unknown one", "itself", "a batch run"],
)  # fmt: skip
def test_a_call_that_nothing_answers_is_refused(tmp_path: Path, made: dict[str, Any], message: str) -> None:
    assert [message] == errors(tmp_path, made)


def test_a_call_from_where_the_service_does_not_run_is_refused(tmp_path: Path) -> None:
    places = {"lab": {"runs": ["training"]}, "live": {"runs": ["serving", "monitoring"]}}
    made = calling(**trains(access=["embedder"]), environments=places)
    assert "MLS012: `embedder` does not run in `lab`" in errors(tmp_path, made)


def of_page(services: dict[str, Any]) -> dict[str, Any]:
    """The page's services, in a system with everything that the page leaves out."""
    made = spec(metadata__name="support", **{f"access__{name}": one for name, one in services["access"].items()})
    made["models"] = {"fraud": made.pop("model")}
    made["releases"] = {"fraud": made.pop("release")}
    serving = {key: value for key, value in made.pop("serving").items() if key != "endpoint"}
    return {**made, "services": {name: {**serving, **one} for name, one in services["services"].items()}}


def test_the_page_on_network_policies_compiles(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "network.md").read_text()
    servers, services, tokens, mesh, dns, metal = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", page, re.DOTALL))
    made = emitted(tmp_path, **{f"access__{name}": one for name, one in servers["access"].items()},
                   serving__access=servers["serving"]["access"], serving__env=servers["serving"]["env"],
                   platform=dns["platform"])  # fmt: skip
    assert [(namespaces(rule), blocks(rule), sorted(set(ports(rule)))) for rule in named(made)] == [
        (["kube-system"], ["169.254.20.10/32", "10.96.0.10/32"], [53, 5353]),
        (["cache"], [], [6379]),
        (["features"], [], [6566]),
        ([], ["10.20.0.0/24"], [5432]),
    ]
    made = of(tmp_path, of_page(services))
    variables = made.one("Rollout", "support-answers")["spec"]["template"]["spec"]["containers"][0]["env"]
    called = made.one("Service", "support-embedder")
    host = f"{called['metadata']['name']}:{called['spec']['ports'][0]['port']}"
    assert {"name": "EMBEDDER", "value": f"http://{host}"} in variables
    endpoint = tokens["services"]["answers"]["endpoint"]
    policy = emitted(tmp_path, platform=tokens["platform"], serving__endpoint=endpoint).one("SecurityPolicy")
    assert policy["spec"]["jwt"]["providers"][0]["audiences"] == ["answers"]
    [rule] = named(emitted(tmp_path, platform=mesh["platform"]))
    assert (namespaces(rule), ports(rule)) == (["aks-istio-system"], [15012])
    account = {"kind": "s3", "region": "eu-central-1", "serviceAccount": "fraud-models"}
    [rule] = named(emitted(tmp_path, platform=metal["platform"], access__store=account))
    assert (blocks(rule), ports(rule)) == (["10.0.0.7/32"], [8443])

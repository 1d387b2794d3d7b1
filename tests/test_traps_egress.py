"""The traps of egress: a connection that no policy opens times out, and the pod never starts or never answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.catalog import load as catalog

from . import batch, retraining
from .online import Emitted, compiled, emitted, errors, of, refused, spec
from .policies import IMAGE, blocks, named, namespaces, policy, ports, reached, trains
from .support import dumped

CLOUDS = tuple(catalog.clouds().entries)

EVERYWHERE: dict[str, object] = {"serving__resources": {"accelerator": {"type": "h100"}}}
"""An accelerator that every cloud has."""

DNS = [{"protocol": protocol, "port": port} for port in (53, 5353) for protocol in ("UDP", "TCP")]
ROLE = "arn:aws:iam::123456789012:role/fraud-models"


# DNS


@pytest.mark.parametrize("cloud", CLOUDS)
def test_trap_resolvers_on_the_node_match_no_selector(tmp_path: Path, cloud: str) -> None:
    """GKE's NodeLocal DNSCache, EKS Auto Mode's CoreDNS, and AKS's LocalDNS run on the node. OpenShift's pods listen on
    5353, and its network checks the policy after the translation. Only a rule without `to` works with all of them.
    """
    assert policy(emitted(tmp_path, platform__cloud=cloud, **EVERYWHERE))["egress"][0] == {"ports": DNS}


def test_trap_every_pod_that_mlspec_creates_looks_up_names(tmp_path: Path) -> None:
    run = batch.objects(tmp_path, batch.spec())["NetworkPolicy"]
    trains = retraining.objects(tmp_path)["NetworkPolicy"]
    assert [made["spec"]["egress"][0] for made in (run, trains)] == [{"ports": DNS}] * 2


@pytest.mark.parametrize(
    ("cloud", "nodes"),
    [
        ("gke", ["169.254.20.10/32", "169.254.169.254/32"]),
        ("eks", ["169.254.20.10/32"]),
        ("aks", ["169.254.10.0/24"]),
        ("none", ["169.254.20.10/32", "169.254.25.10/32"]),
    ],
)
def test_trap_a_strict_rule_for_dns_forgets_the_cache_on_the_node(tmp_path: Path, cloud: str, nodes: list[str]) -> None:
    made = emitted(tmp_path, platform__cloud=cloud, platform__network__dns="openshift-dns", **EVERYWHERE)
    rule = policy(made)["egress"][0]
    assert (namespaces(rule), blocks(rule), rule["ports"]) == (["openshift-dns"], nodes, DNS)


def test_trap_a_strict_rule_for_dns_blocks_every_lookup_where_no_pod_answers(tmp_path: Path) -> None:
    told = compiled(tmp_path, spec(platform__cloud="eks-auto", platform__network={"dns": "kube-system"}, **EVERYWHERE))
    [found] = [one for one in told.diagnostics if one.severity == "error"]
    assert (found.id, found.message) == ("MLS012", "no pods answer DNS lookups on `eks-auto`")
    assert "remove `platform.network.dns`" in found.help


def test_a_platform_describes_a_cloud_of_its_own(tmp_path: Path) -> None:
    issuer: dict[str, Any] = {"cidrs": ["10.0.0.7/32"], "ports": [8443]}
    own = {"resolvers": ["10.96.0.10/32"], "issuers": [issuer]}
    account = {"kind": "s3", "region": "eu-central-1", "serviceAccount": "fraud-models"}
    platform = {"cloud": "metal", "clouds": {"metal": own}, "network": {"dns": "kube-system"}}
    made = emitted(tmp_path, platform=platform, access__store=account)
    assert [(blocks(rule), ports(rule)) for rule in named(made)] == [
        (["10.96.0.10/32"], [53, 53, 5353, 5353]),
        (["10.0.0.7/32"], [8443]),
    ]
    issuer["ports"] = []
    assert errors(tmp_path, spec(platform=platform, access__store=account)) == [
        "MLS009: an issuer of `metal` has no `ports`"
    ]


def test_a_platform_adds_a_resolver_of_its_nodes(tmp_path: Path) -> None:
    own = {"clouds": {"none": {"resolvers": ["10.96.0.10/32"]}}, "network": {"dns": "kube-system"}}
    assert blocks(policy(emitted(tmp_path, platform=own))["egress"][0]) == ["10.96.0.10/32"]


# Credentials of an identity


@pytest.mark.parametrize(
    ("cloud", "identity", "servers"),
    [
        ("eks", None, [(["169.254.170.23/32", "fd00:ec2::23/128"], [80])]),
        ("eks", ROLE, []),
        ("eks-auto", None, [(["169.254.170.23/32", "fd00:ec2::23/128"], [80])]),
        ("gke", None, [(["169.254.169.254/32"], [80, 8080]), (["169.254.169.252/32"], [987, 988])]),
        ("aks", None, []),
        ("none", None, []),
    ],
)
def test_trap_credentials_come_from_an_address_of_the_node(
    tmp_path: Path, cloud: str, identity: str | None, servers: list[tuple[list[str], list[int]]]
) -> None:
    """Only for pods with an account. IRSA, AKS, and others exchange a token over HTTPS instead."""
    account = {"kind": "s3", "serviceAccount": "fraud-models", **({"identity": identity} if identity else {})}
    made = emitted(tmp_path, platform__cloud=cloud, access__store=account, **EVERYWHERE)
    assert [(blocks(rule), ports(rule)) for rule in named(made)] == servers
    assert named(emitted(tmp_path, platform__cloud=cloud, **EVERYWHERE)) == []


@pytest.mark.parametrize("cloud", [cloud for cloud in CLOUDS if cloud != "gke"])
def test_trap_a_token_is_exchanged_over_https_even_if_no_store_needs_it(tmp_path: Path, cloud: str) -> None:
    """The database is at 5432 only; its account needs STS or Entra at 443."""
    database = {"kind": "tcp", "host": "db.example.com", "ports": [5432], "serviceAccount": "db", "identity": ROLE}
    changes: dict[str, Any] = {**IMAGE, "access__db": database, "serving__access": ["db"], **EVERYWHERE}
    assert reached(emitted(tmp_path, platform__cloud=cloud, **changes)) == {443, 5432}
    by_secret = {"kind": "tcp", "host": "db.example.com", "ports": [5432]}
    assert reached(emitted(tmp_path, platform__cloud=cloud, **{**changes, "access__db": by_secret})) == {5432}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_trap_the_right_cloud_is_refused_because_the_wrong_one_changed_more(tmp_path: Path, cloud: str) -> None:
    """The platform file says EKS, and the spec says where it really runs. Every cloud has an effect on an account."""
    (tmp_path / "mlspec.platform.yaml").write_text(
        dumped({"apiVersion": "mlspec/v1", "kind": "Platform", "platform": {"cloud": "eks"}})
    )
    account = {"kind": "s3", "region": "eu-central-1", "serviceAccount": "fraud-models"}
    plain = of(tmp_path, spec(access__store=account))
    assert errors(tmp_path, spec(access__store=account, platform__cloud=cloud)) == []
    changed_ = of(tmp_path, spec(access__store=account, platform__cloud=cloud))
    pod_identity = ["169.254.170.23/32", "fd00:ec2::23/128"]
    assert [blocks(rule) for rule in named(plain)] == [pod_identity]
    assert (pod_identity in [blocks(rule) for rule in named(changed_)]) is cloud.startswith("eks")


# Stores and services


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
        ({**IMAGE, "access__events": {"kind": "kafka", "secret": "k", "brokers": ["b-1.example.com:9096", "b-2"]},
          "serving__access": ["events"]}, {9092, 9096}),
        ({**IMAGE, "access__runs": {"kind": "tracking", "url": "http://mlflow.mlops:5000"},
          "serving__access": ["runs"]}, {5000}),
        ({**IMAGE, "access__api": {"kind": "tcp", "host": "api.example.com", "ports": [8443, 443]},
          "serving__access": ["api"]}, {443, 8443}),
    ],
    ids=["a store", "a custom store", "a web server", "an image", "a store at run time", "a broker at run time",
         "brokers by name", "a tracking server", "an API"],
)  # fmt: skip
def test_trap_blocked_connections_time_out(tmp_path: Path, changes: dict[str, Any], expected: set[int]) -> None:
    """Nodes pull images, so pods need no egress to a registry."""
    assert reached(emitted(tmp_path, **changes)) == expected


@pytest.mark.parametrize(
    ("uri", "port"),
    [
        ("postgres://db.example.com/orders", 5432),
        ("postgresql://db.example.com:6432/orders", 6432),
        ("redis://cache.example.com/0", 6379),
        ("hdfs://lake.example.com/orders", 8020),
        ("gs://lake/orders/", 443),
    ],
)
def test_trap_only_object_stores_listen_on_443(tmp_path: Path, uri: str, port: int) -> None:
    made = batch.objects(tmp_path, batch.spec(serving__input={"uri": uri}))["NetworkPolicy"]["spec"]
    assert [each["port"] for each in made["egress"][1]["ports"]] == sorted({443, 9000, port})


def to(tmp_path: Path, **server: object) -> Emitted:
    """A service with an access to a server at 6379 and nothing else."""
    cache = {"kind": "tcp", "ports": [6379], **server}
    return emitted(tmp_path, **IMAGE, access__cache=cache, serving__access=["cache"])


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ({"host": "redis.cache.svc"}, ["cache"]),
        ({"host": "redis-0.redis.cache.svc.cluster.local"}, ["cache"]),
        ({"host": "redis"}, ["default"]),
        ({"host": "redis.cache.svc", "namespace": "shards"}, ["shards"]),
        ({"host": "redis.example.com", "namespace": "cache"}, ["cache"]),
    ],
)
def test_trap_a_policy_selects_pods_and_never_names(
    tmp_path: Path, server: dict[str, object], expected: list[str]
) -> None:
    [rule] = named(to(tmp_path, **server, pods={"app": "redis"}))
    assert (namespaces(rule), ports(rule)) == (expected, [6379])
    assert rule["to"][0]["podSelector"] == {"matchLabels": {"app": "redis"}}


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ({"host": "db.example.com", "cidrs": ["10.1.0.0/16", "fd00:1::/64"]}, ["10.1.0.0/16", "fd00:1::/64"]),
        ({"host": "10.1.2.3"}, ["10.1.2.3/32"]),
    ],
)
def test_trap_a_known_address_opens_only_itself(tmp_path: Path, server: dict[str, object], expected: list[str]) -> None:
    made = to(tmp_path, **server)
    [rule] = named(made)
    assert (blocks(rule), ports(rule)) == (expected, [6379])
    assert reached(made) == set()


@pytest.mark.parametrize("host", ["redis.example.com", "redis.svc.example.com", "svc.example.com"])
def test_trap_an_unknown_address_opens_the_port_and_no_other(tmp_path: Path, host: str) -> None:
    made = to(tmp_path, host=host)
    assert (named(made), reached(made)) == ([], {6379})


@pytest.mark.parametrize(
    ("server", "message"),
    [
        ({"host": "redis.cache.svc", "ports": []}, "MLS009: the access `cache` has no `ports`"),
        ({"host": "redis.example.com", "pods": {"a": "b"}}, "MLS009: the namespace of `redis.example.com` is unknown"),
        ({"host": "redis.cache.svc", "secret": "redis"}, "MLS009: no variable is set from the Secret `redis`"),
        ({"host": "redis.cache.svc", "cidrs": ["10.1.2.3/16"]}, "MLS006: `10.1.2.3/16` is not an IP address range"),
    ],
)  # fmt: skip
def test_an_access_that_would_open_nothing_or_everything_is_refused(
    tmp_path: Path, server: dict[str, object], message: str
) -> None:
    cache = {"kind": "tcp", "ports": [6379], **server}
    assert message in refused(tmp_path, "triton", **IMAGE, access__cache=cache, serving__access=["cache"])


def test_the_secret_of_an_access_becomes_the_variables_that_it_names(tmp_path: Path) -> None:
    api = {
        "kind": "tcp",
        "host": "api.openai.com",
        "ports": [443],
        "secret": "openai",
        "keys": {"OPENAI_API_KEY": "key"},
    }
    made = emitted(tmp_path, access__api=api, serving__access=["api"])
    assert made.env["OPENAI_API_KEY"] == {"secretKeyRef": {"name": "openai", "key": "key"}}


def test_clients_receive_the_addresses_that_the_policy_opens(tmp_path: Path) -> None:
    kafka = {"kind": "kafka", "secret": "k", "brokers": ["b-1.example.com:9096", "b-2.example.com:9096"]}
    tracking = {"kind": "tracking", "url": "http://mlflow.mlops:5000"}
    made = emitted(tmp_path, access__events=kafka, access__runs=tracking, serving__access=["events", "runs"])
    assert made.env["KAFKA_BOOTSTRAP_SERVERS"] == "b-1.example.com:9096,b-2.example.com:9096"
    assert made.env["MLFLOW_TRACKING_URI"] == "http://mlflow.mlops:5000"


def test_trap_a_tracking_server_without_an_address_would_be_blocked(tmp_path: Path) -> None:
    """A service has no `tracking` section. The address is that of the runs that training tracks, if there are any."""
    runs = {"access__runs": {"kind": "tracking"}, "serving__access": ["runs"]}
    assert "MLS009: the address of the tracking server `runs` is unknown" in refused(tmp_path, "triton", **runs)
    training = trains(tracking={"uri": "http://mlflow.mlops:5001", "access": "runs"})
    assert 5001 in reached(emitted(tmp_path, **{**runs, **training}))


def test_training_and_its_access_may_name_the_same_tracking_server(tmp_path: Path) -> None:
    """`MLFLOW_TRACKING_URI` is set once. A second server would silently win or lose, so it is refused."""
    tracker = {"kind": "tracking", "secret": "k", "url": "http://mlflow.mlops:5000"}
    made = retraining.objects(tmp_path, access__tracker=tracker)
    assert 5000 in [port["port"] for port in made["NetworkPolicy"]["spec"]["egress"][1]["ports"]]
    other = retraining.compiled(tmp_path, retraining.spec(access__tracker={**tracker, "url": "http://other:5000"}))
    assert "`MLFLOW_TRACKING_URI` would be set twice" in [one.message for one in other.found]


@pytest.mark.parametrize(
    ("access", "opened"),
    [
        ({"endpoint": "http://minio.storage.svc"}, 80),
        ({"endpoint": "http://minio.storage.svc", "ports": [9000]}, 9000),
        ({"endpoint": "https://s3.example.com:8443"}, 8443),
    ],
)
def test_trap_a_policy_sees_the_port_of_the_pods_behind_a_service(
    tmp_path: Path, access: dict[str, Any], opened: int
) -> None:
    """MinIO's Service has port 80, and its pods listen on 9000: the download timed out, and no pod started."""
    made = emitted(tmp_path, access__store={"kind": "s3", "secret": "keys", **access})
    anywhere = [rule for rule in policy(made)["egress"] if "to" not in rule and rule["ports"] != DNS]
    assert opened in [port["port"] for rule in anywhere for port in rule["ports"]]
    told = compiled(tmp_path, spec(access__store={"kind": "s3", "secret": "keys", **access}))
    assert [d.message for d in told.diagnostics if d.id == "MLS904"] == (
        ["pods of `minio.storage.svc` probably do not listen on port 80"] if opened == 80 else []
    )

"""Every kind of access, in every place of a spec that names one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.compiler.language import OBJECTS, UNIONS

from .online import Emitted, compiled, errors, spec
from .policies import BATCH, calling, of_service, ports, trains
from .support import changed, compile_text, dumped, files
from .validation import load

KINDS: dict[str, dict[str, Any]] = {
    "s3": {"secret": "k"},
    "gcs": {"secret": "k"},
    "azure": {"secret": "k", "account": "models"},
    "http": {"secret": "k"},
    "huggingface": {"secret": "k"},
    "oci": {"secret": "k"},
    "kafka": {"secret": "k"},
    "tracking": {"secret": "k", "url": "http://mlflow.mlops:5000"},
    "git": {"secret": "k"},
    "tcp": {"host": "redis.cache.svc", "ports": [6379]},
    "service": {"service": "embedder"},
}
PORTS = {"kafka": {9092}, "tracking": {5000}, "tcp": {6379}, "service": {8000, 8001}, "oci": set[int]()}
"""The ports of a kind; 443 for all others."""


def test_every_kind_of_access_is_tried() -> None:
    assert set(KINDS) == set(UNIONS["Access"][1])


def opened(tmp_path: Path, made: dict[str, Any], name: str) -> set[int] | list[str]:
    """The TCP ports that the policy of a part opens besides those of DNS, or the errors."""
    result = compiled(tmp_path, made)
    wrong = [f"{one.id}: {one.message}" for one in result.diagnostics if one.severity == "error"]
    if wrong:
        return wrong
    bodies = [load(text) for text in files(result).values()]
    made_ = Emitted([body for body in bodies if body.get("kind") == "NetworkPolicy"])
    return {port for rule in of_service(made_, name)["egress"][1:] for port in ports(rule)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["online", "batch", "training"])
def test_every_kind_of_access_opens_its_ports_where_it_is_listed(tmp_path: Path, kind: str, place: str) -> None:
    """On top of 443, at which the model or the data is downloaded."""
    own = {"kind": kind, **KINDS[kind]}
    listed: dict[str, Any] = {
        "online": {"services__api__access": ["it"]},
        "batch": {"services__api": {**BATCH, "access": ["it"]}},
        "training": trains(access=["it"]),
    }
    made = calling(access={"store": calling()["access"]["store"], "it": own}, services__api__access=None)
    name = "fraud-retrain" if place == "training" else "fraud-api"
    assert opened(tmp_path, changed(made, **listed[place]), name) == PORTS.get(kind, {443}) | {443}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["model", "input", "output", "source", "tracking", "test set"])
def test_every_kind_of_access_is_for_data_or_refused_there(tmp_path: Path, kind: str, place: str) -> None:
    """Each store has one kind. A web server may need any kind of credentials, but none for brokers or images."""
    own = {"kind": kind, **KINDS[kind]}
    source = {**trains()["data"]["sources"][0], "uri": "s3://lake/rows/", "access": "it"}
    test_set = {"uri": "s3://lake/test", "access": "it"}
    listed: dict[str, Any] = {
        "model": {"release__artifact__access": "it", "access__store": None},
        "input": {"services__api": {**BATCH, "input": {"uri": "s3://lake/in/", "access": "it"}}},
        "output": {"services__api": {**BATCH, "output": {"uri": "s3://lake/out/", "access": "it"}}},
        "source": {**trains(), "data__sources": [source]},
        "tracking": trains(tracking={"uri": "http://mlflow.mlops:5000", "access": "it"}),
        "test set": {**trains(), "evaluation__testSet": test_set},
    }
    made = calling(access={"store": calling()["access"]["store"], "it": own}, services__api__access=None)
    found = opened(tmp_path, changed(made, **listed[place]), "fraud-api")
    if kind == "service" and place != "model":
        assert found == ["MLS012: the access `it` cannot read or write data"]
    elif (
        kind not in ("kafka", "oci") if place == "tracking" else kind in ("s3", *(["tcp"] if place != "model" else []))
    ):
        assert isinstance(found, set), found
    else:
        assert f"MLS012: the access `it` does not work for `{'http' if place == 'tracking' else 's3'}://`" in found


def _pairs() -> dict[str, str]:
    """Every class of the language with an access and a URI, and the key of the URI."""
    found = dict[str, str]()
    for name, fields in OBJECTS.items():
        uri = next((key for key in ("uri", "to") if key in fields and fields[key][2][0] == "scalar"), None)
        if "access" in fields and uri is not None and fields["access"][2][0] == "scalar":
            found[name] = uri
    return found


PLACES: dict[str, Any] = {
    "Artifact": ("release.artifact", {"format": "onnx", "digest": f"sha256:{'1f' * 32}"}),
    "DataSource": ("data.sources", {"name": "more", "ingestion": "batch", "owner": "t"}),
    "FixedTestSet": ("evaluation.testSet", {}),
    "BatchData": ("services.api.input", {}),
    "BatchSource": ("features.views", {}),
    "FeatureTables": ("features.materialization.tables", {}),
    "Capture": ("monitoring.capture", {"id": "row", "by": "client"}),
    "Checkpoints": ("training.checkpoints", {}),
    "OnlineLearning": ("retraining.online", {"algorithm": "trees", "command": ["learn"]}),
    "Adapter": ("model.llm.adapters", {"name": "de"}),
    "Retrieval": ("services.api.llm.retrieval", {"store": "qdrant", "embedder": "api"}),
    "Tracking": ("training.tracking", {"provider": "mlflow"}),
}
"""Where each class may be, and what it needs there."""

LISTS = ("sources", "views", "adapters")
HEAD = {"apiVersion": "mlspec/v1", "kind": "MLSystem", "metadata": {"name": "fraud", "owner": "t"}}


def test_every_place_that_pairs_a_uri_with_an_access_is_known() -> None:
    assert set(PLACES) == set(_pairs())


@pytest.mark.parametrize("name", PLACES)
def test_every_access_is_compared_with_its_uri(tmp_path: Path, name: str) -> None:
    """Wherever they are: a store denies credentials for another one, after the merge."""
    place, more = PLACES[name]
    uri = "https://mlflow.example.com" if name == "Tracking" else "gs://lake/it/"
    part: Any = {_pairs()[name]: uri, "access": "it", **more}
    if name == "BatchSource":
        part = {"name": "view", "batchSource": part}
    path = place.replace(".", "__")
    kind = {"kind": "oci" if name == "Tracking" else "s3", "secret": "k"}
    made = changed(HEAD, access={"it": kind}, **{path: [part] if place.endswith(LISTS) else part})
    if place.startswith("services."):
        made["services"]["api"]["mode"] = "batch" if name == "BatchData" else "online"
    result = compile_text(tmp_path, dumped(made))
    said = [one.message for one in result.diagnostics]
    assert f"the access `it` does not work for `{uri.partition(':')[0]}://`" in said


def test_without_policies_an_access_that_only_opens_a_port_is_still_no_mistake(tmp_path: Path) -> None:
    """One spec runs on clusters with and without network policies."""
    cache = {"kind": "tcp", "host": "redis.cache.svc", "ports": [6379], "pods": {"app": "redis"}}
    made = calling(access__cache=cache, services__embedder__access=["cache"], platform={"network": {"policies": False}})
    assert errors(tmp_path, made) == []


def test_explain_says_why_a_port_is_open(tmp_path: Path) -> None:
    """The reason of a port names the server, so that a reviewer sees what it is for."""
    result = compiled(tmp_path, spec(access__cache={"kind": "tcp", "host": "redis.cache.svc", "ports": [6379]},
                                     serving__access=["cache"]))  # fmt: skip
    assert [one.message for one in result.diagnostics if one.severity == "error"] == []
    told = mlspec.explain(result, "NetworkPolicy/fraud:spec.egress.2.ports.0.port")
    assert "the server `redis.cache.svc`" in str(told["default"])

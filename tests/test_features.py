"""The compiled feature store: what is refused, what is emitted, and the traps of Feast and of CronJobs."""

from __future__ import annotations

import ast
import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml

import mlspec
from mlspec.runtime.feature_store.windows import aggregated

from .support import dumped, loaded
from .validation import load

SPEC: dict[str, Any] = loaded("""
apiVersion: mlspec/v1
kind: MLSystem
metadata: {name: churn, owner: crm}
problem: {useCase: Keep customers., task: binary-classification}
access:
  lake: {kind: s3, region: eu-central-1, endpoint: "https://store.example.com:9000", secret: lake-keys}
  cache: {kind: tcp, host: redis.cache.svc, ports: [6379], secret: cache, keys: {REDIS_PASSWORD: password}}
data:
  sources:
    - {name: orders, ingestion: batch, uri: "s3://lake/orders", access: lake, format: parquet, owner: shop, freshness: 1h}
  columns:
    - {name: ordered_at, dtype: timestamp, nullable: false}
    - {name: customer_id, dtype: int64, nullable: false}
    - {name: plan, dtype: category, values: {oneOf: [small, large]}}
    - {name: price, dtype: float64, min: 0}
features:
  materialization:
    image: registry.example.com/churn/features@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
    tables: {uri: "s3://lake/features", access: lake}
    online: {type: redis, address: "redis.cache.svc:6379", access: cache}
  entities: [{name: customer, key: customer_id}]
  views:
    - name: spending
      entity: customer
      source: orders
      owner: crm
      maxAge: 3h
      schedule: "0 * * * *"
      features: [{name: spent_7d, dtype: float64, transform: {aggregate: sum, column: price, window: 7d}}]
model:
  signature:
    inputs: [{name: spent_7d, dtype: float64, from: features.spending.spent_7d}]
    outputs: [{name: score, dtype: float32}]
release:
  version: 1
  artifact: {uri: "s3://lake/model.onnx", access: lake, format: onnx, size: 1Mi, digest: "sha256:0123456789012345678901234567890123456789012345678901234567890123"}
serving: {mode: online, runtime: triton, serviceTime: {mean: 5ms}, load: 20s}
constraints: {latency: {p99: 100ms}, throughput: {mean: 2/s, peak: 5/s}, availability: 99%}
""")  # noqa: E501


def compiled(folder: Path, *changes: tuple[str, Any]) -> mlspec.Result:
    spec = copy.deepcopy(SPEC)
    for path, value in changes:
        at: Any = spec
        *parents, last = [int(word) if word.isdigit() else word for word in path.split(".")]
        for word in parents:
            at = at[word]
        if value is None:
            del at[last]
        else:
            at[last] = value
    (folder / ".git").mkdir(exist_ok=True)
    (folder / "mlspec.yaml").write_text(dumped(spec))
    return mlspec.compile(folder / "mlspec.yaml")


def made(folder: Path, *changes: tuple[str, Any]) -> dict[str, Any]:
    result = compiled(folder, *changes)
    assert result.ok, result.diagnostics
    files = result.bundles["default"].files
    return {load(text)["kind"]: load(text) for path, text in files.items() if path.startswith("features/")}


VIEW = "features.views.0"
FEATURE = "features.views.0.features.0"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([(f"{VIEW}.schedule", None)], "the view `spending` has no schedule"),
        ([("data.sources.0.ingestion", "streaming"), ("data.sources.0.uri", "kafka://b:9092/o")], "is a stream"),
        ([("data.sources.0.format", "csv")], "is `csv`, and the feature store reads Parquet files"),
        ([("data.columns.0.dtype", "string")], "the time of the view `spending` is unknown"),
        ([("data.columns.1.dtype", "float64")], "a `float64` cannot be the key of an entity"),
        ([("data.columns.3.dtype", "string"), ("data.columns.3.min", None)], "a `string` has no sum"),
        ([(f"{FEATURE}.transform.window", None)], "the feature `spent_7d` has no window"),
        ([(f"{FEATURE}.transform.column", None)], "the sum of `spent_7d` has no column"),
        ([(f"{FEATURE}.transform.code", "a.b")], "both by an aggregate and by code"),
        ([(f"{FEATURE}.transform", None)], "the feature without `transform`, `spent_7d`, is no column"),
        ([(f"{FEATURE}.dtype", "uint64")], "Feast cannot hold a feature of type `uint64`"),
        ([(f"{VIEW}.features", [{"name": "plan", "dtype": "string"}, SPEC["features"]["views"][0]["features"][0]])],
         "`plan` is a column, and `spent_7d` is computed"),
        ([("features.materialization.deadline", "2h")], "the next one starts after 1h"),
        ([("features.materialization.online", {"type": "postgres", "address": "db:5432", "database": "f"})],
         "no access sets `POSTGRES_USER`"),
        ([(f"{FEATURE}.name", "customer_id"), ("model.signature.inputs.0.from", "features.spending.customer_id")],
         "has the name of the key of its entity"),
        ([(f"{FEATURE}.name", "ordered_at"), ("model.signature.inputs.0.from", "features.spending.ordered_at")],
         "has the name of the time of its view"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused(tmp_path: Path, changes: list[tuple[str, Any]], said: str) -> None:
    result = compiled(tmp_path, *changes)
    assert not result.ok
    assert any(said in one.message for one in result.diagnostics), [one.message for one in result.diagnostics]


PLACES = {
    "features.materialization.tables": ["file", "https", "hf", "azure", "abfss", "s3a", "gcs"],
    f"{VIEW}.batchSource": ["file", "https", "hf", "azure", "s3a", "kafka"],
}
"""The schemes of places that the job cannot use. For the registry, Feast knows fewer than Arrow does for tables."""


@pytest.mark.parametrize(("path", "scheme"), [(path, scheme) for path, all_ in PLACES.items() for scheme in all_])
def test_trap_the_job_of_the_feature_store_has_no_client_for_a_place(path: str, scheme: str, tmp_path: Path) -> None:
    result = compiled(tmp_path, (path, {"uri": f"{scheme}://lake/features"}))
    found = [one.message for one in result.diagnostics if one.severity == "error"]
    what = "keep its tables at" if "tables" in path else "read"
    assert found == [f"the job that fills the feature store cannot {what} `{scheme}://`"]


@pytest.mark.parametrize("scheme", ["gs", "hdfs"])
def test_the_job_of_the_feature_store_reads_other_places(scheme: str, tmp_path: Path) -> None:
    place = {"uri": f"{scheme}://lake/features"}
    result = compiled(tmp_path, ("features.materialization.tables", place), (f"{VIEW}.batchSource", place))
    assert not [one.message for one in result.diagnostics if "the feature store" in one.message]


def test_trap_two_joined_names_are_one_project_of_feast(tmp_path: Path) -> None:
    """The registry, the tables, and the keys in Redis have its name, so each replaces the features of the other."""

    def system(name: str, environment: str) -> mlspec.Result:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        return compiled(
            folder,
            ("metadata.name", name),
            ("environments", {environment: {"namespace": name}}),
            ("serving.endpoint", {"hosts": [f"{name}.example.com"]}),
        )

    (found,) = mlspec.collisions([system("churn", "eu-test"), system("churn-eu", "test")])
    assert found.id == "MLS754"
    assert found.message.endswith("both keep their features in `s3://lake/features/churn_eu_test`")
    assert found.help is not None
    assert found.help.startswith("rename one of the systems or environments: ")
    assert mlspec.collisions([system("churn", "eu-test"), system("churn-eu", "production")]) == ()


def test_trap_feast_has_no_default_port_for_redis(tmp_path: Path) -> None:
    online = {"type": "redis", "address": "redis.cache.svc", "access": "cache"}
    config = made(tmp_path, ("features.materialization.online", online))["ConfigMap"]["data"]["feature_store.yaml"]
    text = "redis.cache.svc:6379,ssl=true,password=${REDIS_PASSWORD}"
    assert yaml.safe_load(config)["online_store"]["connection_string"] == text


def test_trap_feast_refuses_two_features_of_one_name(tmp_path: Path) -> None:
    other = {**copy.deepcopy(SPEC["features"]["views"][0]), "name": "lately"}
    inputs = [*SPEC["model"]["signature"]["inputs"], {"name": "late", "dtype": "float64"}]

    def told(name: str) -> list[str]:
        other["features"][0]["name"] = name
        inputs[1]["from"] = f"features.lately.{name}"
        views = [SPEC["features"]["views"][0], other]
        result = compiled(tmp_path, ("features.views", views), ("model.signature.inputs", inputs))
        return [one.message for one in result.diagnostics if one.id == "MLS116"]

    assert told("spent_7d") == ["the model reads two features that are called `spent_7d`"]
    assert told("spent_1d") == []


def test_two_schedules_would_write_one_registry(tmp_path: Path) -> None:
    other = {**copy.deepcopy(SPEC["features"]["views"][0]), "name": "other", "schedule": "30 * * * *"}
    result = compiled(tmp_path, ("features.views", [SPEC["features"]["views"][0], other]))
    assert any("materialized together" in one.message for one in result.diagnostics)


def test_yearly_is_the_default_of_the_operator_and_not_ours(tmp_path: Path) -> None:
    cron = made(tmp_path)["CronJob"]["spec"]
    assert (cron["schedule"], cron["timeZone"], cron["concurrencyPolicy"]) == ("0 * * * *", "UTC", "Forbid")
    assert cron["startingDeadlineSeconds"] >= 10


def test_the_name_of_a_cron_job_has_room_for_its_runs(tmp_path: Path) -> None:
    name = made(tmp_path, ("metadata.name", "a" * 40))["CronJob"]["metadata"]["name"]  # 40 is the most of a system
    assert len(name) <= 52


def test_unknown_keys_are_silent_so_every_key_is_one_that_feast_reads(tmp_path: Path) -> None:
    """`tests/cluster/loop` holds them against Feast; here is what it accepted."""
    config = yaml.safe_load(made(tmp_path)["ConfigMap"]["data"]["feature_store.yaml"])
    assert set(config) == {
        "project", "provider", "registry", "offline_store", "online_store", "entity_key_serialization_version",
    }  # fmt: skip
    assert config["online_store"] == {
        "type": "redis",
        "connection_string": "redis.cache.svc:6379,ssl=true,password=${REDIS_PASSWORD}",
    }
    assert config["registry"] == "s3://lake/features/churn_default/registry.db"


@pytest.mark.parametrize(
    ("online", "expected"),
    [
        ({"type": "redis", "address": "r:6379", "tls": False}, {"type": "redis", "connection_string": "r:6379"}),
    ],
)
def test_the_other_online_stores(tmp_path: Path, online: dict[str, Any], expected: dict[str, Any]) -> None:
    objects = made(tmp_path, ("features.materialization.online", online), ("access.cache", None))
    assert yaml.safe_load(objects["ConfigMap"]["data"]["feature_store.yaml"])["online_store"] == expected


DYNAMO = ("features.materialization.online", {"type": "dynamodb", "region": "eu-central-1"})
AMAZON = {
    "kind": "s3",
    "region": "eu-central-1",
    "serviceAccount": "lake",
    "identity": "arn:aws:iam::123456789012:role/l",
}


@pytest.mark.parametrize("endpoint", [None, "https://bucket.vpce-1.s3.eu-central-1.vpce.amazonaws.com"])
def test_dynamodb_is_not_asked_at_the_endpoint_of_s3(tmp_path: Path, endpoint: str | None) -> None:
    """`AWS_ENDPOINT_URL` is that of all services, so the values went to the store of the files."""
    lake = AMAZON if endpoint is None else {**AMAZON, "endpoint": endpoint}
    objects = made(tmp_path, DYNAMO, ("access.lake", lake), ("access.cache", None))
    own = {"endpoint_url": "https://dynamodb.eu-central-1.amazonaws.com"} if endpoint is not None else {}
    expected = {"type": "dynamodb", "region": "eu-central-1", **own}
    assert yaml.safe_load(objects["ConfigMap"]["data"]["feature_store.yaml"])["online_store"] == expected


def test_dynamodb_is_not_asked_with_the_keys_of_another_store(tmp_path: Path) -> None:
    result = compiled(tmp_path, DYNAMO, ("access.cache", None))
    assert "DynamoDB would be asked with the keys of another store" in [one.message for one in result.diagnostics]


@pytest.mark.parametrize(("schedule", "stopped"), [("* * * * *", True), ("*/4 * * * *", True), ("*/5 * * * *", False)])
def test_a_run_is_not_stopped_while_it_waits_for_a_node(tmp_path: Path, schedule: str, stopped: bool) -> None:
    """A schedule of every minute gave a run 30 s for its node, its image, and its retries."""
    changed = compiled(tmp_path, (f"{VIEW}.schedule", schedule))
    assert [one.id for one in changed.diagnostics if one.severity == "error"] == (["MLS705"] if stopped else [])
    given = compiled(tmp_path, (f"{VIEW}.schedule", schedule), ("features.materialization.deadline", "50s"))
    assert given.ok


def test_postgres_gets_its_password_from_the_secret(tmp_path: Path) -> None:
    keys = {"POSTGRES_USER": "user", "POSTGRES_PASSWORD": "password"}
    online = {"type": "postgres", "address": "db.cache.svc:5433", "database": "features", "access": "cache"}
    objects = made(tmp_path, ("features.materialization.online", online), ("access.cache.keys", keys))
    assert yaml.safe_load(objects["ConfigMap"]["data"]["feature_store.yaml"])["online_store"] == {
        "type": "postgres", "host": "db.cache.svc", "port": 5433, "database": "features", "user": "${POSTGRES_USER}",
        "password": "${POSTGRES_PASSWORD}", "sslmode": "require",
    }  # fmt: skip
    [container] = objects["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    secrets = [one["name"] for one in container["env"] if "secretKeyRef" in one.get("valueFrom", {})]
    assert set(keys) <= set(secrets)


def test_a_value_that_is_computed_does_not_expire_by_its_own_age(tmp_path: Path) -> None:
    assert "ttl=timedelta(seconds=0)" in made(tmp_path)["ConfigMap"]["data"]["features.py"]


def test_a_column_expires_after_its_maximum_age(tmp_path: Path) -> None:
    changes: list[tuple[str, Any]] = [
        (f"{VIEW}.features", [{"name": "plan", "dtype": "string"}]),
        ("model.signature.inputs.0", {"name": "plan", "dtype": "string", "from": "features.spending.plan"}),
    ]
    data = made(tmp_path, *changes)["ConfigMap"]["data"]
    assert "ttl=timedelta(seconds=10800)" in data["features.py"]
    assert "path='s3://lake/orders'" in data["features.py"]
    assert "table" not in json.loads(data["features.json"])["views"][0]


def test_trap_feast_keeps_a_value_forever_if_its_age_is_zero_seconds(tmp_path: Path) -> None:
    changes: list[tuple[str, Any]] = [
        (f"{VIEW}.features", [{"name": "plan", "dtype": "string"}]),
        (f"{VIEW}.maxAge", "0.5s"),
        ("model.signature.inputs.0", {"name": "plan", "dtype": "string", "from": "features.spending.plan"}),
    ]
    assert "ttl=timedelta(seconds=1)" in made(tmp_path, *changes)["ConfigMap"]["data"]["features.py"]


def test_a_model_gets_exactly_what_its_signature_reads(tmp_path: Path) -> None:
    second = {"name": "orders_7d", "dtype": "int64", "transform": {"aggregate": "count", "window": "7d"}}
    data = made(tmp_path, (f"{VIEW}.features", [SPEC["features"]["views"][0]["features"][0], second]))
    text = data["ConfigMap"]["data"]["features.py"]
    ast.parse(text)
    assert "Field(name='orders_7d', dtype=Int64)" in text
    assert "view_spending[['spent_7d']]," in text


def test_a_quote_in_a_description_stays_text(tmp_path: Path) -> None:
    words = "it's \"quoted\" \\ and 'closed'\n), Field(name='x'"
    text = made(tmp_path, (f"{FEATURE}.description", words))["ConfigMap"]["data"]["features.py"]
    fields = [
        one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.Call) and getattr(one.func, "id", "") == "Field"
    ]
    assert len(fields) == 2


def test_a_registry_in_a_store_with_its_own_address_is_found(tmp_path: Path) -> None:
    """Feast reads its registry by a variable of its own, and a source by an argument."""
    objects = made(tmp_path)
    [container] = objects["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    values = {one["name"]: one.get("value") for one in container["env"]}
    assert values["FEAST_S3_ENDPOINT_URL"] == values["AWS_ENDPOINT_URL"] == "https://store.example.com:9000"
    assert "s3_endpoint_override='https://store.example.com:9000'" in objects["ConfigMap"]["data"]["features.py"]


def test_the_job_reaches_its_stores(tmp_path: Path) -> None:
    egress = made(tmp_path)["NetworkPolicy"]["spec"]["egress"]
    ports = [port["port"] for rule in egress[1:] for port in rule["ports"]]
    assert sorted(ports) == [443, 6379, 9000]


def test_a_store_that_is_filled_elsewhere_compiles_to_nothing(tmp_path: Path) -> None:
    removed = (
        "features.materialization",
        "access.cache",
        *(f"data.sources.0.{key}" for key in ("uri", "access", "format")),
    )
    result = compiled(tmp_path, *((path, None) for path in removed))
    assert result.ok, result.diagnostics
    assert not [path for path in result.bundles["default"].files if path.startswith("features/")]


@pytest.mark.parametrize(
    ("column", "aggregate", "dtype", "message"),
    [
        ("price", "mean", "int64", "MLS012 `mean` gives a fraction, which no `int64` holds"),
        ("price", "stddev", "uint8", "MLS012 `stddev` gives a fraction, which no `uint8` holds"),
        ("plan", "last", "int32", "MLS012 `last` gives a text, which no `int32` holds"),
        ("plan", "distinct", "bytes", "MLS012 `distinct` gives a number, which no `bytes` holds"),
        ("price", "mean", "float32", ""),
        ("price", "last", "int64", ""),  # a price may be whole
        ("plan", "last", "category", ""),
        ("plan", "count", "int8", ""),
        ("plan", "count", "float32", ""),
        ("ordered_at", "last", "int64", ""),
    ],
)
def test_trap_the_table_of_a_view_takes_no_other_type(
    tmp_path: Path, column: str, aggregate: str, dtype: str, message: str
) -> None:
    """The job converts without rounding, so it would fail at its first fraction."""
    feature = {
        "name": "spent_7d",
        "dtype": dtype,
        "transform": {"aggregate": aggregate, "column": column, "window": "7d"},
    }
    found = compiled(tmp_path, ("features.views.0.features.0", feature)).diagnostics
    assert [f"{one.id} {one.message}" for one in found if one.severity == "error"] == ([message] if message else [])
    if message:
        values = {"price": [1.0, 2.5], "plan": ["small", "large"]}[column]
        made_, missing = aggregated(aggregate, np.array(values), np.array([0]), np.array([2]))
        kind = {"int64": pa.int64(), "uint8": pa.uint8(), "int32": pa.int32(), "bytes": pa.binary()}[dtype]
        with pytest.raises((TypeError, ValueError, NotImplementedError)):
            pa.array(made_, mask=missing, from_pandas=True).cast(kind)

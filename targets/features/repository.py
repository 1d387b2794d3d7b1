"""The Feast repository: `feature_store.yaml`, and `features.py` with its entities, sources, views, and services.

Written for Feast 0.67. Traps handled here:

- Feast ignores unknown keys at the top of `feature_store.yaml`, and refuses them below a store. So
  tests/cluster/loop/test_feature_settings.py loads what is written for each online store into the classes that read it.
- Feast replaces `$NAME` in it, before it parses the YAML, with the variable of the environment.
- A registry path in an object store must be a plain string: a mapping with `registry_type: file` takes it for a local
  path.
- Without a schema, `feast apply` infers the types from the data, and they change with it.
- The offline store Dask drops rows of training whose entity has only later values (`_filter_ttl` in
  feast/infra/offline_stores/dask.py), so the job gives each entity of a computed view a first row, before all others.
  DuckDB keeps such rows, but it reads object stores neither with the credentials of a pod nor by folder.
- `online=False` is not the default, and `ttl` left out is no limit, but is no time to start from, either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.dump import Line, Lines
from ...compiler.finding import refusal
from ...compiler.plan.data.store import StorePlan, ViewPlan
from ...compiler.plan.scope import Scope
from ...compiler.system import DynamoStore, Model, PostgresStore, RedisStore, S3Access

__all__ = ["TYPES", "arrow_type", "definitions", "dynamo_url", "settings"]

TYPES = {
    "bool": ("Bool", "bool"), "int8": ("Int32", "int32"), "int16": ("Int32", "int32"), "int32": ("Int32", "int32"),
    "int64": ("Int64", "int64"), "uint8": ("Int32", "int32"), "uint16": ("Int32", "int32"),
    "uint32": ("Int64", "int64"), "float16": ("Float32", "float"), "bfloat16": ("Float32", "float"),
    "float32": ("Float32", "float"), "float64": ("Float64", "double"), "string": ("String", "string"),
    "category": ("String", "string"), "bytes": ("Bytes", "binary"),
}  # fmt: skip
"""The type of Feast that holds each type of the language, and the type of its column in a table."""

_KEYS = {"String": "STRING", "Int32": "INT32", "Int64": "INT64"}
"""The types of keys, as `ValueType` names them."""


def feast_type(dtype: Because[str]) -> Because[str]:
    """The type of Feast that holds all values of a type."""
    if dtype.value not in TYPES:
        raise refusal(
            "MLS012",
            f"Feast cannot hold a feature of type `{dtype.value}`",
            dtype,
            note="values would be rounded, or materialization would fail",
            help="use one of " + ", ".join(f"`{name}`" for name in TYPES),
        )
    return dtype.map(lambda name: TYPES[name][0])


def arrow_type(dtype: Because[str]) -> Because[str]:
    """The type of the column in a table that the job computes."""
    feast_type(dtype)
    return dtype.map(lambda name: TYPES[name][1])


# feature_store.yaml


def settings(store: StorePlan) -> Lines:
    """The file `feature_store.yaml`."""
    return Lines(*_settings(store))


def _settings(store: StorePlan) -> Iterator[Line]:
    yield text("project: {name}", name=store.project.also(store.features.store))
    yield "provider: local"
    yield text("registry: {path}", path=text("{folder}/registry.db", folder=store.folder).map(json.dumps))
    yield "offline_store:"
    yield "  type: dask"
    online = store.part.online
    if online is not None:
        yield "online_store:"
        yield from _online(store, online)
    else:
        yield text("online_store: {none}", none=fixed("null", "no lookups: only tables are read"))
    yield text("entity_key_serialization_version: {version}", version=fixed(3, "the newest one"))


def _online(store: StorePlan, online: RedisStore | PostgresStore | DynamoStore) -> Iterator[Line]:
    yield text("  type: {type}", type=online.type)
    known = _variables(store.scope, online.access)
    if isinstance(online, RedisStore):
        host, port = _server(online.address, "6379")  # Feast has no default
        parts = [text("{host}:{port}", host=host, port=port)]
        parts += [online.tls.map(lambda _: "ssl=true")] if online.tls.value else []
        password = known.get("REDIS_PASSWORD")
        parts += (
            [because("password=${REDIS_PASSWORD}", "the variable of the access", password)]
            if password is not None
            else []
        )
        joined = because(",".join(part.value for part in parts), "the connection", parts, online.tls, [*known.values()])
        yield text("  connection_string: {value}", value=joined.map(json.dumps))
    elif isinstance(online, PostgresStore):
        yield from _postgres(online, known)
    else:
        yield text("  region: {region}", region=online.region)
        for endpoint in _other_endpoint(store, online):
            yield text("  endpoint_url: {url}", url=dynamo_url(online).also(endpoint))


def dynamo_url(online: DynamoStore) -> Because[str]:
    """Where DynamoDB is."""
    end = ".cn" if online.region.value.startswith("cn-") else ""
    return text(f"https://dynamodb.{{region}}.amazonaws.com{end}", region=online.region)


def _other_endpoint(store: StorePlan, online: DynamoStore) -> Iterator[Because[str]]:
    """The endpoint of S3. `AWS_ENDPOINT_URL` makes it that of DynamoDB as well, unless Feast's configuration names
    another one. Refuses keys of another store than Amazon's, with which DynamoDB would be asked.
    """
    names = [*(view.access for view in store.views), store.part.tables.access]
    known = [store.scope.system.access.get(name.value) for name in names if name is not None]
    found = [one for one in known if isinstance(one, S3Access) and one.endpoint is not None]
    for one in found:
        if one.secret is not None and one.endpoint is not None and ".amazonaws.com" not in one.endpoint.value:
            raise refusal(
                "MLS012",
                "DynamoDB would be asked with the keys of another store",
                online.type,
                others=((one.endpoint, "the store"), (one.secret, "its keys")),
                note="a container has one `AWS_ACCESS_KEY_ID` for all services of AWS, so the job would read its "
                "sources, and fail to fill the online store",
                help="keep the sources and the tables in Amazon S3, or use `type: redis` or `type: postgres`",
            )
    yield from (one.endpoint for one in found[:1] if one.endpoint is not None)


def _postgres(online: PostgresStore, known: dict[str, Because[str]]) -> Iterator[Line]:
    host, port = _server(online.address, "5432")
    yield text("  host: {host}", host=host.map(json.dumps))
    yield text("  port: {port}", port=port)
    yield text("  database: {name}", name=online.database.map(json.dumps))
    for key, variable in (("user", "POSTGRES_USER"), ("password", "POSTGRES_PASSWORD")):
        if variable not in known:
            raise refusal(
                "MLS009",
                f"no access sets `{variable}`",
                online.access if online.access is not None else online.address,
                note="PostgreSQL would refuse the connection",
                help=f"add an `access` whose `keys` map `{variable}` to a key of its Secret",
            )
        yield text(f'  {key}: "${{{{{variable}}}}}"{{none}}', none=known[variable].map(lambda _: ""))
    yield text("  sslmode: {mode}", mode=online.tls.map(lambda tls: "require" if tls else "disable"))


def _server(address: Because[str], default: str) -> tuple[Because[str], Because[str]]:
    """The host and the port of an address, which may leave out the default port."""
    host, _, port = address.value.rpartition(":")
    known = bool(host) and port.isdecimal()
    return address.map(lambda whole: host if known else whole), address.map(lambda _: port if known else default)


def _variables(scope: Scope, name: Because[str] | None) -> dict[str, Because[str]]:
    if name is None:
        return {}
    access = scope.system.access[name.value]
    return {key: value.also(name) for key, value in access.keys.items()} if access.secret is not None else {}


# features.py


def definitions(store: StorePlan) -> Lines:
    """The file `features.py`."""
    return Lines(*_definitions(store))


def _definitions(store: StorePlan) -> Iterator[Line]:
    yield text('"""The features of {system}, as Feast knows them."""', system=store.scope.system.metadata.name)
    yield from (
        "",
        "from datetime import timedelta",
        "",
        "from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType",
        "from feast.data_format import ParquetFormat",
        "from feast.types import Bool, Bytes, Float32, Float64, Int32, Int64, String",
    )
    used = {view.entity.name.value: view for view in store.views}
    for view in used.values():
        yield from _entity(view)
    for view in store.views:
        yield from _source(view)
        yield from _view(view)
    for model in store.scope.system.models.values():
        yield from _service(store, model)


def variable(kind: str, name: Because[str]) -> Because[str]:
    """A Python name. Two names that differ only in other characters would be one: they get a checksum."""
    plain = re.sub(r"\W", "_", name.value, flags=re.ASCII)
    suffix = "" if plain == name.value else "_" + "".join(f"{ord(c):x}" for c in name.value if not c.isalnum())
    return name.map(lambda _: f"{kind}_{plain}{suffix}")


def _entity(view: ViewPlan) -> Iterator[Line]:
    entity, dtype = view.entity, view.key.dtype
    kind = feast_type(dtype)
    if kind.value not in _KEYS:
        raise refusal(
            "MLS012",
            f"a `{dtype.value}` cannot be the key of an entity",
            dtype,
            others=((entity.key, "the key of the entity"),),
            note="two equal keys would not find each other",
            help="use a string or an integer",
        )
    yield ""
    yield text("{variable} = Entity(", variable=variable("entity", entity.name))
    yield text("    name={name},", name=entity.name.map(repr))
    yield text("    join_keys=[{key}],", key=entity.key.map(repr))
    yield text("    value_type=ValueType.{kind},", kind=kind.map(_KEYS.__getitem__))
    yield ")"


def _source(view: ViewPlan) -> Iterator[Line]:
    yield ""
    yield text("{variable} = FileSource(", variable=variable("source", view.name))
    yield text("    name={name},", name=view.name.map(lambda name: repr(f"{name}_source")))
    yield text("    path={path},", path=view.table.map(repr))
    yield "    file_format=ParquetFormat(),"
    yield text("    timestamp_field={column},", column=view.timestamp.name.map(repr))
    endpoint = _endpoint(view)
    if endpoint is not None:
        yield text("    s3_endpoint_override={url},", url=endpoint.map(repr))
    yield ")"


def _endpoint(view: ViewPlan) -> Because[str] | None:
    name = view.store.part.tables.access if view.computed.value else view.access
    access = view.store.scope.system.access[name.value] if name is not None else None
    return access.endpoint.also(name) if isinstance(access, S3Access) and access.endpoint is not None else None


def _view(view: ViewPlan) -> Iterator[Line]:
    part = view.view
    online = view.store.part.online
    yield ""
    yield text("{variable} = FeatureView(", variable=variable("view", view.name))
    yield text("    name={name},", name=view.name.map(repr))
    yield text("    entities=[{entity}],", entity=variable("entity", view.entity.name).also(part.entity))
    yield text("    ttl=timedelta(seconds={ttl}),", ttl=view.ttl)
    yield "    schema=["
    yield text(
        "        Field(name={name}, dtype={kind}),",
        name=view.key.name.map(repr).also(view.entity.key),
        kind=feast_type(view.key.dtype),
    )
    for feature in part.features:
        about = feature.description
        yield text(
            "        Field(name={name}, dtype={kind}{about}),",
            name=feature.name.map(repr),
            kind=feast_type(feature.dtype),
            about=about.map(lambda words: f", description={words!r}") if about is not None else fixed("", "no text"),
        )
    yield "    ],"
    yield text("    source={source},", source=variable("source", view.name))
    kept = because("True", "lookups", online.type) if online is not None else fixed("False", "there are no lookups")
    yield text("    online={online},", online=kept)
    if part.owner is not None:
        yield text("    owner={owner},", owner=part.owner.map(repr))
    yield ")"


def _service(store: StorePlan, model: Model) -> Iterable[Line]:
    """What one model reads, in the order of its inputs."""
    inputs = model.signature.inputs if model.signature is not None else ()
    read = {
        view.name.value: [
            (feature.name, tensor.from_)
            for tensor in inputs
            for feature in view.view.features
            if tensor.from_.value == f"features.{view.name.value}.{feature.name.value}"
        ]
        for view in store.views
    }
    if not any(read.values()):
        return
    yield ""
    yield text("{variable} = FeatureService(", variable=variable("service", model.own_name))
    yield text("    name={name},", name=model.own_name.map(repr))
    yield "    features=["
    for view in store.views:
        names = read[view.name.value]
        if names:
            quoted = because(
                ", ".join(dict.fromkeys(repr(name.value) for name, _ in names)),
                "what it reads",
                names,
                [t.from_ for t in inputs],
            )
            yield text("        {view}[[{names}]],", view=variable("view", view.name), names=quoted)
    yield "    ],"
    yield ")"

"""The feature store: entities, views, how features are computed, and where they are kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import (
    AccessName,
    Address,
    ColumnName,
    Cores,
    Cron,
    Duration,
    EntityName,
    Identifier,
    Image,
    PositiveDuration,
    Section,
    Size,
    SourceName,
    Text,
    Uri,
    default,
    derived,
    listed,
    optional,
    required,
)
from .data import Dtype


class Entity(Section):
    """An entity that features describe."""

    name: Identifier = required("The entity name.")
    key: ColumnName = required("The column that identifies it.")


class Transform(Section):
    """How a feature is computed: an aggregate over a window, or code.

    The window ends at the time of the value and includes it, but not its own beginning. `count`, `sum`, and `distinct`
    of nothing are 0, other aggregates of nothing are missing. `stddev` is that of a sample.
    """

    aggregate: Literal["count", "sum", "mean", "min", "max", "stddev", "last", "distinct"] | None = optional(
        "The aggregate over the window."
    )
    column: ColumnName | None = optional("The column to aggregate.")
    window: PositiveDuration | None = optional("How far back the aggregate or the code looks.")
    code: Identifier | None = optional(
        "The function that computes it, as a dotted path. It gets the rows of the source as a pandas DataFrame, in the "
        "order of their time, and returns one value for each row."
    )


class Feature(Section):
    """One feature."""

    name: Identifier = required("The feature name.")
    dtype: Dtype = required("The data type.")
    transform: Transform | None = optional("How it is computed.")
    available: Literal["at-prediction", "after-outcome"] = default(
        "at-prediction",
        "When its value becomes known.",
        "most features are; mark the ones known only after the outcome, or they leak into training",
    )
    owner: Text | None = optional("The team responsible for it, if it is not the view's owner.")
    description: Text | None = optional("What the feature contains.")


class BatchSource(Section):
    """A copy of a source in Parquet files, which a batch job can read."""

    uri: Uri = required("The file or the folder.")
    access: AccessName | None = optional("The access used to read it.")


class FeatureView(Section):
    """Features of one entity, computed from one source."""

    name: Identifier = required("The view name.")
    entity: EntityName = required("The entity that the features describe.")
    source: SourceName = required("The source that the features are computed from.")
    owner: Text | None = optional("The team responsible for it.")
    max_age: PositiveDuration | None = optional("The maximum age of a value at serving time.")
    schedule: Cron | None = optional(
        "When the view is materialized, in UTC. Required with `materialization`, where all views share one schedule."
    )
    timestamp: ColumnName | None = optional(
        "The column with the time of the event. If omitted, the only column of the source that is a time or a date."
    )
    batch_source: BatchSource | None = optional(
        "A copy of the source in Parquet files. Required for materialization if the source is a stream, or is stored "
        "in another format."
    )
    features: list[Feature] = listed("The features in this view.", key="name")


class FeatureTables(Section):
    """Where the registry of the feature store and the tables of its computed views are."""

    uri: Uri = required("The folder. Each environment has its own folder below it.")
    access: AccessName | None = optional("The access used to read and write it.")


class _OnlineStore(Section):
    access: AccessName | None = optional(
        "The access used to connect to it. Its Secret sets the variables that the store needs."
    )


class RedisStore(_OnlineStore):
    """Redis or Valkey. Its password, if it has one, is the variable `REDIS_PASSWORD` of the access."""

    type: Literal["redis"] = required("The kind of store.")
    address: Address = required("The host and the port, which is 6379 if it is left out.")
    tls: bool = default(True, "Whether connections are encrypted.", "passwords and features cross the network")


class PostgresStore(_OnlineStore):
    """PostgreSQL. Its user and password are the variables `POSTGRES_USER` and `POSTGRES_PASSWORD` of the access."""

    type: Literal["postgres"] = required("The kind of store.")
    address: Address = required("The host and the port, which is 5432 if it is left out.")
    database: Identifier = required("The database.")
    tls: bool = default(True, "Whether connections are encrypted.", "passwords and features cross the network")


class DynamoStore(_OnlineStore):
    """Amazon DynamoDB."""

    type: Literal["dynamodb"] = required("The kind of store.")
    region: Identifier = required("The region of the tables.")


OnlineStore = Annotated[RedisStore | PostgresStore | DynamoStore, Field(discriminator="type")]


class Materialization(Section):
    """A job that computes features, registers them in Feast, and copies their newest values to the online store."""

    image: Image = required("The image. It needs Feast with the extras for the stores, and the code of the features.")
    tables: FeatureTables = required("Where the registry and the tables of computed views are.")
    online: OnlineStore | None = optional(
        "The store that answers lookups. If omitted, only training and batch inference read features, from the tables."
    )
    user: int = default(
        1000, "The numeric user ID that the image runs as; never 0.", "the first non-root user in most images", ge=1,
        le=2147483647,
    )  # fmt: skip
    cpu: Cores = default("1", "CPU cores.", "one process does the work")
    memory: Size = default("4Gi", "Memory, for the rows of the longest window and the new ones.", "a first guess")
    deadline: PositiveDuration | None = derived(
        "How long a run may take.", "as half of the shortest gap between two runs"
    )


class Features(Section):
    """The feature store."""

    store: Literal["feast"] = default("feast", "The feature store.", "the de facto open-source standard")
    lookup: Duration | None = optional(
        "How long the online store takes to answer, at the percentile of the bounds. It counts toward the latency "
        "bounds of the services whose model reads features, in addition to their service time. Omit it if callers look "
        "features up before they send a request."
    )
    materialization: Materialization | None = optional(
        "The job that fills the store. If omitted, another system fills it, and mlspec only checks what models read."
    )
    entities: list[Entity] = listed("The entities that features describe.", key="name")
    views: list[FeatureView] = listed("The feature views.", key="name")

"""Data sources, the data contract, preprocessing, splits, and features."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from .base import (
    AccessName,
    Address,
    Ascending,
    ColumnName,
    Cores,
    Count,
    Cron,
    Duration,
    EntityName,
    Identifier,
    Image,
    Memory,
    Percent,
    PositiveDuration,
    Regex,
    Section,
    SourceName,
    Text,
    UnitPrice,
    Uri,
    Url,
    default,
    derived,
    listed,
    optional,
    required,
)

Dtype = Literal[
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "bfloat16", "float32",
    "float64", "string", "bytes", "category", "timestamp", "date",
]  # fmt: skip


DataFormat = Literal[
    "parquet", "csv", "json", "jsonl", "avro", "protobuf", "orc", "delta", "iceberg", "images", "text",
]  # fmt: skip


class Volume(Section):
    """How much data there is."""

    records: Count | None = optional("How many records exist.")
    daily: Count | None = optional("How many records arrive per day.")
    size: Memory | None = optional("The total size.")
    history: Duration | None = optional("How far back the data goes.")


class PinnedVersion(Section):
    """A pinned version: every run reads the same data, until the spec changes."""

    kind: Literal["dvc", "lakefs", "iceberg", "delta", "git", "s3-version", "sha256", "snapshot"] = required(
        "The versioning system."
    )
    id: Text = required("The version ID in that system. Iceberg's 64-bit snapshot IDs are kept as text.")


class RunVersion(Section):
    """The version at the time of the run: every run reads new data, and records in `model.json` what it read."""

    kind: Literal["as-of-run"] = required("As of the run.")
    lag: Duration = default(
        "0s",
        "How long before the scheduled time of the run its data ends. Later records may still change.",
        "records are final when they arrive; late ones need a lag",
    )


DataVersion = Annotated[PinnedVersion | RunVersion, Field(discriminator="kind")]


class DataSource(Section):
    """One data source."""

    name: Identifier = required("The name that the rest of the spec uses to refer to it.")
    ingestion: Literal["batch", "streaming", "request"] = required("How data arrives.")
    uri: Uri | None = optional("The location, which mlspec passes to training runs.")
    access: AccessName | None = optional("The access used to read it.")
    format: DataFormat | None = optional("The data format.")
    volume: Volume | None = optional("How much data there is.")
    owner: Text | None = optional("The team to contact when the data changes.")
    freshness: PositiveDuration | None = optional("The maximum age of its newest record.")
    version: DataVersion | None = optional("The version that training runs read.")


class Values(Section):
    """The values that a low-cardinality column may hold."""

    one_of: list[Text] = listed("The allowed values.")
    max: Count | None = optional("The maximum number of distinct values, which bounds monitoring cardinality.")


class Column(Section):
    """One column and its expectations: the data contract that the validate step enforces."""

    ascending: ClassVar[Ascending] = (
        (("min", "max"), "every row would fail validation, because no value is possible"),
    )

    name: Identifier = required("The column name.")
    dtype: Dtype = required("The data type.")
    from_: SourceName | None = optional("The source, if there is more than one.")
    entity: Identifier | None = optional(
        "The entity that this column identifies. All rows of an entity belong in the same split."
    )
    nullable: bool = default(True, "Whether values may be missing.", "most real columns have gaps")
    null_share: Percent | None = optional("The maximum share of missing values.")
    unique: bool = default(False, "Whether every value is distinct.", "only keys are unique")
    min: float | None = optional("The smallest allowed value.")
    max: float | None = optional("The largest allowed value.")
    pattern: Regex | None = optional("A regular expression that every value must match.")
    values: Values | None = optional("The allowed values, or how many distinct values there may be.")
    personal: bool = default(False, "Whether it is personal data.", "only the data owner can mark it as personal")
    available: Literal["at-prediction", "after-outcome"] = default(
        "at-prediction",
        "When its value becomes known.",
        "most columns are; mark the ones known only after the outcome, or they leak into training",
    )
    description: Text | None = optional("What the column contains.")


class Labels(Section):
    """The ground truth that the model learns from, and when it becomes available."""

    column: ColumnName = required("The label column.")
    source: SourceName | None = optional("The source that delivers labels.")
    delay: Duration | None = optional("How long after the prediction the label arrives.")
    cost: UnitPrice | None = optional("The cost of one label.")
    affected_by_decisions: bool = default(
        False,
        "Whether the model's decisions determine which labels exist (a declined payment never shows fraud).",
        "most labels do not depend on the prediction",
    )
    unlabeled: Literal["dropped", "negative"] = default(
        "dropped",
        "What a row without a label means: nothing, so it is dropped, or that the event did not happen, such as a "
        "payment without a chargeback. It matters if `source` delivers labels for only some of the rows.",
        "a row without a label teaches nothing and tests nothing",
    )
    positive_share: Percent | None = optional("The share of positive labels. Below 10%, accuracy tells you little.")


class Labeling(Section):
    """How labels are produced, if annotators or programs produce them."""

    process: Literal["manual", "programmatic", "feedback", "model-assisted"] = required("The labeling process.")
    tool: Text | None = optional("The labeling tool.")
    project: Url | None = optional("The project in that tool.")
    guidelines: Url | None = optional("The annotation guidelines.")
    annotators: int | None = optional("How many annotators label each item.", ge=1, le=1000)
    agreement: Percent | None = optional("The minimum inter-annotator agreement for a label to be used.")


FitOn = Literal["train", "all"]
_FIT_ON = (
    "The rows that the step is fitted on.",
    "fitting on test rows leaks them into training",
)


class Impute(Section):
    """Fill missing values."""

    step: Literal["impute"] = required("The kind of step.")
    columns: list[ColumnName] = listed("The columns to impute.")
    strategy: Literal["mean", "median", "mode", "constant"] = default("median", "The fill value.", "robust to outliers")
    value: float | None = optional("The constant to fill with.")
    fit_on: FitOn = default("train", *_FIT_ON)


class Clip(Section):
    """Clip outliers to a range."""

    ascending: ClassVar[Ascending] = (
        (("min", "max"), "every value would become the same one"),
        (("quantiles",), "every value would become the same one"),
    )

    step: Literal["clip"] = required("The kind of step.")
    columns: list[ColumnName] = listed("The columns to clip.")
    quantiles: list[Percent] = listed("The lower and upper quantiles to clip at.")
    min: float | None = optional("The smallest value to keep.")
    max: float | None = optional("The largest value to keep.")
    fit_on: FitOn = default("train", *_FIT_ON)


class Scale(Section):
    """Scale numeric columns."""

    step: Literal["scale"] = required("The kind of step.")
    columns: list[ColumnName] = listed("The columns to scale.")
    method: Literal["standard", "min-max", "robust", "log"] = default(
        "standard", "The scaling method.", "what most models expect"
    )
    fit_on: FitOn = default("train", *_FIT_ON)


class Encode(Section):
    """Encode categories as numbers."""

    step: Literal["encode"] = required("The kind of step.")
    columns: list[ColumnName] = listed("The columns to encode.")
    method: Literal["one-hot", "ordinal", "target", "hash"] = default(
        "one-hot", "The encoding.", "it imposes no order on the categories"
    )
    fit_on: FitOn = default("train", *_FIT_ON)


class Tokenize(Section):
    """Tokenize text."""

    step: Literal["tokenize"] = required("The kind of step.")
    columns: list[ColumnName] = listed("The columns to tokenize.")
    tokenizer: Text = required("The tokenizer's name on the hub.")
    max_length: int | None = optional("Truncate longer texts to this many tokens.", ge=1)


class Resize(Section):
    """Resize images."""

    step: Literal["resize"] = required("The kind of step.")
    columns: list[ColumnName] = listed("The columns to resize.")
    width: int = required("The width in pixels.", ge=1, le=65535)
    height: int = required("The height in pixels.", ge=1, le=65535)


class Deduplicate(Section):
    """Drop duplicate rows, which would otherwise end up on both sides of a split."""

    step: Literal["deduplicate"] = required("The kind of step.")
    columns: list[ColumnName] = listed("The columns to compare; empty means all.")


class CustomStep(Section):
    """Any other step, implemented in your code."""

    step: Literal["custom"] = required("The kind of step.")
    columns: list[ColumnName] = listed("The columns to process.")
    code: Identifier = required("The function, as a dotted path.")
    fit_on: FitOn = default("train", *_FIT_ON)


Preprocessing = Annotated[
    Impute | Clip | Scale | Encode | Tokenize | Resize | Deduplicate | CustomStep, Field(discriminator="step")
]


class _Split(Section):
    train: Percent = default("70%", "The share used for training.", "the conventional split")
    validation: Percent = default("15%", "The share used for model selection.", "the conventional split")
    test: Percent = default("15%", "The share used once, for the final evaluation.", "the conventional split")


class TemporalSplit(_Split):
    """Train on the past, evaluate on the future: the only honest split for time-dependent data."""

    strategy: Literal["temporal"] = required("The split strategy.")
    column: ColumnName = required("The timestamp column.")
    gap: Duration = default("0s", "The time range to drop between the parts.", "no gap; delayed labels need one")


class RandomSplit(_Split):
    """Split rows at random."""

    strategy: Literal["random"] = required("The split strategy.")


class StratifiedSplit(_Split):
    """Split rows at random while preserving the distribution of one column."""

    strategy: Literal["stratified"] = required("The split strategy.")
    column: ColumnName = required("The column whose distribution to preserve.")


class GroupedSplit(_Split):
    """Keep all rows of an entity in the same part."""

    strategy: Literal["grouped"] = required("The split strategy.")
    column: ColumnName = required("The column that identifies the entity.")


Split = Annotated[TemporalSplit | RandomSplit | StratifiedSplit | GroupedSplit, Field(discriminator="strategy")]


class Data(Section):
    """The data pipeline: compiled into the configuration of the training steps, and checked by lint."""

    sources: list[DataSource] = listed("The data sources.", key="name")
    columns: list[Column] = listed("The columns and their expectations: the data contract.", key="name")
    labels: Labels | None = optional("The ground truth, and when it becomes available.")
    labeling: Labeling | None = optional("How labels are produced.")
    preprocessing: list[Preprocessing] = listed("The preprocessing steps, in order.")
    split: Split | None = optional("How rows are split into training, validation, and test data.")


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
    address: Address = required("The host and the port.")
    tls: bool = default(True, "Whether connections are encrypted.", "passwords and features cross the network")


class PostgresStore(_OnlineStore):
    """PostgreSQL. Its user and password are the variables `POSTGRES_USER` and `POSTGRES_PASSWORD` of the access."""

    type: Literal["postgres"] = required("The kind of store.")
    address: Address = required("The host and the port.")
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
    memory: Memory = default("4Gi", "Memory, for the rows of the longest window and the new ones.", "a first guess")
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

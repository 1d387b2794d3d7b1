"""Data sources, the data contract, preprocessing, and splits."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from .base import (
    AccessName,
    Ascending,
    Chance,
    ColumnName,
    Count,
    Duration,
    Identifier,
    Percent,
    PositiveCount,
    PositiveDuration,
    Regex,
    Section,
    Size,
    SourceName,
    Text,
    UnitPrice,
    Uri,
    Url,
    default,
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

    records: PositiveCount | None = optional("How many records exist.")
    daily: Count | None = optional("How many records arrive per day.")
    size: Size | None = optional("The total size.")
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
    max: PositiveCount | None = optional("The maximum number of distinct values, which bounds monitoring cardinality.")


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
    positive_share: Chance | None = optional("The share of positive labels. Below 10%, accuracy tells you little.")


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

"""Where data comes from, what it must look like, how it is prepared and split, and which features are made of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import (
    AccessName,
    ColumnName,
    Count,
    Cron,
    Duration,
    EntityName,
    Identifier,
    Memory,
    Percent,
    Section,
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

    records: Count | None = optional("How many records exist.")
    daily: Count | None = optional("How many arrive each day.")
    size: Memory | None = optional("How large they are together.")
    history: Duration | None = optional("How far back they go.")


class DataVersion(Section):
    """What pins the data, so that a training run can be repeated."""

    kind: Literal["dvc", "lakefs", "iceberg", "delta", "git", "s3-version", "sha256", "snapshot"] = required(
        "Which system versions it."
    )
    id: Text = required("The version in that system's words; Iceberg's 64-bit snapshot ids are kept as text.")


class DataSource(Section):
    """One place that data comes from."""

    name: Identifier = required("The name by which the rest of the spec refers to it.")
    ingestion: Literal["batch", "streaming", "request"] = required("How data arrives.")
    uri: Uri | None = optional("Where it is; training runs receive it.")
    access: AccessName | None = optional("How it is reached.")
    format: DataFormat | None = optional("How it is encoded.")
    volume: Volume | None = optional("How much there is.")
    owner: Text | None = optional("The team that answers for it: whom to call when it changes.")
    freshness: Duration | None = optional("How old its newest record may be.")
    version: DataVersion | None = optional("What pins it.")


class Values(Section):
    """What a column with few values may hold."""

    one_of: list[Text] = listed("The values that are allowed.")
    max: Count | None = optional("The most different values; a bound that keeps monitoring labels bounded.")


class Column(Section):
    """One column, and what is expected of it: the contract that the validate step enforces."""

    name: Identifier = required("The column's name.")
    dtype: Dtype = required("Its type.")
    from_: SourceName | None = optional("The source it comes from, where there are several.")
    entity: Identifier | None = optional("The entity that it is the key of; rows of one entity belong in one split.")
    nullable: bool = default(True, "Whether values may be missing.", "most real columns have gaps")
    null_share: Percent | None = optional("The largest share of values that may be missing.")
    unique: bool = default(False, "Whether every value differs.", "only keys are unique")
    min: float | None = optional("The smallest value.")
    max: float | None = optional("The largest value.")
    pattern: Text | None = optional("A regular expression that every value matches.")
    values: Values | None = optional("The values that are allowed, or how many different ones.")
    personal: bool = default(False, "Whether it is personal data.", "what is personal must be said by its owner")
    available: Literal["at-prediction", "after-outcome"] = default(
        "at-prediction", "When its value is known.", "a column known only afterwards must be marked, or it leaks"
    )
    description: Text | None = optional("What it holds.")


class Labels(Section):
    """The truth that the model learns from, and when it becomes known."""

    column: ColumnName = required("The column that holds it.")
    source: SourceName | None = optional("The source that it arrives by.")
    delay: Duration | None = optional("How long after the prediction the truth is known.")
    cost: UnitPrice | None = optional("What one label costs.")
    affected_by_decisions: bool = default(
        False,
        "Whether the model's own decisions decide which truth becomes known (a declined payment shows no fraud).",
        "most labels do not depend on the prediction",
    )
    positive_share: Percent | None = optional("The share of positive labels; below 10 % accuracy says little.")


class Labelling(Section):
    """How labels are made where people make them."""

    process: Literal["manual", "programmatic", "feedback", "model-assisted"] = required("Who makes them.")
    tool: Text | None = optional("The tool they are made with.")
    project: Url | None = optional("The project in that tool.")
    guidelines: Url | None = optional("The instructions that annotators follow.")
    annotators: int | None = optional("How many people label each item.", ge=1, le=1000)
    agreement: Percent | None = optional("The agreement between annotators below which labels are not used.")


FitOn = Literal["train", "all"]
_FIT_ON = (
    "The rows that its parameters are learned from.",
    "parameters learned from test rows leak them into training",
)


class Impute(Section):
    """Fill missing values."""

    step: Literal["impute"] = required("The kind of step.")
    columns: list[ColumnName] = listed("The columns it works on.")
    strategy: Literal["mean", "median", "mode", "constant"] = default(
        "median", "What to fill with.", "robust to outliers"
    )
    value: float | None = optional("The constant to fill with.")
    fit_on: FitOn = default("train", *_FIT_ON)


class Clip(Section):
    """Cut outliers to a range."""

    step: Literal["clip"] = required("The kind of step.")
    columns: list[ColumnName] = listed("The columns it works on.")
    quantiles: list[Percent] = listed("The lower and the upper quantile to cut at.")
    min: float | None = optional("The smallest value to keep.")
    max: float | None = optional("The largest value to keep.")
    fit_on: FitOn = default("train", *_FIT_ON)


class Scale(Section):
    """Bring numbers to one scale."""

    step: Literal["scale"] = required("The kind of step.")
    columns: list[ColumnName] = listed("The columns it works on.")
    method: Literal["standard", "min-max", "robust", "log"] = default("standard", "How.", "what most models expect")
    fit_on: FitOn = default("train", *_FIT_ON)


class Encode(Section):
    """Turn categories into numbers."""

    step: Literal["encode"] = required("The kind of step.")
    columns: list[ColumnName] = listed("The columns it works on.")
    method: Literal["one-hot", "ordinal", "target", "hash"] = default("one-hot", "How.", "it invents no order")
    fit_on: FitOn = default("train", *_FIT_ON)


class Tokenize(Section):
    """Turn text into tokens."""

    step: Literal["tokenize"] = required("The kind of step.")
    columns: list[ColumnName] = listed("The columns it works on.")
    tokenizer: Text = required("The tokenizer, by its hub name.")
    max_length: int | None = optional("Longer texts are cut to this many tokens.", ge=1)


class Resize(Section):
    """Bring images to one size."""

    step: Literal["resize"] = required("The kind of step.")
    columns: list[ColumnName] = listed("The columns it works on.")
    width: int = required("In pixels.", ge=1, le=65535)
    height: int = required("In pixels.", ge=1, le=65535)


class Deduplicate(Section):
    """Drop repeated rows, which would otherwise sit on both sides of a split."""

    step: Literal["deduplicate"] = required("The kind of step.")
    columns: list[ColumnName] = listed("The columns that make two rows equal; empty means all.")


class CustomStep(Section):
    """Anything else, by reference to code."""

    step: Literal["custom"] = required("The kind of step.")
    columns: list[ColumnName] = listed("The columns it works on.")
    code: Identifier = required("The function, as module and name with dots.")
    fit_on: FitOn = default("train", *_FIT_ON)


Preprocessing = Annotated[
    Impute | Clip | Scale | Encode | Tokenize | Resize | Deduplicate | CustomStep, Field(discriminator="step")
]


class _Split(Section):
    train: Percent = default("70%", "The share to learn from.", "the usual share")
    validation: Percent = default("15%", "The share to choose by.", "the usual share")
    test: Percent = default("15%", "The share to judge by, once.", "the usual share")


class TemporalSplit(_Split):
    """Train on the past, judge on the future: the only honest split of data that has a time."""

    strategy: Literal["temporal"] = required("How rows are divided.")
    column: ColumnName = required("The column that holds the time.")
    gap: Duration = default("0s", "What is left out between the parts.", "no gap; labels that come late need one")


class RandomSplit(_Split):
    """Divide rows at random."""

    strategy: Literal["random"] = required("How rows are divided.")


class StratifiedSplit(_Split):
    """Divide rows at random, with the same share of each value on both sides."""

    strategy: Literal["stratified"] = required("How rows are divided.")
    column: ColumnName = required("The column whose shares are kept.")


class GroupedSplit(_Split):
    """Keep all rows of one entity on one side."""

    strategy: Literal["grouped"] = required("How rows are divided.")
    column: ColumnName = required("The column that identifies the entity.")


Split = Annotated[TemporalSplit | RandomSplit | StratifiedSplit | GroupedSplit, Field(discriminator="strategy")]


class Data(Section):
    """The data pipeline: compiled into the configuration that training steps receive, and judged by lint."""

    sources: list[DataSource] = listed("Where data comes from.", key="name")
    columns: list[Column] = listed("What the data looks like, and what is expected of it.", key="name")
    labels: Labels | None = optional("The truth, and when it becomes known.")
    labelling: Labelling | None = optional("How labels are made.")
    preprocessing: list[Preprocessing] = listed("What happens to columns before the model sees them, in order.")
    split: Split | None = optional("How rows are divided into training, validation and test.")


class Entity(Section):
    """A thing that features describe."""

    name: Identifier = required("Its name.")
    key: ColumnName = required("The column that identifies it.")


class Transform(Section):
    """How a feature is made: an aggregate over a window, or code."""

    aggregate: Literal["count", "sum", "mean", "min", "max", "stddev", "last", "distinct"] | None = optional(
        "The aggregate over the window."
    )
    column: ColumnName | None = optional("The column that is aggregated.")
    window: Duration | None = optional("The window that is aggregated.")
    code: Identifier | None = optional("The function that makes it, as module and name with dots.")


class Feature(Section):
    """One feature."""

    name: Identifier = required("Its name.")
    dtype: Dtype = required("Its type.")
    transform: Transform | None = optional("How it is made.")
    available: Literal["at-prediction", "after-outcome"] = default(
        "at-prediction", "When its value is known.", "a feature known only afterwards must be marked, or it leaks"
    )
    owner: Text | None = optional("The team that answers for it, where that is not the view's.")
    description: Text | None = optional("What it holds.")


class FeatureView(Section):
    """Features of one entity that are made from one source."""

    name: Identifier = required("Its name.")
    entity: EntityName = required("The entity it describes.")
    source: SourceName = required("The source it is made from.")
    owner: Text | None = optional("The team that answers for it.")
    max_age: Duration | None = optional("How old a value may be when it is served.")
    schedule: Cron | None = optional("When it is materialized.")
    features: list[Feature] = listed("Its features.", key="name")


class Features(Section):
    """The feature store."""

    store: Literal["feast"] = default("feast", "The feature store.", "the open standard of the field")
    entities: list[Entity] = listed("What features describe.", key="name")
    views: list[FeatureView] = listed("Groups of features.", key="name")

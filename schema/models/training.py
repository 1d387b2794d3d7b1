"""Training and evaluation: what a retraining run does, in order, and what its result must reach."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import (
    AccessName,
    AlgorithmName,
    Cores,
    Count,
    Cron,
    Date,
    Digest,
    Duration,
    EnvName,
    Identifier,
    Image,
    Memory,
    Metric,
    ParameterName,
    Section,
    SegmentName,
    Text,
    Uri,
    Url,
    default,
    derived,
    group,
    listed,
    mapped,
    optional,
    required,
)
from .problem import Condition
from .serving import AcceleratorRequest


class TrainingResources(Section):
    """What one training step may use."""

    cpu: Cores = default("2", "Processor cores.", "enough to start with; state what your code needs")
    memory: Memory = default("8Gi", "Memory.", "enough to start with; state what your code needs")
    accelerator: AcceleratorRequest | None = optional("Accelerators.")


class Step(Section):
    """One step of a training run: a command that keeps the training contract."""

    command: list[Text] = listed("The command, as a list of words; no shell reads it.")
    image: Image | None = optional("Its image, where it is not the training image.")


class Steps(Section):
    """The steps of a run, in order. The gate between `evaluate` and `register` is mlspec's own."""

    validate_: Step | None = optional("Checks the data against the columns' expectations; fails on bad data.")
    train: Step = required("Trains, and leaves the model and `model.json` in its output.")
    evaluate: Step | None = optional("Judges the model on the test rows, and leaves `metrics.json`.")
    register_: Step | None = optional("Publishes the model when the verdict is a pass.")


class Distributed(Section):
    """Training on several processes."""

    strategy: Literal["data-parallel", "fully-sharded", "tensor-parallel", "pipeline-parallel"] = required(
        "How it is divided."
    )
    nodes: int = required("How many pods.", ge=1, le=1024)
    processes_per_node: int = default(
        1, "Processes in a pod: one for each accelerator.", "one accelerator", ge=1, le=64
    )


class DoubleParameter(Section):
    """A real number."""

    type: Literal["double"] = required("The kind of parameter.")
    min: float = required("The smallest value.")
    max: float = required("The largest value.")
    step: float | None = optional("The grid's step; grid search needs it.", gt=0)
    scale: Literal["linear", "log"] = default("linear", "How values are drawn.", "no scale is assumed")


class IntParameter(Section):
    """A whole number."""

    type: Literal["int"] = required("The kind of parameter.")
    min: int = required("The smallest value.")
    max: int = required("The largest value.")
    step: int | None = optional("The grid's step.", ge=1)
    scale: Literal["linear", "log"] = default("linear", "How values are drawn.", "no scale is assumed")


class CategoricalParameter(Section):
    """One of several values."""

    type: Literal["categorical"] = required("The kind of parameter.")
    values: list[Text] = listed("The values.")


Parameter = Annotated[DoubleParameter | IntParameter | CategoricalParameter, Field(discriminator="type")]


class Algorithm(Section):
    """A way to search for hyperparameters: what it honours, and what it cannot do without."""

    double_scales: list[Literal["linear", "log"]] = listed("The scales by which it draws real numbers.")
    int_scales: list[Literal["linear", "log"]] = listed("The scales by which it draws whole numbers.")
    steps: Literal["all", "linear", "none"] = default(
        "all", "The scales on which it keeps to a parameter's step.", "most libraries round to it"
    )
    learns_categories: bool = default(
        True, "Whether trials tell it which category is better; else it draws them at random.", "most algorithms do"
    )
    exhaustive: bool = default(
        False,
        "Whether it tries each combination once: real numbers need a step, and trials end with the combinations.",
        "only a grid does",
    )
    least_numbers: int = default(0, "The fewest numbers that it searches.", "most can search one", ge=0, le=100)
    needs_resource: bool = default(
        False, "Whether it must know which parameter is a trial's effort.", "most treat all parameters alike"
    )
    checked: Date | None = optional("When these facts were last checked.")
    source: Url | None = optional("Where these facts are from.")


class Tuning(Section):
    """A search for hyperparameters."""

    when: Literal["manual", "every-run", "schedule"] = default(
        "manual", "When the search runs.", "a search at each retraining costs trials times a fit"
    )
    schedule: Cron | None = optional("When it runs by its own schedule.")
    algorithm: AlgorithmName = default(
        "tpe", "How it searches.", "good with few trials, and honours logarithmic scales"
    )
    resource: ParameterName | None = optional(
        "The parameter that is a trial's effort, such as epochs, for `hyperband`."
    )
    trials: int = default(20, "How many settings are tried.", "a small search", ge=1, le=100_000)
    parallel: int = default(1, "How many are tried at once.", "one after the other learns most", ge=1, le=1000)
    parameters: dict[Identifier, Parameter] = mapped("What is searched.")


class CrossValidation(Section):
    """Several fits on rotated parts of the data."""

    folds: int = required("How many.", ge=2, le=100)
    when: Literal["tuning", "every-run"] = default("tuning", "When.", "the final fit needs no folds")


class EarlyStopping(Section):
    """Stop when validation no longer improves."""

    patience: int = required("How many rounds without improvement are borne.", ge=1, le=100_000)
    metric: Metric | None = optional("The metric that is watched; the primary one if left out.")


class Regularization(Section):
    """What keeps the model from learning noise."""

    dropout: float | None = optional("The share of activations that are dropped.", ge=0, lt=1)
    l1: float | None = optional("The weight of the L1 penalty.", ge=0)
    l2: float | None = optional("The weight of the L2 penalty.", ge=0)
    label_smoothing: float | None = optional("How far targets are moved towards uniform.", ge=0, lt=1)
    early_stopping: EarlyStopping | None = optional("When to stop.")
    augmentation: list[Identifier] = listed("Augmentations, by the names that the training code gives them.")


class TrainingEnsemble(Section):
    """Several fits whose answers are combined into one model."""

    method: Literal["bagging", "boosting", "stacking", "seeds"] = required("How.")
    size: int = required("How many fits.", ge=2, le=1000)


class Tracking(Section):
    """Where parameters, metrics, code and data versions are recorded."""

    tool: Literal["mlflow"] = default("mlflow", "The tracking server.", "the open standard of the field")
    uri: Url = required("Its address.")
    experiment: Text | None = optional("The experiment that runs belong to; the system's name if left out.")
    access: AccessName | None = optional("How it is reached.")


class Training(Section):
    """What a training run does."""

    image: Image = required("The image that holds the training code.")
    env: dict[EnvName, Text] = mapped("Environment variables of every step; secrets come by `access`.")
    access: list[AccessName] = listed("What the steps may reach, beyond the sources' own access.")
    resources: TrainingResources = group(TrainingResources, "What a step may use.")
    storage: Memory = default("20Gi", "The volume that the steps share.", "enough for a model and its metrics")
    steps: Steps = required("The steps, in order.")
    fit: Duration | None = optional("How long one fit takes; deadlines and cost follow from it.")
    deadline: Duration | None = derived(
        "How long a run may take.", "from `fit`, folds and trials, with half as much again"
    )
    retries: int = default(
        1,
        "How often a run that failed is tried again.",
        "a crash may be the node's fault, the same crash twice is not; evictions are not counted",
        ge=0,
        le=100,
    )
    distributed: Distributed | None = optional("Training on several processes.")
    tuning: Tuning | None = optional("The search for hyperparameters.")
    cross_validation: CrossValidation | None = optional("Several fits on rotated parts of the data.")
    regularization: Regularization | None = optional("What keeps the model from learning noise.")
    ensemble: TrainingEnsemble | None = optional("Several fits combined.")
    tracking: Tracking | None = optional("Where runs are recorded.")
    seed: int | None = optional("What makes a run repeatable.", ge=0, le=2**32 - 1)
    revision: Text | None = optional("The commit of the training code.")


class FixedTestSet(Section):
    """Rows that no training run ever sees."""

    uri: Uri = required("Where they are.")
    digest: Digest | None = optional("What pins them.")
    access: AccessName | None = optional("How they are reached.")


class Evaluation(Section):
    """What a model must reach before it is put into service."""

    primary: Metric = required("The metric that decides between models.")
    min_samples: Count | None = optional("Fewer test rows than this give no verdict, and no verdict is no pass.")
    gates: list[Condition] = listed("What must hold, all of it, before a model is registered.")
    segments: list[SegmentName] = listed("Columns whose values are judged one by one.")
    test_set: FixedTestSet | None = optional("Rows that no training run ever sees.")

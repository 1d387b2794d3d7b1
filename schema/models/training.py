"""Training and evaluation: the steps of a training run, and the requirements for its result."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from .base import (
    AccessName,
    AlgorithmName,
    Ascending,
    Cores,
    Cron,
    Date,
    Digest,
    Duration,
    EnvName,
    Identifier,
    Image,
    LabelKey,
    LabelValue,
    Metric,
    Name,
    ObjectName,
    ParameterName,
    PositiveCount,
    PositiveDuration,
    Section,
    SegmentName,
    Size,
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
from .fine_tuning import TrainingFineTuning
from .pods import EnvValue, PodVolume, Scheduling, Sidecar
from .problem import Condition
from .serving import AcceleratorRequest


class TrainingResources(Section):
    """Resources of one training step."""

    cpu: Cores = default("2", "CPU cores.", "enough to get started; set what your code needs")
    memory: Size = default("8Gi", "Memory.", "enough to get started; set what your code needs")
    ephemeral_storage: Size = default(
        "5Gi",
        "The disk space of the node: what the step writes to `/tmp`, and its logs. That of empty `volumes` is added.",
        "a node's own disk is small and shared; `storage` is for more",
    )
    accelerator: AcceleratorRequest | None = optional("Accelerators.")


class Step(Section):
    """One step of a training run: a command that implements the training contract."""

    command: list[Text] = listed("The command, as a list of words; it does not run in a shell.")
    image: Image | None = optional("The image, if it differs from the training image.")


class Steps(Section):
    """The steps of a run, in order. mlspec adds the gate between `evaluate` and `register`."""

    validate_: Step | None = optional("Validates the data against the data contract; fails on bad data.")
    contract: bool | None = derived(
        "Whether mlspec adds a `validate` step of its own, which reads the sources and fails on data that violates "
        "`data.columns`, `freshness`, or `volume.daily`.",
        "as true if `validate` is omitted, the spec has columns of a source that a pod can read (Parquet, CSV, or JSON "
        "Lines in files, S3, or Google Cloud Storage), and `platform.images.runtime` is set",
    )
    train: Step = required(
        "Trains the model, and writes the model and `model.json` to its output. With `fineTuning`, it needs no command."
    )
    compress: Step | None = optional(
        "Makes the trained model smaller, for example by quantization or pruning, and writes the new model and its "
        "`model.json`. This model is evaluated, judged, and registered."
    )
    evaluate: Step | None = optional("Evaluates the model on the test rows, and writes `metrics.json`.")
    register_: Step | None = optional("Registers the model if it passes the gates.")


class Distributed(Section):
    """Distributed training."""

    strategy: Literal["data-parallel", "fully-sharded", "tensor-parallel", "pipeline-parallel"] = required(
        "The parallelism strategy."
    )
    nodes: int = required(
        "The number of pods that run `train` together. With several, only these pods have `resources.accelerator`; the "
        "other steps run without one.",
        ge=1,
        le=1024,
    )
    processes_per_node: int = default(1, "Processes per pod, one per accelerator.", "one accelerator", ge=1, le=64)
    tensor: int | None = derived(
        "How many processes compute each layer together. All of them run on one node.",
        "from `processesPerNode` for `tensor-parallel`; 1 for all other strategies",
        ge=1,
        le=64,
    )
    pipeline: int | None = derived(
        "Over how many stages the layers are distributed.",
        "from `nodes` for `pipeline-parallel`; 1 for all other strategies",
        ge=1,
        le=1024,
    )


class Queue(Section):
    """A queue of Kueue, which starts a run when there is capacity for all of its pods."""

    name: ObjectName = required("The LocalQueue, which must exist in the namespace.")
    priority: ObjectName | None = optional(
        "The WorkloadPriorityClass, which orders the queue. The PriorityClass of the pods is `platform.priorities`."
    )


class DoubleParameter(Section):
    """A real number."""

    ascending: ClassVar[Ascending] = ((("min", "max"), "every search would fail at its first trial"),)

    type: Literal["double"] = required("The kind of parameter.")
    min: float = required("The smallest value.")
    max: float = required("The largest value.")
    step: float | None = optional("The step size; grid search requires it.", gt=0)
    scale: Literal["linear", "log"] = default("linear", "The sampling scale.", "the neutral choice")


class IntParameter(Section):
    """An integer."""

    ascending: ClassVar[Ascending] = ((("min", "max"), "every search would fail at its first trial"),)

    type: Literal["int"] = required("The kind of parameter.")
    min: int = required("The smallest value.")
    max: int = required("The largest value.")
    step: int | None = optional("The step size.", ge=1)
    scale: Literal["linear", "log"] = default("linear", "The sampling scale.", "the neutral choice")


class CategoricalParameter(Section):
    """A choice among several values."""

    type: Literal["categorical"] = required("The kind of parameter.")
    values: list[Text] = listed("The values.")


Parameter = Annotated[DoubleParameter | IntParameter | CategoricalParameter, Field(discriminator="type")]


class Algorithm(Section):
    """A hyperparameter search algorithm: what it supports, and what it requires."""

    double_scales: list[Literal["linear", "log"]] = listed("The scales on which it samples real numbers.")
    int_scales: list[Literal["linear", "log"]] = listed("The scales on which it samples integers.")
    steps: Literal["all", "linear", "none"] = default(
        "all", "The scales on which it respects a parameter's step.", "most libraries round to the step"
    )
    learns_categories: bool = default(
        True,
        "Whether it learns from trials which category is better; if not, it samples categories at random.",
        "most algorithms do",
    )
    exhaustive: bool = default(
        False,
        "Whether it tries every combination once: real numbers need a step, and trials stop when the combinations run "
        "out.",
        "only grid search does",
    )
    least_numbers: int = default(
        0, "The minimum number of numeric parameters.", "most algorithms can search a single one", ge=0, le=100
    )
    needs_resource: bool = default(
        False,
        "Whether it needs to know which parameter is a trial's resource.",
        "most algorithms treat all parameters alike",
    )
    checked: Date | None = optional("When these facts were last verified.")
    source: Url | None = optional("The source of these facts.")


class Tuning(Section):
    """Hyperparameter tuning."""

    when: Literal["manual", "every-run", "schedule"] = default(
        "manual", "When to run the search.", "a search on every retraining multiplies its cost by the number of trials"
    )
    schedule: Cron | None = optional("The schedule, if it runs separately.")
    algorithm: AlgorithmName = default(
        "tpe", "The search algorithm.", "works well with few trials, and supports logarithmic scales"
    )
    resource: ParameterName | None = optional(
        "The parameter that `hyperband` allocates as a trial's resource, for example epochs."
    )
    trials: int = default(20, "How many configurations to try.", "a small search", ge=1, le=100_000)
    parallel: int = default(
        1,
        "How many trials run in parallel. They share the pod, so the search takes and costs the same.",
        "sequential trials learn the most from each other",
        ge=1,
        le=1000,
    )
    parameters: dict[Identifier, Parameter] = mapped("The search space.")


class CrossValidation(Section):
    """Cross-validation: several fits, each validated on rows that it was not trained on."""

    folds: int = required("The number of folds.", ge=2, le=100)
    order: Literal["rotated", "forward"] = default(
        "rotated",
        "Which rows a fold trains on: `rotated` takes all others, and `forward` takes only those from before. Rows "
        "that are split by time need `forward`.",
        "every row is validated on once",
    )
    when: Literal["tuning", "every-run"] = default("tuning", "When to cross-validate.", "the final fit needs no folds")


class EarlyStopping(Section):
    """Early stopping: stop when the validation metric no longer improves."""

    patience: int = required("How many rounds to continue without improvement.", ge=1, le=100_000)
    metric: Metric | None = optional("The metric to monitor. If omitted, the primary metric.")


class Regularization(Section):
    """Regularization: what keeps the model from overfitting."""

    dropout: float | None = optional("The dropout rate.", ge=0, lt=1)
    l1: float | None = optional("The weight of the L1 penalty.", ge=0)
    l2: float | None = optional("The weight of the L2 penalty.", ge=0)
    label_smoothing: float | None = optional("How far targets are smoothed toward uniform.", ge=0, lt=1)
    early_stopping: EarlyStopping | None = optional("When to stop early.")
    augmentation: list[Identifier] = listed("Augmentations, by their names in the training code.")


class TrainingEnsemble(Section):
    """An ensemble: several fits combined into one model."""

    method: Literal["bagging", "boosting", "stacking", "seeds"] = required("The ensemble method.")
    size: int = required("The number of fits.", ge=2, le=1000)


class Tracking(Section):
    """Experiment tracking: where parameters, metrics, and code and data versions are logged."""

    tool: Literal["mlflow"] = default("mlflow", "The tracking server.", "the de facto open-source standard")
    uri: Url = required("The URL of the server.")
    experiment: Text | None = optional("The experiment that runs belong to. If omitted, the system's name.")
    access: AccessName | None = optional("The access used for the server.")


class Checkpoints(Section):
    """The checkpoints from which the next try of a run resumes. The code of `train` writes and reads them."""

    to: Uri = required("The folder of the checkpoints, in an object store. Each run has a folder below it.")
    access: AccessName | None = optional("The access used to read and write them.")


class Training(Section):
    """The training run."""

    image: Image = required("The image that contains the training code.")
    user: int = default(
        1000,
        "The numeric user ID that the images run as; never 0.",
        "the first non-root user in most images",
        ge=1,
        le=2**31 - 1,
    )
    env: dict[EnvName, EnvValue] = mapped(
        "Environment variables of every step. A secret is a reference, such as `{secret: openai, key: api-key}`, or an "
        "`access`."
    )
    access: list[AccessName] = listed("Stores and services that the steps use, in addition to the data sources.")
    resources: TrainingResources = group(TrainingResources, "Resources of a step.")
    scheduling: Scheduling = group(Scheduling, "Where the pods run.")
    volumes: dict[Name, PodVolume] = mapped("Volumes of the pods, besides those that mlspec mounts itself.")
    sidecars: dict[Name, Sidecar] = mapped("Containers next to the main one, such as a proxy for a database.")
    pod_labels: dict[LabelKey, LabelValue] = mapped("Labels of the pods, in addition to those of the platform.")
    pod_annotations: dict[LabelKey, Text] = mapped("Annotations of the pods, in addition to those of the platform.")
    storage: Size | None = derived(
        "The size of the volume that the steps share.",
        "as 20Gi, plus the base model and the result of fine-tuning",
    )
    steps: Steps = required("The steps, in order.")
    fit: PositiveDuration | None = optional(
        "How long the pods take for one fit. If they run several at once, the time that these take together divided by "
        "their number. Deadlines and cost are derived from it."
    )
    tokens: PositiveCount | None = optional(
        "How many tokens one fit of a language model trains on, over all of its epochs. The plan estimates the time on "
        "other accelerators from it, and compares `fit` with it."
    )
    deadline: Duration | None = derived(
        "The maximum duration of a run, with all of its tries.",
        "from `fit`, folds, trials, and `retries`, plus 50% headroom and the wait for a node",
    )
    retries: int = default(
        1,
        "How many times a failed run is retried.",
        "one crash may be the node's fault, two are not; evictions do not count",
        ge=0,
        le=100,
    )
    checkpoints: Checkpoints | None = optional(
        "Checkpoints that the code of `train` keeps and resumes from, in the folder `MLSPEC_CHECKPOINTS`. If omitted, "
        "a run that is interrupted starts from the beginning."
    )
    distributed: Distributed | None = optional("Distributed training.")
    fine_tuning: TrainingFineTuning | None = optional(
        "Fine-tuning of a language model, by TRL in the training image. The `train` step needs no command."
    )
    queue: Queue | None = optional("The queue that runs wait in. If omitted, Kubernetes starts them at once.")
    tuning: Tuning | None = optional("Hyperparameter tuning.")
    cross_validation: CrossValidation | None = optional("Cross-validation.")
    regularization: Regularization | None = optional("Regularization.")
    ensemble: TrainingEnsemble | None = optional("An ensemble of several fits.")
    tracking: Tracking | None = optional("Experiment tracking.")
    seed: int | None = optional("The random seed, for reproducible runs.", ge=0, le=2**32 - 1)
    revision: Text | None = optional("The commit of the training code.")


class FixedTestSet(Section):
    """A fixed test set that no training run ever sees."""

    uri: Uri = required("The location.")
    digest: Digest | None = optional("The digest that pins it.")
    access: AccessName | None = optional("The access used to read it.")


class Evaluation(Section):
    """The requirements that a model must meet before it goes live."""

    primary: Metric = required("The metric used to compare models.")
    min_samples: PositiveCount | None = optional(
        "The minimum number of test rows. Fewer rows give no verdict, and no verdict is not a pass."
    )
    gates: list[Condition] = listed("The gates; a model must pass all of them to be registered.")
    segments: list[SegmentName] = listed("Columns to evaluate per value.")
    test_set: FixedTestSet | None = optional("A fixed test set that no training run ever sees.")

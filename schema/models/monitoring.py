"""Monitoring, alerting, and retraining."""

from __future__ import annotations

from typing import Literal

from ...compiler.exported import Signal
from .base import (
    AccessName,
    Chance,
    ColumnName,
    Cores,
    Cron,
    DataKey,
    Duration,
    GitProject,
    GitRevision,
    HeaderName,
    Identifier,
    Image,
    Interval,
    Name,
    ObjectName,
    PositiveCount,
    PositiveDuration,
    RepositoryPath,
    Section,
    SegmentName,
    ServiceName,
    Share,
    Size,
    Text,
    TimeZone,
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


class Burn(Section):
    """A pair of windows; the alert fires when both burn the error budget too fast."""

    severity: Literal["page", "ticket"] = required("Whether to page the on-call engineer or to open a ticket.")
    budget: Share = required("The share of the error budget consumed within the long window.")
    long: Duration = required("The long window, which shows that the burn is significant.")
    short: Duration | None = derived(
        "The short window, which shows that the burn is still going on.", "as one twelfth of the long window"
    )


class Slo(Section):
    """The SLO window, and the burn rates that trigger alerts."""

    window: Literal["7d", "28d", "30d"] = default(
        "30d", "The window of the error budget.", "a month, the period most availability targets cover"
    )
    burn: list[Burn] = listed(
        "The burn-rate windows. If omitted, page on 2% in 1h and 5% in 6h, and ticket on 10% in 1d and 10% in 3d; of a "
        "week's budget, on 8.5%, 21%, 42%, and 43%.",
        min_length=1,
    )
    min_events: int = default(
        3,
        "Don't alert on fewer bad events than this in the long window.",
        "with little traffic, one failure exceeds the budget many times over",
        ge=1,
        le=1_000_000,
    )


class DriftMethod(Section):
    """How a distribution is compared with the reference."""

    method: Literal["psi", "jensen-shannon", "wasserstein", "ks"] = default(
        "psi", "The drift metric.", "the industry convention, with a known noise level"
    )
    threshold: float = default(0.2, "The value at which drift is reported.", "the industry convention", gt=0)


class Drift(Section):
    """Drift detection: whether inputs and predictions still match the reference."""

    window: Duration = default("1d", "The window to compare.", "a full day of traffic")
    reference: Uri | None = optional("The reference data. If omitted, the release's reference profile.")
    features: DriftMethod | None = optional("How features are compared.")
    prediction: DriftMethod | None = optional("How predictions are compared.")
    columns: dict[ColumnName, DriftMethod] = mapped("Per-column overrides.")
    min_samples: PositiveCount | None = optional("The minimum sample size for a verdict.")
    bins: int = default(10, "The number of bins for numeric columns.", "deciles of the reference", ge=2, le=1000)
    false_alarms: Chance = default(
        "1%",
        "The false-alarm rate: the share of drift-free windows in which any column may raise an alert.",
        "with one window per day, one false alarm every three months",
    )


class Alerts(Section):
    """Who gets alerted, and the runbook they follow."""

    page: Text | None = optional(
        "The receiver of pages, set on every page as the `receiver` label. If omitted, the owner."
    )
    ticket: Text | None = optional("The receiver of tickets. If omitted, the owner.")
    runbook: Url | None = optional("The runbook. If omitted, `metadata.links.runbook`.")


class AlertRule(Condition):
    """A bound on a metric that becomes an alert."""

    for_: Duration = default(
        "15m", "How long the bound must be violated before the alert fires.", "longer than a restart of Prometheus"
    )
    severity: Literal["page", "ticket"] = default(
        "ticket", "Whether to page the on-call engineer or to open a ticket.", "only users' pain is worth a page"
    )
    action: Text | None = optional("What to do about it, in one sentence. Every alert shows it.")


class Cause(Section):
    """A cause of worse predictions. Alerts list the causes of what they see, in the order to rule them out."""

    cause: Text | None = optional("What happened. If omitted, its name.")
    evidence: Text | None = optional("What shows it.")
    check: Text | None = optional("The check that decides.")
    action: Text | None = optional("What to do.")
    retrain: bool = default(
        False, "Whether this cause alone justifies a training run.", "trained on a fault, a model learns it"
    )
    signals: list[Signal] = listed("What the alerts see that it can cause.")


class HashKey(Section):
    """The key of the hash that replaces personal data."""

    secret: ObjectName = required("The Secret.")
    key: DataKey = default("key", "The key of the Secret that holds at least 32 random bytes.", "the obvious name")


class Capture(Section):
    """Prediction logging: who records predictions, and what becomes of the records (docs/capture.md)."""

    by: Literal["sidecar", "client", "runtime", "gateway"] = required(
        "Who records predictions: a `sidecar` in each pod, which mlspec adds, the `client` that calls the service, or "
        "your own code in the `runtime`. No `gateway` that mlspec knows can."
    )
    to: Uri = required("The folder of the records, in which each day has a folder.")
    access: AccessName | None = optional("The access used to write there.")
    service: ServiceName | None = optional(
        "The service whose predictions are recorded. If omitted, the only one that answers requests."
    )
    sample: Share = default(
        "100%", "The share of predictions that is recorded, by the hash of their IDs.", "rare events must not be lost"
    )
    id: Identifier = required("The column with the ID of a prediction. Labels are joined by it.")
    headers: dict[Identifier, HeaderName] = mapped(
        "The request headers that hold the ID or a segment, by column. If omitted, the body of the request holds it."
    )
    retention: Duration = default("90d", "How long predictions are retained.", "longer than most label delays")
    personal_data: list[Identifier] = listed(
        "Columns of the record to mask: their values are left out, or hashed if there is a `hashKey`."
    )
    hash_key: HashKey | None = optional(
        "The key that turns personal data into the same hash each time. If omitted, it is left out of the records."
    )
    format: Literal["parquet", "jsonl"] = default(
        "parquet", "The format of the files.", "a tenth of the size of JSON Lines, with types"
    )
    every: Duration = default(
        "5m", "How often a file is finished and uploaded.", "recent enough to monitor, and few files"
    )
    hop: Duration = default(
        "2ms",
        "How long the sidecar delays a request and its response, together, at p99. It counts toward every latency "
        "bound.",
        "above the p99 measured on a loopback address; replace it with your own measurement",
    )
    cpu: Cores = default("100m", "The CPU request of the sidecar.", "enough for a few hundred requests per second")
    memory: Size = default(
        "384Mi", "The memory request and limit of the sidecar.", "its buffers are bounded, and Parquet needs 150 MiB"
    )


class Dashboard(Section):
    """The Grafana dashboard of each environment."""

    folder: Text | None = optional("The folder in Grafana. If omitted, the provider's default.")
    uid: Name | None = optional(
        "The start of the dashboard's UID, which ends with the environment's name. If omitted, the system's name."
    )


class MonitorResources(Section):
    """Resources of the process that measures drift and quality."""

    cpu: Cores = default("500m", "CPU cores.", "it reads five million rows with thirty columns in about two seconds")
    memory: Size = default(
        "1Gi", "Memory.", "it reads tables in pieces, and holds the IDs and the labels of one window"
    )
    ephemeral_storage: Size = default(
        "1Gi", "The disk space of the node: its results, and its logs.", "a result takes a few kilobytes"
    )


class Monitoring(Section):
    """Monitoring settings. Monitoring is always on; this section overrides its defaults."""

    slo: Slo = group(Slo, "The SLO window and the burn-rate alerts.")
    segments: list[SegmentName] = listed("Columns to monitor per value; each must have bounded cardinality.")
    drift: Drift | None = optional("Drift detection for inputs and predictions.")
    quality: Condition | None = optional("The minimum model quality in production.")
    rules: list[AlertRule] = listed(
        "Bounds that become alerts: on metrics with a `query`, and on what your jobs export."
    )
    interval: PositiveDuration = default(
        "1d",
        "How often your jobs measure the quality, the labels, and the data. If a job is silent for two intervals, its "
        "owner gets a ticket.",
        "labels and batches usually arrive by the day",
    )
    alerts: Alerts = group(Alerts, "Who gets alerted.")
    capture: Capture | None = optional(
        "Prediction logging. With it, mlspec runs a process that measures drift and quality in every `interval`."
    )
    access: AccessName | None = optional(
        "The access with which that process reads predictions, labels, and the reference. If omitted, it uses the "
        "accesses of each. It runs as one identity, so set this if they have different ones."
    )
    resources: MonitorResources = group(MonitorResources, "Resources of that process.")
    measured: Literal["here", "elsewhere"] = default(
        "here",
        "Whether quality, drift, and skew are measured `here`, from captured predictions, or `elsewhere`, by jobs of "
        "yours that export the metrics.",
        "without captured predictions, nothing can measure them",
    )
    dashboard: Dashboard | None = optional("The dashboard.")
    scrape_interval: Interval | None = optional("The scrape interval, if it differs from the platform's.")
    saturation: Share = default(
        "85%",
        "Alert when the scarcest resource is fuller than this.",
        "queueing delay grows faster than load above this",
    )


class Diagnosis(Section):
    """Checks that run before retraining."""

    on_data_fault: Literal["stop", "continue"] = default(
        "stop", "What to do if the data is broken.", "a model trained on bad data is bad"
    )
    on_feature_change: Literal["stop", "continue"] = default(
        "stop", "What to do if a feature changed.", "fix the cause instead of retraining around it"
    )
    min_new_labels: PositiveCount | None = optional(
        "The minimum number of new labels that justifies a training run: those of captured predictions that were "
        "completed since the live version was trained."
    )


class Promote(Section):
    """How a model that passed its gates gets into the release file."""

    via: Literal["pull-request", "push"] = default("pull-request", "The method.", "a human reviews it")
    repository: GitProject | None = optional(
        "The repository of the spec, as `organization/name`. Required, because nothing else says where the spec is."
    )
    path: RepositoryPath | None = optional(
        "The path of the spec in the repository, such as `mlspec.yaml`. Required, for the same reason."
    )
    out: RepositoryPath | None = optional(
        "The output folder for all systems in the repository, as for `mlspec compile --out`. If omitted, `out` next to "
        "the spec."
    )
    branch: GitRevision = default("main", "The target branch.", "the most common default branch")
    access: AccessName | None = optional(
        "The access to the Git host, of kind `git`. Required: only its token may push. Only the step `promote` has it."
    )


class OnlineLearning(Section):
    """Online learning: a model that keeps learning between training runs."""

    algorithm: Text = required("The algorithm, which the command finds as `online.algorithm` in its configuration.")
    command: list[Text] = required(
        "The command that learns from one batch, as a list of words (docs/online-learning.md). Its image must contain "
        "`mlspec-compiler[runtime]`.",
        min_length=1,
    )
    image: Image | None = optional("The image. If omitted, `training.image`.")
    to: Uri = required("The folder of the checkpoints, in an object store. Each live version has a folder below it.")
    access: AccessName = required(
        "The access of the learner: it reads predictions and labels, and writes checkpoints. The pods of training runs "
        "must be able to read there, too."
    )
    checkpoint: Duration = default("1h", "The checkpoint interval.", "losing an hour of learning is acceptable")
    frozen: Duration = default(
        "1d", "Open a ticket when learning has been frozen for longer than this.", "a fault is found and fixed in a day"
    )
    cpu: Cores = default("1", "The CPU request.", "incremental algorithms rarely use more than one core")
    memory: Size = default("2Gi", "The memory request and limit.", "a batch has at most two million rows")
    ephemeral_storage: Size = default(
        "2Gi", "The disk space: a batch, a checkpoint, and logs.", "a batch takes about a hundred megabytes"
    )


class Decay(Section):
    """How fast a model loses quality as it ages. To measure it, evaluate older models on the newest labels."""

    loss: float = required("How much worse the primary metric gets, in its own unit.", gt=0)
    over: Duration = required("The age of the model at which it is that much worse.")


class Retraining(Section):
    """When to train a new model, and what happens to it."""

    schedule: Cron | None = optional("The schedule of training runs.")
    time_zone: TimeZone = default("UTC", "The time zone of the schedule.", "every day has 24 hours")
    triggers: list[Literal["data-drift", "prediction-drift", "quality-drop", "new-labels"]] = listed(
        "Other events that start a run, after a diagnosis."
    )
    diagnosis: Diagnosis = group(Diagnosis, "Checks that run first.")
    cooldown: Duration | None = optional("The minimum time between two runs.")
    max_model_age: PositiveDuration | None = optional("Alert when the live model is older than this.")
    decay: Decay | None = optional(
        "How fast a model loses quality. With `monitoring.quality`, it determines how often to train."
    )
    promote: Promote | None = optional("How a model gets into the release file.")
    online: OnlineLearning | None = optional("Online learning between training runs.")

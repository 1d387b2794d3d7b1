"""What is watched once the system runs, who is told, and when a new model is trained."""

from __future__ import annotations

from typing import Literal

from .base import (
    AccessName,
    Chance,
    ColumnName,
    Count,
    Cron,
    Duration,
    Identifier,
    Name,
    Section,
    SegmentName,
    Share,
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
    """A pair of windows that must both burn the error budget too fast before somebody is told."""

    severity: Literal["page", "ticket"] = required("Whether somebody is woken, or finds it in the morning.")
    budget: Share = required("The share of the error budget that is gone in the long window.")
    long: Duration = required("The long window, which says that it matters.")
    short: Duration | None = derived("The short window, which says that it still goes on.", "a twelfth of the long one")


class Slo(Section):
    """Over which time objectives are kept, and how fast a burn of their budgets somebody is told of."""

    window: Literal["7d", "28d", "30d"] = default(
        "30d", "The time over which the error budget is counted.", "a month, as availability is promised"
    )
    burn: list[Burn] = listed(
        "Pairs of windows; if left out pages on 2 % in 1h and 5 % in 6h, and tickets on 10 % in 1d and 10 % in 3d."
    )
    min_events: int = default(
        3,
        "Fewer bad events than this in the long window tell nobody.",
        "with little traffic one is many times the budget",
        ge=1,
        le=1_000_000,
    )


class DriftMethod(Section):
    """How a distribution is compared with the reference."""

    method: Literal["psi", "jensen-shannon", "wasserstein", "ks"] = default(
        "psi", "The measure.", "the field's convention, with known noise"
    )
    threshold: float = default(0.2, "From where it is drift.", "the field's convention", gt=0)


class Drift(Section):
    """Whether inputs or predictions still look like the reference."""

    window: Duration = default("1d", "The window that is compared.", "a whole day of traffic")
    reference: Uri | None = optional("What it is compared with; the release's reference profile if left out.")
    features: DriftMethod | None = optional("How features are compared.")
    prediction: DriftMethod | None = optional("How predictions are compared.")
    columns: dict[ColumnName, DriftMethod] = mapped("How single columns are compared, where it differs.")
    min_samples: Count | None = optional("Below this there is not enough data for a verdict.")
    bins: int = default(10, "Into how many bins a number is divided.", "deciles of the reference", ge=2, le=1000)
    false_alarms: Chance = default(
        "1%",
        "The share of windows without drift in which any column may raise an alert.",
        "with a window a day, one false alarm in three months",
    )


class Alerts(Section):
    """Who is told, and where they read what to do."""

    page: Text | None = optional(
        "Who is woken: the receiver's name, put on every page as `receiver`; the owner if left out."
    )
    ticket: Text | None = optional("Who finds it in the morning: the receiver's name; the owner if left out.")
    runbook: Url | None = optional("What they read; `metadata.links.runbook` if left out.")


class Capture(Section):
    """Predictions that are kept, so that truth can be joined to them."""

    by: Literal["gateway", "runtime", "client"] = required("Who writes them.")
    to: Uri = required("Where they go.")
    access: AccessName | None = optional("How that is reached.")
    sample: Share = default("100%", "The share that is kept.", "rare events must not be lost")
    id: Identifier = required("What labels are joined by.")
    retention: Duration = default("90d", "How long they are kept.", "longer than most label delays")
    personal_data: list[ColumnName] = listed("Columns that are masked.")


class Dashboard(Section):
    """The dashboard."""

    folder: Text | None = optional("The folder it is put in.")
    uid: Name | None = optional("Its identifier; the system's name if left out.")


class Monitoring(Section):
    """What is watched. Monitoring is always on; this says where it differs."""

    slo: Slo = group(Slo, "Over which time objectives are kept.")
    segments: list[SegmentName] = listed("Columns whose values are watched one by one; each must be bounded.")
    drift: Drift | None = optional("Whether inputs or predictions still look like the reference.")
    quality: Condition | None = optional("When the model's quality in production is too low.")
    rules: list[Condition] = listed("Further conditions that must hold; each becomes an alert.")
    alerts: Alerts = group(Alerts, "Who is told.")
    capture: Capture | None = optional("Predictions that are kept.")
    dashboard: Dashboard | None = optional("The dashboard.")
    scrape_interval: Duration | None = optional("How often metrics are read, where it is not the platform's.")
    saturation: Share = default(
        "85%",
        "How full the resource that runs out first may be before somebody is told.",
        "beyond this waiting grows faster than load",
    )


class Diagnosis(Section):
    """What is looked for before a model is trained again."""

    on_data_fault: Literal["stop", "continue"] = default(
        "stop", "What happens when data is broken.", "bad data beats a good model"
    )
    on_feature_change: Literal["stop", "continue"] = default(
        "stop", "What happens when a feature changed.", "mend the cause"
    )
    min_new_labels: Count | None = optional("Fewer new labels than this are not worth a training run.")


class Promote(Section):
    """How a model that passed its gates reaches the release file."""

    via: Literal["pull-request", "push"] = default("pull-request", "How.", "a person looks at it")
    repository: Text | None = optional("The repository, as `organisation/name`.")
    branch: Text = default("main", "The branch.", "the usual branch")
    access: AccessName | None = optional("How the forge is reached.")


class OnlineLearning(Section):
    """A model that learns between trainings."""

    algorithm: Text = required("The algorithm.")
    checkpoint: Duration = default("1h", "How often its state is saved.", "an hour of learning may be lost")


class Retraining(Section):
    """When a new model is trained, and what happens to it."""

    schedule: Cron | None = optional("When a run starts.")
    time_zone: TimeZone = default("UTC", "The zone that the schedule is read in.", "no day with 23 or 25 hours")
    triggers: list[Literal["data-drift", "prediction-drift", "quality-drop", "new-labels"]] = listed(
        "What else starts a run, after a diagnosis."
    )
    diagnosis: Diagnosis = group(Diagnosis, "What is looked for first.")
    cooldown: Duration | None = optional("The shortest time between two runs.")
    max_model_age: Duration | None = optional("From which age the model in service raises an alert.")
    promote: Promote | None = optional("How a model reaches the release file.")
    online: OnlineLearning | None = optional("A model that learns between trainings.")

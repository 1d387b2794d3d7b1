"""The metrics that jobs export about a model and its data, for the alerts that mlspec compiles: the contract, once.

The names follow the conventions of Prometheus (prometheus.io, metric and label naming): base units, the unit as a
suffix, `_total` for counters, and shares from 0 to 1. A time is exported as a timestamp, not as an age, because an age
stops growing when its job dies. `docs/reference/metrics.md` is generated from this module.
"""

from __future__ import annotations

from typing import Literal

from .record import Record

__all__ = ["CONTRACT", "EVERY", "VERSION", "Exported", "Monitor", "Signal", "condition", "named"]

VERSION = 1
"""The version of the contract. Within a version, metrics and labels are only added."""

EVERY = ("namespace", "service")
"""The labels that every series has."""

Monitor = Literal["quality", "labels", "drift", "data", "skew", "features", "capture", "loop", "usage"]
"""The jobs that measure something, by subject. One program may be several of them."""

Signal = Literal[
    "data-violation", "skew", "feature-drift", "prediction-drift", "quality-drop", "estimate-drop", "labels-late",
    "features-stale", "loop-broken", "monitor-silent",
]  # fmt: skip
"""What an alert sees. It can have several causes, which the diagnoses of the catalog distinguish."""


class Exported(Record):
    """One metric."""

    name: str
    monitor: Monitor | None
    """The job that exports it; None if every job does."""
    labels: tuple[str, ...]
    """Its labels besides those that every series has."""
    help: str
    """One sentence for the reference, with the range of values."""
    counter: bool = False
    since: Literal["", "age", "daily"] = ""
    """What a condition compares instead of the value: the age of a timestamp, or the increase in a day."""
    looks: int = 0
    """The most seconds between two looks of mlspec's own process at an age; 0 if it looks once in each interval. An age
    that is read once a day grows for a day.
    """
    metric: str = ""
    """The metric of the catalog that stands for it in `monitoring.rules`."""
    of: str = ""
    """The label that `of` of such a rule selects."""
    values: tuple[str, ...] = ()
    """The values of that label, if there are no others."""
    alert: str = ""
    """The name of the alert of such a rule."""
    signal: Signal | None = None
    """What that alert is a signal of."""


CONTRACT: tuple[Exported, ...] = (
    Exported(
        name="mlspec_monitor_last_success_timestamp_seconds",
        monitor=None,
        labels=("monitor",),
        help="When this job last finished successfully, in Unix time.",
    ),
    Exported(
        name="mlspec_quality",
        monitor="quality",
        labels=("metric", "role", "output", "segment", "segment_value"),
        help="The metric on the newest predictions whose labels are complete. `role` is `live` or the name of a rival, "
        "which is evaluated on the same rows.",
    ),
    Exported(
        name="mlspec_quality_low",
        monitor="quality",
        labels=("metric", "role", "output", "segment", "segment_value"),
        help="The lower end of its 95% interval.",
    ),
    Exported(
        name="mlspec_quality_high",
        monitor="quality",
        labels=("metric", "role", "output", "segment", "segment_value"),
        help="The upper end of its 95% interval.",
    ),
    Exported(
        name="mlspec_quality_samples",
        monitor="quality",
        labels=("metric", "role", "output", "segment", "segment_value"),
        help="The observations behind the metric: for a recall, the positives; for the area under a curve, the rows of "
        "the rarer class.",
    ),
    Exported(
        name="mlspec_quality_difference",
        monitor="quality",
        labels=("metric", "versus", "output", "segment", "segment_value"),
        help="How much better the live version is than a rival on the same rows, in the metric's unit. Positive is "
        "better, whatever the metric. `champion` is the live version itself when it was evaluated.",
    ),
    Exported(
        name="mlspec_quality_difference_low",
        monitor="quality",
        labels=("metric", "versus", "output", "segment", "segment_value"),
        help="The lower end of the 95% interval of that difference, computed from pairs.",
    ),
    Exported(
        name="mlspec_quality_difference_high",
        monitor="quality",
        labels=("metric", "versus", "output", "segment", "segment_value"),
        help="The upper end of the 95% interval of that difference, computed from pairs.",
    ),
    Exported(
        name="mlspec_quality_estimate",
        monitor="quality",
        labels=("metric", "output", "segment", "segment_value"),
        help="Optional: the metric of the newest predictions, estimated before their labels arrive.",
    ),
    Exported(
        name="mlspec_quality_estimate_low",
        monitor="quality",
        labels=("metric", "output", "segment", "segment_value"),
        help="Optional: the lower end of the interval of the estimate.",
    ),
    Exported(
        name="mlspec_quality_estimate_high",
        monitor="quality",
        labels=("metric", "output", "segment", "segment_value"),
        help="Optional: the upper end of the interval of the estimate.",
    ),
    Exported(
        name="mlspec_prediction_mean",
        monitor="quality",
        labels=("output", "segment", "segment_value"),
        help="Optional: the mean of the output on the newest predictions whose labels are complete. Its distance from "
        "`mlspec_label_mean` is the bias of the predictions.",
    ),
    Exported(
        name="mlspec_label_newest_timestamp_seconds",
        monitor="labels",
        labels=(),
        help="The time of the newest prediction that has a label, in Unix time.",
        since="age",
        metric="label-age",
        alert="ModelLabelsLate",
        signal="labels-late",
    ),
    Exported(
        name="mlspec_label_coverage_ratio",
        monitor="labels",
        labels=(),
        help="The share of predictions with a label, among those that are old enough for one.",
        metric="label-coverage",
        alert="ModelLabelsMissing",
        signal="labels-late",
    ),
    Exported(
        name="mlspec_label_rows",
        monitor="labels",
        labels=("segment", "segment_value"),
        help="Optional: the newest predictions whose labels are complete, in all and by value of a column.",
    ),
    Exported(
        name="mlspec_label_mean",
        monitor="labels",
        labels=("segment", "segment_value"),
        help="Optional: the mean of their labels. For two classes, it is the share of positives.",
    ),
    Exported(
        name="mlspec_label_new_rows",
        monitor="labels",
        labels=(),
        help="The predictions whose labels were completed since the live version was trained. The count may stop at "
        "`retraining.diagnosis.minNewLabels`. Only the trigger `new-labels` needs it.",
    ),
    Exported(
        name="mlspec_drift_distance",
        monitor="drift",
        labels=("subject", "column", "method", "segment", "segment_value"),
        help="The distance of the last complete window from the reference. `subject` is `feature` or `prediction`. "
        "`method` is `psi` (natural logarithm), `jensen-shannon` (the distance, which is the square root of the "
        "divergence, with the natural logarithm), `ks` (the largest difference of the distribution functions), or "
        "`wasserstein` (divided by the standard deviation of the reference).",
    ),
    Exported(
        name="mlspec_drift_noise_distance",
        monitor="drift",
        labels=("subject", "column", "method", "segment", "segment_value"),
        help="Optional: the distance that only chance explains, for the rows of this window, such as a quantile of "
        "permutations. The alert stays silent up to it.",
    ),
    Exported(
        name="mlspec_drift_samples",
        monitor="drift",
        labels=("subject", "column", "method", "segment", "segment_value"),
        help="The rows of the window that have a value in the column.",
    ),
    Exported(
        name="mlspec_null_ratio",
        monitor="data",
        labels=("column",),
        help="The share of rows without a value in the column.",
        metric="null-rate",
        of="column",
        alert="ModelNullsHigh",
        signal="data-violation",
    ),
    Exported(
        name="mlspec_data_violation_ratio",
        monitor="data",
        labels=("column",),
        help="The share of rows that violate the expectations of the column in `data.columns`.",
        metric="violation-rate",
        of="column",
        alert="ModelDataViolations",
        signal="data-violation",
    ),
    Exported(
        name="mlspec_skew_ratio",
        monitor="skew",
        labels=("column",),
        help="The share of logged requests whose feature value differs from the one that training would compute.",
        metric="skew-rate",
        of="column",
        alert="ModelTrainingServingSkew",
        signal="skew",
    ),
    Exported(
        name="mlspec_feature_newest_timestamp_seconds",
        monitor="features",
        labels=("view",),
        help="The event time of the newest record that the feature view contains, in Unix time.",
        since="age",
        looks=60,
        metric="feature-age",
        of="view",
        alert="ModelFeaturesStale",
        signal="features-stale",
    ),
    Exported(
        name="mlspec_capture_newest_timestamp_seconds",
        monitor="capture",
        labels=(),
        help="The time of the newest prediction that was logged, in Unix time.",
        since="age",
        looks=300,
        metric="capture-age",
        alert="ModelCaptureStopped",
        signal="loop-broken",
    ),
    Exported(
        name="mlspec_capture_rows",
        monitor="capture",
        labels=("segment", "segment_value"),
        help="Optional: the predictions that were logged in the last interval, in all and by value of a column, such "
        "as `model_version`.",
    ),
    Exported(
        name="mlspec_exploration_ratio",
        monitor="loop",
        labels=(),
        help="The share of cases that are decided without the model, so that their labels do not depend on it.",
        metric="exploration-rate",
        alert="ModelExplorationLow",
        signal="loop-broken",
    ),
    Exported(
        name="mlspec_cost_total",
        monitor="usage",
        labels=("currency",),
        help="What the service has cost.",
        counter=True,
        since="daily",
        metric="daily-cost",
        of="currency",
        alert="ModelCostHigh",
    ),
    Exported(
        name="mlspec_tokens_total",
        monitor="usage",
        labels=("token_type",),
        help="The tokens that the service has used. `token_type` is `prompt`, `cached`, or `output`.",
        counter=True,
        since="daily",
        metric="daily-tokens",
        of="token_type",
        values=("prompt", "cached", "output"),
        alert="ModelTokensHigh",
    ),
)
"""Every metric, by subject."""

_NAMED = {each.name: each for each in CONTRACT}
_CONDITIONS = {each.metric: each for each in CONTRACT if each.metric}


def named(name: str) -> Exported:
    """The metric with this name, such as `mlspec_quality`."""
    return _NAMED[name]


def condition(metric: str) -> Exported | None:
    """The exported metric behind a metric of the catalog, such as `null-rate`; None if no job exports it."""
    return _CONDITIONS.get(metric)

"""The system's purpose and requirements: metadata, problem, constraints, conditions, success."""

from __future__ import annotations

from typing import ClassVar, Literal

from .base import (
    AcceleratorName,
    Ascending,
    Budget,
    Date,
    Duration,
    LabelKey,
    LabelValue,
    LatencyBound,
    Margin,
    Measure,
    Metric,
    Percent,
    PositiveCount,
    PositiveDuration,
    Rate,
    Rival,
    Section,
    SegmentName,
    SystemName,
    Text,
    Url,
    default,
    group,
    listed,
    mapped,
    optional,
    required,
)


class Links(Section):
    """Links to further information."""

    runbook: Url | None = optional("The runbook for the on-call engineer; every alert links to it.")
    source: Url | None = optional("The repository that contains this file.")
    dashboard: Url | None = optional("An existing dashboard for this system.")


class Metadata(Section):
    """The system's identity and owner."""

    name: SystemName = required(
        "The name of the system, used as the name prefix of every object. At most 40 characters, because Kubernetes "
        "appends up to 23 to the names of jobs and replica sets."
    )
    owner: Text = required("The team that gets paged when the system breaks; set on every object and every alert.")
    description: Text | None = optional("One sentence for people who come across the objects in a cluster.")
    labels: dict[LabelKey, LabelValue] = mapped("Labels for every object, for example a cost center.")
    links: Links = group(Links, "Links to further information.")


class BusinessMetric(Section):
    """The business outcome to improve; the model's metrics are only proxies for it."""

    name: Text = required("What is measured, in business terms.")
    unit: Text | None = optional("The unit, for example `bps` or `EUR/day`.")
    direction: Literal["increase", "decrease"] = required("The direction of improvement.")
    today: float | None = optional("The current value.")
    target: float | None = optional("The target value.")
    query: Text | None = optional("The PromQL expression that returns it, if there is one.")


class HumanPerformance(Section):
    """Human performance on the task: the baseline for `versus: human`."""

    metric: Metric = required("The metric used to measure it.")
    value: float = required("The value that humans achieve.")


Task = Literal[
    "binary-classification",
    "multiclass-classification",
    "multilabel-classification",
    "regression",
    "forecasting",
    "ranking",
    "recommendation",
    "anomaly-detection",
    "object-detection",
    "segmentation",
    "embedding",
    "generation",
]


class Problem(Section):
    """The problem that the system solves."""

    use_case: Text = required("What the system does and for whom, in one sentence; alerts show it as the impact.")
    task: Task = required("The type of prediction, which determines which metrics and checks apply.")
    business_metric: BusinessMetric | None = optional("The business outcome to improve.")
    human_performance: HumanPerformance | None = optional("How well humans do the task today.")


class Latency(Section):
    """Upper bounds on the time from request to complete response, by percentile."""

    ascending: ClassVar[Ascending] = (
        (("p50", "p90", "p95", "p99", "p999"), "the bound of the higher percentile already implies a lower one"),
    )

    p50: LatencyBound | None = optional("The median.")
    p90: LatencyBound | None = optional("The 90th percentile.")
    p95: LatencyBound | None = optional("The 95th percentile; becomes an SLO with burn-rate alerts.")
    p99: LatencyBound | None = optional("The 99th percentile; becomes an SLO with burn-rate alerts.")
    p999: LatencyBound | None = optional("The 99.9th percentile; becomes an SLO with burn-rate alerts.")


class Throughput(Section):
    """The request rate. The peak determines capacity, the mean determines canaries, and all three determine cost."""

    ascending: ClassVar[Ascending] = (
        (
            ("trough", "mean", "peak"),
            "replicas are sized for the peak, and canaries and cost for the mean, so one would be sized wrong",
        ),
    )

    mean: Rate | None = optional("The daily average.")
    peak: Rate | None = optional("The highest per-minute rate that must be served within the latency bounds.")
    ramp: Duration | None = optional(
        "How long the rate takes to rise from the mean to the peak, at its fastest. The minimum of replicas follows, "
        "because new ones take minutes."
    )
    profile: list[Rate] = listed(
        "The mean rate of each hour of a usual day, 24 of them from midnight on. The bill, the minimum of replicas, "
        "and `mlspec simulate` follow it instead of a cosine, and the mean, the peak, and the trough follow from it if "
        "they are omitted."
    )
    trough: Rate | None = optional(
        "The lowest hourly rate. The minimum of replicas is for it, a canary may lack requests for a verdict then, and "
        "below a tenth of it, the on-call engineer gets paged."
    )


class OnlineConstraints(Section):
    """The requirements of an online service. Each becomes an SLO, a size, or a hard limit."""

    latency: Latency = group(Latency, "Bounds on response time, for online serving.")
    first_token: Latency = group(Latency, "Bounds on the time to first token of a generated answer.")
    inter_token: Latency = group(Latency, "Bounds on the inter-token latency of a generated answer.")
    throughput: Throughput = group(Throughput, "The request rate, for online serving.")
    availability: Percent | None = optional(
        "The share of requests that must succeed without a server error, by the server's own counters: they miss what "
        "the gateway answers itself, such as a 503 without a replica and a 504 at the timeout."
    )
    budget: Budget | None = optional("The monthly budget: of this service, or of the whole system.")
    max_replicas: int | None = optional("The maximum number of replicas per service.", ge=1, le=10000)


class FairnessBound(Section):
    """A bound on the difference of a metric between groups. It becomes a gate of the evaluation."""

    metric: Metric = required("A metric from the catalog, or one declared under `metrics`.")
    between: SegmentName = required("The column whose values are the groups.")
    max_gap: Measure = required(
        "The largest acceptable difference between any two groups, in the metric's own unit. A model passes if the "
        "difference is no larger, with 95% confidence."
    )
    min_samples: PositiveCount | None = optional(
        "The minimum sample size of each group. Fewer samples give no verdict, and no verdict is not a pass."
    )


class Constraints(OnlineConstraints):
    """The system's requirements. Each becomes an SLO, a size, a gate, or a hard limit."""

    deadline: Duration | None = optional(
        "The maximum duration of a batch run; if none has succeeded by then, the on-call engineer gets paged."
    )
    items: PositiveCount | None = optional("How many items a batch run scores.")
    max_lag: PositiveDuration | None = optional("The maximum age of an event at scoring time, for streaming.")
    rate: Rate | None = optional("The event rate, for streaming.")
    accelerators: list[AcceleratorName] = listed(
        "The accelerators that the planner may choose for replicas, and propose for training; empty allows none."
    )
    fairness: list[FairnessBound] = listed("The largest acceptable differences between groups of people.")
    interpretability: Literal["model", "reasons"] | None = optional(
        "What people can see: how the `model` itself reaches an answer, or the `reasons` that come with each answer."
    )


class Condition(Section):
    """A bound on a metric. Gates, rollbacks, alerts, and success criteria all use it.

    Set `min`, `max`, or `versus` with an optional `margin`.
    """

    exactly_one: ClassVar[tuple[str, ...]] = ("min", "max", "versus")

    metric: Metric = required("A metric from the catalog, or one declared under `metrics`.")
    of: Text | None = optional("The feature, output, or service to measure, if there is more than one.")
    segment: SegmentName | None = optional("Check every value of this column, not just the overall value.")
    min: Measure | None = optional("The minimum value.")
    max: Measure | None = optional("The maximum value.")
    versus: Rival | None = optional("Compare with `champion` (the live version), `naive`, `human`, or a candidate.")
    margin: Margin | None = optional(
        "How much better than the baseline the value must be (negative: how much worse it may be), absolute or as a "
        "percentage of the baseline's value."
    )
    min_samples: PositiveCount | None = optional(
        "The minimum sample size. Fewer samples give no verdict, and no verdict is not a pass."
    )


class SuccessCriterion(Condition):
    """A condition with a due date."""

    by: Date = required("The due date.")


class CustomMetric(Section):
    """A metric that is not in the catalog."""

    ascending: ClassVar[Ascending] = ((("min", "max"), "no value is possible, so every gate on it would fail"),)

    direction: Literal["maximize", "minimize"] = required("The direction of improvement.")
    unit: Literal["ratio", "seconds", "per-second", "number"] = default(
        "number", "The unit of its values.", "most scores are unitless"
    )
    min: float | None = optional("The lowest possible value.")
    max: float | None = optional("The highest possible value.")
    query: Text | None = optional("The PromQL expression that returns it; required to use it in a rollout or an alert.")
    needs_labels: bool = default(
        False,
        "Whether it needs ground-truth labels.",
        "a metric that needs labels cannot judge a rollout, because labels arrive too late",
    )
    two_sided: bool = default(
        False,
        "Whether a bound on either side makes sense alone, as for a share of positive decisions.",
        "a bound on the side of better values rejects what is good",
    )
    description: Text | None = optional("What it measures.")

"""What the system is for and what it must keep to: metadata, problem, constraints, conditions, success."""

from __future__ import annotations

from typing import ClassVar, Literal

from .base import (
    AcceleratorName,
    Budget,
    Count,
    Date,
    Duration,
    LabelKey,
    LabelValue,
    Margin,
    Measure,
    Metric,
    Percent,
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
    """Where people find more."""

    runbook: Url | None = optional("What the person on call reads first; every alert links to it.")
    source: Url | None = optional("The repository that holds this file.")
    dashboard: Url | None = optional("A dashboard that the organisation already has for this system.")


class Metadata(Section):
    """Who the system is and who answers for it."""

    name: SystemName = required(
        "The name of the system, and the beginning of the name of every object it compiles to. At most 40 characters, "
        "because Kubernetes adds up to 23 of its own to the names of jobs and replica sets."
    )
    owner: Text = required("The team that is called when it breaks; on every object and every alert.")
    description: Text | None = optional("One sentence for people who meet the objects in a cluster.")
    labels: dict[LabelKey, LabelValue] = mapped("Labels for every object, such as a cost centre.")
    links: Links = group(Links, "Where people find more.")


class BusinessMetric(Section):
    """The number that the organisation wants to move, of which the model's metrics are only proxies."""

    name: Text = required("What is measured, in the words of the business.")
    unit: Text | None = optional("Its unit, such as `bps` or `EUR/day`.")
    direction: Literal["increase", "decrease"] = required("Which way is better.")
    today: float | None = optional("Its value now.")
    target: float | None = optional("The value that the system is to reach.")
    query: Text | None = optional("The PromQL expression that reads it, where one exists.")


class HumanPerformance(Section):
    """How well people do the task: the bar that `versus: human` names."""

    metric: Metric = required("The metric that people were measured by.")
    value: float = required("What they reached.")


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
    """What the system is for."""

    use_case: Text = required("What the system does for whom, in a sentence; alerts show it as what is at stake.")
    task: Task = required("The kind of prediction, which decides which metrics and checks make sense.")
    business_metric: BusinessMetric | None = optional("The number that the organisation wants to move.")
    human_performance: HumanPerformance | None = optional("How well people do the task today.")


class Latency(Section):
    """Upper bounds on the time from a request's arrival to its whole answer, by percentile."""

    p50: Duration | None = optional("Half of all requests.")
    p90: Duration | None = optional("90 % of all requests.")
    p95: Duration | None = optional("95 % of all requests; becomes an objective with burn-rate alerts.")
    p99: Duration | None = optional("99 % of all requests; becomes an objective with burn-rate alerts.")
    p999: Duration | None = optional("99.9 % of all requests; becomes an objective with burn-rate alerts.")


class Throughput(Section):
    """How many requests arrive. Capacity follows the peak, canaries and cost follow the mean."""

    mean: Rate | None = optional("The average over a day.")
    peak: Rate | None = optional("The highest rate over a minute that must be served within the latency bounds.")
    trough: Rate | None = optional("The lowest rate over an hour; decides how long a canary step takes at night.")


class Constraints(Section):
    """What the system must keep to. Each of these becomes an objective, a size or a refusal."""

    latency: Latency = group(Latency, "Bounds on response time; for online serving.")
    first_token: Latency = group(Latency, "Bounds on the time to the first token of a generated answer.")
    inter_token: Latency = group(Latency, "Bounds on the time between two tokens of a generated answer.")
    throughput: Throughput = group(Throughput, "How many requests arrive; for online serving.")
    availability: Percent | None = optional("The share of requests that must be answered without a server error.")
    budget: Budget | None = optional("What the whole system may cost.")
    deadline: Duration | None = optional("How long one batch run may take; for batch inference.")
    items: Count | None = optional("How many items one batch run scores; for batch inference.")
    max_lag: Duration | None = optional("How old an event may be when it is scored; for streaming.")
    rate: Rate | None = optional("How many events arrive; for streaming.")
    accelerators: list[AcceleratorName] = listed("The accelerators that may be chosen; empty allows none.")
    max_replicas: int | None = optional("The most replicas that any service may have.", ge=1, le=10000)


class Condition(Section):
    """A bound on a metric. The same words serve gates, rollbacks, alerts and success criteria.

    Say either `min`, `max`, or `versus` with an optional `margin`.
    """

    exactly_one: ClassVar[tuple[str, ...]] = ("min", "max", "versus")

    metric: Metric = required("A metric of the catalogue, or one declared under `metrics`.")
    of: Text | None = optional("The feature, output or service it is taken of, where there are several.")
    segment: SegmentName | None = optional("Hold every value of this column to the bound, not only the whole.")
    min: Measure | None = optional("The value must be at least this.")
    max: Measure | None = optional("The value must be at most this.")
    versus: Rival | None = optional("Compare with `champion` (in service), `naive`, `human` or a candidate.")
    margin: Margin | None = optional(
        "By how much the value must be better than the rival's (negative: how much worse it may be), absolute or in "
        "per cent of the rival's."
    )
    min_samples: Count | None = optional("Below this many samples there is no verdict, and no verdict is no pass.")


class SuccessCriterion(Condition):
    """A condition with the date by which it is to hold."""

    by: Date = required("The day by which the condition is to hold.")


class CustomMetric(Section):
    """A metric that the catalogue does not have."""

    direction: Literal["maximize", "minimize"] = required("Which way is better.")
    unit: Literal["ratio", "seconds", "per-second", "number"] = default(
        "number", "The unit of its values.", "most scores have none"
    )
    min: float | None = optional("The lowest value it can take.")
    max: float | None = optional("The highest value it can take.")
    query: Text | None = optional(
        "The PromQL expression that reads it; needed where it is to judge a rollout or to raise an alert."
    )
    needs_labels: bool = default(
        False, "Whether it can only be known once labels have arrived.", "then it could not judge a rollout"
    )
    description: Text | None = optional("What it measures.")

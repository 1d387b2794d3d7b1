"""How a new version is rolled out, and when it is rolled back."""

from __future__ import annotations

from typing import ClassVar

from .base import (
    BoundedDuration,
    Date,
    Duration,
    Identifier,
    Measure,
    Metric,
    ModelName,
    Percent,
    PositiveDuration,
    Section,
    Share,
    Text,
    default,
    derived,
    listed,
    optional,
    required,
)
from .problem import Condition


class ShadowStage(Section):
    """The new version receives mirrored requests; its responses are discarded."""

    percent: Percent = default("100%", "The share of requests to mirror.", "mirror all traffic")
    duration: PositiveDuration = default(
        "24h", "How long the stage lasts, from `mlspec promote` on.", "a full day of traffic"
    )
    replicas: int | None = derived(
        "The number of shadow replicas.", "from the mirrored share of the mean throughput", ge=1
    )
    agreement: Share | None = optional(
        "The minimum share of mirrored requests that both versions answer alike. It takes a job that compares the "
        "answers and exports the metric `mlspec_shadow_agreement_ratio`."
    )


class Detectable(Section):
    """A regression that the canary must detect."""

    metric: Metric = required("The metric that gets worse.")
    from_: Measure | None = derived("The value without the regression.", "from the availability target, or zero")
    to: Measure = required("The value with the regression.")


class CanaryStage(Section):
    """The new version receives a growing share of requests while its metrics are checked against limits."""

    steps: list[Percent] = listed(
        "The traffic shares, in order. If omitted, 5%, 25%, and 50%, or larger ones if those could not judge a version "
        "within two hours, or smaller ones if a version that fails would spend too much of the error budget.",
        min_length=1,
    )
    detect: list[Detectable] = listed("The regressions to detect; step durations are derived from them.")
    step_duration: BoundedDuration | None = derived(
        "How long a step lasts.", "from the traffic and the regressions to detect"
    )
    window: Duration | None = derived(
        "The measurement window of one analysis run, in whole minutes.",
        "as the shortest window that keeps false aborts and missed regressions rare enough",
    )


class Arm(Section):
    """One arm of an experiment."""

    name: Identifier = required("The name of the arm.")
    model: ModelName | None = optional("The model it serves.")
    share: Percent = required("Its share of the units.")


class ExperimentStage(Section):
    """An A/B test: users are assigned to a version and stay with it; the business metric decides."""

    unit: Text = required("The unit of assignment, for example `user_id`.")
    arms: list[Arm] = listed("The arms of the experiment.", key="name")
    hold_out: Percent = default("0%", "The share held out permanently on the old behavior.", "no control group")
    metric: Metric = required("The metric that decides.")
    effect: Measure = required("The minimum detectable effect.")
    ends: Date = required("The planned last day.")


class BlueGreenStage(Section):
    """The new version starts next to the old one, then takes over all traffic at once."""

    preview: BoundedDuration = default("10m", "How long both versions run before the switch.", "time for smoke tests")
    keep: BoundedDuration = default(
        "1h", "How long the old version keeps running after the switch.", "time to roll back"
    )


class Stage(Section):
    """One rollout stage: exactly one of the four kinds."""

    exactly_one: ClassVar[tuple[str, ...]] = ("shadow", "canary", "experiment", "blueGreen")

    shadow: ShadowStage | None = optional("Mirror requests to the new version.")
    canary: CanaryStage | None = optional("Shift a growing share of requests to the new version.")
    experiment: ExperimentStage | None = optional("Assign users to versions.")
    blue_green: BlueGreenStage | None = optional("Switch all traffic at once.")


class Rollout(Section):
    """How a new version is rolled out."""

    stages: list[Stage] = listed("The stages, in order. If omitted, one canary.", min_length=1)
    rollback_when: list[Condition] = listed(
        "When to roll back. If omitted, when an SLO's own limit is exceeded.", min_length=1
    )
    progress_deadline: BoundedDuration | None = derived(
        "How long a new version may take to become ready before the rollout fails.",
        "as twice the time to download, load, and warm up",
    )
    keep_versions: int = default(
        5, "How many previous versions to keep for rollback.", "a month of weekly releases", ge=1, le=50
    )

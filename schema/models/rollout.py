"""How a new version reaches its users, and when it is taken back."""

from __future__ import annotations

from typing import ClassVar

from .base import (
    Date,
    Duration,
    Identifier,
    Measure,
    Metric,
    ModelName,
    Percent,
    Section,
    Text,
    default,
    derived,
    listed,
    optional,
    required,
)
from .problem import Condition


class ShadowStage(Section):
    """Requests are copied to the new version, whose answers nobody sees."""

    percent: Percent = default("100%", "The share of requests that is copied.", "the whole picture")
    duration: Duration = default("24h", "How long before the version may answer.", "a whole day of traffic")
    replicas: int | None = derived("How many replicas the shadow has.", "from the share of the mean throughput", ge=1)


class Detectable(Section):
    """A harm that the canary must not miss."""

    metric: Metric = required("The metric that gets worse.")
    from_: Measure | None = derived("Its value without the harm.", "from the availability, or zero")
    to: Measure = required("Its value with the harm.")


class CanaryStage(Section):
    """The new version answers a growing share of requests while it is compared with its bounds."""

    steps: list[Percent] = listed("The shares, in order; 5 %, 25 % and 50 % if left out.")
    detect: list[Detectable] = listed("Harms that must not be missed; step lengths follow from them.")
    step_duration: Duration | None = derived("How long a step lasts.", "from the traffic and the harm to detect")
    window: Duration | None = derived(
        "Over how many whole minutes requests are counted for one verdict.",
        "the shortest with which both wrong verdicts are rare enough",
    )


class Arm(Section):
    """One side of an experiment."""

    name: Identifier = required("Its name.")
    model: ModelName | None = optional("The model that it is served.")
    share: Percent = required("Its share of the units.")


class ExperimentStage(Section):
    """Users are assigned to versions and stay there; the business metric decides."""

    unit: Text = required("What is assigned, such as `user_id`.")
    arms: list[Arm] = listed("The sides.", key="name")
    hold_out: Percent = default("0%", "The share that keeps the old behaviour for good.", "no control group")
    metric: Metric = required("What decides.")
    effect: Measure = required("The smallest effect that matters.")
    ends: Date = required("The planned last day.")


class BlueGreenStage(Section):
    """The new version is started beside the old one, and all traffic changes over at once."""

    preview: Duration = default("10m", "How long it is kept beside the old one before.", "time for smoke tests")
    keep: Duration = default("1h", "How long the old one is kept after.", "time to go back")


class Stage(Section):
    """One stage: exactly one of the four kinds."""

    exactly_one: ClassVar[tuple[str, ...]] = ("shadow", "canary", "experiment", "blueGreen")

    shadow: ShadowStage | None = optional("Requests are copied.")
    canary: CanaryStage | None = optional("A growing share of requests.")
    experiment: ExperimentStage | None = optional("Users are assigned to versions.")
    blue_green: BlueGreenStage | None = optional("All traffic at once.")


class Rollout(Section):
    """How a new version reaches its users."""

    stages: list[Stage] = listed("What happens, in order; one canary if left out.")
    rollback_when: list[Condition] = listed("When it is taken back; the objectives' own bounds if left out.")
    progress_deadline: Duration | None = derived(
        "After how long a version that has not become ready has failed.", "twice the time to fetch, load and warm up"
    )
    keep_versions: int = default(
        5, "How many earlier versions can be gone back to.", "a month of weekly releases", ge=1, le=50
    )

"""The kinds of failure that alerts show, and which kind explains which.

Each alert names its kind where it is defined, as the label `failure`. Alertmanager mutes an alert while another one
fires that explains it, so that a broken source of data does not look like a model that got worse. Nothing matches the
names of alerts.

Two principles keep degradation from hiding behind an alert that fires for weeks:

- A ticket never mutes a page: no one may be looking at it.
- Nothing explains `availability`, and only an outage explains `latency`. These are what the spec promises, and a full
  server or a version that was rolled back is no certain reason that requests are slow. For the same reason, the alerts
  on a rollout and on a shadow explain nothing: they fire until the spec changes. Nor do those on hardware: a device
  can wait weeks for its replacement.
"""

from __future__ import annotations

from typing import Literal

from ...exported import Signal
from ...record import Record

__all__ = ["EXPLAINS", "FAILURES", "SIGNALS", "Explains", "Failure"]

Failure = Literal[
    "outage", "availability", "latency", "saturation", "replicas", "hardware", "autoscaling", "upstream", "rollout",
    "shadow", "runs", "staleness", "monitoring", "data-quality", "data-drift", "model-quality", "loop",
    "condition",
]  # fmt: skip
"""The kind of failure that an alert shows: the value of its label `failure`."""

FAILURES: dict[Failure, str] = {
    "outage": "no replica answers, or too few do",
    "availability": "requests fail, or results are missing when they are due",
    "latency": "answers are slow, or callers do not wait for them",
    "saturation": "the load is near or above the capacity",
    "replicas": "some replicas are down or missing",
    "hardware": "an accelerator failed, or does no work",
    "autoscaling": "the autoscaler does not follow the load",
    "upstream": "callers, the gateway, or the network send no requests",
    "rollout": "a new version waits, or was rolled back",
    "shadow": "a version in the shadow stage is down, idle, or failing",
    "runs": "batch or training runs do not start, or fail",
    "staleness": "the model, its features, or its scores are too old",
    "monitoring": "Prometheus lacks the metrics of other alerts",
    "data-quality": "a source of data is broken: missing, late, or outside its limits",
    "data-drift": "inputs or predictions are distributed differently from the reference",
    "model-quality": "the model is worse than it must be",
    "loop": "labels or logged predictions do not come back",
    "condition": "a condition that the spec states itself is not met",
}
"""What each kind means."""

SIGNALS: dict[Signal, Failure] = {
    "data-violation": "data-quality",
    "skew": "data-quality",
    "feature-drift": "data-drift",
    "prediction-drift": "data-drift",
    "quality-drop": "model-quality",
    "estimate-drop": "model-quality",
    "labels-late": "loop",
    "features-stale": "staleness",
    "loop-broken": "loop",
    "monitor-silent": "monitoring",
}
"""The kind of failure that each signal of a model's own alerts belongs to."""


class Explains(Record):
    """Kinds of failure that are the reason for others."""

    causes: tuple[Failure, ...]
    effects: tuple[Failure, ...]
    why: str
    whole_system: bool = False
    """Whether it explains the alerts of all services of a system in its environment, instead of those of its own."""


EXPLAINS: tuple[Explains, ...] = (
    Explains(
        causes=("outage",),
        effects=(
            "latency", "replicas", "saturation", "autoscaling", "upstream", "rollout", "data-drift", "model-quality",
            "loop",
        ),
        why="without answers, nothing that is measured on answers means anything",
    ),
    Explains(
        causes=("upstream",),
        effects=("rollout", "shadow", "data-drift", "model-quality", "loop"),
        why="the few requests that are left do not represent all requests",
    ),
    Explains(
        causes=("data-quality",),
        effects=("data-drift", "model-quality"),
        why="broken input looks like drift and like a worse model; fix the data, do not retrain",
        whole_system=True,
    ),
    Explains(
        causes=("loop",),
        effects=("model-quality",),
        why="quality is measured on the labels that come back",
        whole_system=True,
    ),
    Explains(causes=("replicas", "autoscaling"), effects=("saturation",), why="too few replicas carry the whole load"),
    Explains(causes=("runs",), effects=("staleness",), why="without a run that succeeds, nothing gets newer"),
)  # fmt: skip
"""Which kind explains which; a kind that is not listed as an effect is never muted for its kind."""

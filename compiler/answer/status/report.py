"""The status of a running system: its health, what it measures, and what to do about it."""

from __future__ import annotations

from typing import Literal

from ...record import Record

__all__ = [
    "ORDER",
    "Action",
    "Chart",
    "Check",
    "Drift",
    "Fact",
    "Health",
    "Quality",
    "ServiceStatus",
    "Status",
    "Trouble",
    "worst",
]

Health = Literal["red", "yellow", "gray", "green"]
"""Red: act now. Yellow: someone has to look at it. Gray: unknown. Green: everything was evaluated, and is fine."""

ORDER: tuple[Health, ...] = ("red", "yellow", "gray", "green")


class Trouble(Record):
    """One reason why a check is not green."""

    alert: str
    """The name of the alert, if it is one."""
    said: str
    since: float | None = None
    action: str = ""
    runbook: str = ""


class Check(Record):
    """All alerts of a service that show one kind of failure."""

    failure: str
    meaning: str
    """What this kind of failure means."""
    health: Health
    alerts: int
    """How many alerting rules it covers."""
    troubles: tuple[Trouble, ...] = ()


class Fact(Record):
    """One measured value, or what the spec says about it."""

    title: str
    value: str
    """The value with its unit; empty if there is no data."""
    target: str = ""
    """What it is compared with."""
    number: float | None = None
    unit: str = ""


class Quality(Record):
    """A metric of the model in production."""

    metric: str
    group: str
    """The segment; empty for all rows."""
    value: float
    low: float | None
    high: float | None
    samples: float | None
    rivals: dict[str, float]
    """The same metric of the baselines, by name."""


class Drift(Record):
    """The distance of one column from its reference."""

    subject: str
    """`feature` or `prediction`."""
    column: str
    method: str
    group: str
    value: float
    threshold: float | None
    samples: float | None


class Chart(Record):
    """Values over the last day."""

    title: str
    unit: str
    points: tuple[tuple[float, float], ...]
    """Hours since the start of the chart, and values."""
    limit: float | None = None


class ServiceStatus(Record):
    """A service, or the runs of a schedule."""

    name: str
    kind: Literal["online", "batch", "training", "search", "features", "elsewhere"]
    health: Health
    facts: tuple[Fact, ...]
    checks: tuple[Check, ...]
    quality: tuple[Quality, ...] = ()
    drift: tuple[Drift, ...] = ()
    charts: tuple[Chart, ...] = ()


class Action(Record):
    """What to do, most urgent first."""

    health: Health
    service: str
    what: str
    why: str
    runbook: str


class Status(Record):
    """One environment."""

    system: str
    environment: str
    at: float
    health: Health
    services: tuple[ServiceStatus, ...]
    actions: tuple[Action, ...]
    warnings: tuple[str, ...] = ()


def worst(found: tuple[Health, ...]) -> Health:
    """The worst of several. Without any, it is unknown."""
    return min(found, key=ORDER.index, default="gray")

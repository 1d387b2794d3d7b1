"""How fast an autoscaler follows the load: the same for every provider, and what `mlspec simulate` runs."""

from __future__ import annotations

from ...because import Because, fixed
from ...record import Record

__all__ = ["DOWN", "UP", "Pace"]


class Pace(Record):
    """How fast replicas are added, or removed."""

    stable: Because[int]
    """For how many seconds the load must ask for it (`stabilizationWindowSeconds`)."""
    kind: str
    """What `most` counts: `Percent` of the replicas, or `Pods`."""
    most: Because[int]
    """The largest change in a period."""
    period: Because[int]
    """The seconds of a period."""


_AGAIN = "a replica that was removed too soon must load its model again"

UP = Pace(
    stable=fixed(30, "a spike of a few seconds ends before a new replica is ready"),
    kind="Percent",
    most=fixed(100, "at most double the replicas"),
    period=fixed(60, "per minute"),
)
"""Fast."""

DOWN = Pace(stable=fixed(300, _AGAIN), kind="Pods", most=fixed(1, _AGAIN), period=fixed(120, _AGAIN))
"""Slow, because a replica that comes back must load its model again."""

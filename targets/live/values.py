"""What can be said about a live object, whatever its kind."""

from __future__ import annotations

from typing import Any, Literal

from ...compiler.record import Record

__all__ = ["Analysis", "Command", "Measurement", "Object", "Phase", "Related", "Share", "State", "condition", "missing"]

Object = dict[str, Any]
"""A live object as plain data, as the API server returns it."""

Phase = Literal["healthy", "progressing", "paused", "waiting", "degraded", "missing"]
"""`paused` goes on by itself, and `waiting` does not: it waits for a person."""


class Share(Record):
    """One version of a service and its share of the traffic."""

    version: str
    """The model's version, or the hash of the pod template if the version is unknown."""
    role: str
    """`stable` or `canary`."""
    percent: int


class Measurement(Record):
    """What an analysis measured last for one metric, and its limit."""

    metric: str
    result: str
    """Argo Rollouts' word: `Successful`, `Failed`, `Inconclusive`, `Error`, or `Pending` without a measurement."""
    value: str | None = None
    limit: str | None = None
    """The condition of success: `at most 0.004`."""
    at: str | None = None
    count: int = 0
    """The number of measurements so far, without errors."""
    message: str = ""


class Analysis(Record):
    """One run of an analysis."""

    name: str
    role: str
    """`background` for the whole rollout, or `step`."""
    phase: str
    since: str | None = None
    measurements: tuple[Measurement, ...] = ()
    message: str = ""


class Command(Record):
    """A command that a person can type, and its effect."""

    effect: str
    line: str
    patch: str = ""
    """The same with plain kubectl."""


class State(Record):
    """The state of one live object."""

    kind: str
    name: str
    phase: Phase
    said: str
    """What it does or waits for."""
    message: str = ""
    """The controller's last message."""
    since: str | None = None
    shares: tuple[Share, ...] = ()
    step: int | None = None
    """The number of the current step, from 1."""
    steps: int | None = None
    doing: str = ""
    """What the current step does: `setWeight 20`."""
    analyses: tuple[Analysis, ...] = ()
    ready: int | None = None
    replicas: int | None = None
    facts: tuple[tuple[str, str], ...] = ()
    """Other facts with their titles."""
    commands: tuple[Command, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether it does not change any more without a person."""
        return self.phase in ("healthy", "waiting", "degraded")


class Related(Record):
    """The objects that the state of another object depends on."""

    routes: tuple[Object, ...] = ()
    analyses: tuple[Object, ...] = ()
    versions: tuple[Object, ...] = ()
    """ReplicaSets."""


def missing(kind: str, name: str) -> State:
    """The state of an object that is not in the cluster."""
    return State(kind=kind, name=name, phase="missing", said="not in the cluster")


def condition(live: Object, type_: str) -> Object:
    """A condition of an object's status; empty if there is none."""
    found = live.get("status", {}).get("conditions") or []
    return next((one for one in found if one.get("type") == type_), {})

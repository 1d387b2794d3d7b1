"""What proves an alert: scenes in which it fires, and what Prometheus sees when all is well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from ...compiler.because import Because
from ...compiler.record import Record
from ...compiler.row import Row
from ...compiler.scenes.notation import Series
from ...compiler.scenes.served import Flow, Unknown

__all__ = ["DAY", "Alert", "Check", "Fired", "Flows", "Proof", "Scene", "fired", "proven", "silent"]

DAY = 1440
"""Its minutes."""

Flows = Sequence[Flow]


class Alert(dict[str, Any]):
    """The body of an alerting rule, with what proves it. It is written like any other body."""

    prove: Callable[[], Proof | None] = staticmethod(lambda: None)
    others: Sequence[Alert | Because[Alert]] = ()
    """The alerts whose series its scenes show, too."""

    @cached_property
    def proof(self) -> Proof | None:
        """What proves it, which takes longer than the alert itself; None if no series is known that it watches."""
        return self.prove()


class Fired(Row):
    """An alert that fires."""

    alert: Alert
    value: float | None
    """The `$value` of its summary; None if it depends on the version of Prometheus, which treats the first sample of
    a window differently from 3.0 on."""
    labels: Mapping[str, str] = {}
    """The labels of this instance, from the series that its expression selects."""


class Check(Row):
    """What fires at a minute, of all alerts of one name."""

    minute: int
    name: str
    fired: tuple[Fired, ...] = ()
    among: Mapping[str, str] = {}
    """The labels of the alerts that count; others of this name may fire."""
    query: str = ""
    """In place of a name: a query that returns 1 without labels, or nothing."""
    nothing: bool = False
    """Whether the query returns nothing."""


class Scene(Record):
    """A situation, and what the alerts do in it."""

    name: str
    series: Series
    checks: tuple[Check, ...]
    every: int = 1
    """The minutes between two evaluations, and so the unit of all minutes in `checks`."""
    step: int = 1
    """The minutes between two samples."""


class Proof(Record):
    """What proves an alert."""

    scenes: tuple[Scene, ...]
    healthy: Callable[[Flows], Series]
    """The series that the alert watches while the service gets these requests and all is well."""
    labels: Mapping[str, str]
    """The labels that the alert has from its expression."""
    watched: frozenset[str]
    """The names and labels of the series that the alert watches when all is well."""


def proven(
    alert: Alert,
    scenes: Callable[[Alert], Iterable[Scene]],
    healthy: Callable[[Flows], Series],
    labels: Mapping[str, Because[str]] | None = None,
) -> Alert:
    """The alert with its proof, unless no series is known that its metrics select."""

    def prove() -> Proof | None:
        known = {name: value.value for name, value in (labels or {}).items()}
        try:
            watched = frozenset(healthy([Flow(minutes=10, rate=1)]))
            return Proof(scenes=tuple(scenes(alert)), healthy=healthy, labels=known, watched=watched)
        except Unknown:
            return None

    alert.prove = prove
    return alert


def silent(alert: Alert, *minutes: int, among: Mapping[str, str] | None = None) -> tuple[Check, ...]:
    """The alert does not fire at these minutes."""
    name = alert["alert"]
    return tuple([Check(minute=minute, name=name, among=among or {}) for minute in minutes])


def fired(
    alert: Alert,
    minute: int,
    value: float | None = 0.0,
    labels: Mapping[str, str] | None = None,
    among: Mapping[str, str] | None = None,
) -> Check:
    """The alert fires at a minute, with this value, and with these labels from its series."""
    told = Fired(alert=alert, value=value, labels=labels or {})
    return Check(minute=minute, name=alert["alert"], fired=(told,), among=among or {})

"""Requests to train: the notification of Alertmanager, the diagnosis, the cool-down, and the run.

Alertmanager can deliver a notification twice, and repeats it while the alert fires. So a request starts nothing if a
run is at work, during the cool-down, or if the diagnosis does not find that training is the answer. The time of the
last request is an annotation of the CronJob or CronWorkflow, which is written before the run is created and only by one
of several writers: a process that is killed in between has started nothing, and asks again after the cool-down.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from ...compiler.record import Record
from ..diagnose.diagnosis import Diagnosis
from .cluster import ANNOTATION, Conflict, Schedule

__all__ = ["Answer", "asks", "requested"]

ALERT = "ModelRetrainingDue"


class Answer(Record):
    """What became of a request."""

    outcome: Literal["started", "refused", "ignored"]
    why: str
    job: str | None = None

    def document(self) -> dict[str, Any]:
        """The body of the answer."""
        return {"outcome": self.outcome, "why": self.why, **({"job": self.job} if self.job is not None else {})}


def asks(body: Any, namespace: str, system: str) -> str | None:
    """Why a notification is no request to train this system; None if it is one (Alertmanager, webhook_config, v4)."""
    if not isinstance(body, dict) or not isinstance(body.get("alerts"), list):
        return "the body is not a notification of Alertmanager"
    firing = [one for one in body["alerts"] if isinstance(one, dict) and one.get("status") == "firing"]
    labels = [one["labels"] for one in firing if isinstance(one.get("labels"), dict)]
    own = [one for one in labels if one.get("namespace") == namespace and one.get("system") == system]
    if not any(one.get("alertname") == ALERT for one in own):
        return f"no {ALERT} of {system} in {namespace} fires"
    return None


def requested(schedule: Schedule, cooldown: float, now: float, diagnose: Callable[[], Diagnosis]) -> Answer:
    """Start a run if it may start. Raises ApiError."""
    found = diagnose()
    said = f"{found.verdict}: {found.cause}" if found.cause is not None else found.verdict
    if not found.retrain:
        return Answer(outcome="refused", why=f"{said}. {found.action}")
    read = schedule.read()
    waiting = _waiting(schedule, read, cooldown, now)
    if waiting is not None:
        return Answer(outcome="refused", why=waiting)
    try:
        schedule.mark(read, int(now))
        name = schedule.start(read, int(now))
    except Conflict:
        return Answer(outcome="refused", why="another request started a run at the same time")
    return Answer(outcome="started", why=said if found.cause is not None else found.evidence[0].says, job=name)


def _waiting(schedule: Schedule, read: dict[str, Any], cooldown: float, now: float) -> str | None:
    """Why a run must wait; None if it may start."""
    runs = schedule.runs(read["metadata"]["uid"])
    active = [one["metadata"]["name"] for one in runs if not schedule.of.ended(one)]
    if active:
        return f"the run {active[0]} is at work"
    annotations = read["metadata"].get("annotations") or {}
    starts = [_seconds(annotations.get(ANNOTATION)), _time(read.get("status", {}).get(schedule.of.last))]
    starts += [_time(one.get("status", {}).get(schedule.of.started)) for one in runs]
    last = max((one for one in starts if one is not None), default=None)
    if last is not None and now < last + cooldown:
        return f"the last run started {int(now - last)} s ago, and the cool-down is {int(cooldown)} s"
    return None


def _seconds(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def _time(text: Any) -> float | None:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None

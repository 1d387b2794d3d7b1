"""Requests to train: which triggers raise the alert that training is due, and how often it may ask for a run.

Alertmanager repeats a notification while its alert fires. The alert goes on until the new model is live and measured,
so a request that is repeated sooner would start a second run while the first one is still at work.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....schema.units import Duration
from ...because import Because, decision
from ...record import Record
from ...system import Drift, MLSystem, Retraining, TicketTimes
from ..choose import readable

__all__ = ["ALERT", "DROP", "NEW_LABELS", "Due", "RequestTimes", "drifts", "read", "times"]

ALERT = "ModelRetrainingDue"
"""The only alert that may start a training run."""

DROP = "quality-drop"
"""The trigger that needs a bound on the quality."""

NEW_LABELS = "new-labels"
"""The trigger that needs no damage: as many new labels as `minNewLabels` arrived."""


class Due(Record):
    """That training can be due in an environment."""

    triggers: tuple[Because[str], ...]
    run: Because[Duration] | None
    """The deadline of a run; None if runs are elsewhere."""
    webhook: Because[str] | None = None
    """The address of the process that starts runs; None if there is none."""


class RequestTimes(Record):
    """When a request is sent."""

    wait: Because[Duration]
    interval: Because[Duration]
    repeat: Because[Duration]


def read(system: MLSystem) -> tuple[Because[str], ...]:
    """The triggers that the alert reads: those whose series exist. Without a bar, no quality is too low."""
    asked, retraining = system.monitoring, system.retraining
    if retraining is None:
        return ()
    known = [NEW_LABELS] if _counted(system, retraining) else []
    if asked.quality is not None:
        known += [DROP, *drifts(asked.drift)]
    return tuple(trigger for trigger in retraining.triggers if trigger.value in known)


def drifts(drift: Drift | None) -> Iterator[str]:
    """The triggers whose drift is measured."""
    if drift is not None and (drift.features is not None or drift.columns):
        yield "data-drift"
    if drift is not None and drift.prediction is not None:
        yield "prediction-drift"


def _counted(system: MLSystem, retraining: Retraining) -> bool:
    """Whether new labels are counted, and the spec says how many are enough."""
    asked = system.monitoring
    measured = asked.capture is not None or asked.measured.value == "elsewhere"
    return measured and system.data.labels is not None and retraining.diagnosis.min_new_labels is not None


def times(system: MLSystem, due: Due, tickets: TicketTimes) -> RequestTimes:
    """A request waits as long as a ticket, because the same alerts explain it."""
    retraining = system.retraining
    cooldown = retraining.cooldown if retraining is not None else None
    without = tickets.repeat if cooldown is None else None
    repeat = _repeat(cooldown, due.run, system.monitoring.interval, tickets.interval, without)
    return RequestTimes(wait=tickets.wait, interval=tickets.interval, repeat=repeat)


@decision
def _repeat(
    cooldown: Because[Duration] | None,
    run: Because[Duration] | None,
    measured: Because[Duration],
    changes: Because[Duration],
    ticket: Because[Duration] | None,
) -> tuple[Duration, str]:
    parts = [
        (cooldown, "of cool-down"),
        (run, "until the deadline of a run"),
        (measured, "between two measurements"),
        (changes, "between two notifications"),
        (ticket, "until the ticket is sent again"),
    ]
    known = [(part.value, what) for part, what in parts if part is not None]
    longest = max((value for value, _ in known), key=lambda value: value.amount)
    said = ", ".join(f"{readable(value)} {what}" for value, what in known)
    return longest, f"the longest of {said}, so that one alert does not start a second run during the first"

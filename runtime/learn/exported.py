"""The metrics of the learner, in the text format of Prometheus."""

from __future__ import annotations

from typing import Any

from ...compiler.record import Record

__all__ = ["KIND", "PORT", "State", "text"]

PORT = 9466
KIND = "text/plain; version=0.0.4; charset=utf-8"


class State(Record):
    """How far the learner is. Times are Unix time."""

    caught_up: float
    """When it had last learned everything that there was; when it started, at first."""
    checkpoint: int | None = None
    """The end of the newest checkpoint."""
    frozen: float | None = None
    """Since when it is frozen; None if it is not."""
    rows: int = 0
    """The predictions with labels that it has learned since it started."""


HELP = {
    "mlspec_learner_caught_up_timestamp_seconds": "When all complete labels had last been learned.",
    "mlspec_learner_checkpoint_timestamp_seconds": "The time of the newest prediction in the newest checkpoint.",
    "mlspec_learner_frozen_timestamp_seconds": "Since when learning is frozen; absent if it is not.",
    "mlspec_learner_rows": "Predictions with labels that were learned since the process started.",
}


def text(state: State, config: dict[str, Any]) -> str:
    """All series that have a value."""
    values = dict(zip(HELP, (state.caught_up, state.checkpoint, state.frozen, state.rows), strict=True))
    monitoring = config.get("monitoring", {})
    labels = ",".join(f'{key}="{monitoring.get(key, "")}"' for key in ("namespace", "service"))
    lines = []
    for name, value in values.items():
        if value is not None:
            lines += [f"# HELP {name} {HELP[name]}", f"# TYPE {name} gauge", f"{name}{{{labels}}} {value:.0f}"]
    return "\n".join(lines) + "\n"

"""What the learner reads of its configuration. Quantities are numbers in seconds."""

from __future__ import annotations

from typing import Any

from ...compiler.record import Record
from ..conditions import Unreadable, number

__all__ = ["Settings", "settings_of"]

LONGEST = 24
"""The most intervals in one batch: after a pause, it catches up with a day of hours at a time."""

SETTLES = 900.0
"""The most seconds that records may take to arrive, as for measurements."""


class Settings(Record):
    """How it learns."""

    to: str
    """The folder of the checkpoints."""
    version: str
    """The live version that it started from."""
    diagnosis: str
    """The address of the diagnosis."""
    checkpoint: float
    """The time between two checkpoints, in seconds."""
    delay: float
    """How long labels take."""
    trained: float | None
    """When the live version was trained; None if it is unknown."""

    @property
    def settles(self) -> float:
        """How long after the end of an interval its records are complete."""
        return min(SETTLES, self.checkpoint / 4)

    @property
    def longest(self) -> int:
        """The longest span of a batch."""
        return int(LONGEST * self.checkpoint)

    def start(self, now: float) -> int:
        """From when on the first batch has predictions: those whose labels the live version was not trained on."""
        since = self.trained if self.trained is not None else now - self.checkpoint
        return int((since - self.delay) // self.checkpoint * self.checkpoint)


def settings_of(config: dict[str, Any]) -> Settings:
    """The settings. Raises Unreadable."""
    online, monitoring = config.get("online"), config.get("monitoring")
    labels = monitoring.get("labels") if isinstance(monitoring, dict) else None
    if not isinstance(online, dict) or not isinstance(labels, dict):
        raise Unreadable(
            "the configuration lacks `online`, or the labels in `monitoring`, without which none can learn"
        )
    texts = {key: online.get(key) for key in ("to", "version", "diagnosis")}
    for key, given in texts.items():
        if not isinstance(given, str) or not given:
            raise Unreadable(f"`online.{key}` in the configuration is not a text")
    checkpoint, delay = number(online.get("checkpoint")), number(labels.get("delay", 0))
    trained = number(online["trainedAt"]) if "trainedAt" in online else None
    if checkpoint is None or checkpoint <= 0 or delay is None or ("trainedAt" in online and trained is None):
        raise Unreadable("`checkpoint`, `trainedAt`, or `delay` in the configuration is not a number of seconds")
    return Settings(
        to=str(texts["to"]),
        version=str(texts["version"]),
        diagnosis=str(texts["diagnosis"]),
        checkpoint=float(checkpoint),
        delay=float(delay),
        trained=float(trained) if trained is not None else None,
    )

"""A rolling update of a Deployment: which pods may be missing, and how many there may be beyond the usual."""

from __future__ import annotations

from ..compiler.because import Because, because
from ..compiler.emit.artifact import Body

__all__ = ["rolling_update"]


def rolling_update(in_place: Because[bool]) -> Body:
    """One replica at a time: one more for a while, or one less."""
    why = in_place.reason if in_place.value else "no request is lost"
    surge, missing = (0, 1) if in_place.value else (1, 0)
    return {
        "type": "RollingUpdate",
        "rollingUpdate": {
            "maxSurge": because(surge, why, in_place),
            "maxUnavailable": because(missing, why, in_place),
        },
    }

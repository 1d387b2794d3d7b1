"""A rolling update of a Deployment: how many pods may be missing, and how many may be surplus."""

from __future__ import annotations

from ..compiler.because import Because, because
from ..compiler.emit.artifact import Body

__all__ = ["rolling_update"]


def rolling_update(in_place: Because[bool]) -> Body:
    """Replace one replica at a time, with one extra replica or with one missing."""
    why = in_place.reason if in_place.value else "no request is dropped"
    surge, missing = (0, 1) if in_place.value else (1, 0)
    return {
        "type": "RollingUpdate",
        "rollingUpdate": {
            "maxSurge": because(surge, why, in_place),
            "maxUnavailable": because(missing, why, in_place),
        },
    }

"""The time that a command is about."""

from __future__ import annotations

import time
from datetime import datetime

from .conditions import Unreadable, shown

__all__ = ["at_of"]


def at_of(text: str | None) -> float:
    """The time of `--at` in Unix time; now, in whole seconds, without it. Raises Unreadable."""
    if text is None:
        return float(int(time.time()))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Unreadable(f"{shown(text)} is not a time with an offset, such as 2026-11-28T12:00:00Z")
    if found.timestamp() < 0:
        raise Unreadable(f"{shown(text)} is before 1970")
    return found.timestamp()

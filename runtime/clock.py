"""Times on the command line."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from .conditions import Unreadable, shown

__all__ = ["instant", "written"]


def instant(text: str) -> float:
    """A time in Unix time, from a number of seconds or from RFC 3339, in UTC if it has no offset. Raises Unreadable."""
    try:
        found = float(text)
    except ValueError:
        try:
            given = datetime.fromisoformat(text)
        except ValueError:
            raise Unreadable(
                f"{shown(text)} is not a time: write 2026-11-28T12:00:00Z, or seconds in Unix time"
            ) from None
        return (given if given.tzinfo is not None else given.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(found) or not 0 <= found < 253_402_300_800:
        raise Unreadable(f"{shown(text)} is not a time in Unix time: it has to be from 0 up to the year 9999")
    return found


def written(at: float) -> str:
    """A time in UTC, as it is read in messages: `2026-11-28 12:00 UTC`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")

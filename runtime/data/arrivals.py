"""What arrives in a source: the age of its newest record, and how many records arrive per day.

**Freshness** is the age of the newest record at the time of the run. A record from after the run is not the newest
one, because a wrong clock in one record would hide that the source has stopped.

**Volume** is the mean of the last seven complete days (in UTC) before the day of the newest final record. A week
contains each weekday once, so its pattern cancels out. The mean must be between half and twice `volume.daily`: a second
delivery of the same records doubles it, and half of the partitions missing halves it, and a declared number with one
digit is no more precise than that. With 28 expected records in the window, the number of a Poisson process leaves this
band by chance in 1 of 780 runs (P(X < 14) is 0.13%, and P(X > 56) is 0.0001%). With fewer, it does so more often, and
volume is not checked.

**Late data**: records of the last `lag` before the run may still change. They are not final, and count only toward
freshness.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa

from ..lines import duration
from .checks import Violation
from .contract import Source

__all__ = ["BAND", "DAYS", "FEWEST", "Arrivals"]

DAYS = 7
BAND = 2.0
"""The mean may be this many times the declared volume, or its inverse."""

FEWEST = 28

_DAY = 86400
_REMEMBERED = 4000
"""How many days before the run are counted, which bounds memory whatever the times in a file are."""


class Arrivals:
    """The times of the records of one source, counted as they are read."""

    def __init__(self, source: Source, run: float) -> None:
        self.source, self.run = source, run
        self.newest: float | None = None
        self.future = self.late = 0
        self._final: float | None = None
        self._oldest: int | None = None
        self._days: Counter[int] = Counter()

    def add(self, times: pa.Array) -> None:
        """The times of some more records, as timestamps or dates."""
        seconds = _seconds(times)
        self.future += int((seconds > self.run).sum())
        seconds = seconds[seconds <= self.run]
        if not len(seconds):
            return
        self.newest = max(float(seconds.max()), self.newest if self.newest is not None else -np.inf)
        final = seconds[seconds <= self.run - self.source.lag]
        self.late += len(seconds) - len(final)
        if not len(final):
            return
        self._final = max(float(final.max()), self._final if self._final is not None else -np.inf)
        days = np.floor(final / _DAY).astype(np.int64)
        oldest = int(days.min())
        self._oldest = oldest if self._oldest is None else min(oldest, self._oldest)
        each, counts = np.unique(days[days > self.run / _DAY - _REMEMBERED], return_counts=True)
        self._days.update(dict(zip(each.tolist(), counts.tolist(), strict=True)))

    def violations(self) -> list[Violation]:
        """What the records so far violate."""
        return [found for found in (self._stale(), self._volume()) if found is not None]

    def notes(self) -> list[str]:
        """What cannot be checked, and what a reader should know although it breaks nothing."""
        made = []
        if self.future:
            made.append(
                f"{self.future:,} records are from after the run, and count neither for freshness nor for volume"
            )
        if self.source.daily is not None and self._window() is None:
            made.append("volume is not checked: there is no complete day of final records")
        elif self.source.daily is not None and self.source.daily * self._complete() < FEWEST:
            made.append(f"volume is not checked: fewer than {FEWEST} records are expected in {self._complete()} days")
        return made

    def document(self) -> dict[str, Any]:
        """The measured values, for `validation.json`."""
        window = self._window()
        daily = round(self._mean(), 3) if window is not None else None
        found = {"newest": self.newest, "notFinal": self.late, "afterTheRun": self.future, "daily": daily}
        return {key: value for key, value in found.items() if value is not None}

    def _stale(self) -> Violation | None:
        limit = self.source.freshness
        if limit is None:
            return None
        if self.newest is None:
            return Violation(column=None, expectation="freshness", words="no record has a time before the run")
        age = self.run - self.newest
        if age <= limit:
            return None
        words = f"the newest record is {duration(age)} old, and may be {duration(limit)} old"
        return Violation(column=None, expectation="freshness", words=words)

    def _volume(self) -> Violation | None:
        daily = self.source.daily
        if daily is None or self._window() is None or daily * self._complete() < FEWEST:
            return None
        mean = self._mean()
        if daily / BAND <= mean <= daily * BAND:
            return None
        days = self._complete()
        over = f"the last {days} complete days" if days > 1 else "the last complete day"
        words = f"{mean:,.6g} records per day in {over}, and {daily:,.6g} are declared (half to twice as many pass)"
        return Violation(column=None, expectation="volume.daily", words=words)

    def _window(self) -> tuple[int, int] | None:
        """The first and the last complete day; the oldest record's day may be cut off, and is left out."""
        if self._final is None or self._oldest is None:
            return None
        last = int(self._final // _DAY) - 1
        first = max(last - DAYS + 1, self._oldest + 1)
        return (first, last) if first <= last else None

    def _complete(self) -> int:
        window = self._window()
        return window[1] - window[0] + 1 if window is not None else 0

    def _mean(self) -> float:
        window = self._window()
        assert window is not None
        return sum(self._days[day] for day in range(window[0], window[1] + 1)) / self._complete()


def _seconds(times: pa.Array) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Seconds since 1970 in UTC; missing times are left out. A time without a zone is in UTC."""
    times = times.drop_null()
    if pa.types.is_date32(times.type):
        return np.asarray(times.cast(pa.int32())).astype(np.float64) * _DAY
    if pa.types.is_date64(times.type):
        return np.asarray(times.cast(pa.int64())).astype(np.float64) / 1000
    scale = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[times.type.unit]
    return np.asarray(times.cast(pa.int64())).astype(np.float64) / scale

"""When each job runs: at the end of every period, once the records of that period have arrived.

Periods end at whole multiples of their length since 1970, so days end at midnight UTC, and a process that restarts
measures the same windows. The newest window comes first, so that the metrics are there soon; then those before, which
the diagnosis compares with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from ...compiler.pace import settles
from ...compiler.record import Record
from ..conditions import Unreadable
from .history import History
from .jobs import Job

__all__ = ["Rounds"]

BEFORE = 8
"""The windows that are measured after a start: with days, the same weekday of the week before is among them."""


class Failed(Record):
    """A measurement that failed, and when it is tried again."""

    why: str
    retry: float


class Rounds:
    """All jobs with their results. `say` gets one line for each result and each failure."""

    def __init__(self, jobs: tuple[Job, ...], history: History, say: Callable[[str], None]) -> None:
        self._jobs = jobs
        self._history = history
        self._say = say
        self._failed: dict[tuple[str, float], Failed] = {}
        self.succeeded: dict[str, float] = {}
        """When each monitor last succeeded, in Unix time."""

    def run(self, now: float, clock: Callable[[], float]) -> bool:
        """Measure the most urgent window that is due. Returns whether there was one."""
        for job, end in self._due(now):
            self._measure(job, end, clock)
            return True
        return False

    def _due(self, now: float) -> Iterator[tuple[Job, float]]:
        """What is not measured yet: the newest window of each job, then the windows before."""
        for back in range(BEFORE):
            for job in self._jobs:
                end = _newest(job, now) - back * job.period
                failed = self._failed.get((job.name, end))
                waits = failed is not None and now < failed.retry
                if not waits and not self._history.has(job.monitors, end):
                    yield job, end

    def _measure(self, job: Job, end: float, clock: Callable[[], float]) -> None:
        try:
            results = job.measure(end)
        except (Unreadable, OSError, ValueError) as wrong:
            retry = clock() + settles(job.period)
            self._failed[job.name, end] = Failed(why=str(wrong), retry=retry)
            self._say(f"{job.name}: {wrong}")
            return
        self._failed.pop((job.name, end), None)
        self._history.add(results)
        if end == _newest(job, clock()):
            self.succeeded |= dict.fromkeys(job.monitors, clock())
        for one in results:
            self._say(f"{job.name}: {len(one.series)} series of the window that ended at {int(end)}")


def _newest(job: Job, now: float) -> float:
    """The end of the newest window whose records are complete."""
    return math.floor((now - settles(job.period)) / job.period) * job.period

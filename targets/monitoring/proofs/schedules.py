"""Scenes of the alerts on a CronJob, as kube-state-metrics sees it, and on the age of a model.

The clock of a test starts in 1970, at minute zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from ....compiler.because import Because
from ....compiler.record import Record
from ....compiler.scenes.notation import GONE, Series, counter, gauge, labeled
from ....schema.units import Duration
from ..cronjob import JOBS, Scheduled, by_jobs
from ..proof import DAY, Alert, Check, Flows, Scene, fired, proven, silent
from .pods import AT, begins, length, wait

__all__ = ["absent", "failed", "late", "old", "overdue"]

STEP = 5
"""Minutes between two samples of something that takes hours: a sample is found for five minutes."""


def _name(runs: Scheduled, what: str) -> str:
    if by_jobs(runs) is not None:
        config = {"configmap": f"{runs.scope.system.metadata.name.value}-training-0a1b2c3d"}
        own = config if "configmap" in JOBS[what] else {"job_name": f"{runs.name.value}-1764000000"}
        return labeled(JOBS[what], {"namespace": runs.scope.namespace.value, **own})
    return labeled(f"kube_cronjob_{what}", {"namespace": runs.scope.namespace.value, "cronjob": runs.name.value})


def _healthy(runs: Scheduled) -> Callable[[Flows], Series]:
    """A run has just started, and one has just succeeded."""

    def healthy(flows: Flows) -> Series:
        now = counter([(length(flows), 60)])
        return {
            _name(runs, "info"): gauge([(length(flows), 1)]),
            _name(runs, "created"): gauge([(length(flows), 0)]),
            _name(runs, "status_last_schedule_time"): now,
            _name(runs, "status_last_successful_time"): now,
        }

    return healthy


def absent(runs: Scheduled, alert: Alert) -> Alert:
    """Prometheus has no metrics about the CronJob."""

    def scenes(alert: Alert) -> Iterator[Scene]:
        gone = {_name(runs, "info"): gauge([(AT, 1), (wait(alert) + 5, GONE)])}
        yield from begins(alert, "kube-state-metrics is gone", gone, 1)

    kept = {"cronjob": runs.name} if by_jobs(runs) is None else {}
    return proven(alert, scenes, _healthy(runs), {"namespace": runs.scope.namespace, **kept})


def overdue(runs: Scheduled, alert: Alert, what: str, longest: Because[Duration]) -> Alert:
    """Something has not happened for too long: never, or not since a time."""
    limit = float(longest.value.amount) / 60

    def scenes(alert: Alert) -> Iterator[Scene]:
        for name, start in (("it has never happened", 0), ("it does not happen again", 60)):
            every = _pace(limit)
            last = every * math.floor((start + limit) / every)
            seen: Series = {_name(runs, "created"): gauge([(last + 2 * every + STEP, 0)], STEP)}
            if start:
                seen[_name(runs, what)] = gauge([(start, "_"), (last + 2 * every + STEP - start, 60 * start)], STEP)
            at = last + every
            checks = (*silent(alert, last), fired(alert, at, 60.0 * (at - start)))
            yield Scene(name=name, series=seen, checks=checks, every=every, step=STEP)

    return proven(alert, scenes, _healthy(runs))


def failed(runs: Scheduled, alert: Alert) -> Alert:
    """A run fails, after the last one that succeeded."""

    def scenes(alert: Alert) -> Iterator[Scene]:
        job = {"namespace": runs.scope.namespace.value, "job_name": f"{runs.name.value}-29400001"}
        began, ended = (
            labeled("kube_job_status_start_time", job),
            labeled("kube_job_failed", job | {"condition": "true"}),
        )
        success = _name(runs, "status_last_successful_time")
        run = {began: gauge([(20, "_"), (40, 1200)]), ended: gauge([(30, "_"), (30, 1)])}
        checks = (*silent(alert, 29), fired(alert, 31))
        yield Scene(name="the first run fails", series=run, checks=checks)
        again = {**run, success: gauge([(10, "_"), (30, 600), (20, 2400)])}
        checks = (*silent(alert, 29), fired(alert, 31), *silent(alert, 41))
        yield Scene(name="a run fails, and the next one succeeds", series=again, checks=checks)
        retried = {began: gauge([(20, "_"), (40, 1200)]), success: gauge([(10, "_"), (50, 600)])}
        yield Scene(name="a run takes long", series=retried, checks=silent(alert, 50))

    return proven(alert, scenes, _healthy(runs))


class Runs(Record):
    """Runs that are due at a fixed pace, in minutes, from one hour on."""

    gap: int
    longest: float
    """The longest that a run takes."""
    limit: float
    """The time after a run was due at which it is late."""

    @property
    def step(self) -> int:
        """The minutes between two samples: every run is due at one."""
        return STEP if self.gap % STEP == 0 else 1

    @property
    def every(self) -> int:
        """The minutes between two evaluations."""
        return _pace(self.limit)

    def due(self, run: int) -> int:
        """The minute in which a run is due, counted from zero."""
        return 60 + run * self.gap

    def done(self, run: int) -> int:
        """The first sample that shows the success of a run that takes as long as it may."""
        return self.due(run) + self.step * math.ceil(self.longest / self.step)

    def late(self, run: int) -> int:
        """The first evaluation in which a run is late."""
        return self.every * math.ceil((self.due(run) + self.limit) / self.every)

    def series(self, runs: Scheduled, end: int, *succeed: int) -> Series:
        """What kube-state-metrics exports until some minute, if only some of the runs succeed."""
        number = math.ceil((end - 60) / self.gap)
        dues = [(self.due(run), 60 * self.due(run)) for run in range(number)]
        done = [(self.done(run), 60 * self.done(run)) for run in succeed]
        return {
            _name(runs, "created"): gauge([(end, 0)], self.step),
            _name(runs, "status_last_schedule_time"): self._held(dues, end),
            **({_name(runs, "status_last_successful_time"): self._held(done, end)} if done else {}),
        }

    def _held(self, changes: list[tuple[int, int]], end: int) -> str:
        """Each value from its minute to the next one."""
        ends = [*(minute for minute, _ in changes[1:]), end]
        held = [(until - minute, value) for (minute, value), until in zip(changes, ends, strict=True)]
        return gauge([(changes[0][0], "_"), *held], self.step)


def late(
    runs: Scheduled,
    alert: Alert,
    limit: Because[Duration],
    never: Because[Duration],
    longest: Because[Duration],
    gap: Because[Duration],
) -> Alert:
    """A run that was due has not succeeded in time, while the next ones are due, or none was due for too long."""
    most, silence, longest_run, between = (float(each.value.amount) / 60 for each in (limit, never, longest, gap))
    known = Runs(gap=int(between), longest=longest_run, limit=most)

    def scenes(alert: Alert) -> Iterator[Scene]:
        yield from _late(runs, alert, known)
        yield from _stopped(runs, alert, silence)

    return proven(alert, scenes, _healthy(runs))


def _late(runs: Scheduled, alert: Alert, known: Runs) -> Iterator[Scene]:
    """The first run fails. If runs are at most a day apart, also: the one before succeeded, and those after it fail or
    succeed.
    """

    def scene(name: str, end: int, *checks: Check, succeed: tuple[int, ...] = ()) -> Scene:
        series = known.series(runs, end + 2 * known.every + STEP, *succeed)
        return Scene(name=name, series=series, checks=checks, every=known.every, step=known.step)

    def told(at: int, run: int) -> Check:
        return fired(alert, at, 60.0 * (at - known.due(run)))

    every, at = known.every, known.late(0)
    yield scene("a run does not succeed", at, *silent(alert, at - every), told(at, 0))
    if known.gap > DAY:
        return
    at, again = known.late(1), known.late(2)
    checks = (*silent(alert, known.late(0), at - every), told(at, 1), told(again, 2))
    yield scene("no run succeeds again", again, *checks, succeed=(0,))
    done = every * math.ceil(known.done(2) / every)
    checks = (*silent(alert, at - every), *((told(at, 1),) if at < known.done(2) else ()), *silent(alert, done))
    yield scene("a run does not succeed, and the next one does", max(at, done), *checks, succeed=(0, 2))


def _stopped(runs: Scheduled, alert: Alert, longest: float) -> Iterator[Scene]:
    """No run is due for too long."""
    due, success = _name(runs, "status_last_schedule_time"), _name(runs, "status_last_successful_time")
    every = _pace(longest)
    for name, start in (("no run starts again", 60), ("no run has ever started", 0)):
        last = every * math.floor((start + longest) / every)
        rest = last + 2 * every + STEP
        seen = {_name(runs, "created"): gauge([(rest, 0)], STEP)}
        if start:
            seen[due] = gauge([(start, "_"), (rest - start, 60 * start)], STEP)
            seen[success] = gauge([(start + STEP, "_"), (rest - start - STEP, 60 * (start + STEP))], STEP)
        at = last + every
        checks = (*silent(alert, last), fired(alert, at, 60.0 * (at - start)))
        yield Scene(name=name, series=seen, checks=checks, every=every, step=STEP)


def _pace(minutes: float) -> int:
    """The minutes between two evaluations, for something that takes this long."""
    return 1 if minutes <= 120 else 10


def old(alert: Alert, trained: int, oldest: int) -> Alert:
    """The model is older than its limit, in seconds.

    The clock of a scene starts in 1970, so it is evaluated only then and on the day that counts.
    """

    def scenes(alert: Alert) -> Iterator[Scene]:
        last = (trained + oldest) // (60 * DAY) * DAY
        checks = silent(alert, last)
        yield Scene(name="the model is not older than its limit", series={}, checks=checks, every=last)
        told = fired(alert, last + DAY, (last + DAY) * 60 - trained)
        yield Scene(name="the model is not replaced", series={}, checks=(told,), every=last + DAY)

    return proven(alert, scenes, lambda _: {})

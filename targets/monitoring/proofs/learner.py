"""Scenes of the alerts on online learning. The clock of a test starts in 1970, at minute zero."""

from __future__ import annotations

from collections.abc import Iterator

from ....compiler.plan.learning import LearningPlan
from ....compiler.scenes.notation import GONE, Series, counter, gauge
from ..proof import Alert, Flows, Scene, fired, proven, silent
from .pods import AT, begins, length, wait

__all__ = ["absent", "frozen", "late"]

STEP = 5


def _pace(limit: int) -> tuple[int, int]:
    """The minutes between two evaluations, and the last one at which a time of minute 0 is not older than the limit."""
    every = 1 if limit <= 7200 else 10
    return every, limit // 60 // every * every


def late(alert: Alert, caught_up: str, frozen_since: str, limit: int) -> Alert:
    """It has not caught up for too long."""
    every, last = _pace(limit)
    end, at = last + 3 * every, last + every

    def scenes(alert: Alert) -> Iterator[Scene]:
        stuck = {caught_up: gauge([(end + STEP, 0)], STEP)}
        checks = (*silent(alert, last), fired(alert, at, 60.0 * at))
        yield Scene(name="it falls behind", series=stuck, checks=checks, every=every, step=STEP)
        with_ = {**stuck, frozen_since: gauge([(end + STEP, 0)], STEP)}
        yield Scene(name="it is frozen", series=with_, checks=silent(alert, at), every=every, step=STEP)

    return proven(alert, scenes, lambda flows: _healthy(caught_up, flows))


def frozen(alert: Alert, since: str, limit: int) -> Alert:
    """It is frozen for too long."""
    every, last = _pace(limit)
    end, at = last + 3 * every, last + every

    def scenes(alert: Alert) -> Iterator[Scene]:
        held = {since: gauge([(end + STEP, 0)], STEP)}
        checks = (*silent(alert, last), fired(alert, at, 60.0 * at))
        yield Scene(name="the signal stays", series=held, checks=checks, every=every, step=STEP)
        over = {since: gauge([(STEP, 0), (end, GONE)], STEP)}
        yield Scene(name="the signal ends", series=over, checks=silent(alert, at), every=every, step=STEP)

    return proven(alert, scenes, lambda _: {})


def absent(alert: Alert, caught_up: str, found: LearningPlan) -> Alert:
    """Prometheus sees no learner."""

    def scenes(alert: Alert) -> Iterator[Scene]:
        gone = {caught_up: gauge([(AT, 1), (wait(alert) + 5, GONE)])}
        yield from begins(alert, "the learner is gone", gone, 1)
        end = wait(alert) + AT
        yield Scene(name="it is there", series={caught_up: counter([(end, 60)])}, checks=silent(alert, end - 1))

    own = {"namespace": found.plan.namespace, "service": found.measuring.service.name}
    return proven(alert, scenes, lambda flows: _healthy(caught_up, flows), own)


def _healthy(caught_up: str, flows: Flows) -> Series:
    return {caught_up: counter([(length(flows), 60)])}

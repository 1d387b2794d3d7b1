"""Scenes of burn-rate alerts, for each pair of windows alone: it burns, it almost burns, and its windows remember.

Many good requests, just before the long window, keep the longer windows of the other pairs below their thresholds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from ....compiler import conventions
from ....compiler.because import Because
from ....compiler.plan.objectives import Objective
from ....compiler.plan.objectives.burn import BurnPair
from ....compiler.plan.service import ServicePlan
from ....compiler.scenes.notation import Series
from ....compiler.scenes.served import Flow, histograms, requests, target
from ....schema.units import Duration
from ..proof import Alert, Check, Flows, Scene, proven, silent
from .model import Model, minutes

__all__ = ["prove"]

BEFORE = 30
"""The minutes of good requests before a long window."""

REMEMBERED = ((1, 1, 4, 45), (10, 1, 46, 360), (60, 5, 361, 1439), (240, 5, 1440, 10**6))
"""Minutes between evaluations and between samples, for windows of so many minutes. In a shorter window, a test with a
sample per minute shows nothing.
"""


def prove(service: ServicePlan, alerts: Mapping[tuple[str, str], Alert]) -> None:
    """Give the alerts, by objective and severity, their proofs."""
    for objective in service.objectives.all:
        for severity in ("page", "ticket"):
            if (objective.name, severity) in alerts:
                burning = _Burning(service, alerts, objective)
                proven(alerts[objective.name, severity], burning.scenes, burning.healthy)


class _Burning:
    """The scenes of one objective."""

    def __init__(self, service: ServicePlan, alerts: Mapping[tuple[str, str], Alert], objective: Objective) -> None:
        self.service = service
        self.alerts = alerts
        self.objective = objective
        self.pairs = service.objectives.pairs(objective)
        self.least = service.objectives.slo.min_events.value
        self.slow = objective if objective.bucket is not None else None

    def healthy(self, flows: Flows, step: int = 1) -> Series:
        """Requests, with the given shares of bad ones."""
        of = target(self.service)
        if self.slow is None:
            return requests(self.service, of, flows, step)
        timed = histograms(self.service, of, flows, self.slow, step)
        if self.slow.of_tokens is None:
            return timed
        return {**requests(self.service, of, flows, step), **timed}  # their volume is that of the requests

    def scenes(self, alert: Alert) -> Iterator[Scene]:
        """Of each pair of the alert's severity."""
        pairs = [pair for pair in self.pairs if pair.severity.value == alert["labels"]["severity"]]
        for pair in pairs:
            yield self._burns(alert, pair)
            yield self._almost(alert, pair)
        yield self._few(alert)
        windows = {window.value: window for pair in pairs for window in (pair.long, pair.short)}
        for every, step, least, most in REMEMBERED:
            fitting = [one for one in windows.values() if least <= one.value.amount / 60 <= most]
            if fitting:
                yield self._remembers(fitting, {pair.long.value for pair in pairs}, every, step)

    def _flows(self, pair: BurnPair, share: float) -> list[Flow]:
        long, _ = minutes(pair)
        events, lowest = 3 * self.least, min(float(pair.threshold.value) for pair in self.pairs)
        return [
            Flow(minutes=BEFORE, rate=3 * events / lowest / BEFORE),
            self._bad(long + BEFORE + 4 * _every(long), events / share / long, share),
        ]

    def _bad(self, length: int, rate: float, share: float) -> Flow:
        return Flow(minutes=length, rate=rate, **{"failing" if self.slow is None else "slow": share})

    def _burns(self, alert: Alert, pair: BurnPair) -> Scene:
        long, _ = minutes(pair)
        every, share = _every(long), _three(min(1.0, 1.2 * float(pair.threshold.value)), math.ceil)
        model = Model(self.service, self.alerts, flows := self._flows(pair, share), self.slow)
        counted, end = model.counted(self.objective, alert["labels"]["severity"]), sum(flow.minutes for flow in flows)
        times = range(0, end - 2 * every, every)
        starts = next((at for at in times if counted.value(at) is not None), None)
        assert starts is not None, "a pair whose threshold is below 100% can fire"
        looks = [max(0, starts - 2 * every), starts + 2 * every]
        return self._scene(
            f"{share:.3%} of the requests are bad: {pair.long.value}/{pair.short.value} burn", flows, pair,
            tuple(model.check(alert["alert"], at) for at in looks),
        )  # fmt: skip

    def _almost(self, alert: Alert, pair: BurnPair) -> Scene:
        long, _ = minutes(pair)
        share = _three(0.95 * float(pair.threshold.value), math.floor)
        flows = self._flows(pair, share)
        model = Model(self.service, self.alerts, flows, self.slow)
        end = (sum(flow.minutes for flow in flows) // _every(long) - 2) * _every(long)
        name = f"{share:.3%} of the requests are bad: almost enough for {pair.long.value}/{pair.short.value}"
        return self._scene(name, flows, pair, (model.check(alert["alert"], end),))

    def _scene(self, name: str, flows: Flows, pair: BurnPair, checks: tuple[Check, ...]) -> Scene:
        long, _ = minutes(pair)
        step = _step(long)
        return Scene(name=name, series=self.healthy(flows, step), checks=checks, every=_every(long), step=step)

    def _few(self, alert: Alert) -> Scene:
        flows = [Flow(minutes=60, rate=0), self._bad(10, 0.6 * self.least / 10, 1.0), Flow(minutes=10, rate=0)]
        return Scene(
            name="all requests are bad, but they are few",
            series=self.healthy(flows),
            checks=silent(alert, 70),
            every=10,
        )

    def _remembers(self, windows: list[Because[Duration]], long: set[Duration], every: int, step: int) -> Scene:
        """A moment of failures counts until the end of each window."""
        longest = max(int(window.value.amount) // 60 for window in windows)
        before = max(BEFORE, every)
        flows = [Flow(minutes=before, rate=100), self._bad(step, 100, 1.0), Flow(minutes=longest, rate=100)]
        checks = []
        for window in windows:
            after = before + step + int(0.6 * float(window.value.amount) / 60)
            at = -(-after // every) * every
            names = [conventions.ERROR_RATIO, *([conventions.BAD_EVENTS] if window.value in long else [])]
            for name in names:
                asked = self._counted(name.format(window=window.value), at)
                checks += [asked._replace(minute=before, nothing=True), asked]
        name = f"the windows of {', '.join(str(window.value) for window in windows)} remember a moment of failures"
        return Scene(name=name, series=self.healthy(flows, step), checks=tuple(checks), every=every, step=step)

    def _counted(self, series: str, at: int) -> Check:
        service = self.service
        own = f'service="{service.name.value}",namespace="{service.scope.namespace.value}",slo="{self.objective.name}"'
        return Check(minute=at, name="", query=f"count({series}{{{own}}} > 0)")


def _every(long: int) -> int:
    """The minutes between two evaluations, for a long window."""
    return 10 if long <= 120 else 60 if long < 1440 else 240


def _step(long: int) -> int:
    """The minutes between two samples: a series is old if it had one in the 15 minutes before a window."""
    return 1 if long <= 360 else 5


def _three(share: float, rounded: Callable[[float], int]) -> float:
    """Three significant digits."""
    digits = 2 - math.floor(math.log10(share))
    return min(1.0, rounded(round(share * 10.0**digits, 6)) / 10.0**digits)

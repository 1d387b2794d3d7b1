"""Scenes of the alerts on a version in the shadow stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from ....compiler.plan.rollout.shadow import ShadowJudgment
from ....compiler.plan.service import ServicePlan
from ....compiler.scenes.notation import Series
from ....compiler.scenes.served import Flow, Unknown, histograms, misses, requests, target
from ..proof import Alert, Check, Fired, Flows, Scene, fired, proven, silent
from .pods import AT, begins, length, up, wait

__all__ = ["down", "failing", "idle"]


def down(service: ServicePlan, alert: Alert) -> Alert:
    """No replica of the shadow answers."""

    def scenes(alert: Alert) -> Iterator[Scene]:
        lost = up(service, [(AT, 1), (wait(alert) + 5, 0)], name=service.shadow_name)
        yield from begins(alert, "no replica answers", lost, 1)

    def healthy(flows: Flows) -> Series:
        return up(service, [(length(flows), 1)], name=service.shadow_name)

    return proven(alert, scenes, healthy)


def idle(service: ServicePlan, alert: Alert, share: Decimal) -> Alert:
    """No request is mirrored."""
    shadow = target(service, service.shadow_name)

    def both(live: Flows, mirrored: Flows) -> Series:
        return {**requests(service, target(service), live), **requests(service, shadow, mirrored)}

    def scenes(alert: Alert) -> Iterator[Scene]:
        rate, end = 150 / float(share) / 60, 90 + wait(alert)  # 150 should be mirrored in an hour, and 100 are enough
        live, none = [Flow(minutes=end, rate=rate)], [Flow(minutes=end, rate=0)]
        checks = (*silent(alert, 35 + wait(alert)), fired(alert, 50 + wait(alert)))
        yield Scene(name="no request is mirrored", series=both(live, none), checks=checks, every=5)
        some = [Flow(minutes=end, rate=rate * float(share) / 10)]
        checks = silent(alert, 50 + wait(alert), 80 + wait(alert))
        yield Scene(name="a tenth of the requests is mirrored", series=both(live, some), checks=checks, every=5)

    def healthy(flows: Flows) -> Series:
        return both(flows, [flow.but(rate=flow.rate * float(share)) for flow in flows])

    return proven(alert, scenes, healthy)


def failing(service: ServicePlan, judged: Sequence[tuple[ShadowJudgment, Alert]]) -> None:
    """More of the mirrored requests violate an objective than the judgment of the shadow allows."""
    for judgment, alert in judged:
        scenes = _Failing(service, judged, judgment)
        proven(alert, scenes.scenes, scenes.healthy)


class _Failing:
    def __init__(
        self, service: ServicePlan, judged: Sequence[tuple[ShadowJudgment, Alert]], judgment: ShadowJudgment
    ) -> None:
        self.service = service
        self.judged = judged
        self.judgment = judgment
        self.slow = judgment.objective if judgment.objective.bucket is not None else None

    def healthy(self, flows: Flows) -> Series:
        of = target(self.service, self.service.shadow_name)
        if self.slow is None:
            return requests(self.service, of, flows)
        return histograms(self.service, of, flows, self.slow)

    def scenes(self, alert: Alert) -> Iterator[Scene]:
        limit, least = float(self.judgment.limit.value), self.service.objectives.slo.min_events.value
        among = {"objective": self.judgment.objective.name} if self._shared() else {}
        share = float(f"{min(1.0, 1.2 * limit):.3g}")
        if share <= limit:
            return
        rate = 3 * least / share / 60
        bad = [self._bad(100, rate, share)]
        name = f"{share:.3%} of the requests are bad"
        told = fired(alert, 90, share, among=among) if self.slow is None else self._slow(alert, 90, share)
        yield Scene(name=name, series=self.healthy(bad), checks=(told,), every=10)
        almost = [self._bad(100, rate, float(f"{0.95 * limit:.3g}"))]
        name = f"{0.95 * limit:.3%} of the requests are bad"
        yield Scene(name=name, series=self.healthy(almost), checks=silent(alert, 90, among=among), every=10)
        burst, rest = min(1.0, 4.2 * limit), max(1, int(42 * limit / min(1.0, 4.2 * limit)))
        flows = [Flow(minutes=60, rate=10 * rate), self._bad(rest, 10 * rate, burst), Flow(minutes=30, rate=10 * rate)]
        name = "too many are bad for a moment, but not in an hour"
        at = 60 + 10 * -(-rest // 10)
        yield Scene(name=name, series=self.healthy(flows), checks=silent(alert, at, among=among), every=10)

    def _bad(self, length_: int, rate: float, share: float) -> Flow:
        return Flow(minutes=length_, rate=rate, **{"failing" if self.slow is None else "slow": share})

    def _shared(self) -> bool:
        """Whether alerts on other objectives read series of its scenes.

        A lower bound on the same histogram has another limit, and some servers count the requests in that histogram.
        """
        own = self._watched()
        others = [judgment for judgment, _ in self.judged if judgment is not self.judgment]
        return any(own & _Failing(self.service, self.judged, other)._watched() for other in others)

    def _watched(self) -> set[str]:
        try:
            return set(self.healthy([Flow(minutes=1, rate=1)]))
        except Unknown:
            return set()

    def _slow(self, alert: Alert, minute: int, share: float) -> Check:
        """All alerts that fire: those of lower bounds on the same histogram do, too, if their limit is lower."""
        told = [
            Fired(alert=other, value=share)
            for judgment, other in self.judged
            if judgment.objective.kind == self.judgment.objective.kind
            and misses(judgment.objective, self.slow)
            and share > float(judgment.limit.value)
        ]
        return Check(minute=minute, name=alert["alert"], fired=tuple(told))

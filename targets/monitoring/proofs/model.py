"""Burn-rate alerts by arithmetic: the shares of bad requests over windows, of flows of requests.

An independent account of what the rules say. `increase` does not extrapolate over complete windows, so both agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ....compiler.plan.objectives import Objective
from ....compiler.plan.objectives.burn import BurnPair
from ....compiler.plan.service import ServicePlan
from ....compiler.scenes.served import Flow, misses
from ..proof import Alert, Check, Fired, Flows

__all__ = ["Model", "minutes"]


def minutes(pair: BurnPair) -> tuple[int, int]:
    """The long and the short window, in minutes, rounded up."""
    return -int(-pair.long.value.amount // 60), -int(-pair.short.value.amount // 60)


class Model:
    """What fires during some flows, whose slow requests miss the bound of `slow`; without it, only failures count."""

    def __init__(
        self,
        service: ServicePlan,
        alerts: Mapping[tuple[str, str], Alert],
        flows: Flows,
        slow: Objective | None,
    ) -> None:
        self.service = service
        self.alerts = alerts
        self.flows = flows
        self.slow = slow

    def check(self, name: str, minute: int) -> Check:
        """All alerts of a name that fire at a minute."""
        return Check(minute=minute, name=name, fired=tuple(self._fired(name, minute)))

    def _fired(self, name: str, minute: int) -> Iterator[Fired]:
        for objective in self._seen():
            for severity in ("page", "ticket"):
                alert, value = self.alerts.get((objective.name, severity)), self.value(objective, severity, minute)
                if alert is not None and alert["alert"] == name and value is not None:
                    yield Fired(alert=alert, value=value)

    def _seen(self) -> Iterator[Objective]:
        """The objectives that have data."""
        for one in self.service.objectives.all:
            if one.kind == "availability" if self.slow is None else one.series is self.slow.series:
                yield one

    def value(self, objective: Objective, severity: str, minute: int) -> float | None:
        """The share that the alert shows, if it fires: that of the short window of the first pair that burns."""
        least = self.service.objectives.slo.min_events.value
        for pair in self.service.objectives.pairs(objective):
            (long, short), limit = minutes(pair), float(pair.threshold.value)
            bad, every = self._counted(objective, minute - long, minute)
            late, few = self._counted(objective, minute - short, minute)
            if pair.severity.value == severity and few and late > limit * few and bad > limit * every and bad >= least:
                return late / few
        return None

    def _counted(self, objective: Objective, start: int, end: int) -> tuple[float, float]:
        """Bad requests, and all of them."""
        at, bad, every = 0, 0.0, 0.0
        for flow in self.flows:
            many = flow.rate * max(0, min(end, at + flow.minutes) - max(start, at))
            bad, every, at = bad + many * self._share(objective, flow), every + many, at + flow.minutes
        return bad, every

    def _share(self, objective: Objective, flow: Flow) -> float:
        if objective.kind == "availability":
            return flow.failing
        return flow.slow if misses(objective, self.slow) else 0.0

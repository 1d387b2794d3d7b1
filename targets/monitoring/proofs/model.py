"""Burn-rate alerts by arithmetic: the shares of bad requests over windows, of flows of requests.

An independent account of what the rules say. `increase` does not extrapolate over complete windows, so both agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ....compiler.plan.objectives import Objective
from ....compiler.plan.objectives.burn import BurnPair
from ....compiler.plan.service import ServicePlan
from ....compiler.record import Record
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
                alert = self.alerts.get((objective.name, severity))
                if alert is not None and alert["alert"] == name:
                    value = self.counted(objective, severity).value(minute)
                    if value is not None:
                        yield Fired(alert=alert, value=value)

    def _seen(self) -> Iterator[Objective]:
        """The objectives that have data."""
        for one in self.service.objectives.all:
            if one.kind == "availability" if self.slow is None else one.series is self.slow.series:
                yield one

    def counted(self, objective: Objective, severity: str) -> Counted:
        """What the alert on an objective counts, which is the same at each minute."""
        pairs = [pair for pair in self.service.objectives.pairs(objective) if pair.severity.value == severity]
        return Counted(
            windows=tuple([(*minutes(pair), float(pair.threshold.value)) for pair in pairs]),
            least=self.service.objectives.slo.min_events.value,
            requests=tuple(self._requests(objective)),
        )

    def _requests(self, objective: Objective) -> Iterator[tuple[int, int, float, float]]:
        at = 0
        for flow in self.flows:
            yield at, at + flow.minutes, flow.rate, self._share(objective, flow)
            at += flow.minutes

    def _share(self, objective: Objective, flow: Flow) -> float:
        if objective.kind == "availability":
            return flow.failing
        return flow.slow if misses(objective, self.slow) else 0.0


class Counted(Record):
    """What an alert counts: requests in windows."""

    windows: Sequence[tuple[int, int, float]]
    """The long and the short window of each pair, and the share of bad requests above which it burns."""
    least: int
    """The bad requests in the long window that are enough."""
    requests: Sequence[tuple[int, int, float, float]]
    """From a minute to another one: the requests per minute, and the share of bad ones."""

    def value(self, minute: int) -> float | None:
        """The share that the alert shows, if it fires: that of the short window of the first pair that burns."""
        for long, short, limit in self.windows:
            late, few = self._within(minute - short, minute)
            if few and late > limit * few:
                bad, every = self._within(minute - long, minute)
                if bad > limit * every and bad >= self.least:
                    return late / few
        return None

    def _within(self, start: int, end: int) -> tuple[float, float]:
        """Bad requests, and all of them."""
        bad, every = 0.0, 0.0
        for begin, until, rate, share in self.requests:
            lasts = min(end, until) - max(start, begin)
            if lasts > 0:
                bad += rate * lasts * share
                every += rate * lasts
        return bad, every

"""Autoscaling: the signal, its target per replica, and the replica limits."""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cached_property

from ....schema.units import Cores, Duration, Percent, Rate, plain
from ...because import Because, because, decision, first, fixed, text
from ...finding import refusal
from ..choose import count, number, or_else
from ..objectives.sli import Indicators
from ..serving.capacity import carried, carrying, in_flight
from ..serving.facts import ServiceFacts

__all__ = ["Scaling"]

QUEUE_PER_REPLICA = 5
"""The target number of queued requests per replica if its concurrency is unknown, as in vLLM's Helm chart."""

SILENT = fixed("10m", "twice the time that the autoscaler waits before it removes a replica")
"""How long a replica that no longer answers counts as busy."""


class Scaling:
    """The autoscaler of one online service."""

    def __init__(self, service: ServiceFacts) -> None:
        self.service = service

    @cached_property
    def provider(self) -> Because[str]:
        """KEDA, a plain HorizontalPodAutoscaler, or none."""
        return self.service.scope.platform.autoscaling.provider

    @cached_property
    def adapter(self) -> Because[str] | None:
        """The adapter that serves the signal to a HorizontalPodAutoscaler."""
        asked = self.service.scope.platform.autoscaling.adapter
        able = [adapter.value for adapter in self.service.scaler.adapters]
        return asked if asked is not None and asked.value in able else None

    @property
    def by_processors(self) -> bool:
        """Whether the autoscaler follows CPU utilization, which covers the pods of all versions."""
        return self.service.scaler.follows.value == "processors" and self.adapter is None

    @cached_property
    def signal(self) -> Because[str] | None:
        """The kind of signal: requests in flight, else the queue, else None if the runtime exports neither."""
        metrics, asked = self.service.metrics, self.service.part.replicas.signal.given
        flying = first(metrics.in_flight.gauge, metrics.in_flight.busy) if metrics.in_flight is not None else None
        waiting = metrics.queue.series if metrics.queue is not None else None
        if asked is not None:
            return self._asked(asked, flying if asked.value == "in-flight" else waiting)
        known = self.service.mean_time is not None or self.service.sequences is not None
        if known and flying is not None:
            return _signal("in-flight", flying)
        if waiting is not None:
            return _signal("queue", waiting)
        return _signal("in-flight", flying) if flying is not None else None

    def _asked(self, asked: Because[str], series: Because[str] | None) -> Because[str]:
        if series is None:
            runtime = self.service.runtime_name
            raise refusal(
                "MLS012",
                f"`{runtime.value}` does not export a metric for the signal `{asked.value}`",
                asked,
                others=((runtime, "this runtime"),),
                note="the autoscaler would query a series that does not exist, and never add a replica",
                help="remove `signal` to scale on a metric that the runtime exports",
            )
        return because(asked.value, f"set in the spec; the runtime exports {series.value}", asked, series)

    @cached_property
    def query(self) -> Because[str] | None:
        """The PromQL query for the signal, summed over all replicas.

        Some runtimes export no series before the first request. The query then returns zero if Prometheus can scrape at
        least one replica. If it can scrape none (`up` is 0, not absent, for a replica that is too busy to respond), the
        query returns nothing, and the autoscaler uses its fallback instead of scaling down. If it can scrape only some,
        the others count with the mean load of those, or else the load of a replica that is too busy to be scraped would
        disappear. A replica that has not answered yet is loading its model, and has no load.
        """
        if self.signal is None:
            return None
        indicators = Indicators(self.service)
        value = (
            indicators.waiting()
            if self.signal.value == "queue"
            else indicators.in_flight(self.service.rate_window.map(str))
        )
        assert value is not None
        return text(
            "{value} * count(max_over_time({up}[{silent}]) == 1 and {up}) / count({up} == 1) or 0 * sum({up} == 1)",
            value=value,
            up=indicators.up(),
            silent=SILENT,
        )

    @cached_property
    def threshold(self) -> Because[str]:
        """The target value of the signal per replica."""
        target = or_else(self.service.part.replicas.target, self._usual_target)
        return target.map(lambda requests: plain(Decimal(str(requests))))

    def _usual_target(self) -> Because[float]:
        assert self.signal is not None
        if self.signal.value == "queue":
            why = "a short queue keeps batches full; a longer queue delays responses"
            return fixed(QUEUE_PER_REPLICA, why)
        estimated = self.service.hardware.in_flight if self.service.sequences is not None else None
        if estimated is not None:
            return estimated
        planned = self._planned_target()
        return planned if planned is not None else _in_flight_target(self.service.slots, self.service.care.utilization)

    def _planned_target(self) -> Because[float] | None:
        """The requests in flight on a replica when it works as planned; None if nothing was planned for it."""
        service = self.service
        rate = first(service.traffic("peak"), service.traffic("mean"))
        if service.demand is None or rate is None or not rate.value.amount:
            return None
        most, needed = service.max_replicas, carrying(rate, service.demand, service.care)
        if needed.value > self.least.value and needed.value < most.value:
            return in_flight(rate, needed, service.demand, service.care)
        limited = needed if needed.value < most.value else most  # only load that the limits allow for matters
        return in_flight(carried(limited, service.demand, service.care), limited, service.demand, service.care)

    @cached_property
    def processors(self) -> Because[int]:
        """The CPU utilization that the autoscaler aims for, in percent: that of the planned replicas at the peak."""
        service, most = self.service, self.service.scope.platform.planning.utilization
        rate = first(service.traffic("peak"), service.traffic("mean"))
        if rate is None or service.mean_time is None or not service.runtime.cpu_bound.value:
            return most.map(_whole)
        return _processors(rate, service.mean_time, service.for_peak, service.cpu, self.least, most)

    @cached_property
    def least(self) -> Because[int]:
        """The minimum replicas of the autoscaler: at least one, and never above the maximum."""
        given, most = self.service.part.replicas.min.given, self.service.max_replicas
        if given is not None and given.value < 1:
            raise refusal(
                "MLS012",
                "the autoscaler could not scale up again from zero replicas",
                given,
                others=((self.provider, "the autoscaler"),),
                note="a service without replicas does not queue requests, so there is no load to scale on",
                help="write `min: 1` or more, or remove it",
            )
        if given is not None and given.value > most.value:
            raise refusal(
                "MLS008",
                f"the minimum of {count(given.value, 'replica')} is above the maximum of {most.value}",
                given,
                others=((most, "the maximum"),),
                note="the cluster rejects an autoscaler whose minimum is above its maximum",
                help=f"write `min: {most.value}` or less, or raise the maximum",
            )
        wanted = self.service.min_replicas
        return wanted if wanted.value <= most.value else _at_most(wanted, most)

    @cached_property
    def fallback(self) -> Because[int]:
        """The replicas to run while the signal is unavailable: enough for the peak."""
        wanted, least, most = self.service.part.replicas.fallback, self.least, self.service.max_replicas
        given = wanted.given
        if given is not None and not least.value <= given.value <= most.value:
            above = given.value > most.value
            bound, word, key = (most, "maximum", "max") if above else (least, "minimum", "min")
            raise refusal(
                "MLS008",
                f"the fallback of {count(given.value, 'replica')} is {'above' if above else 'below'} the {word} of "
                f"{bound.value}",
                given,
                others=((bound, f"the {word}"),),
                note=f"the autoscaler keeps to its {word}, so it would run {bound.value} while the load is unknown",
                help=f"write `fallback: {bound.value}`, or set `{key}: {given.value}` next to it",
            )
        return or_else(wanted, lambda: _fallback(self.service.for_peak, least, most))


@decision
def _signal(kind: str, series: Because[str] | None) -> tuple[str, str]:
    return kind, f"the runtime exports {series.value}" if series is not None else "the runtime exports it"


@decision
def _in_flight_target(slots: Because[int], utilization: Because[Percent]) -> tuple[float, str]:
    target = round(float(slots.value * utilization.value.amount), 2)
    return target, f"{utilization.value} of {count(slots.value, 'concurrent request')} per replica"


def _whole(share: Percent) -> int:
    """A share in whole percent, at least one: a HorizontalPodAutoscaler has no other targets."""
    return max(1, int(share.amount * 100))


@decision
def _processors(
    rate: Because[Rate],
    service: Because[Duration],
    replicas: Because[int],
    cpu: Because[Cores],
    least: Because[int],
    most: Because[Percent],
) -> tuple[int, str]:
    """The highest whole percentage at which an autoscaler runs as many replicas at the peak as the load needs."""
    cores, each, limit = float(rate.value) * float(service.value), float(cpu.value.amount), _whole(most.value)
    if replicas.value <= least.value:
        return limit, f"{most.value} at most; the minimum of {count(least.value, 'replica')} handles the peak below it"
    exact = 100 * cores / (replicas.value * each)
    target = math.ceil(exact) if math.ceil(100 * cores / (math.ceil(exact) * each)) >= replicas.value else int(exact)
    said = f"{rate.value} x {service.value} keep {number(cores)} cores busy, {number(exact)}% of those of the "
    if target >= limit:
        return limit, f"{said}{count(replicas.value, 'replica')}; at most {most.value}"
    return max(1, target), f"{said}{count(replicas.value, 'replica')} that the peak needs"


@decision
def _at_most(wanted: Because[int], most: Because[int]) -> tuple[int, str]:
    return most.value, f"{wanted.reason}; limited to the maximum of {most.value}"


@decision
def _fallback(peak: Because[int], least: Because[int], most: Because[int]) -> tuple[int, str]:
    chosen = min(max(peak.value, least.value), most.value)
    return chosen, "enough for the peak, because the load is unknown"

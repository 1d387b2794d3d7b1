"""Reaction: what the replicas that are up carry, and how long it takes until more of them serve."""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cached_property

from ....schema.units import Duration, Percent, Rate
from ...because import Because, because, decision, first, fixed
from ..choose import count, number, readable, seconds
from ..serving.capacity import Demand, carrying
from ..serving.day import Hours, through
from ..serving.facts import ServiceFacts
from ..serving.version import VersionPlan
from . import Scaling
from .behavior import UP

__all__ = ["RECORDED", "Reaction"]

SYNC = fixed(
    Duration(15),
    "the period of HorizontalPodAutoscalers (kube-controller-manager, horizontal-pod-autoscaler-sync-period)",
)

PROBE = fixed(Duration(5), "the period of the readiness probe")

RECORDED = fixed(Duration(60), "the interval of the rule that records the load")


class Reaction:
    """How one online service reacts to more load than its replicas answer."""

    def __init__(self, service: ServiceFacts, version: VersionPlan, scaling: Scaling) -> None:
        self.service = service
        self.version = version
        self.scaling = scaling

    @cached_property
    def time(self) -> Because[Duration]:
        """How long it takes from more requests to more replicas that serve them."""
        wait = self.service.scope.platform.planning.node_wait
        return _reaction(self._seen, SYNC, UP.stable, wait, self.version.fetch, self.version.start, PROBE)

    @property
    def _seen(self) -> Because[Duration]:
        """How long it takes until the autoscaler's signal shows the load; an adapter serves what a rule recorded."""
        adapter = self.scaling.adapter
        return self._scraped if adapter is None else _recorded(self._scraped, RECORDED, adapter)

    @property
    def _scraped(self) -> Because[Duration]:
        """How long it takes until a query of Prometheus shows the load."""
        service, flying, signal = self.service, self.service.metrics.in_flight, self.scaling.signal
        if signal is not None and signal.value == "in-flight" and flying is not None and flying.gauge is None:
            return because(service.rate_window.value, "a rate over this window", service.rate_window, flying.busy)
        return because(service.scrape_interval.value, "one scrape", service.scrape_interval)

    @cached_property
    def at_once(self) -> Because[Rate] | None:
        """The rate that the minimum of replicas answers; None if the time of a request is neither measured nor
        estimated.
        """
        if self.service.demand is not None:
            return _at_once(self.scaling.least, self.service.demand)
        busy = self.service.hardware.busy if self.service.is_language_model else None
        return _estimated(self.scaling.least, busy) if busy is not None else None

    @cached_property
    def jump(self) -> Because[Percent] | None:
        """The share of the error budget that a sudden rise to the peak would spend; None if it would spend nothing."""
        service, able = self.service, self.at_once
        peak, mean = service.traffic("peak"), first(service.traffic("mean"), service.traffic("peak"))
        if able is None or peak is None or mean is None or service.availability is None or peak.value <= able.value:
            return None
        if not mean.value.amount or service.availability.value.amount >= 1:
            return None
        window = service.scope.system.monitoring.slo.window
        return _spent(peak, mean, able, self.time, service.availability, window)

    @cached_property
    def for_ramp(self) -> Because[int] | None:
        """The replicas that must be up before the rate rises; None if the spec does not say how fast it does, or if the
        replicas for a rate are unknown.
        """
        service = self.service
        mean, peak, ramp = service.traffic("mean"), service.traffic("peak"), service.ramp
        if mean is None or peak is None or ramp is None:
            return None
        trough = service.traffic("trough")
        quiet = trough if trough is not None else mean
        reached = _reached(mean, peak, quiet, ramp, self.time, service.care.utilization)
        demand, care = service.demand, service.care
        needed = carrying(reached, demand, care) if demand is not None else service.needed(reached)
        return _up(needed, reached) if needed is not None else None

    @cached_property
    def for_trough(self) -> Because[int] | None:
        """The replicas that are enough when the traffic is lowest, and until others follow the rise of the day; None
        if the spec does not say how low it is, or if the replicas for a rate are unknown.
        """
        service = self.service
        mean, peak, trough = (service.traffic(name) for name in ("mean", "peak", "trough"))
        if mean is None or peak is None or trough is None or not mean.value.amount:
            return None
        if service.ramp is not None:  # then `for_ramp` has the rise
            least = because(trough.value, "the trough, as the ramp says how fast the rate rises", trough)
        else:
            least = _quiet(mean, peak, trough, service.hours, self.time, service.care.utilization)
        needed = service.needed(least)
        return _from(least, needed) if needed is not None else None


@decision
def _recorded(seen: Because[Duration], every: Because[Duration], _: Because[str]) -> tuple[Duration, str]:
    """At the latest: the load may have changed just after the rule was evaluated."""
    return Duration(seen.value.amount + every.value.amount), f"{seen.reason}, and {every.value} between two evaluations"


@decision
def _reaction(
    seen: Because[Duration],
    sync: Because[Duration],
    settle: Because[int],
    node: Because[Duration],
    fetch: Because[Duration],
    start: Because[Duration],
    probe: Because[Duration],
) -> tuple[Duration, str]:
    parts = (
        (seen, "to see the load"),
        (sync, "to the next decision"),
        (because(Duration(settle.value), ""), "to be sure of it"),
        (node, "for a node"),
        (fetch, "to fetch the image and the model"),
        (start, "to start"),
        (probe, "to the next probe"),
    )
    whole = math.ceil(sum((part.value.amount for part, _ in parts), Decimal(0)))
    return Duration(whole), ", ".join(f"{readable(part.value)} {what}" for part, what in parts if part.value.amount)


@decision
def _at_once(replicas: Because[int], demand: Demand) -> tuple[Rate, str]:
    """The rate that replicas answer when every slot is busy; above it, queues grow until there are more."""
    rate = replicas.value * demand.slots.value / float(demand.service.value)
    slots = f" x {count(demand.slots.value, 'slot')}" if demand.slots.value > 1 else ""
    return _digits(rate), f"{count(replicas.value, 'replica')}{slots} / {demand.service.value}, with every slot busy"


@decision
def _estimated(replicas: Because[int], busy: Because[float]) -> tuple[Rate, str]:
    """The rate that replicas of a language model answer when they are never idle."""
    took = f"{seconds(busy.value)}, the replica time of a request with every sequence in use"
    return _digits(replicas.value / busy.value), f"{count(replicas.value, 'replica')} / {took}: {busy.reason}"


def _digits(rate: float) -> Rate:
    """A rate with two digits, or in whole requests per second."""
    return Rate(Decimal(f"{rate:.0f}" if rate >= 10 else f"{rate:.2g}"))


@decision
def _spent(
    peak: Because[Rate],
    mean: Because[Rate],
    able: Because[Rate],
    reacts: Because[Duration],
    availability: Because[Percent],
    window: Because[str],
) -> tuple[Percent, str]:
    """(peak - able) · reaction, against (1 - availability) · mean · the window of the objectives."""
    late = (peak.value.amount - able.value.amount) * reacts.value.amount
    budget = (1 - availability.value.amount) * mean.value.amount * Duration.parse(window.value).amount
    share = Percent((late / budget).quantize(Decimal("0.001")))
    return share, (
        f"in the {readable(reacts.value)} until more replicas serve, {number(float(late))} requests are above the "
        f"{able.value} that the others answer, of {number(float(budget))} that may fail in {window.value}"
    )


@decision
def _reached(
    mean: Because[Rate],
    peak: Because[Rate],
    quiet: Because[Rate],
    ramp: Because[Duration],
    reacts: Because[Duration],
    utilization: Because[Percent],
) -> tuple[Rate, str]:
    """The highest rate of the ramp at which the autoscaler is still behind.

    It grows by g per second. The replicas that serve at time t were chosen for the rate g·Y before it, with 1 / u times
    the slots, so they are enough from g·Y / (1 - u) on.
    """
    if not ramp.value.amount:
        return peak.value, "the rate jumps"
    rises = (peak.value.amount - mean.value.amount) / ramp.value.amount
    spare = 1 - utilization.value.amount
    behind = rises * reacts.value.amount / spare if spare else peak.value.amount
    rate = min(peak.value.amount, max(quiet.value.amount, behind))
    return Rate(rate), (
        f"the rate rises by {number(float(rises))}/s every second, and replicas follow after {readable(reacts.value)}"
    )


@decision
def _up(needed: Because[int], reached: Because[Rate]) -> tuple[int, str]:
    return max(2, needed.value), f"{reached.reason}, so the first ones carry {reached.value}: {needed.reason}"


@decision
def _quiet(
    mean: Because[Rate],
    peak: Because[Rate],
    trough: Because[Rate],
    hours: Hours,
    reacts: Because[Duration],
    utilization: Because[Percent],
) -> tuple[Rate, str]:
    """The rate that the minimum of replicas carries: of the trough, or as far as the autoscaler is behind (`_reached`)
    the steepest hour of the day. At most the mean if the shape of the day is assumed.
    """
    hour, spare = through(mean, peak, trough, hours).steepest, 1 - float(utilization.value.amount)
    most, what = (peak.value, "peak") if hours else (mean.value, "mean")
    if not hour:
        return trough.value, "the rate is the same all day"
    if not spare or math.isinf(hour):
        return most, f"the day has no slow rise from its trough, so the first ones carry the {what}"
    behind = hour / 3600 * float(reacts.value) / spare
    said = f"the rate rises by at most {number(hour)}/s in an hour, and replicas follow after {readable(reacts.value)}"
    if behind <= float(trough.value):
        return trough.value, f"{said}, which is fast enough from {number(behind)}/s on"
    if behind >= float(most):
        return most, f"{said}, so the first ones carry the {what}"
    return min(most, _up_to_a_tenth(behind)), f"{said}, which is fast enough from this rate on"


def _up_to_a_tenth(rate: float) -> Rate:
    """A rate rounded up to a tenth per second, or per minute below one per second."""
    unit = 1 if rate >= 1 else 60
    return Rate(Decimal(math.ceil(rate * unit * 10 - 1e-9)) / (10 * unit))


@decision
def _from(rate: Because[Rate], needed: Because[int]) -> tuple[int, str]:
    return needed.value, f"{needed.reason}; sized for {rate.value}: {rate.reason}"

"""The monthly cost of an online service: its replicas over a day, and the extra pods while a new version rolls out."""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from ....schema.money import Budget, HourlyPrice
from ....schema.units import Duration
from ...because import Because, decision
from ..choose import count, readable
from ..service import ServicePlan
from ..serving.day import HOURS, Day, average
from ..sidecars import with_cpu, with_memory
from . import profile
from .prices import MONTH, hourly, money, rounded, times
from .stored import egress

if TYPE_CHECKING:
    from .. import Plan

__all__ = ["OnlineCost", "Parts", "Span", "always"]

Parts = dict[str, Because[Budget]]

Span = tuple[Because[Budget], Because[Budget], Because[Budget]]
"""The cost of a service's replicas: of the minimum, as expected, and of those for the peak."""


class OnlineCost:
    """The cost of one online service."""

    def __init__(self, plan: Plan, service: ServicePlan) -> None:
        self.plan = plan
        self.service = service

    @property
    def title(self) -> str:
        """The name of the part that its replicas are."""
        return f"serving {self.service.part.own_name.value}"

    @cached_property
    def _day(self) -> tuple[Because[Day], tuple[Because[int], ...]]:
        return profile.replicas(self.service)

    @cached_property
    def replicas(self) -> Because[Decimal]:
        """The mean replicas over a day."""
        return average(*self._day)

    @cached_property
    def price(self) -> Because[HourlyPrice]:
        """The hourly price of a replica."""
        service, extras = self.service, self.service.extras
        cpu, memory = with_cpu(service.cpu, extras), with_memory(service.live.pod_memory, extras)
        return hourly(self.plan, cpu, memory, service.devices, service.live.shared)

    @cached_property
    def serving(self) -> Because[Budget]:
        """The replicas over a day."""
        return always(self.replicas, self.price)

    @cached_property
    def floor(self) -> Because[Budget]:
        """The minimum replicas for a whole month: no traffic costs less."""
        return _bound(self.service.min_replicas, self.price, "the minimum, which the autoscaler always keeps")

    @cached_property
    def peak(self) -> Because[Budget]:
        """The replicas for the peak for a whole month: the rate at which the bill grows while the peak lasts."""
        service = self.service
        busiest = profile.within(service.for_peak, service.min_replicas, service.max_replicas)
        return _bound(busiest, self.price, "as if the peak lasted all month")

    @property
    def span(self) -> Span:
        """What the replicas cost at least, on average, and at most."""
        return self.floor, self.serving, self.peak

    @cached_property
    def parts(self) -> Parts:
        """The cost of each part."""
        name, canary, versions = self.service.part.own_name.value, self.service.canary, self.plan.cost.versions
        parts = {self.title: self.serving}
        if canary.progressive.value:
            shares, lengths = zip(*((step.share, step.lasts) for step in canary.steps), strict=True)
            hours = _canary_hours(*self._day, shares, lengths)
            parts[f"canary pods of {name}"] = _rollouts(versions, hours, self.price)
        if canary.shadow_stage is not None:
            hours = _shadow_hours(canary.shadow_replicas, canary.shadow_stage.duration, versions)
            parts[f"shadow pods of {name}"] = _rollouts(versions, hours, self._price_of_shadow)
        return parts | egress(self.plan, self.service)

    @property
    def _price_of_shadow(self) -> Because[HourlyPrice]:
        service, extras = self.service, self.service.extras
        cpu, memory = with_cpu(service.cpu, extras), with_memory(service.latest.pod_memory, extras)
        return hourly(self.plan, cpu, memory, service.devices, service.latest.shared)


@decision
def always(replicas: Because[Decimal] | Because[int], price: Because[HourlyPrice]) -> tuple[Budget, str]:
    """What pods cost that run all month."""
    many = "1 replica" if replicas.value == 1 else f"{replicas.value:,} replicas"
    why = f"{many} x {MONTH} h x {price.value}; {replicas.reason}; per replica: {price.reason}"
    return money(replicas.value * MONTH * price.value.amount, price), why


@decision
def _bound(replicas: Because[int], price: Because[HourlyPrice], what: str) -> tuple[Budget, str]:
    why = f"{count(replicas.value, 'replica')} x {MONTH} h x {price.value}; {what}"
    return money(replicas.value * MONTH * price.value.amount, price), why


@decision
def _canary_hours(
    day: Because[Day],
    replicas: tuple[Because[int], ...],
    shares: tuple[Because[int], ...],
    lengths: tuple[Because[Duration], ...],
) -> tuple[Decimal, str]:
    """The pod hours that one rollout adds to the stable pods. At each step it runs its share of them, rounded up, as
    Argo Rollouts scales with traffic routing (argo-rollouts.readthedocs.io, traffic management). A rollout may start at
    any hour, so a step costs its mean over a day.
    """
    pods = [_mean_pods(day.value, replicas, share.value) for share in shares]
    each = [length.value.amount for length in lengths]
    hours = sum((many * time for many, time in zip(pods, each, strict=True)), Decimal(0)) / 3600
    steps = " + ".join(
        f"{times(many, 'pod')} x {readable(Duration(time))}" for many, time in zip(pods, each, strict=True)
    )
    return hours, f"{steps} in addition to the live version's pods"


def _mean_pods(day: Day, replicas: tuple[Because[int], ...], share: int) -> Decimal:
    """The mean pods of a step over a day, to the thousandth."""
    counts = zip(day, replicas, strict=True)
    hours = sum((part.hours * math.ceil(many.value * share / 100) for part, many in counts), Decimal(0))
    return rounded(hours / HOURS, 3)


@decision
def _shadow_hours(replicas: Because[int], lasts: Because[Duration], versions: Because[Decimal]) -> tuple[Decimal, str]:
    """The pod hours of the shadow stage of one version; the next version ends it."""
    between = MONTH / versions.value if versions.value else Decimal(MONTH)
    hours = lasts.value.amount / 3600
    if hours > between:
        return replicas.value * between, f"{count(replicas.value, 'replica')} until the next version"
    return replicas.value * hours, f"{count(replicas.value, 'replica')} for {lasts.value}"


@decision
def _rollouts(versions: Because[Decimal], hours: Because[Decimal], price: Because[HourlyPrice]) -> tuple[Budget, str]:
    each = f"{times(versions.value, 'new version')} x {times(hours.value, 'pod hour')} x {price.value}"
    why = f"{each}; per rollout: {hours.reason}; {versions.reason}"
    return money(versions.value * hours.value * price.value.amount, price), why

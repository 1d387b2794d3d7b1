"""The monthly cost of one environment, by part: serving, extra pods during rollouts, training, and batch runs.

A month has 730 hours (8,760 / 12), as in the list prices of large clouds. A part costs pods x hours x the price of the
requests of one pod, because reserved capacity costs money whether it is used or not. If the platform file has no
prices, the planner uses list prices as of one day; a contract is easily a third below them. Storage, networking, the
cluster itself, and people are not counted.

Traps that this module handles: the average cost of a month is not the cost of peak capacity; a canary adds pods even
though the traffic stays the same; a hyperparameter search costs its number of trials times one fit; amounts in
different currencies are never added.
"""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from ....schema.money import Budget, HourlyPrice, UnitPrice
from ....schema.units import Count, Duration, Rate, plain
from ...because import Because, decision, first, fixed
from ..choose import count, number, readable
from ..service import ServicePlan
from ..serving.batch import BatchPlan
from ..sidecars import with_cpu, with_memory
from .prices import MONTH, hourly, monthly, rounded

if TYPE_CHECKING:
    from .. import Plan

__all__ = ["CostPlan"]

Parts = dict[str, Because[Budget]]


class Share(NamedTuple):
    """A budget and the parts that it pays for."""

    service: str
    """The service that the budget belongs to; empty for the whole system."""
    budget: Because[Budget]
    parts: Parts
    total: Because[Budget]

    @property
    def left(self) -> Because[Budget] | None:
        """What is left, negative if the budget is exceeded; None if prices are in another currency."""
        return _left(self.budget, self.total) if self.budget.value.currency == self.total.value.currency else None


class CostPlan:
    """The cost of one environment."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @cached_property
    def runs(self) -> Because[Decimal]:
        """Training runs per month. Runs that a trigger or a person starts cannot be predicted."""
        retraining = self.plan.system.retraining
        if retraining is not None and retraining.schedule is not None:
            return monthly(retraining.schedule)
        return _guessed(self.plan.platform.planning.versions)

    @cached_property
    def versions(self) -> Because[Decimal]:
        """New versions per month; each one is rolled out."""
        return self.runs if self.plan.system.training is None else _versions(self.runs)

    @cached_property
    def parts(self) -> Parts:
        """The monthly cost of each part, all in one currency."""
        parts: Parts = {}
        for service in self.plan.online.values():
            parts |= self._online(service)
        for batch in self.plan.batch.values():
            parts |= self._batch(batch)
        return parts | self._training

    @cached_property
    def total(self) -> Because[Budget]:
        """The total monthly cost."""
        return _total(self.parts, self.plan.platform.prices.core)

    @cached_property
    def budgets(self) -> tuple[Share, ...]:
        """The budgets and what they pay for: the system's, then those of individual services."""
        whole = self.plan.system.constraints.budget
        found = [Share("", whole, self.parts, self.total)] if whole is not None else []
        for name, service in self.plan.online.items():
            own, parts = service.part.constraints.budget, self._online(service)
            if own is not None:
                found.append(Share(name, own, parts, _total(parts, self.plan.platform.prices.core)))
        return tuple(found)

    @cached_property
    def units(self) -> dict[str, Because[UnitPrice]]:
        """The price of a million predictions of each service, or of a million tokens for a service that generates text.

        If the system has only one service, all parts count; otherwise only the parts of that service.
        """
        plan, made = self.plan, dict[str, Because[UnitPrice]]()
        alone = len(plan.online) + len(plan.batch) == 1
        for name, service in plan.online.items():
            rate = first(service.traffic("mean"), service.traffic("peak"))
            if rate is not None and rate.value.amount:
                made[name] = _of_requests(self.parts if alone else self._online(service), rate, _answer(service))
        for name, batch in plan.batch.items():
            items = batch.total
            if items is not None and items.value.amount:
                runs = monthly(batch.part.schedule)
                made[name] = _of_items(self.parts if alone else self._batch(batch), runs, items)
        return made

    def _online(self, service: ServicePlan) -> Parts:
        """An online service, plus its extra pods while a new version rolls out."""
        name, canary = service.part.own_name.value, service.canary
        extras = service.part.sidecars
        cpu, memory = with_cpu(service.cpu, extras), with_memory(service.live.pod_memory, extras)
        price = hourly(self.plan, cpu, memory, service.devices)
        replicas = _replicas(service.for_mean, service.min_replicas, service.max_replicas)
        parts = {f"serving {name}": _always(replicas, price)}
        if canary.progressive.value:
            shares, lengths = zip(*((step.share, step.lasts) for step in canary.steps), strict=True)
            parts[f"canary pods of {name}"] = _rollouts(self.versions, _canary_hours(replicas, shares, lengths), price)
        if canary.shadow_stage is not None:
            hours = _shadow_hours(canary.shadow_replicas, canary.shadow_stage.duration, self.versions)
            of_shadow = hourly(self.plan, cpu, with_memory(service.latest.pod_memory, extras), service.devices)
            parts[f"shadow pods of {name}"] = _rollouts(self.versions, hours, of_shadow)
        return parts

    def _batch(self, batch: BatchPlan) -> Parts:
        """A batch inference service. If its speed is not in the spec, its deadline is the upper bound."""
        extras = batch.part.sidecars
        cpu, memory = with_cpu(batch.cpu, extras), with_memory(batch.memory, extras)
        price = hourly(self.plan, cpu, memory, batch.part.resources.accelerator)
        runs = monthly(batch.part.schedule)
        length = batch.length if batch.length is not None else _at_most(batch.deadline)
        return {f"batch {batch.part.own_name.value}": _runs(runs, batch.parallel, length, price)}

    @property
    def _training(self) -> Parts:
        training = self.plan.training
        if training is None:
            return {}
        asked, one = training.part.resources, fixed(1, "a training run is one pod")
        extras = training.part.sidecars
        cpu, memory = with_cpu(asked.cpu, extras), with_memory(asked.memory, extras)
        price = hourly(self.plan, cpu, memory, asked.accelerator)
        length = training.work if training.work is not None else _at_most(training.deadline)
        parts = {"training": _runs(self.runs, one, length, price)}
        if training.part.tuning is not None and training.search_work is not None:
            schedule = training.search_schedule
            searches = monthly(schedule) if schedule is not None else None
            parts["tuning"] = _searches(training.part.tuning.when, searches, training.search_work, price)
        return parts


def _answer(service: ServicePlan) -> Because[int] | None:
    """The mean number of output tokens, otherwise the largest, for a service that generates text."""
    tokens = service.part.llm.tokens if service.part.llm is not None else None
    if tokens is None or not service.generates.value:
        return None
    return first(tokens.usual.output if tokens.usual is not None else None, tokens.output)


@decision
def _replicas(mean: Because[int], least: Because[int], most: Because[int]) -> tuple[int, str]:
    chosen = min(max(mean.value, least.value), most.value)
    bound = "" if chosen == mean.value else f", limited to between {least.value} and {most.value}"
    return chosen, f"{count(mean.value, 'replica')} for the mean rate{bound}; daily peaks cost somewhat more"


def _times(often: Because[Decimal], what: str) -> str:
    return f"{number(float(often.value))} {what}{'' if often.value == 1 else 's'}"


@decision
def _always(replicas: Because[int], price: Because[HourlyPrice]) -> tuple[Budget, str]:
    said = f"{count(replicas.value, 'replica')} x {MONTH} h x {price.value}; per replica: {price.reason}"
    return _money(replicas.value * MONTH * price.value.amount, price), said


@decision
def _canary_hours(
    replicas: Because[int],
    shares: tuple[Because[int], ...],
    lengths: tuple[Because[Duration], ...],
) -> tuple[Decimal, str]:
    """The pod hours that one rollout adds to the stable pods. At each step it runs its share of them, rounded up, as
    Argo Rollouts scales with traffic routing (argo-rollouts.readthedocs.io, traffic management).
    """
    pods = [math.ceil(replicas.value * share.value / 100) for share in shares]
    times = [length.value.amount for length in lengths]
    hours = sum((many * time for many, time in zip(pods, times, strict=True)), Decimal(0)) / 3600
    steps = " + ".join(
        f"{count(many, 'pod')} x {readable(Duration(time))}" for many, time in zip(pods, times, strict=True)
    )
    return hours, f"{steps} in addition to {count(replicas.value, 'replica')}"


@decision
def _shadow_hours(replicas: Because[int], lasts: Because[Duration], versions: Because[Decimal]) -> tuple[Decimal, str]:
    """The pod hours of the shadow stage of one version; the next version ends it."""
    between = MONTH / versions.value if versions.value else Decimal(MONTH)
    hours = lasts.value.amount / 3600
    if hours > between:
        return replicas.value * between, f"{count(replicas.value, 'replica')} until the next version"
    return replicas.value * hours, f"{count(replicas.value, 'replica')} for {lasts.value}"


@decision
def _versions(runs: Because[Decimal]) -> tuple[Decimal, str]:
    return runs.value, f"at most one new version per run: {runs.reason}"


@decision
def _guessed(versions: Because[float]) -> tuple[Decimal, str]:
    return Decimal(str(versions.value)), f"{versions.value:g} per month, because there is no `retraining.schedule`"


@decision
def _rollouts(versions: Because[Decimal], hours: Because[Decimal], price: Because[HourlyPrice]) -> tuple[Budget, str]:
    each = number(float(hours.value))
    times = _times(versions, "new version")
    said = f"{times} x {each} pod hours x {price.value}; per rollout: {hours.reason}; {versions.reason}"
    return _money(versions.value * hours.value * price.value.amount, price), said


@decision
def _at_most(deadline: Because[Duration]) -> tuple[Duration, str]:
    return deadline.value, f"at most the deadline of {deadline.value}, because the actual duration is unknown"


@decision
def _runs(
    runs: Because[Decimal], pods: Because[int], length: Because[Duration], price: Because[HourlyPrice]
) -> tuple[Budget, str]:
    hours = length.value.amount / 3600
    many = f"{_times(runs, 'run')} x {count(pods.value, 'pod')} x {number(float(hours))} h x {price.value}"
    why = f"{many}; {runs.reason}; per run: {length.reason}; per pod: {price.reason}"
    return _money(runs.value * pods.value * hours * price.value.amount, price), why


@decision
def _searches(
    when: Because[str], runs: Because[Decimal] | None, length: Because[Duration], price: Because[HourlyPrice]
) -> tuple[Budget, str]:
    hours = length.value.amount / 3600
    said = f"{number(float(hours))} h x {price.value}"
    if runs is None:
        one = f"{said} = {number(float(hours * price.value.amount))} {price.value.currency}"
        return _money(
            Decimal(0), price
        ), f"not counted because of `when: {when.value}`; per search: {one}; {length.reason}"
    amount = runs.value * hours * price.value.amount
    return _money(amount, price), f"{_times(runs, 'run')} x {said}; {runs.reason}; per search: {length.reason}"


@decision
def _total(parts: Parts, core: Because[HourlyPrice]) -> tuple[Budget, str]:
    amount = sum((part.value.amount for part in parts.values()), Decimal(0))
    said = " + ".join(f"{name} {plain(part.value.amount)}" for name, part in parts.items())
    left = "without storage, networking, and the cluster itself"
    return Budget(amount, core.value.currency, "month"), f"{said or 'nothing runs here'}; {left}"


@decision
def _left(budget: Because[Budget], total: Because[Budget]) -> tuple[Budget, str]:
    left = budget.value.amount - total.value.amount
    return Budget(left, budget.value.currency, "month"), f"{budget.value} minus {total.value}"


@decision
def _of_requests(parts: Parts, rate: Because[Rate], tokens: Because[int] | None) -> tuple[UnitPrice, str]:
    many = rate.value.amount * MONTH * 3600
    said = f"{rate.value} x {MONTH} h"
    if tokens is None:
        return _unit(parts, many, "prediction"), f"{_sum(parts)} for {number(float(many))} predictions ({said})"
    many *= tokens.value
    why = f"{said} x {count(tokens.value, 'token')}, if every response has the maximum length"
    return _unit(parts, many, "token"), f"{_sum(parts)} for {number(float(many))} output tokens ({why})"


@decision
def _of_items(parts: Parts, runs: Because[Decimal], items: Because[Count]) -> tuple[UnitPrice, str]:
    many = runs.value * items.value.amount
    said = f"{_times(runs, 'run')} of {number(float(items.value))} items"
    return _unit(parts, many, "prediction"), f"{_sum(parts)} for {number(float(many))} predictions ({said})"


def _sum(parts: Parts) -> Budget:
    sample = next(iter(parts.values())).value
    return Budget(sum((part.value.amount for part in parts.values()), Decimal(0)), sample.currency, "month")


def _unit(parts: Parts, many: Decimal, what: str) -> UnitPrice:
    whole = _sum(parts)
    million = Count(10**6)
    price = UnitPrice(rounded(whole.amount / many * million.amount, 4) / million.amount, whole.currency, what)
    object.__setattr__(price, "count", million)  # quantities are immutable
    return price


def _money(amount: Decimal, price: Because[HourlyPrice]) -> Budget:
    """A monthly amount, rounded to the cent."""
    return Budget(rounded(amount, 2), price.value.currency, "month")

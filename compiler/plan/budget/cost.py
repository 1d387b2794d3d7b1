"""What one environment costs in a month, by part: serving, what runs beside it during rollouts, training, batch runs.

A month has 730 hours (8,760 / 12), as in the list prices of large clouds. A part costs pods x hours x the price of what
one pod requests: capacity is paid for while it is reserved, used or not. Where the platform file gives no prices they
are list prices of one day, and a contract is easily a third below them. Storage, networks, the cluster itself and
people are not counted.

Traps that are handled here: capacity for the peak is not what the mean of a month costs; a canary costs pods although
the traffic stays the same; a search for hyperparameters costs its trials times a fit; money of two currencies is never
added.
"""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from ....schema.money import Budget, HourlyPrice, UnitPrice
from ....schema.units import Count, Duration, Rate, plain
from ...because import Because, decision, first, fixed
from ..choose import count, number, spelt
from ..service import ServicePlan
from ..serving.batch import BatchPlan
from .prices import MONTH, hourly, monthly, rounded

if TYPE_CHECKING:
    from .. import Plan

__all__ = ["CostPlan"]

Parts = dict[str, Because[Budget]]


class Share(NamedTuple):
    """A budget, and what is paid from it."""

    service: str
    """Whose it is; empty for the whole system's."""
    budget: Because[Budget]
    parts: Parts
    total: Because[Budget]

    @property
    def left(self) -> Because[Budget] | None:
        """What is left, less than nothing where it is exceeded; None where prices are in another currency."""
        return _left(self.budget, self.total) if self.budget.value.currency == self.total.value.currency else None


class CostPlan:
    """The cost of one environment."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @cached_property
    def runs(self) -> Because[Decimal]:
        """Training runs a month; those that a trigger or a person starts are not known beforehand."""
        retraining = self.plan.system.retraining
        if retraining is not None and retraining.schedule is not None:
            return monthly(retraining.schedule)
        return _guessed(self.plan.platform.planning.versions)

    @cached_property
    def versions(self) -> Because[Decimal]:
        """New versions a month, each of which is rolled out."""
        return self.runs if self.plan.system.training is None else _versions(self.runs)

    @cached_property
    def parts(self) -> Parts:
        """Money a month by what it is spent on, all in one currency."""
        parts: Parts = {}
        for service in self.plan.online.values():
            parts |= self._online(service)
        for batch in self.plan.batch.values():
            parts |= self._batch(batch)
        return parts | self._training

    @cached_property
    def total(self) -> Because[Budget]:
        """Money a month."""
        return _total(self.parts, self.plan.platform.prices.core)

    @cached_property
    def budgets(self) -> tuple[Share, ...]:
        """What budgets leave: the system's, then those of services that have one of their own."""
        whole = self.plan.system.constraints.budget
        found = [Share("", whole, self.parts, self.total)] if whole is not None else []
        for name, service in self.plan.online.items():
            own, parts = service.part.constraints.budget, self._online(service)
            if own is not None:
                found.append(Share(name, own, parts, _total(parts, self.plan.platform.prices.core)))
        return tuple(found)

    @cached_property
    def units(self) -> dict[str, Because[UnitPrice]]:
        """What a million predictions of each service cost, or a million tokens of one that generates text.

        Of a system with one service all parts count; of several, only those of the service itself.
        """
        plan, made = self.plan, dict[str, Because[UnitPrice]]()
        alone = len(plan.online) + len(plan.batch) == 1
        for name, service in plan.online.items():
            rate = first(service.traffic("mean"), service.traffic("peak"))
            if rate is not None and rate.value.amount:
                made[name] = _of_requests(self.parts if alone else self._online(service), rate, _answer(service))
        items = plan.system.constraints.items
        for name, batch in plan.batch.items():
            if items is not None and items.value.amount:
                runs = monthly(batch.part.schedule)
                made[name] = _of_items(self.parts if alone else self._batch(batch), runs, items)
        return made

    def _online(self, service: ServicePlan) -> Parts:
        """A service that answers requests, and what runs beside it while a new version is rolled out."""
        name, canary = service.part.own_name.value, service.canary
        price = hourly(self.plan, service.cpu, service.pod_memory, service.devices)
        replicas = _replicas(service.for_mean, service.min_replicas, service.max_replicas)
        parts = {f"serving {name}": _always(replicas, price)}
        if canary.progressive.value:
            shares, lengths = zip(*((step.share, step.lasts) for step in canary.steps), strict=True)
            final = tuple((judgement.windows, judgement.window) for judgement in canary.final)
            parts[f"canaries of {name}"] = _rollouts(
                self.versions, _canary_hours(replicas, shares, lengths, final), price
            )
        if canary.shadow_stage is not None:
            hours = _shadow_hours(canary.shadow_replicas, canary.shadow_stage.duration, self.versions)
            parts[f"shadows of {name}"] = _rollouts(self.versions, hours, price)
        return parts

    def _batch(self, batch: BatchPlan) -> Parts:
        """A service that scores by the clock; nothing in a spec says how fast it is, so its deadline bounds it."""
        price = hourly(self.plan, batch.cpu, batch.memory, batch.part.resources.accelerator)
        runs, length = monthly(batch.part.schedule), _at_most(batch.deadline)
        return {f"batch {batch.part.own_name.value}": _runs(runs, batch.parallel, length, price)}

    @property
    def _training(self) -> Parts:
        training = self.plan.training
        if training is None:
            return {}
        asked, one = training.part.resources, fixed(1, "a training run is one pod")
        price = hourly(self.plan, asked.cpu, asked.memory, asked.accelerator)
        length = training.work if training.work is not None else _at_most(training.deadline)
        parts = {"training": _runs(self.runs, one, length, price)}
        if training.part.tuning is not None and training.search_work is not None:
            schedule = training.search_schedule
            searches = monthly(schedule) if schedule is not None else None
            parts["tuning"] = _searches(training.part.tuning.when, searches, training.search_work, price)
        return parts


def _answer(service: ServicePlan) -> Because[int] | None:
    """The most tokens that an answer may have, of a service that generates text."""
    llm = service.part.llm
    return llm.tokens.output if llm is not None and llm.tokens is not None else None


@decision
def _replicas(mean: Because[int], least: Because[int], most: Because[int]) -> tuple[int, str]:
    chosen = min(max(mean.value, least.value), most.value)
    bound = "" if chosen == mean.value else f", bounded by {least.value} and {most.value}"
    return chosen, f"{count(mean.value, 'replica')} for the mean rate{bound}; swings of a day cost somewhat more"


def _times(often: Because[Decimal], what: str) -> str:
    return f"{number(float(often.value))} {what}{'' if often.value == 1 else 's'}"


@decision
def _always(replicas: Because[int], price: Because[HourlyPrice]) -> tuple[Budget, str]:
    said = f"{count(replicas.value, 'replica')} x {MONTH} h x {price.value}; a replica: {price.reason}"
    return _money(replicas.value * MONTH * price.value.amount, price), said


@decision
def _canary_hours(
    replicas: Because[int],
    shares: tuple[Because[int], ...],
    lengths: tuple[Because[Duration], ...],
    final: tuple[tuple[Because[int], Because[str]], ...],
) -> tuple[Decimal, str]:
    """Hours of pods that one rollout has beside the stable ones: at each step its share of them, rounded up, as Argo
    Rollouts scales with traffic routing (argo-rollouts.readthedocs.io, traffic management), and the last step for as
    long as it is judged once more.
    """
    judged = max((windows.value * Duration.parse(window.value).amount for windows, window in final), default=Decimal(0))
    pods = [math.ceil(replicas.value * share.value / 100) for share in shares]
    times = [length.value.amount for length in lengths]
    times[-1] += judged
    hours = sum((many * time for many, time in zip(pods, times, strict=True)), Decimal(0)) / 3600
    steps = " + ".join(f"{many} x {spelt(Duration(time))}" for many, time in zip(pods, times, strict=True))
    return hours, f"{steps} beside {count(replicas.value, 'replica')}"


@decision
def _shadow_hours(replicas: Because[int], lasts: Because[Duration], versions: Because[Decimal]) -> tuple[Decimal, str]:
    """Hours of pods that the shadow of one version has; the next version ends it."""
    between = MONTH / versions.value if versions.value else Decimal(MONTH)
    hours = lasts.value.amount / 3600
    if hours > between:
        return replicas.value * between, f"{count(replicas.value, 'replica')} until the next version"
    return replicas.value * hours, f"{count(replicas.value, 'replica')} for {lasts.value}"


@decision
def _versions(runs: Because[Decimal]) -> tuple[Decimal, str]:
    return runs.value, f"each run is taken to bring a new version, which is the most there can be: {runs.reason}"


@decision
def _guessed(versions: Because[float]) -> tuple[Decimal, str]:
    return Decimal(str(versions.value)), f"{versions.value:g} a month, as no `retraining.schedule` says it"


@decision
def _rollouts(versions: Because[Decimal], hours: Because[Decimal], price: Because[HourlyPrice]) -> tuple[Budget, str]:
    each = number(float(hours.value))
    times = _times(versions, "new version")
    said = f"{times} x {each} h of pods x {price.value}; a rollout: {hours.reason}; {versions.reason}"
    return _money(versions.value * hours.value * price.value.amount, price), said


@decision
def _at_most(deadline: Because[Duration]) -> tuple[Duration, str]:
    return deadline.value, f"at most {deadline.value}, the deadline, as nothing says how long a run really takes"


@decision
def _runs(
    runs: Because[Decimal], pods: Because[int], length: Because[Duration], price: Because[HourlyPrice]
) -> tuple[Budget, str]:
    hours = length.value.amount / 3600
    many = f"{_times(runs, 'run')} x {count(pods.value, 'pod')} x {number(float(hours))} h x {price.value}"
    why = f"{many}; {runs.reason}; a run: {length.reason}; a pod: {price.reason}"
    return _money(runs.value * pods.value * hours * price.value.amount, price), why


@decision
def _searches(
    when: Because[str], runs: Because[Decimal] | None, length: Because[Duration], price: Because[HourlyPrice]
) -> tuple[Budget, str]:
    hours = length.value.amount / 3600
    said = f"{number(float(hours))} h x {price.value}"
    if runs is None:
        one = f"{said}: {number(float(hours * price.value.amount))} {price.value.currency}"
        return _money(Decimal(0), price), f"`{when.value}`, so not counted; a search is {one}; {length.reason}"
    amount = runs.value * hours * price.value.amount
    return _money(amount, price), f"{_times(runs, 'start')} x {said}; {runs.reason}; a search: {length.reason}"


@decision
def _total(parts: Parts, core: Because[HourlyPrice]) -> tuple[Budget, str]:
    amount = sum((part.value.amount for part in parts.values()), Decimal(0))
    said = " + ".join(f"{name} {plain(part.value.amount)}" for name, part in parts.items())
    left = "storage, networks and the cluster itself are not counted"
    return Budget(amount, core.value.currency, "month"), f"{said or 'nothing runs here'}; {left}"


@decision
def _left(budget: Because[Budget], total: Because[Budget]) -> tuple[Budget, str]:
    left = budget.value.amount - total.value.amount
    return Budget(left, budget.value.currency, "month"), f"{budget.value} less {total.value}"


@decision
def _of_requests(parts: Parts, rate: Because[Rate], tokens: Because[int] | None) -> tuple[UnitPrice, str]:
    many = rate.value.amount * MONTH * 3600
    said = f"{rate.value} x {MONTH} h"
    if tokens is None:
        return _unit(parts, many, "prediction"), f"{_sum(parts)} for {number(float(many))} predictions ({said})"
    many *= tokens.value
    why = f"{said} x {count(tokens.value, 'token')}, if each answer is as long as it may be"
    return _unit(parts, many, "token"), f"{_sum(parts)} for {number(float(many))} tokens of answers ({why})"


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
    object.__setattr__(price, "count", million)  # quantities are immutable once they are made
    return price


def _money(amount: Decimal, price: Because[HourlyPrice]) -> Budget:
    """Money a month, to the cent."""
    return Budget(rounded(amount, 2), price.value.currency, "month")

"""The monthly cost of one environment, by part: serving, extra pods during rollouts, training, batch runs, and
what mlspec runs itself.

A month has 730 hours (8,760 / 12), as in the list prices of large clouds. A part costs pods x hours x the price of the
requests of one pod, because reserved capacity costs money whether it is used or not. If the platform file has no
prices, the planner uses list prices as of one day; a contract is easily a third below them. Storage, traffic to
callers, and labels count where the spec sizes them and they have a price. The cluster itself and people do not.

Traps that this module handles: the average cost of a month is neither the cost of peak capacity nor that of the minimum
replicas, which an autoscaler exceeds for half of each day; a canary adds pods even though the traffic stays the same; a
hyperparameter search costs all of its trials, however many run at once; amounts in different currencies are never
added.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from ....schema.money import Budget, HourlyPrice, UnitPrice
from ....schema.units import Count, Duration, Percent, Rate, plain
from ...because import Because, because, decision, first
from ...row import Row
from ...system import AcceleratorRequest
from ..choose import count, number
from ..service import ServicePlan
from ..serving.batch import BatchPlan
from ..sidecars import with_cpu, with_memory
from .alternatives import Alternative, alternatives
from .online import OnlineCost, Parts, Span, always
from .own import own
from .prices import MONTH, hourly, money, monthly, rounded, times
from .stored import EGRESS, STORAGE, storage

if TYPE_CHECKING:
    from .. import Plan
    from ..training import TrainingPlan

__all__ = ["CostPlan"]


class Share(Row):
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
    def online(self) -> dict[str, OnlineCost]:
        """The cost of each online service, by name."""
        return {name: OnlineCost(self.plan, service) for name, service in self.plan.online.items()}

    @cached_property
    def parts(self) -> Parts:
        """The expected monthly cost of each part, all in one currency."""
        parts: Parts = {}
        for service in self.online.values():
            parts |= service.parts
        for batch in self.plan.batch.values():
            parts |= self._batch(batch)
        return parts | self._training | self._own | self.plan.labeling.parts | storage(self.plan)

    @cached_property
    def total(self) -> Because[Budget]:
        """The expected total monthly cost."""
        spans = (service.span for service in self.online.values())
        return _total(self.parts, self.plan.platform.prices.core, *spans)

    @cached_property
    def budgets(self) -> tuple[Share, ...]:
        """The budgets and what they pay for: the system's, then those of individual services."""
        whole = self.plan.system.constraints.budget
        found = [Share("", whole, self.parts, self.total)] if whole is not None else []
        for name, service in self.online.items():
            own = service.service.part.constraints.budget
            if own is not None:
                total = _total(service.parts, self.plan.platform.prices.core, service.span)
                found.append(Share(name, own, service.parts, total))
        return tuple(found)

    @cached_property
    def alternatives(self) -> tuple[Alternative, ...]:
        """The candidates that are an API, for each online service."""
        return tuple(found for online in self.online.values() for found in alternatives(self.plan, online))

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
                made[name] = _of_requests(self.parts if alone else self.online[name].parts, rate, _answer(service))
        for name, batch in plan.batch.items():
            items = batch.total
            if items is not None and items.value.amount:
                runs = monthly(batch.part.schedule)
                made[name] = _of_items(self.parts if alone else self._batch(batch), runs, items)
        return made

    def of_serving(self, name: str) -> Because[UnitPrice] | None:
        """The price of a prediction or of a token of one service, without training and rollouts; None if the rate, or
        the number of items, is unknown.
        """
        if name in self.plan.batch:
            batch = self.plan.batch[name]
            if batch.total is None or not batch.total.value.amount:
                return None
            return _of_items(self._batch(batch), monthly(batch.part.schedule), batch.total)
        service = self.plan.online[name]
        rate = first(service.traffic("mean"), service.traffic("peak"))
        if rate is None or not rate.value.amount:
            return None
        return _of_requests({self.online[name].title: self.online[name].serving}, rate, _answer(service))

    def of_busy(self, name: str) -> Because[UnitPrice] | None:
        """The price of a prediction on a replica that is as busy as the planner allows, whatever the traffic; None if
        the service time has not been measured, or if it is a batch service.
        """
        service = self.plan.online.get(name)
        if service is None or service.mean_time is None or _answer(service) is not None:
            return None
        return _busy(self.online[name].price, service.mean_time, service.slots, service.care.utilization)

    def _batch(self, batch: BatchPlan) -> Parts:
        """A batch inference service. If its speed is not in the spec, its deadline is the upper bound."""
        price = self.batch_price(batch)
        runs = monthly(batch.part.schedule)
        length = batch.length if batch.length is not None else _at_most(batch.deadline)
        return {f"batch {batch.part.own_name.value}": _runs(runs, batch.parallel, length, price)}

    def batch_price(self, batch: BatchPlan) -> Because[HourlyPrice]:
        """The hourly price of a pod of a batch run."""
        extras = batch.part.sidecars
        cpu, memory = with_cpu(batch.cpu, extras), with_memory(batch.pod_memory, extras)
        return hourly(self.plan, cpu, memory, batch.part.resources.accelerator)

    @property
    def _own(self) -> Parts:
        """What mlspec runs itself: processes all month, and a job for at most its deadline."""
        parts: Parts = {}
        store = self.plan.store
        for one in own(self.plan):
            price = hourly(self.plan, one.cpu, one.memory, None)
            if one.scheduled and store is not None:
                parts[one.name] = _runs(monthly(store.schedule), one.pods, _at_most(store.deadline), price)
            else:
                parts[one.name] = always(one.pods, price)
        return parts

    def training_price(self, training: TrainingPlan) -> Because[HourlyPrice]:
        """The hourly price of a pod that trains."""
        return self._training_pod(training, training.part.resources.accelerator)

    def _training_pod(self, training: TrainingPlan, devices: AcceleratorRequest | None) -> Because[HourlyPrice]:
        asked, extras = training.part.resources, training.part.sidecars
        cpu, memory = with_cpu(asked.cpu, extras), with_memory(asked.memory, extras)
        return hourly(self.plan, cpu, memory, devices)

    @property
    def _training(self) -> Parts:
        training = self.plan.training
        if training is None:
            return {}
        price = self.training_price(training)
        length = training.work if training.work is not None else _at_most(training.deadline)
        parts = {"training": _runs(self.runs, training.nodes, length, price)}
        if training.spread is not None:
            one = because(1, "the pod of the other steps, which waits for the nodes", training.spread.nodes)
            parts["training steps"] = _runs(self.runs, one, length, self._training_pod(training, None))
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
    usual = tokens.usual.output if tokens.usual is not None else None
    if usual is not None:
        return because(usual.value, "the mean length of a response", usual)
    if tokens.output is None:
        return None
    return because(tokens.output.value, "if every response has the maximum length", tokens.output)


@decision
def _versions(runs: Because[Decimal]) -> tuple[Decimal, str]:
    return runs.value, f"at most one new version per run: {runs.reason}"


@decision
def _guessed(versions: Because[float]) -> tuple[Decimal, str]:
    return Decimal(str(versions.value)), f"{versions.value:g} per month, because there is no `retraining.schedule`"


@decision
def _at_most(deadline: Because[Duration]) -> tuple[Duration, str]:
    return deadline.value, f"at most the deadline of {deadline.value}, because the actual duration is unknown"


@decision
def _runs(
    runs: Because[Decimal], pods: Because[int], length: Because[Duration], price: Because[HourlyPrice]
) -> tuple[Budget, str]:
    hours = length.value.amount / 3600
    at_once = f" x {count(pods.value, 'pod')}" if pods.value > 1 else ""
    many = f"{times(runs.value, 'run')}{at_once} x {number(float(hours))} h x {price.value}"
    why = f"{many}; {runs.reason}; per run: {length.reason}; per pod: {price.reason}"
    return money(runs.value * pods.value * hours * price.value.amount, price), why


@decision
def _searches(
    when: Because[str], runs: Because[Decimal] | None, length: Because[Duration], price: Because[HourlyPrice]
) -> tuple[Budget, str]:
    hours = length.value.amount / 3600
    said = f"{number(float(hours))} h x {price.value}"
    if runs is None:
        one = f"{said} = {number(float(hours * price.value.amount))} {price.value.currency}"
        return money(
            Decimal(0), price
        ), f"not counted because of `when: {when.value}`; per search: {one}; {length.reason}"
    amount = runs.value * hours * price.value.amount
    return money(amount, price), f"{times(runs.value, 'run')} x {said}; {runs.reason}; per search: {length.reason}"


@decision
def _total(parts: Parts, core: Because[HourlyPrice], *spans: Span) -> tuple[Budget, str]:
    amount = sum((part.value.amount for part in parts.values()), Decimal(0))
    largest = sorted(parts.items(), key=lambda part: -part[1].value.amount)
    said = " + ".join(f"{name} {plain(part.value.amount)}" for name, part in largest) or "nothing runs here"
    low, high = (sum((span[end].value.amount - span[1].value.amount for span in spans), amount) for end in (0, 2))
    if low < high:
        said += f"; {plain(low)} with the minimum replicas, and {plain(high)} with those for the peak"
    sent = "other networking" if any(name.startswith(EGRESS) for name in parts) else "networking"
    left = f"{sent} and the cluster itself" if STORAGE in parts else f"storage, {sent}, and the cluster itself"
    return Budget(amount, core.value.currency, "month"), f"{said}; without {left}"


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
    each = f" x {count(tokens.value, 'token')}" if tokens.value > 1 else ""
    why = f"{said}{each}, {tokens.why}"
    return _unit(parts, many, "token"), f"{_sum(parts)} for {number(float(many))} output tokens ({why})"


@decision
def _busy(
    price: Because[HourlyPrice], time: Because[Duration], slots: Because[int], utilization: Because[Percent]
) -> tuple[UnitPrice, str]:
    """price · S / (c · utilization): what a prediction costs if no replica waits for traffic."""
    each = price.value.amount / 3600 * time.value.amount / (slots.value * utilization.value.amount)
    why = f"{price.value} x {time.value} / ({count(slots.value, 'slot')} x {utilization.value})"
    return _per_million(each, price.value.currency, "prediction"), why


@decision
def _of_items(parts: Parts, runs: Because[Decimal], items: Because[Count]) -> tuple[UnitPrice, str]:
    many = runs.value * items.value.amount
    said = f"{times(runs.value, 'run')} of {number(float(items.value))} items"
    return _unit(parts, many, "prediction"), f"{_sum(parts)} for {number(float(many))} predictions ({said})"


def _sum(parts: Parts) -> Budget:
    sample = next(iter(parts.values())).value
    return Budget(sum((part.value.amount for part in parts.values()), Decimal(0)), sample.currency, "month")


def _unit(parts: Parts, many: Decimal, what: str) -> UnitPrice:
    whole = _sum(parts)
    return _per_million(whole.amount / many, whole.currency, what)


def _per_million(each: Decimal, currency: str, what: str) -> UnitPrice:
    million = Count(10**6)
    price = UnitPrice(rounded(each * million.amount, 4) / million.amount, currency, what)
    object.__setattr__(price, "count", million)  # quantities are immutable
    return price

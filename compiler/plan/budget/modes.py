"""Batch instead of online, and online instead of batch: what the other mode would cost.

An online service pays for replicas whether they are asked or not, and a batch run for items whether their answers are
used or not. So answers that can be computed in advance are cheaper by batch from some rate on, and below it online.
Both use the planner's own arithmetic: the same pods, at the speed that the spec states. What only one of them needs is
not counted, and the reason says so: the store that serves precomputed answers, and the network.

An answer is as old as the time between two runs plus a run, because a run reads its inputs at its start and is used
until the next one has ended. A tenth of the maximum age is left for a run, as far as its pods can start in that time.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING

from ....schema.money import Budget, HourlyPrice
from ....schema.units import Count, Duration, Percent, Rate
from ...because import Because, because, decision, first
from ...row import Row
from ..choose import count, number, readable, seconds
from ..service import ServicePlan
from ..serving.batch import BatchPlan
from .online import OnlineCost
from .prices import MONTH, money, monthly, times

if TYPE_CHECKING:
    from .. import Plan

__all__ = ["Precomputed", "precomputed", "served_online"]

RUN = Decimal("0.1")
"""The share of the maximum age that a run should take."""

LONGEST = Decimal("0.5")
"""The share from which on runs would follow each other without a gap."""

ALMOST_NONE = Rate(Decimal("0.000001"))
"""A rate that needs no more replicas than are always up."""


class Precomputed(Row):
    """The answers of an online service, computed in batch runs."""

    run: Because[float]
    """Seconds that a run takes."""
    late: Because[str]
    """Why answers would be too old; empty if they would not."""
    cost: Because[Budget] | None
    """What the runs cost per month; None if answers would be too old."""
    even: Because[Rate] | None
    """The rate from which on runs cost less than replicas; None if they do at every rate, or if they are too late."""


def precomputed(online: OnlineCost) -> Precomputed | None:
    """The answers of an online service, computed in advance; None if its inputs are not known before, or its speed is
    not.
    """
    service, known = online.service, online.service.part.known_inputs
    each, carried = _each(service), _carried(service)
    if known is None or each is None or carried is None:
        return None
    start = _start(service.live.fetch, service.live.start)
    work = _work(known.count, each)
    pods = _pods(work, known.max_age, service.most)
    run = _run(work, pods, start)
    late = _late(run, pods, known.max_age)
    if late.value:
        return Precomputed(run, late, None, None)
    floor = _floor(_least(service), online.price)
    cost = _cost(run, pods, known.max_age, online.price, online.serving, floor)
    above = cost.value.amount > floor.value.amount
    return Precomputed(run, late, cost, _even(cost, online.price, carried) if above else None)


def served_online(plan: Plan, batch: BatchPlan) -> Because[Budget] | None:
    """What replicas would cost that score the items of a batch service one by one; None if its speed is unknown."""
    if batch.total is None or batch.part.rate is None or not batch.part.rate.value.amount:
        return None
    unit = plan.cost.of_serving(batch.part.own_name.value)
    if unit is None:
        return None
    utilization = plan.platform.planning.utilization
    runs, price = monthly(batch.part.schedule), plan.cost.batch_price(batch)
    replicas = _replicas(runs, batch.total, batch.part.rate, utilization)
    return _online(replicas, price, runs, batch.total, unit)


def _least(service: ServicePlan) -> Because[int]:
    """The replicas that are up even if almost no request comes."""
    given = service.part.replicas.min.given
    needed = service.needed(because(ALMOST_NONE, "almost no traffic")) if given is None else None
    found = first(given, needed)
    return found if found is not None else service.min_replicas


def _each(service: ServicePlan) -> Because[float] | None:
    """The replica time of an input, in seconds."""
    if service.mean_time is not None:
        return _of_slots(service.mean_time, service.slots)
    return service.hardware.busy if service.is_language_model else None


def _carried(service: ServicePlan) -> Because[float] | None:
    """The requests per second that a replica carries online."""
    if service.mean_time is not None:
        return _at_most(service.mean_time, service.slots, service.care.utilization)
    speed = service.hardware.speed if service.is_language_model else None
    return speed.throughput.map(float) if speed is not None else None


@decision
def _of_slots(mean: Because[Duration], slots: Because[int]) -> tuple[float, str]:
    return float(mean.value) / slots.value, f"{mean.value} / {count(slots.value, 'slot')}"


@decision
def _at_most(mean: Because[Duration], slots: Because[int], utilization: Because[Percent]) -> tuple[float, str]:
    rate = slots.value * float(utilization.value) / float(mean.value)
    return rate, f"{count(slots.value, 'slot')} x {utilization.value} / {mean.value} = {number(rate)}/s per replica"


@decision
def _start(fetch: Because[Duration], start: Because[Duration]) -> tuple[float, str]:
    took = float(fetch.value) + float(start.value)
    return took, f"{seconds(took)} to fetch and load the model"


@decision
def _work(many: Because[Count], each: Because[float]) -> tuple[float, str]:
    took = float(many.value) * each.value
    return took, f"{number(float(many.value))} inputs x {seconds(each.value)}"


@decision
def _pods(work: Because[float], age: Because[Duration], most: Because[int] | None) -> tuple[int, str]:
    pods = max(1, math.ceil(work.value / max(1.0, float(RUN * age.value.amount)) - 1e-9))
    if most is not None and most.value < pods:
        return most.value, f"limited to `maxReplicas: {most.value}`"
    return pods, f"so that a run takes a tenth of {age.value}"


@decision
def _run(work: Because[float], pods: Because[int], start: Because[float]) -> tuple[float, str]:
    took = work.value / pods.value + start.value
    on = f" / {count(pods.value, 'pod')}" if pods.value > 1 else ""
    return took, f"{work.reason}{on} + {start.reason} = {seconds(took)}"


@decision
def _late(run: Because[float], pods: Because[int], age: Because[Duration]) -> tuple[str, str]:
    if run.value < float(LONGEST * age.value.amount):
        return "", "runs leave a gap"
    return "not possible", (
        f"a run takes {seconds(run.value)} ({run.reason}; {count(pods.value, 'pod')}, {pods.reason}), and answers may "
        f"be {readable(age.value)} old, so it would have to start before the last one ends"
    )


@decision
def _floor(least: Because[int], price: Because[HourlyPrice]) -> tuple[Budget, str]:
    return money(least.value * MONTH * price.value.amount, price), (
        f"the {count(least.value, 'replica')} that almost no traffic needs"
    )


@decision
def _cost(
    run: Because[float],
    pods: Because[int],
    age: Because[Duration],
    price: Because[HourlyPrice],
    serving: Because[Budget],
    floor: Because[Budget],
) -> tuple[Budget, str]:
    every = float(age.value) - run.value
    runs = MONTH * 3600 / every
    cost = money(Decimal(runs * pods.value * run.value / 3600) * price.value.amount, price)
    on = f" x {count(pods.value, 'pod')}" if pods.value > 1 else ""
    why = f"{number(runs)} runs{on} x {number(run.value / 3600)} h x {price.value}; per run: {run.reason}"
    gap = f"one every {seconds(every)}, so that answers are at most {readable(age.value)} old"
    always = f"; cheaper at every rate than {floor.reason}" if cost.amount <= floor.value.amount else ""
    return cost, (
        f"{why}; {gap}{always}; serving online costs {serving.value}; without the store that serves the answers, and "
        "only for inputs that are known when a run starts"
    )


@decision
def _even(cost: Because[Budget], price: Because[HourlyPrice], carried: Because[float]) -> tuple[Rate, str]:
    replicas = float(cost.value.amount / (MONTH * price.value.amount))
    rate = Rate(Decimal(f"{replicas * carried.value:.9f}"))
    return rate, (
        f"{cost.value} pays for {number(replicas)} replicas at {price.value}, and each carries {carried.reason}; above "
        f"that rate, replicas cost more than runs"
    )


@decision
def _replicas(
    runs: Because[Decimal], items: Because[Count], rate: Because[Rate], utilization: Because[Percent]
) -> tuple[int, str]:
    mean = float(runs.value * items.value.amount) / (MONTH * 3600)
    each = float(rate.value) * float(utilization.value)
    replicas = max(2, math.ceil(mean / each - 1e-9))
    return replicas, (
        f"{times(runs.value, 'run')} per month of {number(float(items.value))} items are {number(mean)}/s if they are "
        f"asked for evenly; a replica carries {rate.value} x {utilization.value}; at least 2, so that one can be "
        "replaced"
    )


@decision
def _online(
    replicas: Because[int],
    price: Because[HourlyPrice],
    runs: Because[Decimal],
    items: Because[Count],
    unit: Because[object],
) -> tuple[Budget, str]:
    cost = money(replicas.value * MONTH * price.value.amount, price)
    million = float(cost.amount / (runs.value * items.value.amount)) * 1e6
    return cost, (
        f"{count(replicas.value, 'replica')} x {MONTH} h x {price.value}: {replicas.reason}; "
        f"{number(million)} {price.value.currency}/1M predictions, and batch runs cost {unit.value}"
    )

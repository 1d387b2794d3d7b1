"""The accelerators of training: which of the allowed ones fit, keep the deadline, and cost least per run.

A run costs its fits x the price of its accelerators; the CPUs and the memory next to them cost little. Times on other
accelerators than the measured ones are estimates (`training.speed`), so they count with the headroom of a run. Of each
type, the fewest devices are proposed that fit and keep the deadline: more of them take at least as many device hours,
because devices wait for each other.

Traps that this module handles: a process sees only one slice of a device; a pod is on one node, and the devices of all
pods of a run cost money and add to its speed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from ....schema.money import Budget, HourlyPrice
from ....schema.units import Duration
from ...because import Because, because, decision
from ...row import Row
from ...system import Accelerator
from ..accelerators import COUNTS, called, unfit
from ..choose import number
from ..training import options as each
from ..training import speed
from ..training.memory import needed
from ..training.nodes import across
from ..training.options import Option, against, keeps, paid
from ..training.shape import trained_shape
from .prices import money, times

if TYPE_CHECKING:
    from .. import Plan
    from ..training import TrainingPlan

__all__ = ["Choice", "choice", "fitting", "operations", "reached"]


class Choice(Row):
    """The accelerators that are declared, and the ones that are proposed."""

    declared: Option | None
    best: Option
    proposed: Because[str]
    """The best accelerators, such as `2 x h100`."""
    least: Because[int] | None
    """The bytes that each of them must hold at least; None if that is unknown."""
    monthly: Because[Budget] | None
    """What their runs cost per month; None without a price."""


def choice(plan: Plan) -> Choice | None:
    """The best accelerators for the training run; None if nothing says how long a fit takes on any of them."""
    training = plan.training
    if training is None:
        return None
    asked, once = training.part.resources.accelerator, training.part.fit
    if (asked is None or once is None) and operations(plan) is None:
        return None
    options = tuple(_best_of(plan, training, name) for name in _allowed(plan, training))
    if not options:
        return None
    declared, rough = next(_declared(plan, training), None), plan.platform.planning.rough
    best = min(options, key=_rank)
    if declared is not None and keeps(declared) and not _surely_cheaper(best, declared, rough):
        best = options[0]
    price = plan.platform.accelerators[best.name.value].price
    fits = best.cost is not None and price is not None and not best.unfit.value
    monthly = (
        _monthly(best.cost, plan.cost.runs, price) if fits and best.cost is not None and price is not None else None
    )
    least = needed(training, best.devices)
    return Choice(declared, best, _proposed(best, options, declared, _limit(training), rough), least, monthly)


def operations(plan: Plan) -> Because[float] | None:
    """The operations of a fit; None if its tokens, or the model that is trained, are unknown."""
    training = plan.training
    found = trained_shape(training) if training is not None else None
    if training is None or training.part.tokens is None or found is None or not training.part.tokens.value.amount:
        return None
    return speed.operations(*found, training.part.tokens)


def reached(plan: Plan) -> Because[float] | None:
    """The share of their FLOP/s that the declared accelerators achieve, if a measured fit and its tokens are known."""
    many, training = operations(plan), plan.training
    if many is None or training is None or training.part.fit is None:
        return None
    asked = training.part.resources.accelerator
    compute = plan.platform.accelerators[asked.type.value].compute if asked is not None else None
    if asked is None or compute is None or not compute.value.amount:
        return None
    return speed.reached(many, training.part.fit, compute, across(asked.count, training.part))


def fitting(plan: Plan, name: Because[str]) -> Because[int] | None:
    """The fewest devices of a type that have the memory for the language model that is trained; None if none have."""
    training, device, share = (
        plan.training,
        plan.platform.accelerators[name.value],
        plan.platform.planning.training_memory,
    )
    for devices in _counts(device):
        least = needed(training, devices) if training is not None else None
        if least is not None and each.holds(least, device.memory, share).value:
            return devices
    return None


def _allowed(plan: Plan, training: TrainingPlan) -> Iterator[Because[str]]:
    """The declared type, then those that the planner may choose."""
    asked = training.part.resources.accelerator
    if asked is not None:
        yield asked.type
    for name in plan.system.constraints.accelerators:
        if asked is None or name.value != asked.type.value:
            yield name


def _declared(plan: Plan, training: TrainingPlan) -> Iterator[Option]:
    asked = training.part.resources.accelerator
    if asked is not None:
        yield _option(plan, training, asked.type, asked.count)


def _best_of(plan: Plan, training: TrainingPlan, name: Because[str]) -> Option:
    """The declared number of devices if it is enough, else the fewest that are, else the most that fit."""
    asked, device = training.part.resources.accelerator, plan.platform.accelerators[name.value]
    options = [*_declared(plan, training)] if asked is not None and asked.type is name else []
    options += [_option(plan, training, name, devices) for devices in _counts(device)]
    able = [one for one in options if not one.unfit.value]
    most = able[-1] if able else options[-1]
    return next((one for one in able if not one.late.value), most)


def _counts(device: Accelerator) -> Iterator[Because[int]]:
    if device.slice.value:
        yield because(1, "a process sees one slice", device.slice)
        return
    for devices in COUNTS:
        if device.per_node is None or devices <= device.per_node.value:
            yield because(devices, "the fewest that fit and keep the deadline", device.per_node)


def _option(plan: Plan, training: TrainingPlan, name: Because[str], devices: Because[int]) -> Option:
    device, planning, asked = plan.platform.accelerators[name.value], plan.platform.planning, training.part.resources
    given = asked.accelerator
    declared = given is not None and given.type is name and given.count is devices
    proven = declared and training.part.fit is not None
    time = _time(plan, training, device, devices, proven=proven)
    work = each.work(time, training.fits)
    limit = _limit(training)
    margins = (training.retries, planning.training_headroom, planning.pod_wait)
    known, every = time.value < math.inf, across(devices, training.part)
    return Option(
        name=name,
        devices=devices,
        time=time,
        work=work,
        cost=each.cost(work, every, device.price) if device.price is not None and known else None,
        unfit=_unfit(plan, training, device, devices, proven=proven) if known else each.unknown(time),
        late=each.ends(work, limit) if proven else each.in_time(work, limit, *margins),
    )


def _limit(training: TrainingPlan) -> Because[Duration | None]:
    return each.limit(training.part.deadline.given, training.cadence)


def _time(
    plan: Plan, training: TrainingPlan, device: Accelerator, devices: Because[int], *, proven: bool
) -> Because[float]:
    planning, asked, once = plan.platform.planning, training.part.resources.accelerator, training.part.fit
    if proven and once is not None:
        return speed.measured(once)
    after = speed.rate(device, across(devices, training.part), planning)
    if after is None:
        return because(math.inf, "its FLOP/s are unknown", device.compute)
    if asked is not None and once is not None:
        before = speed.rate(plan.platform.accelerators[asked.type.value], across(asked.count, training.part), planning)
        if before is not None:
            return speed.scaled(once, before, after, planning.rough)
    many = operations(plan)
    if many is None:
        return because(math.inf, "the FLOP/s of the declared accelerators are unknown", device.compute)
    return speed.estimated(many, after, planning.rough_training)


def _unfit(
    plan: Plan, training: TrainingPlan, device: Accelerator, devices: Because[int], *, proven: bool
) -> Because[str]:
    """Why accelerators cannot train the model: by what a language model needs, else by comparison with the spec's."""
    fits, bfloat16, asked = None, None, training.part.resources.accelerator
    least = needed(training, devices)
    if least is not None:
        share = None if proven else plan.platform.planning.training_memory
        fits, bfloat16 = each.holds(least, device.memory, share), device.bfloat16
    elif asked is not None and not proven:
        known = plan.platform.accelerators[asked.type.value].memory
        small = each.too_small(device.memory, devices, known, asked.count)
        if small.value:
            return small
    nodes = (device.node_selector, device.selectors)
    return unfit(plan.platform.cloud, nodes, fits, None, None, device.slice, bfloat16, None, devices)


def _rank(option: Option) -> tuple[bool, bool, float, float]:
    """Those that fit and keep the deadline first, by cost; then those that fit, by time."""
    timely = keeps(option)
    cost = option.cost.value if option.cost is not None else math.inf
    return bool(option.unfit.value), not timely, cost if timely else option.work.value, option.work.value


@decision
def _monthly(cost: Because[float], runs: Because[Decimal], price: Because[HourlyPrice]) -> tuple[Budget, str]:
    each = f"{number(cost.value)} {price.value.currency}"
    return money(Decimal(cost.value) * runs.value, price), f"{times(runs.value, 'run')} x {each}; {runs.reason}"


@decision
def _proposed(
    best: Option,
    options: tuple[Option, ...],
    declared: Option | None,
    limit: Because[Duration | None],
    rough: Because[float],
) -> tuple[str, str]:
    name, lost = called(best.devices.value, best.name.value), [one for one in options if one is not best]
    if declared is not None and not any(_same(declared, one) for one in options):
        lost.insert(0, declared)
    others = "".join(f"; {against(one)}" for one in lost)
    if best.unfit.value:
        return "none of those allowed", f"{against(best)}{others}"
    proposed = f"{best.devices.value} x {best.name.value}"
    if best.late.value:
        return proposed, f"{name} is the fastest that fits: {best.late.value}{others}"
    within = f" and ends within {limit.reason}" if limit.value is not None else ""
    which = f"the cheapest that fits{within}"
    if declared is not None and _same(declared, best) and lost:
        error = f"even if the estimates are {number(rough.value)} times too low"
        which = f"what the spec declares, and no other that fits{within} is cheaper {error}"
    return proposed, f"{name} is {which}: {paid(best)}{others}" if lost else f"{name}: {paid(best)}"


def _same(one: Option, other: Option) -> bool:
    return (one.name.value, one.devices.value) == (other.name.value, other.devices.value)


def _surely_cheaper(one: Option, other: Option, rough: Because[float]) -> bool:
    """Whether an option is cheaper than another one, even if its time is estimated too low by the error factor."""
    if one.cost is None or other.cost is None or not keeps(one):
        return False
    return one.cost.value * rough.value < other.cost.value

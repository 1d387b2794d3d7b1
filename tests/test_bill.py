"""The bill multiplies out: every product and sum that it prints, computed again from the plan's own numbers.

Each part is computed here from replicas, hours, runs, and prices, in another order and with fractions, and compared to
the cent. Then the factors are rounded as they are printed: what a reader computes from the text is what the text says.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlspec
from mlspec.compiler.because import because, first
from mlspec.compiler.plan import Plan
from mlspec.compiler.plan.budget.cost import CostPlan
from mlspec.compiler.plan.budget.online import OnlineCost
from mlspec.compiler.plan.sidecars import with_cpu, with_memory

from .support import ADOPTERS, EXAMPLES, changed
from .test_plan_cost import PLATFORM, cost, parts

GIB = 2**30
MONTH = 730

SPECS = [path / "mlspec.yaml" for path in (*EXAMPLES, *ADOPTERS)]
EACH = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.parent.name)


@cache
def plans(spec: Path) -> tuple[Plan, ...]:
    return tuple(e.plan for e in mlspec.compile(spec, today="2026-11-26")._compiled.environments)


def hourly(plan: Plan, cpu: Any, memory: Any, asked: Any) -> Fraction:
    """The price of a pod, from the prices of the platform, per hour to the millionth."""
    prices = plan.platform.prices
    price = Fraction(cpu.value.amount) * Fraction(prices.core.value.amount)
    price += Fraction(memory.value.amount) / GIB * Fraction(prices.memory.value.amount)
    if asked is not None:
        device = plan.platform.accelerators[asked.type.value].price
        assert device is not None
        price += asked.count.value * Fraction(device.value.amount)
    return Fraction(round(price * 10**6), 10**6)


def replicas_by_hour(online: OnlineCost) -> list[tuple[Fraction, int]]:
    """The hours of a day, and the replicas that the planner's own rules need at each rate, asked for every rate."""
    service = online.service
    least, most = service.min_replicas.value, service.max_replicas.value
    day, _ = online._day
    if len(day.value) == 1 or not service.scales.value:
        return [(Fraction(24), online._day[1][0].value)]
    found = []
    for part in day.value:
        needed = service.needed(because(part.rate, "an hour", day)) if part.rate.amount else None
        wanted = needed.value if needed is not None else least
        found.append((Fraction(part.hours), min(max(wanted, least), most)))
    return found


def mean(hours: list[tuple[Fraction, int]]) -> Fraction:
    return Fraction(round(sum(hour * many for hour, many in hours) * 1000 / 24), 1000)


def online_parts(plan: Plan, name: str, online: OnlineCost) -> dict[str, Fraction]:
    service, extras = online.service, online.service.extras
    price = hourly(plan, with_cpu(service.cpu, extras), with_memory(service.live.pod_memory, extras), service.devices)
    hours, versions = replicas_by_hour(online), Fraction(plan.cost.versions.value)
    made = {f"serving {name}": mean(hours) * MONTH * price}
    canary = service.canary
    if canary.progressive.value:
        pods = Fraction(0)
        for step in canary.steps:
            at = mean([(hour, math.ceil(Fraction(many * step.share.value, 100))) for hour, many in hours])
            pods += at * Fraction(step.lasts.value.amount) / 3600
        made[f"canary pods of {name}"] = versions * pods * price
    if canary.shadow_stage is not None:
        long = Fraction(canary.shadow_stage.duration.value.amount) / 3600
        long = min(long, Fraction(MONTH) / versions) if versions else long
        memory = with_memory(service.latest.pod_memory, extras)
        of_shadow = hourly(plan, with_cpu(service.cpu, extras), memory, service.devices)
        made[f"shadow pods of {name}"] = versions * canary.shadow_replicas.value * long * of_shadow
    return made


def runs(schedule: str) -> Fraction:
    """How often a schedule of the examples fires per month: by counting its fields."""
    minute, hour, date, month, weekday = schedule.split()
    times = (60 // int(minute[2:]) if minute.startswith("*/") else len(minute.split(","))) * (
        24 if hour == "*" else len(hour.split(","))
    )
    assert month == "*"
    if date == "*":
        days = Fraction(7) if weekday == "*" else Fraction(len(weekday.split(",")))
        if "-" in weekday:
            start, end = weekday.split("-")
            days = Fraction(int(end) - int(start) + 1)
        return times * days * MONTH / 168
    assert weekday == "*"
    return times * len(date.split(",")) * Fraction(12 * 28, 28 * 365 + 7) * MONTH / 24


def training_parts(plan: Plan) -> dict[str, Fraction]:
    training = plan.training
    if training is None:
        return {}
    asked, extras = training.part.resources, training.part.sidecars
    price = hourly(plan, with_cpu(asked.cpu, extras), with_memory(asked.memory, extras), asked.accelerator)
    schedule = training.given_schedule
    often = runs(schedule.value) if schedule is not None else Fraction(str(plan.platform.planning.versions.value))
    if training.part.fit is None:
        return {"training": often * Fraction(training.deadline.value.amount) / 3600 * price}
    tuning, folds, ensemble = training.part.tuning, training.part.cross_validation, training.part.ensemble
    members = ensemble.size.value if ensemble is not None else 1
    searches = tuning is not None and tuning.when.value == "every-run"
    folded = folds.folds.value if folds is not None and (searches or folds.when.value == "every-run") else 1
    compared = folded * (tuning.trials.value if tuning is not None and searches else 1)
    fits = (compared + 1 if searches or folded > 1 else 1) * members
    hours = often * fits * Fraction(training.part.fit.value.amount) / 3600
    spread = training.part.distributed
    if spread is not None and spread.nodes.value > 1:  # the pod of the steps waits without accelerators
        waiting = hourly(plan, with_cpu(asked.cpu, extras), with_memory(asked.memory, extras), None)
        made = {"training": hours * spread.nodes.value * price, "training steps": hours * waiting}
    else:
        made = {"training": hours * price}
    if tuning is not None and not searches:
        assert tuning.when.value == "manual", "an example that searches by schedule needs its arithmetic here"
        made["tuning"] = Fraction(0)
    return made


def batch_parts(plan: Plan) -> dict[str, Fraction]:
    made = {}
    for name, batch in plan.batch.items():
        extras = batch.part.sidecars
        cpu, memory = with_cpu(batch.cpu, extras), with_memory(batch.memory, extras)
        price = hourly(plan, cpu, memory, batch.part.resources.accelerator)
        long = batch.length if batch.length is not None else batch.deadline
        often, hours = runs(batch.part.schedule.value), Fraction(long.value.amount) / 3600
        made[f"batch {name}"] = often * batch.parallel.value * hours * price
    return made


def own_parts(plan: Plan) -> dict[str, Fraction]:
    """What mlspec runs itself: processes all month, and the job of the feature store for its deadline."""
    asked, store = plan.system.monitoring.resources, plan.store
    made = {"measuring": MONTH * hourly(plan, asked.cpu, asked.memory, None)} if plan.measuring is not None else {}
    if plan.learning is not None:
        learner = plan.learning.part
        made["online learning"] = MONTH * hourly(plan, learner.cpu, learner.memory, None)
    if store is not None:
        hours = runs(store.schedule.value) * Fraction(store.deadline.value.amount) / 3600
        made["features"] = hours * hourly(plan, store.part.cpu, store.part.memory, None)
    return made


@EACH
def test_what_needs_a_quota_is_in_the_bill(spec: Path) -> None:
    for plan in plans(spec):
        needed = {share.name for share in plan.quota.shares if not share.name.startswith(("rollout of", "shadow of"))}
        assert needed <= set(plan.cost.parts)


@EACH
def test_every_part_is_the_product_of_its_numbers(spec: Path) -> None:
    for plan in plans(spec):
        made: dict[str, Fraction] = {}
        for name, online in plan.cost.online.items():
            made |= online_parts(plan, name, online)
        made |= batch_parts(plan) | training_parts(plan) | own_parts(plan)
        said = {name: float(part.value.amount) for name, part in plan.cost.parts.items()}
        assert said == pytest.approx({name: float(amount) for name, amount in made.items()}, abs=0.0051)


@EACH
def test_the_total_and_what_is_left_are_sums(spec: Path) -> None:
    for plan in plans(spec):
        total = sum(part.value.amount for part in plan.cost.parts.values())
        assert plan.cost.total.value.amount == total
        for share in plan.cost.budgets:
            assert share.left is not None
            assert share.left.value.amount == share.budget.value.amount - share.total.value.amount
        for online in plan.cost.online.values():
            floor, expected, peak = (one.value.amount for one in online.span)
            assert floor <= expected <= peak


@EACH
def test_a_unit_price_times_its_units_is_the_cost(spec: Path) -> None:
    for plan in plans(spec):
        alone = len(plan.online) + len(plan.batch) == 1
        for name, price in plan.cost.units.items():
            paid = [part for title, part in plan.cost.parts.items() if alone or title.endswith(f" {name}")]
            whole = sum(float(part.value.amount) for part in paid)
            if name in plan.batch:
                items = plan.batch[name].total
                assert items is not None
                many = float(runs(plan.batch[name].part.schedule.value)) * float(items.value.amount)
            else:
                rate = first(plan.online[name].traffic("mean"), plan.online[name].traffic("peak"))
                assert rate is not None
                many = float(rate.value.amount) * MONTH * 3600
                if price.value.per == "token":
                    many *= tokens(plan, name)
            assert float(price.value.amount) * many == pytest.approx(whole, abs=many * 0.00006 / 10**6 + 0.01)


def tokens(plan: Plan, name: str) -> int:
    llm = plan.online[name].part.llm
    assert llm is not None
    assert llm.tokens is not None
    usual = llm.tokens.usual.output if llm.tokens.usual is not None else None
    chosen = usual if usual is not None else llm.tokens.output
    assert chosen is not None
    return chosen.value


NUMBER = r"([\d,]+(?:\.\d+)?)"
PRODUCT = re.compile(
    rf"^{NUMBER} [a-z ]+?(?: x {NUMBER} (?:pods?|pod hours?))?(?: x {NUMBER} h)? x {NUMBER} [A-Z]{{3}}/h"
)
"""The product at the start of a reason: things, pods or pod hours, hours, and the price of an hour."""


@EACH
def test_what_a_reader_multiplies_is_what_the_line_says(spec: Path) -> None:
    """Factors have three significant digits, so each is at most half a percent off."""
    for plan in plans(spec):
        lines = dict(plan.cost.parts)
        for name, online in plan.cost.online.items():
            lines |= {f"floor of {name}": online.floor, f"peak of {name}": online.peak}
        for name, part in lines.items():
            if not part.value.amount:
                continue
            product = PRODUCT.match(part.reason)
            assert product is not None, (name, part.reason)
            factors = [float(one.replace(",", "")) for one in product.groups() if one is not None]
            rounded = sum("." in one or len(one) > 2 for one in product.groups() if one is not None)
            assert math.prod(factors) == pytest.approx(float(part.value.amount), rel=0.005 * rounded, abs=0.006), name
            if name.startswith(("serving", "floor", "peak")):
                assert math.prod(factors) == pytest.approx(float(part.value.amount), abs=0.006), name


# What grows with what

FIT = st.integers(1, 600)
TRIALS = st.integers(1, 40)


def tuned(folder: Path, *, fit: int = 10, trials: int = 4, parallel: int = 1, core: str = "0.03") -> dict[str, float]:
    tuning = {"when": "every-run", "trials": trials, "parallel": parallel, "parameters": {}}
    platform = changed(PLATFORM, platform__prices={"core": f"{core} EUR/h", "memory": "0.005 EUR/h"})
    made: CostPlan = cost(folder, platform, training__fit=f"{fit}s", training__tuning=tuning)
    return parts(made)


@settings(max_examples=12, deadline=None)
@given(FIT, FIT, TRIALS, TRIALS, st.integers(1, 40), st.integers(1, 40))
def test_a_search_costs_more_with_longer_fits_and_more_trials_and_the_same_with_any_number_at_once(
    tmp_path_factory: pytest.TempPathFactory, fit: int, longer: int, trials: int, more: int, parallel: int, other: int
) -> None:
    folder = tmp_path_factory.mktemp("search")
    base = tuned(folder, fit=fit, trials=trials, parallel=parallel)
    assert tuned(folder, fit=fit, trials=trials, parallel=other) == base
    assert tuned(folder, fit=fit + longer, trials=trials)["training"] > base["training"]
    assert tuned(folder, fit=fit, trials=trials + more)["training"] > base["training"]


@settings(max_examples=10, deadline=None)
@given(st.decimals("0.001", "9", places=3), st.decimals("0.001", "9", places=3))
def test_no_part_becomes_cheaper_with_a_higher_price(
    tmp_path_factory: pytest.TempPathFactory, price: object, more: object
) -> None:
    folder = tmp_path_factory.mktemp("prices")
    low, high = (tuned(folder, core=str(one)) for one in (price, _sum(price, more)))
    assert all(high[name] >= amount for name, amount in low.items())
    assert sum(high.values()) > sum(low.values())


def _sum(price: object, more: object) -> str:
    return str(float(Fraction(str(price)) + Fraction(str(more))))


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 300), st.integers(0, 300), st.integers(1, 4))
def test_serving_does_not_become_cheaper_with_more_traffic(
    tmp_path_factory: pytest.TempPathFactory, mean_rate: int, above: int, times: int
) -> None:
    folder = tmp_path_factory.mktemp("traffic")

    def serving(rate: int, peak: int) -> float:
        traffic = {"mean": f"{rate}/s", "peak": f"{peak}/s", "trough": "1/s"}
        return parts(cost(folder, constraints__throughput=traffic))["serving scorer"]

    before = serving(mean_rate, mean_rate + above)
    assert serving(mean_rate * times, (mean_rate + above) * times) >= before * 0.999
    assert serving(mean_rate + above, mean_rate + above) >= before * 0.999

"""Batch instead of online and online instead of batch: arithmetic worked by hand, and what no change may do.

A replica has one core and 1.5 GiB, so it costs 0.035 + 1.5 x 0.004 = 0.041 USD/h. It takes 102 s to fetch its image and
model and to start, which counts for each pod of a run.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import mlspec
from mlspec.compiler.because import Because
from mlspec.compiler.pipeline import Environment
from mlspec.compiler.plan.budget.modes import Precomputed, precomputed, served_online
from mlspec.schema.money import Budget

from .rules import BASE, findings
from .support import ROOT, compile_text

REPLICA = 0.041
MONTH = 730


def planned(tmp_path: Path, over: str) -> Environment:
    tmp_path.mkdir(exist_ok=True)
    text = f"{BASE}environments:\n  test:\n    spec:\n" + "\n".join(f"      {line}" for line in over.splitlines())
    [environment] = compile_text(tmp_path, text)._compiled.environments
    return environment


def serving(count: str, age: str, time: str = "2ms", more: str = "") -> str:
    return f"serving: {{serviceTime: {{mean: {time}}}, knownInputs: {{count: {count}, maxAge: {age}}}{more}}}"


def found(tmp_path: Path, *over: str) -> Precomputed:
    [online] = planned(tmp_path, "\n".join(over)).plan.cost.online.values()
    known = precomputed(online)
    assert known is not None
    return known


def monthly_cost(known: Precomputed) -> Because[Budget]:
    assert known.cost is not None
    return known.cost


def start(tmp_path: Path) -> float:
    """The seconds until a pod works, from the plan."""
    [service] = planned(tmp_path / "start", "").plan.online.values()
    return float(service.live.fetch.value) + float(service.live.start.value)


# Batch instead of online


def test_inputs_that_are_computed_in_advance(tmp_path: Path) -> None:
    """2,000,000 x 2 ms are 4,000 s of a pod, less than a tenth of a day. With the start, a run takes t = 4,000 s + s,
    and one starts every 86,400 s - t: 730 x 3,600 / (86,400 - t) runs of t / 3,600 h.
    """
    known, begins = found(tmp_path, serving("2M", "1d")), start(tmp_path)
    run = 4000 + begins
    assert known.run.value == pytest.approx(run)
    assert float(monthly_cost(known).value.amount) == pytest.approx(
        MONTH * 3600 / (86_400 - run) * run / 3600 * REPLICA, abs=0.006
    )
    assert float(monthly_cost(known).value.amount) == pytest.approx(1.49, abs=0.02)  # two replicas cost 59.86
    assert known.even is None
    assert "cheaper at every rate than the 2 replicas" in monthly_cost(known).reason


def test_more_inputs_take_more_pods(tmp_path: Path) -> None:
    """200 million x 2 ms are 400,000 s. A tenth of a day is 8,640 s, so 47 pods take 8,511 s each."""
    known, begins = found(tmp_path, serving("200M", "1d")), start(tmp_path)
    run = 400_000 / 47 + begins
    assert known.run.value == pytest.approx(run)
    assert "47 pods" in monthly_cost(known).reason
    runs = MONTH * 3600 / (86_400 - run)
    assert float(monthly_cost(known).value.amount) == pytest.approx(runs * 47 * run / 3600 * REPLICA, abs=0.006)


def test_the_rate_from_which_on_runs_cost_less(tmp_path: Path) -> None:
    """At that rate, replicas that are 70% busy cost as much: each carries 0.7 / 2 ms = 350/s for 29.93 USD/month."""
    known = found(tmp_path, serving("200M", "1d"))
    assert known.even is not None
    cost = float(monthly_cost(known).value.amount)
    assert float(known.even.value) == pytest.approx(cost / (MONTH * REPLICA) * 350, rel=1e-4)


@pytest.mark.parametrize("factor", [0.5, 2])
def test_below_that_rate_replicas_cost_less_and_above_it_runs(factor: float, tmp_path: Path) -> None:
    """The plan's own bill for replicas all day, at half and at twice the rate. Replicas are whole, and rarely full."""
    known = found(tmp_path, serving("200M", "1d"))
    assert known.even is not None
    rate = round(float(known.even.value) * factor)
    profile = f"constraints: {{throughput: {{mean: {rate}/s, peak: {rate}/s, trough: {rate}/s}}}}"
    [online] = planned(tmp_path / "other", f"{profile}\n{serving('200M', '1d')}").plan.cost.online.values()
    assert (online.serving.value.amount > monthly_cost(known).value.amount) is (factor > 1)


def test_several_slots_share_a_pod(tmp_path: Path) -> None:
    """2,000,000 x 2 ms / 4 at once are 1,000 s."""
    known, begins = found(tmp_path, serving("2M", "1d").replace("mean: 2ms", "mean: 2ms, at: 4")), start(tmp_path)
    assert known.run.value == pytest.approx(1000 + begins, abs=5)


def test_answers_that_would_be_too_old_are_not_proposed(tmp_path: Path) -> None:
    """5 replicas need 222 h for 2 billion inputs, and the start alone takes most of 3 minutes."""
    late = (f"constraints: {{maxReplicas: 5}}\n{serving('2B', '1h')}", serving("10", "3m"), serving("10", "0s"))
    for at, over in enumerate(late):
        known = found(tmp_path / str(at), over)
        assert known.late.value == "not possible"
        assert known.even is None


def test_nothing_is_compared_without_a_speed(tmp_path: Path) -> None:
    over = "serving: {serviceTime: null, knownInputs: {count: 2M, maxAge: 1d}}"
    [online] = planned(tmp_path, over).plan.cost.online.values()
    assert precomputed(online) is None


def test_a_budget_that_runs_would_keep(tmp_path: Path) -> None:
    over = f"constraints: {{budget: 10 USD/month}}\n{serving('2M', '1d')}"
    [error] = findings(tmp_path, "MLS405", over)
    assert "or compute the answers in batch runs, for 1.49 USD/month" in error.help


def test_runs_that_cost_more_are_no_way_out(tmp_path: Path) -> None:
    over = f"constraints: {{budget: 10 USD/month}}\n{serving('2B', '1h')}"
    [error] = findings(tmp_path, "MLS405", over)
    assert "batch runs" not in error.help


@pytest.mark.slow
def test_more_inputs_or_fresher_answers_never_cost_less(tmp_path: Path) -> None:
    """12 services, each with twice the inputs, and with answers of half the age."""
    chance = random.Random(5)
    for at in range(12):
        many, hours, time = 10 ** chance.randint(3, 8), chance.randint(4, 200), f"{chance.randint(1, 50)}ms"
        first = found(tmp_path / f"{at}a", serving(f"{many}", f"{hours}h", time))
        more = found(tmp_path / f"{at}b", serving(f"{2 * many}", f"{hours}h", time))
        fresher = found(tmp_path / f"{at}c", serving(f"{many}", f"{30 * hours}m", time))
        assert "" == first.late.value == more.late.value == fresher.late.value
        assert monthly_cost(more).value.amount >= monthly_cost(first).value.amount
        assert monthly_cost(fresher).value.amount >= monthly_cost(first).value.amount


# Online instead of batch


def test_items_of_a_run_scored_online() -> None:
    """18M items at 04:00 every day are 18e6 x 30.417 / 2,628,000 s = 208/s. A pod scores 400/s, at 70% 280/s: one, and
    two so that one can be replaced. A pod costs 4 x 0.035 + 12 x 0.004 = 0.188 USD/h: 2 x 730 x 0.188 = 274.48.
    """
    spec = ROOT / "examples" / "demand-forecast" / "mlspec.yaml"
    plans = {one.name: one.plan for one in mlspec.compile(spec)._compiled.environments}
    [batch] = plans["production"].batch.values()
    cost = served_online(plans["production"], batch)
    assert cost is not None
    assert float(cost.value.amount) == 274.48
    assert "0.501 USD/1M predictions" in cost.reason  # 274.48 / 547.5 million
    unit = plans["production"].cost.of_serving("demand-forecast")
    assert unit is not None
    assert f"batch runs cost {unit.value}" in cost.reason


def test_twice_the_items_take_the_replicas_that_they_need() -> None:
    """At 25 times 208/s, 5,208 / 280 = 18.6: 19 replicas."""
    spec = ROOT / "examples" / "demand-forecast" / "mlspec.yaml"
    settings = ("constraints.items=450M", "constraints.maxReplicas=1000", "constraints.deadline=22h")
    plans = {one.name: one.plan for one in mlspec.compile(spec, settings=settings)._compiled.environments}
    [batch] = plans["production"].batch.values()
    cost = served_online(plans["production"], batch)
    assert cost is not None
    assert float(cost.value.amount) == pytest.approx(19 * MONTH * 0.188)

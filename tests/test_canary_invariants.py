"""What holds for every canary, over systems that are drawn: promises, traffic, steps, windows, and scrapes."""

from __future__ import annotations

import random
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.plan.rollout.run import missed_by, window

from .analyses import canary
from .canaries import judged_steps
from .online import emitted

STEPS = (None, ["50%"], ["5%", "25%", "50%"], ["1%", "10%"], ["10%", "20%", "30%", "60%"])


def drawn(seed: int) -> dict[str, Any]:
    """The changes to a spec."""
    dice = random.Random(seed)
    mean = round(10 ** dice.uniform(-1.5, 4), 3)
    traffic = {"mean": f"{mean}/s", "peak": f"{round(mean * dice.uniform(1.5, 5), 3)}/s"}
    if dice.random() < 0.5:
        traffic["trough"] = f"{round(mean * dice.uniform(0, 1), 3)}/s"
    stage: dict[str, Any] = {}
    if (steps := dice.choice(STEPS)) is not None:
        stage["steps"] = steps
    if dice.random() < 0.2:
        stage["window"] = dice.choice(["5m", "15m"])
    if dice.random() < 0.2:
        stage["detect"] = [{"metric": "error-rate", "to": "15%"}]
    return {
        "constraints": {
            "availability": dice.choice(["95%", "99%", "99.5%", "99.9%", "99.95%", "99.99%"]),
            "latency": dice.choice([{"p99": "100ms"}, {"p95": "100ms"}, {"p95": "50ms", "p99": "100ms"}]),
            "throughput": traffic,
        },
        "monitoring": {"scrapeInterval": dice.choice(["15s", "30s", "1m"])},
        "serving__endpoint": {"hosts": ["fraud.example.com"], "timeout": dice.choice(["1s", "30s", "2m"])},
        "rollout__stages": [{"canary": stage}],
    }


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_a_step_would_end_or_hold_before_another_metric_fails(seed: int, tmp_path: Path) -> None:
    """Of the emitted metrics: each can fail, and can hold, before its step ends; and none holds before all can fail."""
    assert judged_steps(emitted(tmp_path, **drawn(seed)).bodies) >= 1


@pytest.mark.parametrize("seed", range(40))
def test_the_smaller_harm_would_cost_good_versions_or_time(seed: int, tmp_path: Path) -> None:
    """A judgment with a smaller regression than a page's is sure, and all of them together stay within one risk."""
    plan = canary(tmp_path, **drawn(seed))
    risk, added = float(plan.doubt.risk.value.amount), 0.0
    for judgment in (judgment for step in plan.steps for judgment in step.judgments):
        largest, usual = plan.harms(judgment.objective)[1].value, judgment.usual.value
        assert judgment.harm.value == largest or 2 * usual <= judgment.harm.value < largest
        if judgment.harm.value < largest:
            assert judgment.verdict.value.sure
            assert usual < Decimal(judgment.limit.value) < judgment.harm.value
            added += judgment.verdict.value.false_abort
    assert added <= risk


@pytest.mark.parametrize("limit", [0.004, 0.014, 0.04, 0.3])
def test_more_traffic_would_hold_more_or_miss_more(limit: float) -> None:
    """With more requests, a window lacks them less often, and a version with twice the limit fails more often."""
    least = round(1 / limit)
    means = [least * 1.3**power for power in range(-6, 30)]
    odds = [window(mean, 2 * limit, limit, least) for mean in means]
    assert all(after.lacks <= before.lacks + 1e-9 for before, after in pairwise(odds))
    assert odds[-1].fails > 0.99
    for before, after in pairwise(odds):
        assert after.fails >= before.fails - 0.05, "whole numbers of failures make small steps, not large ones"


@pytest.mark.parametrize("seed", range(12))
def test_the_odds_of_a_rollout_are_monotone_in_harm_and_in_traffic(seed: int, tmp_path: Path) -> None:
    plan = canary(tmp_path, **drawn(seed))
    rate = float(plan.rate.value) if plan.rate is not None else 1.0
    for step in plan.steps:
        for judgment in step.judgments:
            arriving = [rate * step.share.value / 100 * part for part in (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)]
            holds = [judgment.verdict.value.held_at(each) for each in arriving]
            assert all(after <= before + 1e-9 for before, after in pairwise(holds))
    for judgment in plan.steps[-1].judgments:
        usual, harm = float(judgment.usual.value), float(judgment.harm.value)
        shares = [usual + (min(1.0, 2 * harm) - usual) * part / 8 for part in range(9)]
        passes = [missed_by(plan.steps, rate, judgment.objective.name, share) for share in shares]
        for before, after in pairwise(passes):
            assert after <= before + 1e-6

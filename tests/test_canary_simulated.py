"""The odds that the plan states, compared with thousands of simulated rollouts of what it emits."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from mlspec.compiler.plan.rollout.canary import CanaryPlan
from mlspec.compiler.plan.rollout.run import Ends, missed_by, run_of

from .analyses import canary
from .canaries import judged_steps
from .online import Emitted, emitted
from .rollouts import SYSTEMS, Version, at_least, at_most, ended, gone_after

RUNS = 3000
EACH = pytest.mark.parametrize("name", SYSTEMS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    @cache
    def of(name: str) -> tuple[CanaryPlan, Emitted]:
        there = tmp_path_factory.mktemp("system")
        (there / "a").mkdir()
        (there / "b").mkdir()
        return canary(there / "a", **SYSTEMS[name]), emitted(there / "b", **SYSTEMS[name])

    return of


def usual(plan: CanaryPlan) -> Version:
    """A version that is exactly as good as promised."""
    return Version({each.objective.name: float(each.usual.value) for each in plan.steps[0].judgments})


def many(outcomes: Counter[tuple[str, int]], how: str) -> int:
    return sum(count for (ends, _), count in outcomes.items() if ends == how)


def simulated(made: Any, name: str, rate: float, **bad: float) -> Counter[tuple[str, int]]:
    plan, of = made(name)
    good = usual(plan)
    version = Version({**good.bad, **{key.replace("_", "-"): value for key, value in bad.items()}})
    return ended(of.bodies, rate, version, good, RUNS)


@pytest.mark.exhaustive
@EACH
@pytest.mark.parametrize("part", [1.0, 0.7, 0.5])
def test_more_good_versions_would_be_rolled_back_or_held_than_stated(name: str, part: float, made: Any) -> None:
    """At the mean, and below it, where windows lack requests. A false abort may be overstated, by up to a half."""
    plan, _ = made(name)
    rate = float(plan.rate.value) * part
    said: Ends = run_of(plan.steps, rate)
    outcomes = simulated(made, name, rate)
    aborted, held = many(outcomes, "aborted"), many(outcomes, "held")
    assert at_most(aborted, RUNS, said.aborts), (aborted / RUNS, said)
    assert at_least(aborted, RUNS, said.aborts / 2), (aborted / RUNS, said)
    assert at_most(held, RUNS, said.holds * 1.1), (held / RUNS, said)
    assert at_least(held, RUNS, said.holds / 1.1), (held / RUNS, said)


@EACH
def test_a_rollout_would_roll_back_more_good_versions_than_accepted(name: str, made: Any) -> None:
    plan, _ = made(name)
    outcomes = simulated(made, name, float(plan.rate.value))
    assert at_most(many(outcomes, "aborted"), RUNS, float(plan.doubt.risk.value.amount))


@pytest.mark.slow
@EACH
def test_a_bad_version_would_be_promoted_more_often_than_stated(name: str, made: Any) -> None:
    """Of each objective alone, with the regression that the last step detects."""
    plan, _ = made(name)
    rate = float(plan.rate.value)
    for judgment in plan.steps[-1].judgments:
        harm, objective = float(judgment.harm.value), judgment.objective.name
        promoted = many(simulated(made, name, rate, **{objective.replace("-", "_"): harm}), "promoted")
        said = missed_by(plan.steps, rate, objective, harm)
        assert said < float(plan.doubt.risk.value.amount)
        assert at_most(promoted, RUNS, said), (objective, harm, promoted / RUNS, said)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("objective", "bad"),
    [("availability", 0.001), ("availability", 0.0015), ("latency-p99", 0.02), ("latency-p99", 0.038)],
)
def test_a_version_that_fires_tickets_would_be_promoted_although_the_traffic_shows_it(
    objective: str, bad: float, made: Any
) -> None:
    """An SLO of 0.05% failures: 0.1% and 0.15% burn the budget two and three times as fast as it is refilled."""
    outcomes = simulated(made, "many requests", 9000.0, **{objective.replace("-", "_"): bad})
    assert at_most(many(outcomes, "promoted"), RUNS, 0.01), outcomes


@EACH
def test_the_last_step_would_promote_into_an_alert_that_the_traffic_shows(name: str, made: Any) -> None:
    """A step never looks for more than what fires a page, and a later step never for more than an earlier one."""
    plan, _ = made(name)
    for before, after in pairwise(plan.steps):
        for earlier, later in zip(before.judgments, after.judgments, strict=True):
            assert later.harm.value <= earlier.harm.value
    for judgment in (judgment for step in plan.steps for judgment in step.judgments):
        pages = [float(pair.threshold.value) for pair in plan.objectives.pairs(judgment.objective)]
        assert 2 * float(judgment.usual.value) <= float(judgment.harm.value) <= max(pages)
        assert float(judgment.usual.value) < float(judgment.limit.value) < float(judgment.harm.value)


@EACH
def test_a_version_that_fails_every_request_would_stay_longer_than_stated(name: str, made: Any) -> None:
    """The largest of twenty draws, which a rare lack of requests may delay by a minute."""
    plan, of = made(name)
    assert len(plan.spent) == len(plan.steps)
    for number, spent in enumerate(plan.spent):
        took = [gone_after(of.bodies, number, float(plan.rate.value), seed) for seed in range(20)]
        assert sorted(took)[15] <= float(spent.after.value) <= 3 * min(took), (name, number, took)
        assert max(took) <= float(spent.after.value) + 180


@EACH
def test_a_derived_rollout_would_take_longer_than_anyone_watches(name: str, made: Any) -> None:
    plan, of = made(name)
    assert float(plan.length.value) <= 2 * 3600
    assert judged_steps(of.bodies) == len(plan.steps)

"""Rollouts in a simulation: what the controller concludes by hand, and the odds that the plan states."""

from __future__ import annotations

import math
from random import Random

import pytest

from mlspec.compiler.plan.rollout.verdict import verdict
from mlspec.compiler.simulate.canary import (
    HELD,
    PROMOTED,
    ROLLED_BACK,
    Analysis,
    Arm,
    Guard,
    Stage,
    Versus,
    binomial,
    poisson,
    poissons,
    rolled_out,
)

ANALYSIS = Analysis(
    name="availability", window=120, limit=0.02, failures=1, held=2, windows=4, least=50.0, successes=False, versus=None
)
GUARD = Guard(window=120, share=0.5, few=10, misses=2)
STAGES = tuple(Stage(share=share, seconds=480.0, analyses=(ANALYSIS,), guard=GUARD) for share in (0.05, 0.25))
GOOD = Arm(failing=0.0, slow={})


def ended(new: Arm, rate: float = 100.0, stages: tuple[Stage, ...] = STAGES, seed: int = 1) -> tuple[str, float, str]:
    found = rolled_out(stages, rate, new, GOOD, 20.0, 0.0, Random(seed))
    return found.verdict, found.seconds, found.by


def test_a_version_that_fails_every_request_is_gone_after_three_looks_of_the_guard() -> None:
    """The first look is after 120 s, and two bad ones are tolerated: 120, 140, 160 s."""
    assert ended(Arm(failing=1.0, slow={})) == (ROLLED_BACK, 160.0, "most-requests-fail")


def test_a_version_beyond_the_limit_is_gone_after_one_window_more_than_may_fail() -> None:
    """10% of 600 requests in a window are 60; 2% are 12."""
    assert ended(Arm(failing=0.1, slow={})) == (ROLLED_BACK, 240.0, "availability")


def test_a_good_version_passes_all_windows_of_all_steps() -> None:
    assert ended(GOOD) == (PROMOTED, 960.0, "")


def test_a_version_without_enough_requests_is_held_after_one_window_more_than_may_lack_them() -> None:
    """5% of 1/s are 6 requests in a window, and 50 are needed; two such windows are tolerated, so the third holds."""
    assert ended(GOOD, rate=1.0) == (HELD, 360.0, "availability")


def test_of_two_verdicts_in_one_look_the_failure_counts() -> None:
    """One metric lacks requests for the third time when another fails for the third time."""
    short = ANALYSIS.but(name="latency-p99", least=1e9)
    late = ANALYSIS.but(failures=2)
    stage = STAGES[0].but(analyses=(short, late), guard=None)
    assert ended(Arm(failing=0.1, slow={"latency-p99": 0.0}), stages=(stage,)) == (ROLLED_BACK, 360.0, "availability")


def test_pods_must_be_ready_before_the_next_step() -> None:
    found = rolled_out(STAGES, 100.0, GOOD, GOOD, 20.0, 90.0, Random(1))
    assert found.seconds == 960 + 90


def test_a_slow_version_fails_only_the_objective_on_latency() -> None:
    stage = STAGES[0].but(analyses=(ANALYSIS, ANALYSIS.but(name="latency-p99", limit=0.05)))
    assert ended(Arm(failing=0.0, slow={"latency-p99": 0.3}), stages=(stage,))[2] == "latency-p99"
    assert ended(Arm(failing=0.0, slow={"latency-p99": 0.01}), stages=(stage,))[0] == PROMOTED


def test_a_histogram_of_successes_lacks_the_requests_that_failed() -> None:
    """With 45% of the requests failing, below the guard, 330 of 600 are timed, and 400 are needed."""
    latency = ANALYSIS.but(name="latency-p99", limit=0.9, least=400.0, successes=True)
    stage = STAGES[0].but(analyses=(latency,))
    assert ended(Arm(failing=0.45, slow={"latency-p99": 0.0}), stages=(stage,))[0] == HELD
    timed = stage.but(analyses=(latency.but(successes=False),))
    assert ended(Arm(failing=0.45, slow={"latency-p99": 0.0}), stages=(timed,))[0] == PROMOTED


def test_a_version_that_is_worse_than_the_live_one_fails_the_comparison_within_the_limit() -> None:
    """1.5% of 600 failures against none: the limit is 2%, and the margin 0.5%."""
    compared = ANALYSIS.but(versus=Versus(margin=0.005, deviations=2.5))
    stage = STAGES[0].but(analyses=(compared,))
    many = [ended(Arm(failing=0.015, slow={}), stages=(stage,), seed=seed)[2] for seed in range(50)]
    assert many.count("availability-vs-stable") > 40
    assert [ended(GOOD, stages=(stage,), seed=seed)[0] for seed in range(50)] == [PROMOTED] * 50


def test_what_failed_is_counted_up_to_the_verdict() -> None:
    """5% of 100/s fail for 160 s: 800 requests, and all fail."""
    found = rolled_out(STAGES, 100.0, Arm(failing=1.0, slow={}), GOOD, 20.0, 0.0, Random(1))
    assert found.failed == found.requests
    assert found.requests == pytest.approx(800, abs=4 * math.sqrt(800))


@pytest.mark.slow
@pytest.mark.parametrize(("usual", "harm", "rate"), [(0.001, 0.0144, 2.0), (0.005, 0.072, 0.1), (0.01, 0.06, 1.0)])
def test_the_odds_of_the_plan_are_those_of_the_rollouts(usual: float, harm: float, rate: float) -> None:
    """A version at the error budget, and one with the regression: how often 4,000 steps abort or miss, within 1.5%."""
    planned = verdict(rate, usual, harm, 4, 1)
    stage = Stage(
        share=0.05,
        seconds=planned.windows * planned.minutes * 60.0,
        analyses=(
            ANALYSIS.but(
                window=planned.minutes * 60,
                limit=planned.limit,
                failures=planned.failures,
                held=planned.failures + 1,
                windows=planned.windows,
                least=float(planned.least),
            ),
        ),
        guard=None,
    )
    random = Random(5)

    def share(failing: float, wanted: str) -> float:
        arm = Arm(failing=failing, slow={})
        found = [rolled_out((stage,), rate / 0.05, arm, GOOD, 60.0, 0.0, random).verdict for _ in range(4000)]
        return found.count(wanted) / len(found)

    assert share(usual, ROLLED_BACK) == pytest.approx(planned.false_abort, abs=0.015)
    assert share(usual, HELD) == pytest.approx(planned.held, abs=0.015)
    assert 1 - share(harm, ROLLED_BACK) == pytest.approx(planned.missed + planned.held, abs=0.015)


@pytest.mark.parametrize("mean", [0.3, 12.0, 31.0, 800.0])
def test_poisson_numbers_have_their_mean_and_their_variance(mean: float) -> None:
    random = Random(1)
    drawn = [poisson(mean, random) for _ in range(20_000)]
    average = sum(drawn) / len(drawn)
    assert average == pytest.approx(mean, abs=5 * math.sqrt(mean / len(drawn)))
    assert sum((each - average) ** 2 for each in drawn) / len(drawn) == pytest.approx(mean, rel=0.07)


@pytest.mark.parametrize(("many", "share"), [(10, 0.4), (1000, 0.01), (5000, 0.2)])
def test_binomial_numbers_have_their_mean_and_their_variance(many: int, share: float) -> None:
    random = Random(1)
    drawn = [binomial(many, share, random) for _ in range(20_000)]
    average, spread = sum(drawn) / len(drawn), many * share * (1 - share)
    assert average == pytest.approx(many * share, abs=5 * math.sqrt(spread / len(drawn)))
    assert sum((each - average) ** 2 for each in drawn) / len(drawn) == pytest.approx(spread, rel=0.07)


@pytest.mark.parametrize("mean", [0.0, 0.001, 0.1, 0.49, 0.5, 3.0])
def test_poisson_numbers_in_a_row_have_the_mean_and_the_variance_of_one(mean: float) -> None:
    found = poissons(mean, 200_000, Random(1))
    average = sum(found) / len(found)
    assert len(found) == 200_000
    assert average == pytest.approx(mean, abs=5 * math.sqrt(mean / len(found)))
    spread = sum((one - average) ** 2 for one in found) / len(found)
    assert spread == pytest.approx(mean, abs=5 * math.sqrt((mean + 2 * mean * mean) / len(found)))

"""The traps of comparing a new version with the live one: rare failures, few requests, and the results of the query."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path

import pytest

from mlspec.compiler.plan.rollout.comparison import differs

from .analyses import NEW, OLD, asked, metrics, served, steps
from .canaries import VERSUS, judged_steps
from .online import Emitted, emitted
from .scenes import reads, verdict


def versus(of: Emitted) -> list[str]:
    """The steps that compare the failures with those of the live version."""
    return [name for name in steps(of) if f"availability{VERSUS}" in metrics(of, name)]


@pytest.mark.parametrize(
    ("new", "old", "worse"),
    [
        ((600, 0), (600, 0), 0.0),
        ((600, 6), (600, 0), 0.01),  # 12 of 1,200 and none: 2 x sqrt(0.01) = 0.2, and 2.5 x sqrt(2 / 1200) = 0.102
        ((600, 3), (600, 0), 0.0),  # 0.5% is not above the margin of 0.5%
        ((600, 6), (600, 3), 0.0),  # 1% and 0.5%: the difference is not above the margin
        ((600, 9), (600, 5), 0.0),  # 1.5% and 0.833%: material, but 2 x (0.1225 - 0.0913) = 0.062 is chance
        ((600, 15), (600, 3), 0.02),  # 2.5% and 0.5%: 2 x (0.1581 - 0.0707) = 0.175
        ((600, 30), (600, 60), 0.0),  # both are bad, and the new version is better
        ((0, 0), (600, 3), 0.0),  # without requests, the objective itself has no verdict
        ((600, 6), (0, 0), 0.0),
    ],
)
def test_a_version_within_the_limit_could_be_much_worse_than_the_live_one(
    new: tuple[int, int], old: tuple[int, int], worse: float, tmp_path: Path
) -> None:
    """At 50% of 20/s, the limit is 1.94% and a window of two minutes has 1,200 requests of each version."""
    metric = metrics(emitted(tmp_path), "step-3")[f"availability{VERSUS}"]
    series = {**served(NEW, new[0] - new[1], new[1]), **served(OLD, old[0] - old[1], old[1])}
    reads(tmp_path, asked(metric), series, 20, worse)
    assert verdict(metric, [worse]) == ("Failed" if worse else "Successful")


def test_without_any_series_a_comparison_holds_nothing(tmp_path: Path) -> None:
    metric = metrics(emitted(tmp_path), "step-3")[f"availability{VERSUS}"]
    reads(tmp_path, asked(metric), {}, 20, 0.0)


def by_hand(new: int, old: int, p_new: float, p_old: float, margin: float) -> float:
    """The sum of both Poisson distributions over all pairs of counts that fail a window."""
    ours = [math.exp(-new * p_new) * (new * p_new) ** k / math.factorial(k) for k in range(60)]
    theirs = [math.exp(-old * p_old) * (old * p_old) ** k / math.factorial(k) for k in range(60)]
    spread = 2.5 * math.sqrt(1 / new + 1 / old)
    return sum(
        ours[a] * theirs[b]
        for a, b in product(range(60), repeat=2)
        if a / new - b / old > margin and 2 * (math.sqrt(a / new) - math.sqrt(b / old)) > spread
    )


@pytest.mark.parametrize(
    ("new", "old", "p_new", "p_old"),
    [(120, 2280, 0.0194, 0.005), (1200, 1200, 0.005, 0.005), (1200, 1200, 0.0194, 0.005), (600, 1800, 0.01, 0.0)],
)
def test_the_odds_of_a_comparison_are_sums_over_all_counts(new: int, old: int, p_new: float, p_old: float) -> None:
    assert differs(new, old, p_new, p_old, 0.005) == pytest.approx(by_hand(new, old, p_new, p_old, 0.005), abs=1e-9)


def test_the_odds_of_many_failures_are_normal() -> None:
    """At 690 and at 710 expected failures, the two formulas must agree."""
    exact, normal = (differs(each, each, 0.0069, 0.0051, 0.001) for each in (100_000, 103_000))
    assert exact == pytest.approx(normal, abs=0.02)
    assert 0.9 < exact < 1


def test_a_count_that_never_occurs_would_be_searched_forever() -> None:
    """None of a billion requests fails, and a window needs 70 million failures."""
    assert differs(1e9, 1e9, 0.0, 0.0, 0.07) == 0.0
    assert differs(1e9, 1e9, 1e-7, 1e-7, 0.07) == pytest.approx(0, abs=1e-12)


def test_a_single_failure_would_end_a_rollout() -> None:
    """None of the 9,900 requests of the live version fails, and a window needs two failures of 100 to fail.

    One is expected at 1%, so there are two or more with probability 1 - 2/e = 26.4%.
    """
    fails = [2 * math.sqrt(bad / 100) > 2.5 * math.sqrt(1 / 100 + 1 / 9900) for bad in (1, 2)]
    assert fails == [False, True]
    assert differs(100, 9900, 0.01, 0.0, 0.005) == pytest.approx(1 - 2 / math.e, abs=1e-9)


@pytest.mark.parametrize(
    ("mean", "compared"), [("1/s", []), ("20/s", ["step-3"]), ("60/s", ["step-2", "step-3"]), (None, [])]
)
def test_a_comparison_of_too_few_requests_would_find_nothing(
    mean: str | None, compared: list[str], tmp_path: Path
) -> None:
    of = emitted(tmp_path, constraints__throughput={"mean": mean} if mean is not None else None)
    assert versus(of) == compared
    assert judged_steps(of.bodies) == 3

"""Gates on the largest gap between groups: the published intervals, arithmetic by hand, and simulated models."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from mlspec.runtime import gaps
from mlspec.runtime.conditions import Unreadable, wilson
from mlspec.runtime.verdict import Reason, judge

from .gates import config, measured


def gate(most: float, **more: Any) -> dict[str, Any]:
    return {"metric": "recall", "segment": "gender", "maxGap": most, **more}


def share(good: int, of: int) -> dict[str, Any]:
    return {"value": good / of, "samples": 10 * of, "events": of}


def verdict(most: float, *groups: Any, names: str = "fmdx", **more: Any) -> Reason:
    found = {name: {"recall": group} for name, group in zip(names, groups, strict=False)}
    (reason,) = judge(config(gate(most, **more)), measured(segments={"gender": found})).reasons
    return reason


def test_the_interval_of_a_difference_is_the_published_one() -> None:
    """Newcombe, 1998, table II: 56/70 - 48/80 has an interval from 0.0524 to 0.3339 by method 10."""
    one, other = (
        gaps.Group(Decimal(str(value)), value - low, high - value)
        for value, (low, high) in ((56 / 70, wilson(56 / 70, 70, 1.959964)), (48 / 80, wilson(48 / 80, 80, 1.959964)))
    )
    assert gaps._surely(one, other) == pytest.approx(0.3339, abs=5e-5)
    assert -gaps._surely(other, one) == pytest.approx(0.0524, abs=5e-5)


def test_a_gap_passes_from_the_limit_worked_by_hand() -> None:
    """z is 1.645. 800 of 1,000 are within 0.7784 and 0.8200, 780 within 0.7577 and 0.8008. The difference of 0.02 is at
    most 0.02 + sqrt(0.019984^2 + 0.022286^2) = 0.04993.
    """
    good, worse = share(800, 1000), share(780, 1000)
    passed = verdict(0.05, good, worse)
    assert (passed.verdict, passed.found) == ("pass", 0.02)
    assert passed.words.startswith("0.02 between f and m, upper confidence limit 0.04993")
    assert passed.line == f"pass     recall by gender: {passed.words}; a gap of at most 0.05"
    assert passed.document()["wanted"] == {"maxGap": 0.05}
    assert verdict(0.0499, good, worse).verdict == "too-few"
    assert verdict(0.0199, good, worse).verdict == "fail"


def test_a_gap_that_is_small_by_chance_is_not_a_pass() -> None:
    few = verdict(0.05, share(8, 10), share(8, 10))
    assert few.verdict == "too-few"
    assert few.words.startswith("not enough data: 0 between ")


def test_the_worst_pair_decides_wherever_it_is() -> None:
    same = [share(800, 1000), share(790, 1000), share(500, 1000)]
    for groups in (same, same[::-1], [same[1], same[2], same[0]]):
        found = verdict(0.05, *groups)
        assert found.verdict == "fail"
        assert found.found == pytest.approx(0.3)


def test_a_pair_with_a_small_group_decides_although_its_gap_is_not_the_largest() -> None:
    """The largest gap is between two large groups, and the widest interval belongs to the small one."""
    found = verdict(0.05, share(8000, 10_000), share(7900, 10_000), share(40, 50))
    assert found.verdict == "too-few"


@pytest.mark.parametrize(
    ("groups", "answer", "words"),
    [
        ([], "fail", "metrics.json has no values for it"),
        ([share(800, 1000)], "fail", "metrics.json has 1 group, and a gap needs 2 to 1,000"),
        ([share(800, 1000), None], "fail", "m it is not in metrics.json"),
        ([share(800, 1000), {"value": 80, "events": 1000}], "fail", "m 80 is outside the range"),
        ([share(800, 1000), {"value": 0.8}], "fail", "m metrics.json has neither `low` and `high` nor `events`"),
        ([share(800, 1000), {"value": 0.8, "events": 0}], "too-few", "m not enough data: it is based on no events"),
    ],
)
def test_a_group_that_cannot_be_compared_is_not_a_pass(groups: list[Any], answer: str, words: str) -> None:
    found = verdict(0.5, *groups)
    assert found.verdict == answer
    assert found.words.startswith(words)


def test_each_group_has_the_minimum_of_the_gate() -> None:
    assert verdict(0.5, share(800, 1000), share(80, 100), minSamples=100).verdict == "pass"
    few = verdict(0.5, share(800, 1000), share(79, 99), minSamples=100)
    assert (few.verdict, few.words) == ("too-few", "m not enough data: 99 of 100 samples")


def test_a_group_does_not_have_more_rows_than_the_test_set() -> None:
    found = {name: {"recall": share(800, 1000)} for name in ("f", "m")}
    whole = {"value": 0.8, "samples": 9_999, "events": 2000}
    (reason,) = judge(config(gate(0.5)), measured(segments={"gender": found}, recall=whole)).reasons
    assert reason.words.startswith("f it has 10,000 samples, and the whole test set has 9,999")


def test_the_minimum_of_the_evaluation_is_not_that_of_a_group() -> None:
    """It counts the rows of the whole test set."""
    asked = config(gate(0.05), minSamples=20_000)
    found = {name: {"recall": share(800, 1000)} for name in ("f", "m")}
    assert judge(asked, measured(segments={"gender": found})).passed


def test_intervals_of_an_error_are_combined_like_those_of_a_share() -> None:
    """A bootstrap's 95% interval of +/- 1.96 is +/- 1.645 at 90%; two of them make 1 + 1.645 x sqrt(2) = 3.326."""
    asked = config({"metric": "rmse", "segment": "gender", "maxGap": 3.33})
    found = {
        name: {"rmse": {"value": value, "low": value - 1.959964, "high": value + 1.959964}}
        for name, value in (("f", 18.0), ("m", 17.0))
    }
    (reason,) = judge(asked, measured(segments={"gender": found})).reasons
    assert reason.verdict == "pass"
    assert reason.words == "1 between f and m, upper confidence limit 3.32617"


@pytest.mark.parametrize("most", [0, -0.1, "0.05", None, True])
def test_a_limit_that_is_not_a_positive_number_is_unreadable(most: Any) -> None:
    with pytest.raises(Unreadable, match="maxGap"):
        verdict(most, share(800, 1000), share(780, 1000))


def test_a_gap_without_groups_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="without a segment"):
        judge(config({"metric": "recall", "maxGap": 0.1}), measured(recall=share(8, 10)))


@pytest.mark.parametrize("truth", [(0.75, 0.80), (0.75, 0.775, 0.80), (0.05, 0.10)])
def test_a_model_with_the_gap_itself_passes_with_a_probability_of_at_most_5_percent(truth: tuple[float, ...]) -> None:
    """2,000 models; the standard error of 5% is 0.5%, and scores make the interval slightly wrong."""
    chance, events, passed = random.Random(7), 600, 0
    for _ in range(2000):
        groups = [share(sum(chance.random() < p for _ in range(events)), events) for p in truth]
        passed += verdict(0.05, *groups).verdict == "pass"
    assert passed / 2000 <= 0.065

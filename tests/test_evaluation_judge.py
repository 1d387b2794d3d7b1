"""The verdict on a model: three answers to each gate, in agreement with the gate of a training run."""

from __future__ import annotations

import copy
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlspec.compiler.evaluation.report import EvaluationReport, GateResult

from .evaluations import VERDICTS, accuracy, example, fraud, gated

AT_LEAST_90 = {"metric": "accuracy", "min": 0.9}
BY_COUNTRY = {"metric": "recall", "segment": "country", "min": 0.6}


def only(report: EvaluationReport) -> GateResult:
    (gate,) = report.gates
    return gate


@pytest.mark.parametrize("name", VERDICTS)
def test_the_examples_have_the_verdict_of_their_name(name: str) -> None:
    assert fraud().report(example(name)).verdict == name


def test_the_example_ships_because_every_gate_is_cleared() -> None:
    """+0.0037 with a variance of (5.5 + 6.1 - 2 x 4.9) x 10^-7, whose root is 0.000424: the limit is 1.645 of it."""
    report = fraud().report(example("ship"))
    assert {gate.verdict for gate in report.gates} == {"ship"}
    champion = report.gates[0].estimate
    assert champion is not None
    assert champion.low == pytest.approx(0.0037 - 1.644854 * math.sqrt(1.8e-7), abs=1e-7)


def test_the_example_is_rejected_for_italy_and_the_champion() -> None:
    report = fraud().report(example("reject"))
    assert {gate.title for gate in report.gates if gate.verdict == "reject"} == {
        "roc_auc against champion",
        "recall by country",
    }
    by_country = next(gate for gate in report.gates if gate.title == "recall by country")
    assert [part.name for part in by_country.parts if part.verdict == "reject"] == ["IT"]


def test_the_example_iterates_for_small_samples_and_a_missing_group() -> None:
    report = fraud().report(example("iterate"))
    why = {gate.title: gate.why for gate in report.gates if gate.verdict == "iterate"}
    assert "145 of 400 samples" in why["recall by country"]
    assert why["false_positive_rate gap by age_group"] == "the file has no results for over-64"
    assert "on both sides" in why["roc_auc against champion"]
    (other,) = (part for part in report.gates[2].parts if part.name == "other")
    assert other.why == "28 positives are too few for a verdict"


@pytest.mark.parametrize(
    ("right", "rows", "verdict"),
    [
        (950, 1000, "ship"),  # Wilson's limits are 0.9374 and 0.9603
        (905, 1000, "iterate"),
        (870, 1000, "reject"),  # 0.8515 and 0.8865
        (895, 1000, "iterate"),  # below the bar, but not surely
        (28, 29, "iterate"),  # too few rows for any verdict
        (10, 29, "iterate"),
    ],
)
def test_a_gate_has_three_answers(right: int, rows: int, verdict: str) -> None:
    assert gated(AT_LEAST_90).report(accuracy(right, rows)).verdict == verdict


def test_an_open_gate_says_how_many_rows_decide() -> None:
    """A standard error of 0.00927, 0.005 from the bar. With the 80% quantile of the normal distribution, it takes
    1,000 x ((1.645 + 0.842) x 0.00927 / 0.005)^2 = 21,300 rows. Fleiss's formula for one sample gives 21,900.
    """
    needs = only(gated(AT_LEAST_90).report(accuracy(905, 1000))).needs
    many = int("".join(filter(str.isdigit, needs.partition(" obs")[0])))
    assert many == 22_000
    assert needs.endswith("would decide: ship at this value, with 80% probability")


def test_at_the_bar_no_number_of_rows_decides() -> None:
    assert only(gated(AT_LEAST_90).report(accuracy(900, 1000))).needs.startswith("no number of rows decides")


def test_a_value_without_a_number_of_rows_never_ships() -> None:
    metrics = {"version": 1, "metrics": {"accuracy": {"value": 0.99}}}
    gate = only(gated(AT_LEAST_90).report(metrics))
    assert (gate.verdict, gate.gate) == ("iterate", "pass")
    assert gate.needs == "add `events`, or `low` and `high` with their `confidence`"


def test_a_missing_metric_never_ships() -> None:
    gate = only(gated(AT_LEAST_90).report({"version": 1, "metrics": {}}))
    assert (gate.verdict, gate.why) == ("iterate", "the file has no `accuracy`")


def test_without_gates_nothing_ships() -> None:
    report = gated().report(accuracy(99, 100))
    assert (report.verdict, report.summary[:8]) == ("iterate", "Iterate:")


def test_a_column_that_the_spec_asks_for_is_missed() -> None:
    report = gated(AT_LEAST_90, segments=["country"]).report(accuracy(990, 1000))
    assert report.verdict == "iterate"
    assert report.gates[1].why == "the file has no results by country"


def test_one_missing_metric_of_one_segment_is_missed() -> None:
    metrics = copy.deepcopy(example("ship"))
    metrics["segments"]["country"]["FR"] = {"precision": {"value": 0.3, "samples": 10}}
    (gate,) = (gate for gate in fraud().report(metrics).gates if gate.title == "recall by country")
    assert (gate.verdict, gate.why) == ("iterate", "FR: the file has no results for it")


def test_the_sizes_that_the_spec_asks_for_hold_here_too() -> None:
    gate = only(gated({**AT_LEAST_90, "minSamples": 5000}).report(accuracy(990, 1000)))
    assert (gate.verdict, gate.gate) == ("iterate", "too-few")


@pytest.mark.parametrize(("confidence", "low", "verdict"), [(0.95, 0.9132, "ship"), (0.5, 0.8812, "iterate")])
def test_a_stated_interval_is_moved_to_our_confidence(confidence: float, low: float, verdict: str) -> None:
    """0.02 is 1.96 or 0.6745 standard errors, and a limit is 1.645 of them away: 0.0168 or 0.0488."""
    entry = {"value": 0.93, "samples": 1000, "low": 0.91, "high": 0.95, "confidence": confidence}
    gate = only(gated(AT_LEAST_90).report({"version": 1, "metrics": {"accuracy": entry}}))
    assert gate.estimate is not None
    assert gate.estimate.low == pytest.approx(low, abs=1e-4)
    assert gate.verdict == verdict


def test_a_count_gives_no_interval_of_what_is_no_mean() -> None:
    gate = only(
        gated({"metric": "f1", "min": 0.5}).report({"version": 1, "metrics": {"f1": {"value": 0.9, "events": 900}}})
    )
    assert (gate.verdict, gate.gate, gate.why) == ("iterate", "pass", "0.9, without an interval")


@pytest.mark.parametrize(
    ("one", "other", "bar", "verdict", "gate"),
    [
        ((400, 500), (395, 500), 0.1, "ship", "pass"),  # 0.01, and at most 0.052
        ((40, 50), (39, 50), 0.1, "iterate", "too-few"),  # 0.02, and at most 0.15
        ((43, 50), (37, 50), 0.1, "iterate", "fail"),  # 0.12, but perhaps nothing
        ((450, 500), (350, 500), 0.1, "reject", "fail"),  # 0.2, and at least 0.16
        ((20, 29), (20, 29), 0.5, "iterate", "pass"),  # at most 0.2, of too few observations
    ],
)
def test_a_gap_has_three_answers(
    one: tuple[int, int], other: tuple[int, int], bar: float, verdict: str, gate: str
) -> None:
    groups = {
        name: {"recall": {"value": some / of, "samples": of, "events": of}}
        for name, (some, of) in (("under-30", one), ("other", other))
    }
    judging = gated({"metric": "recall", "segment": "age_group", "maxGap": bar})
    found = only(judging.report({"version": 1, "metrics": {}, "segments": {"age_group": groups}}))
    assert (found.verdict, found.gate) == (verdict, gate)


def test_the_limits_of_a_table_are_those_of_the_gate() -> None:
    """Six countries: each limit has an error of 5% / 6, which is 2.394 standard errors."""
    report = fraud().report(example("ship"))
    (gate,) = (gate for gate in report.gates if gate.title == "recall by country")
    parts = {part.name: part.estimate for part in gate.parts}
    shown = {one.group: one.estimate for one in report.segments if one.column == "country"}
    assert shown == parts
    found = shown["DE"]
    assert found.low is not None
    assert found.low == pytest.approx(0.770345 - 2.394 * math.sqrt(0.770345 * 0.229655 / 1450), abs=0.002)


# Chance


def test_a_model_at_its_bar_rarely_ships() -> None:
    """Of models whose true accuracy is the bar, 5% may ship. Summed over all results of 400 rows; the score interval
    keeps the level within two points (Brown, Cai, and DasGupta, 2001).
    """
    judging = gated(AT_LEAST_90)
    likely = {
        right: math.exp(
            math.lgamma(401) - math.lgamma(right + 1) - math.lgamma(401 - right)
            + right * math.log(0.9) + (400 - right) * math.log(0.1)
        )
        for right in range(320, 401)
    }  # fmt: skip
    verdicts = {right: judging.report(accuracy(right, 400)).verdict for right in likely}
    shipped = sum(p for right, p in likely.items() if verdicts[right] == "ship")
    rejected = sum(p for right, p in likely.items() if verdicts[right] == "reject")
    assert 0.02 < shipped < 0.07
    assert 0.02 < rejected < 0.07
    order = [verdicts[right] for right in sorted(likely)]
    assert order == sorted(order, key=("reject", "iterate", "ship").index)


@pytest.mark.slow
def test_one_of_many_segments_is_rarely_rejected_by_chance() -> None:
    """12 countries, all exactly at the bar: without an adjustment, 46% of the models would be rejected."""
    draw, rejected, runs = random.Random(7), 0, 200
    for _ in range(runs):
        found = [sum(draw.random() < 0.6 for _ in range(200)) / 200 for _ in range(12)]
        groups = {
            f"c{at}": {"recall": {"value": value, "samples": 200, "events": 200}} for at, value in enumerate(found)
        }
        metrics = {"version": 1, "metrics": {}, "segments": {"country": groups}}
        rejected += gated(BY_COUNTRY).report(metrics).verdict == "reject"
    assert 0.01 < rejected / runs < 0.096  # 5%, and three standard errors of 200 runs more


SHARES = st.tuples(st.integers(0, 400), st.integers(30, 400)).map(lambda pair: (min(pair), max(pair)))


@settings(max_examples=80)
@given(st.dictionaries(st.sampled_from(["DE", "FR", "IT"]), SHARES, min_size=1), st.sampled_from(["min", "max", "gap"]))
def test_what_the_gate_does_not_pass_never_ships(groups: dict[str, tuple[int, int]], kind: str) -> None:
    gate = {"metric": "recall", "segment": "country", **({"maxGap": 0.1} if kind == "gap" else {kind: 0.5})}
    entries = {
        name: {"recall": {"value": some / of, "samples": of, "events": of}} for name, (some, of) in groups.items()
    }
    found = only(gated(gate).report({"version": 1, "metrics": {}, "segments": {"country": entries}}))
    assert found.verdict != "ship" or found.gate == "pass"
    assert found.verdict != "reject" or found.gate == "fail"


# Rivals


def against_champion(entry: dict[str, Any], rival: dict[str, Any] | None, **gate: Any) -> GateResult:
    judging = gated({"metric": "accuracy", "versus": "champion", "relative": False, **gate})
    judging.config["rivals"] = {"champion": {"accuracy": 0.9}}
    rivals = {} if rival is None else {"champion": {"accuracy": rival}}
    return only(judging.report({"version": 1, "metrics": {"accuracy": entry}, "rivals": rivals}))


def test_the_same_rows_decide_what_different_rows_cannot() -> None:
    """930 and 920 of 1,000: apart, the difference has a standard error of 0.0117. Of the same rows, only one model gets
    15 and 5 right, and it is 0.0044.
    """
    entry = {"value": 0.93, "samples": 1000, "events": 1000}
    paired = {"both": 915, "model": 15, "rival": 5, "neither": 65}
    apart = against_champion(entry, {"value": 0.92}, margin=0.0)
    same = against_champion(entry, {"value": 0.92, "paired": paired}, margin=0.0)
    assert (apart.verdict, same.verdict) == ("iterate", "ship")
    assert "McNemar's mid-p value is 0.027" in same.why
    assert apart.estimate is not None
    assert apart.estimate.method.endswith("conservative")


def test_a_stated_interval_of_the_difference_decides() -> None:
    entry = {"value": 0.93}
    found = against_champion(entry, {"value": 0.92, "difference": {"low": 0.004, "high": 0.016}}, margin=0.0)
    assert (found.verdict, found.bar) == ("ship", 0)


def test_a_known_result_counts_as_exact() -> None:
    found = against_champion({"value": 0.93, "samples": 1000, "events": 1000}, None, margin=0.0)
    assert found.verdict == "ship"
    assert "the 0.9 of champion is from other rows" in found.why


def test_a_rival_that_no_one_measured_leaves_the_gate_open() -> None:
    judging = gated({"metric": "accuracy", "versus": "champion"})
    judging.config["rivals"] = {}
    found = only(judging.report(accuracy(990, 1000)))
    assert (found.verdict, found.why) == ("iterate", "no result of champion is known")


def test_a_margin_in_percent_is_one_of_the_rival() -> None:
    """10% of an error of 2 is 0.2: the model must be at most 1.8."""
    judging = gated({"metric": "rmse", "versus": "champion", "margin": 0.1, "relative": True})
    judging.config["rivals"] = {"champion": {"rmse": 2.0}}
    entry = {"value": 1.5, "samples": 500, "low": 1.4, "high": 1.6, "confidence": 0.9}
    report = judging.report({"version": 1, "metrics": {"rmse": entry}})
    found = only(report)
    assert [one.better for one in report.comparisons] == [True]
    assert found.bar == pytest.approx(-0.2)
    assert (found.verdict, found.least) == ("ship", False)


# Constraints


@pytest.mark.parametrize(
    ("latency", "verdict"),
    [
        ({"p99": {"value": 0.04, "low": 0.039, "high": 0.042}}, "ship"),
        ({"p99": {"value": 0.04}}, None),
        ({"p99": {"value": 0.06}}, "iterate"),
        ({"p99": {"value": 0.06, "low": 0.055, "high": 0.07}}, "reject"),
        ({"p99": {"value": 0.06, "low": 0.045, "high": 0.07}}, "iterate"),
        ({"seconds": [0.01] * 299}, "ship"),
        ({"seconds": [0.01] * 298}, None),
        ({"seconds": [0.06] * 300}, "reject"),
        ({}, None),
    ],
)
def test_latency_can_hold_a_model_back(latency: dict[str, Any], verdict: str | None) -> None:
    """The spec allows 50 ms; 299 is the fewest requests with an upper limit of the p99."""
    metrics = {**example("ship"), "serving": {"latency": latency}}
    report = fraud().report(metrics)
    (found,) = (one for one in report.limits if one.title == "latency p99")
    assert found.verdict == verdict
    held = verdict if verdict in ("iterate", "reject") else "ship"
    assert report.verdict == held


def test_a_cost_over_the_budget_holds_a_model_back() -> None:
    """23 predictions/s are 60.4 million a month of 730 hours: at 100 USD per million, 6,044 USD of 4,000."""
    metrics = {**example("ship"), "serving": {"cost": "100 USD/1M predictions"}}
    report = fraud().report(metrics)
    (cost,) = (one for one in report.limits if one.title == "cost")
    assert (report.verdict, cost.verdict) == ("iterate", "iterate")
    assert "6,044 USD/month" in cost.found


# Error analysis


def test_only_segments_that_are_surely_worse_are_weak() -> None:
    """Of Italy, at most 0.5659 where all rows have 0.7279; Poland, the next one, may have 0.7801."""
    weak = fraud().report(example("reject")).weaknesses
    worse = [said for said in weak if said.startswith("recall of")]
    assert worse == ["recall of IT (country) is 0.5148, clearly worse than the 0.7279 of all rows, by at least 0.162"]


def test_the_classes_of_a_confusion_matrix() -> None:
    """Of 50 cats, 40 are found and 8 are taken for dogs; of 44 that are called cats, 40 are."""
    counts = [[40, 8, 2], [3, 45, 2], [1, 4, 45]]
    report = gated(AT_LEAST_90).report(
        accuracy(990, 1000, confusion={"labels": ["cat", "dog", "cow"], "counts": counts})
    )
    assert report.confusion is not None
    cat = report.confusion.classes[0]
    assert cat.recall is not None
    assert cat.precision is not None
    assert cat.recall.value == 0.8
    assert cat.precision.value == pytest.approx(40 / 44)
    assert cat.mistaken == "dog: 8 of 50 rows"


def test_the_calibration_error_is_said_with_its_noise() -> None:
    """|0.2 - 0.25| and |0.7 - 0.7| of equally many rows: 0.025. By chance, sqrt(2 / pi) of sqrt(0.16 / 400) = 0.02 and
    of sqrt(0.21 / 400) = 0.0229: 0.0171.
    """
    bins = [
        {"predicted": 0.2, "observed": 0.25, "samples": 400},
        {"predicted": 0.7, "observed": 0.7, "samples": 400},
    ]
    report = gated(AT_LEAST_90).report(accuracy(990, 1000, calibration=bins))
    assert report.calibration_error.startswith("0.025; a perfectly calibrated model would have about 0.01712")
    assert [one.off for one in report.calibration] == [True, False]


def test_the_gain_over_naive_is_a_part_of_the_way() -> None:
    """From 0.85 to 0.92, where humans have 0.95: 0.07 of 0.15 is 47%, and 0.07 of 0.10 is 70%."""
    judging = gated(AT_LEAST_90)
    judging.config["rivals"] = {"naive": {"accuracy": 0.85}, "human": {"accuracy": 0.95}}
    report = judging.report(accuracy(9200, 10000))
    assert (
        "clearly better accuracy than naive: +0.07 to 0.85, 47% of the way to 1, 70% of the way to human performance"
        in (report.strengths)
    )


def test_a_model_that_knows_its_training_rows_overfits() -> None:
    splits = {"train": {"metrics": {"accuracy": {"value": 0.999}}}}
    report = gated(AT_LEAST_90).report(accuracy(930, 1000, splits=splits))
    assert any(said.endswith("the model overfits") for said in report.weaknesses)

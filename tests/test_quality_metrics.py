"""The metrics of quality in production against numbers from SciPy, scikit-learn, and statsmodels, to their digits, and
the coverage of the intervals in simulations.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mlspec.compiler.computed import COMPUTED, DECISIONS, ERRORS, OTHERS, PROBABILITIES
from mlspec.runtime.conditions import Unreadable, wilson
from mlspec.runtime.quality import estimate, metrics
from mlspec.runtime.quality.classes import BY_NAME, Counts, calibration_error, decided, decided_apart, losses
from mlspec.runtime.quality.config import Bound
from mlspec.runtime.quality.errors import error_difference, error_found
from mlspec.runtime.quality.estimate import Cells, Expected, cell_edges, isotonic
from mlspec.runtime.quality.estimate import _of_cells as of_cells
from mlspec.runtime.quality.found import Unmeasured, Z
from mlspec.runtime.quality.metrics import Rows
from mlspec.runtime.quality.queries import dcg, ndcg, per_query, query_found
from mlspec.runtime.quality.ranks import (
    auc_difference,
    average_precision,
    precision_difference,
    precision_found,
    roc_auc,
)

Y = np.array([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 1.0])
A = np.array([0.1, 0.2, 0.15, 0.3, 0.35, 0.4, 0.45, 0.6, 0.5, 0.55, 0.7, 0.8, 0.9, 0.65, 0.62, 0.38])
B = np.array([0.2, 0.1, 0.4, 0.25, 0.5, 0.3, 0.55, 0.45, 0.6, 0.4, 0.65, 0.5, 0.85, 0.7, 0.35, 0.3])
CALLED_A, CALLED_B = ((score >= 0.5).astype(float) for score in (A, B))
E = np.array([1.2, -0.5, 0.3, 2.1, -1.7, 0.4, 0.9, -0.2, -3.0, 0.6, 1.1, -0.8])
TRUE, FORECAST = np.array([100, 120, 80, 0, 150.0]), np.array([110, 115, 90, 5, 140.0])


def near(value: float, digits: float = 5e-7) -> Any:
    return pytest.approx(value, abs=digits)


# Ranking


def test_the_area_under_the_curve_has_delongs_interval_on_the_logit_scale() -> None:
    a, b = roc_auc(Y, A), roc_auc(Y, B)
    assert (a.value, b.value) == (near(0.873015873), near(0.833333333))
    assert (a.low, a.high) == (near(0.585293), near(0.971006))
    assert (b.low, b.high) == (near(0.524002), near(0.957823))
    assert a.samples == 7


def test_two_areas_on_the_same_rows() -> None:
    apart = auc_difference(Y, A, B)
    assert apart.value == near(0.0396825)
    assert (apart.high - apart.value) / Z == near(0.0879306)
    assert (apart.value / ((apart.high - apart.value) / Z)) == near(0.4512937)


@pytest.mark.parametrize(("score", "low", "high"), [(Y, wilson(1, 7, Z)[0], 1.0), (1 - Y, 0.0, wilson(0, 7, Z)[1])])
def test_trap_a_perfect_ranking_of_few_rows_is_not_certain(score: Any, low: float, high: float) -> None:
    """DeLong's variance is 0 there, and an interval without length would raise or clear every alarm."""
    found = roc_auc(Y, score)
    assert (found.low, found.high) == (near(low), near(high))


@pytest.mark.parametrize("label", [np.zeros(5), np.ones(5), np.array([1.0, 0, 0, 0, 0])])
def test_an_area_needs_two_rows_of_each_class(label: Any) -> None:
    with pytest.raises(Unmeasured) as raised:
        roc_auc(label, np.arange(5.0))
    assert raised.value.samples == min(label.sum(), 5 - label.sum())


def test_average_precision() -> None:
    assert average_precision(Y, A) == near(0.8715213, 5e-8)
    found = precision_found(Y, A)
    assert found.low < found.value < found.high
    assert found.samples == 7
    assert found == precision_found(Y, A)  # the seed is fixed


def test_trap_rows_with_one_score_share_a_threshold_whatever_their_order() -> None:
    """With steps, two positives and two negatives with one score have a precision of 1/2, in any order."""
    for label in ([1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0]):
        assert average_precision(np.array(label, float), np.full(4, 0.3)) == 0.5


def test_a_bootstrap_of_a_part_of_the_rows_has_the_spread_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    label = (random.random(8000) < 0.2).astype(float)
    score = random.normal(0, 1, 8000) + label
    whole = precision_found(label, score)
    monkeypatch.setattr("mlspec.runtime.quality.ranks.ROWS", 2000)
    part = precision_found(label, score)
    assert part.value == whole.value
    assert part.high - part.low == pytest.approx(whole.high - whole.low, rel=0.2)


# Decisions


def test_metrics_of_a_threshold_by_hand() -> None:
    """At .5, A has 6 true and 2 false positives, 1 false and 7 true negatives."""
    counts = Counts.of(Y, CALLED_A)
    assert (counts.tp, counts.fp, counts.fn, counts.tn) == (6, 2, 1, 7)
    values = {metric: decided(metric, Y, CALLED_A) for metric in DECISIONS}
    expected = {
        "accuracy": (0.8125, 16), "precision": (0.75, 8), "recall": (0.857143, 7), "f1": (0.8, 9),
        "matthews_corrcoef": (0.629941, 7), "balanced_accuracy": (0.817460, 7), "false_positive_rate": (2 / 9, 9),
        "selection_rate": (0.5, 16),
    }  # fmt: skip
    assert {metric: (found.value, found.samples) for metric, found in values.items()} == {
        metric: (near(value), samples) for metric, (value, samples) in expected.items()
    }
    for found in values.values():
        assert found.low < found.value < found.high


@pytest.mark.parametrize(
    ("hits", "rows", "low", "high"),
    [(0, 20, 0, 0.161125), (1, 20, 0.008881, 0.236131), (5, 10, 0.236593, 0.763407), (18, 20, 0.698966, 0.972134),
     (20, 20, 0.838875, 1), (81, 263, 0.255289, 0.366210), (950, 1000, 0.934686, 0.961870),
     (292, 300, 0.948271, 0.986427)],
)  # fmt: skip
def test_shares_have_wilsons_interval(hits: int, rows: int, low: float, high: float) -> None:
    label = np.ones(rows)
    found = decided("recall", label, (np.arange(rows) < hits).astype(float))
    assert (found.value, found.low, found.high) == (hits / rows, near(low), near(high))


def test_the_interval_of_f1_is_that_of_a_share() -> None:
    """6 of 9 rows that are positive or called so: Wilson [.354203, .879416], and F1 is 2q / (1 + q)."""
    found, (low, high) = decided("f1", Y, CALLED_A), wilson(6 / 9, 9, Z)
    assert (found.low, found.high) == (near(2 * low / (1 + low)), near(2 * high / (1 + high)))


def test_a_metric_of_a_class_without_rows_is_undefined() -> None:
    with pytest.raises(Unmeasured, match="no row is of a class") as raised:
        decided("recall", np.zeros(5), np.ones(5))
    assert raised.value.samples == 0


def pairs(both: int, ours: int, theirs: int, neither: int) -> tuple[Any, Any, Any]:
    """Rows that are all positive, and what two models say."""
    mine = np.repeat([1.0, 1, 0, 0], [both, ours, theirs, neither])
    other = np.repeat([1.0, 0, 1, 0], [both, ours, theirs, neither])
    return np.ones(len(mine)), mine, other


def test_two_shares_on_the_same_rows_have_tangos_interval() -> None:
    found = decided_apart("recall", *pairs(80, 10, 4, 6))
    assert (found.value, found.low, found.high) == (near(0.06), near(-0.014973), near(0.141675))
    found = decided_apart("accuracy", *pairs(100, 10, 25, 100))
    assert (found.value, found.low, found.high) == (near(-0.063830), near(-0.115830), near(-0.015261))


def test_a_rate_of_false_positives_compares_the_negatives_only() -> None:
    """Both models call 2 of the 9 negatives, and share 0 of them: the difference is 0, with Tango's interval."""
    found = decided_apart("false_positive_rate", Y, CALLED_A, CALLED_B)
    assert found.value == 0
    assert found.low == near(-found.high)
    assert found.samples == 9


def test_lower_is_better_turns_a_difference_around() -> None:
    rows = Rows(label=Y, output=A, threshold=0.5)
    worse, better = (metrics.apart(bound("log_loss", more=more), rows, B) for more in (True, False))
    assert (better.value, better.low, better.high) == (-worse.value, -worse.high, -worse.low)


# Probabilities


def test_losses_of_probabilities() -> None:
    assert losses("brier_score", Y, A).mean() == near(0.15570625)
    assert losses("log_loss", Y, A).mean() == near(0.4778468, 5e-8)


def test_trap_one_sure_and_wrong_score_does_not_make_the_log_loss_infinite() -> None:
    found = metrics.measured(bound("log_loss"), Rows(label=np.array([1.0, 0]), output=np.array([0.0, 0.5])))
    assert math.isfinite(found.value)


@pytest.mark.parametrize(("bins", "value"), [(5, 0.081875), (10, 0.088125), (15, 0.178125)])
def test_the_calibration_error_depends_on_the_bins(bins: int, value: float) -> None:
    assert calibration_error(Y, A, bins).value == near(value)


def test_trap_the_calibration_error_of_a_perfect_model_is_noise_and_its_interval_reaches_zero() -> None:
    """U(0, 1) scores that are right have a mean error of .038 at 1,000 rows. An interval above 0 is a false alarm."""
    random = np.random.default_rng(1)
    found = []
    for _ in range(100):
        score = random.random(1000)
        found.append(calibration_error((random.random(1000) < score).astype(float), score))
    assert np.mean([each.value for each in found]) == pytest.approx(0.038, abs=0.003)
    assert sum(each.low > 0 for each in found) <= 5


# Numbers


def test_errors_by_hand() -> None:
    found = {metric: error_found(metric, TRUE, FORECAST).value for metric in ("mae", "rmse", "wape", "smape", "r2")}
    assert found == {
        "mae": near(8), "rmse": near(8.366600), "wape": near(0.0888889), "smape": near(0.46488077),
        "r2": near(0.97265625),
    }  # fmt: skip
    assert [error_found("pinball_loss", TRUE, FORECAST, q).value for q in (0.1, 0.5, 0.9)] == [near(4.8), 4, near(3.2)]
    some = TRUE > 0
    assert error_found("mape", TRUE[some], FORECAST[some]).value == near(0.0833333)


def test_trap_a_label_of_zero_makes_the_relative_error_infinite() -> None:
    with pytest.raises(Unmeasured, match="1 labels are 0, which a relative error divides by: use `wape`"):
        error_found("mape", TRUE, FORECAST)


def test_intervals_of_errors() -> None:
    mae, rmse = error_found("mae", E, 0 * E), error_found("rmse", E, 0 * E)
    assert (mae.value, mae.low, mae.high) == (near(1.066667), near(0.5369, 5e-5), near(1.5964, 5e-5))
    assert rmse.value == near(1.332291)
    # SciPy's BCa with its own 9,999 samples; the ends of two bootstraps differ by a few hundredths
    assert (rmse.low, rmse.high) == (near(0.8949, 0.02), near(2.0419, 0.06))


@pytest.mark.parametrize("metric", ERRORS)
def test_two_models_on_the_same_rows_differ_by_their_values(metric: str) -> None:
    cut, label, other = 0.9, TRUE + 1, FORECAST[::-1].copy()
    apart = error_difference(metric, label, FORECAST, other, cut)
    ours, theirs = (error_found(metric, label, each, cut).value for each in (FORECAST, other))
    assert apart.value == near(ours - theirs)
    assert apart.low < apart.value < apart.high


# Rankings


def test_gains_of_rankings() -> None:
    gains, scores = [3, 2, 3, 0, 1, 2], [6.0, 5, 4, 3, 2, 1]
    assert ndcg(gains, scores) == near(0.960808)
    assert ndcg(gains, scores, 3) == near(0.977781)
    exponential = [2**gain - 1 for gain in gains]
    assert ndcg(exponential, scores) == near(0.948811)
    assert ndcg(exponential, scores, 3) == near(0.959454)
    assert (dcg(gains), dcg(exponential)) == (near(6.861127), near(13.848263, 1e-6))


def test_trap_candidates_with_one_score_share_their_gains() -> None:
    assert ndcg([1, 0, 2], [0.5, 0.5, 0.2]) == near(0.690047)


def test_precision_of_rankings() -> None:
    output, label = [list("abcde")] * 3, [["a", "c"], ["b", "c", "e"], ["d"]]
    assert per_query("map", output, label, None).tolist() == [near(0.833333), near(0.588889), 0.25]
    assert query_found(per_query("map", output, label, None)).value == near(0.557407)
    assert query_found(per_query("mrr", output, label, None)).value == near(0.583333)
    assert per_query("precision_at", output, label, 2).tolist() == [0.5, 0.5, 0]
    assert per_query("recall_at", output, label, 3).tolist() == [1, near(2 / 3), 0]
    assert per_query("hit_rate", output, label, 3).tolist() == [1, 1, 0]


def test_a_query_without_relevant_items_counts_for_nothing() -> None:
    values = per_query("mrr", [["a"], ["a"], ["b"]], [["a"], [], ["a"]], None)
    assert np.isnan(values).tolist() == [False, True, False]
    assert query_found(values).samples == 2


# Which metric, from which values


def bound(metric: str, *, more: bool = True) -> Bound:
    return Bound(metric=metric, output="score", versus="", more=more)


@pytest.mark.parametrize("metric", OTHERS)
def test_metrics_that_outputs_do_not_determine_are_refused_by_name(metric: str) -> None:
    with pytest.raises(Unreadable, match=f"`{metric}` cannot be computed from outputs and labels: it needs"):
        metrics.checked(bound(metric))


def test_every_metric_of_the_catalog_that_needs_labels_is_computed_or_refused() -> None:
    import yaml

    from .support import ROOT

    known = yaml.safe_load((ROOT / "compiler" / "catalog" / "metrics.yaml").read_text())
    needing = {metric for metric, entry in known.items() if entry.get("needsLabels") and "-" not in metric}
    assert needing <= COMPUTED | set(OTHERS)
    assert tuple(BY_NAME) == PROBABILITIES


@pytest.mark.parametrize(
    ("metric", "label", "output", "threshold", "why"),
    [
        ("recall", [1, 0, 1], [0.2, 0.7, 0.9], None, "no `threshold` in `monitoring.prediction` decides"),
        ("brier_score", [1, 0, 1], [0.2, 7, 0.9], None, "its output has to be a probability"),
        ("roc_auc", [1, 2, 3], [0.2, 0.7, 0.9], None, "its labels have to be 0 and 1"),
        ("recall", [], [], 0.5, "there are no rows with a label"),
        ("pinball_loss", [1, 2, 3], [1, 2, 2], None, "it needs its quantile: write `pinball_loss@0.9`"),
    ],
)
def test_values_that_do_not_fit_are_said(metric: str, label: Any, output: Any, threshold: Any, why: str) -> None:
    rows = Rows(label=np.array(label, float), output=np.array(output, float), threshold=threshold)
    with pytest.raises(Unmeasured, match=why):
        metrics.measured(bound(metric), rows)


def test_classes_with_names_are_compared_as_they_are() -> None:
    rows = Rows(label=np.array(["cat", "dog", "cat"], object), output=np.array(["cat", "cat", "cat"], object))
    found = metrics.measured(bound("accuracy"), rows)
    assert (found.value, found.samples) == (near(2 / 3), 3)


# Estimates


def test_expected_counts_by_hand() -> None:
    """Scores that are right: TP 3, FP 1, FN 1, TN 3, and an area of .8125."""
    score = np.array([0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2, 0.1])
    cells = Cells(cell_edges(score, 0.5), score)
    expected = cells.rows * cells.score
    found = {metric: of_cells(metric, expected, cells, 0.5) for metric in ("accuracy", "precision", "recall", "f1")}
    assert found == {metric: near(0.75) for metric in found}
    assert of_cells("roc_auc", expected, cells, 0.5) == near(0.8125)


def test_isotonic_regression_pools_what_falls() -> None:
    """Two pools: (1 + 2 · 0) / 3 and then 3, 2 with equal weights to 2.5."""
    found = isotonic(np.array([1.0, 0, 3, 2]), np.array([1.0, 2, 1, 1]))
    assert found.tolist() == [near(1 / 3), near(1 / 3), 2.5, 2.5]


def world(random: Any, shift: float, meaning: float, rows: int = 20_000) -> tuple[Any, Any]:
    x = random.normal(shift, 1, rows)
    label = (random.random(rows) < 1 / (1 + np.exp(-(1.5 * x + meaning)))).astype(float)
    return label, 1 / (1 + np.exp(-1.5 * x))


@pytest.mark.parametrize("metric", ["accuracy", "recall", "roc_auc", "brier_score", "average_precision"])
def test_an_estimate_follows_other_inputs(metric: str) -> None:
    random = np.random.default_rng(3)
    known, (label, score) = world(random, 0, 0), world(random, 0.5, 0)
    found = Expected(known, score, 0.5).found(metric)
    real = metrics.measured(bound(metric), Rows(label=label, output=score, threshold=0.5)).value
    assert found.low - 0.005 < real < found.high + 0.005


def test_trap_an_estimate_does_not_see_that_inputs_mean_something_else() -> None:
    """So it may raise an alarm, and never clear one."""
    random = np.random.default_rng(3)
    known, (label, score) = world(random, 0, 0), world(random, 0, 1)
    found = Expected(known, score, 0.5).found("accuracy")
    real = metrics.measured(bound("accuracy"), Rows(label=label, output=score, threshold=0.5)).value
    assert real < found.low - 0.015


def test_a_calibration_needs_rows_of_both_classes() -> None:
    with pytest.raises(Unmeasured, match="30 rows of both classes with labels, and has 7"):
        Expected((Y, A), B, 0.5)


# Coverage


DRAWS = 400
"""A coverage of 95% is measured with a standard error of 1.1 points."""


def covered(draw: Any, measure: Any, truth: float) -> float:
    inside = 0
    for seed in range(DRAWS):
        found = measure(*draw(np.random.default_rng(seed)))
        inside += found.low <= truth <= found.high
    return inside / DRAWS


def decisions(random: Any) -> tuple[Any, Any]:
    """A fifth positive; 70% of them are called, and 10% of the others."""
    label = (random.random(300) < 0.2).astype(float)
    return label, (random.random(300) < np.where(label > 0, 0.7, 0.1)).astype(float)


TRUTH = Counts(0.14, 0.08, 0.06, 0.72)


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["f1", "balanced_accuracy", "matthews_corrcoef", "precision"])
def test_intervals_of_decisions_cover(metric: str) -> None:
    truth = TRUTH.value(metric)
    assert truth is not None
    found = covered(decisions, lambda label, called: decided(metric, label, called), truth)
    assert 0.925 <= found <= 0.985


def scores(random: Any) -> tuple[Any, Any]:
    label = np.repeat([1.0, 0.0], [60, 240])
    return label, random.normal(0, 1, 300) + 1.2 * label


@pytest.mark.exhaustive
def test_the_interval_of_average_precision_covers() -> None:
    random = np.random.default_rng(7)
    label = np.repeat([1.0, 0.0], [100_000, 400_000])
    truth = average_precision(label, random.normal(0, 1, 500_000) + 1.2 * label)
    assert 0.90 <= covered(scores, precision_found, truth) <= 0.98


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("difference", "least"),
    [(auc_difference, 0.92), (precision_difference, 0.92)],
)
def test_differences_of_two_equal_models_cover_zero(difference: Any, least: float) -> None:
    def two(random: Any) -> tuple[Any, Any, Any]:
        label, score = scores(random)
        return label, score + random.normal(0, 0.5, 300), score + random.normal(0, 0.5, 300)

    assert least <= covered(two, difference, 0.0) <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["wape", "r2", "rmse", "mae"])
def test_intervals_of_errors_cover(metric: str) -> None:
    """Labels N(5, 2²), errors N(0, 1): MAE √(2/π), WAPE MAE / E|y|, R² 1 - 1/4, RMSE 1."""

    def numbers(random: Any) -> tuple[Any, Any]:
        label = random.normal(5, 2, 300)
        return label, label + random.normal(0, 1, 300)

    mean = abs(np.random.default_rng(1).normal(5, 2, 2_000_000)).mean()
    truth = {"mae": math.sqrt(2 / math.pi), "wape": math.sqrt(2 / math.pi) / mean, "r2": 0.75, "rmse": 1.0}[metric]
    assert 0.92 <= covered(numbers, lambda label, output: error_found(metric, label, output), truth) <= 0.98


@pytest.mark.slow
def test_the_interval_of_an_estimate_covers_what_labels_will_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "RESAMPLES", 79)
    monkeypatch.setattr(estimate, "CELLS", 100)
    inside = dict.fromkeys(("accuracy", "recall", "roc_auc", "brier_score"), 0)
    for seed in range(100):
        random = np.random.default_rng(seed)
        known, (label, score) = (world(random, shift, 0, rows) for shift, rows in ((0, 3000), (0.3, 2000)))
        expected = Expected(known, score, 0.5)
        for metric in inside:
            real = metrics.measured(bound(metric), Rows(label=label, output=score, threshold=0.5)).value
            found = expected.found(metric)
            inside[metric] += found.low <= real <= found.high
    # 95 of 100, less three standard errors
    assert min(inside.values()) >= 88

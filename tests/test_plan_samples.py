"""What gates can show: the published tables and the gate that runs in the cluster, compared with the plan."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from mlspec.compiler.plan.data.precision import (
    auc_half_width,
    auc_variance,
    bar,
    fails_by_chance,
    needed,
    share_half_width,
)
from mlspec.compiler.plan.training.search import ENOUGH
from mlspec.runtime.conditions import wilson

from .rules import BASE
from .support import compile_text


@pytest.mark.parametrize(
    ("share", "half", "rows"),
    [(0.5, 0.10, 93), (0.9, 0.05, 141), (0.8, 0.02, 1535), (0.95, 0.02, 469), (0.99, 0.01, 454), (0.9, 0.01, 3461)],
)
def test_the_interval_of_a_share_needs_as_many_rows_as_the_tables_say(share: float, half: float, rows: int) -> None:
    """The fewest rows at which half of Wilson's 95% interval is at most that wide, computed independently."""
    assert share_half_width(share, rows) <= half < share_half_width(share, rows - 1)


@pytest.mark.parametrize(
    ("auc", "half", "positives"), [(0.7, 0.05, 142), (0.8, 0.05, 115), (0.9, 0.02, 424), (0.8, 0.01, 2864)]
)
def test_the_interval_of_an_auc_needs_as_many_positives_as_the_tables_say(
    auc: float, half: float, positives: int
) -> None:
    """Hanley and McNeil's standard error with ten negatives for each positive; the table is rounded up by up to 1%."""
    assert auc_half_width(auc, positives, 10 * positives) == pytest.approx(half, rel=0.01)


def test_the_standard_error_of_sixteen_rows_is_the_one_worked_by_hand() -> None:
    """AUC 55/63 with 7 positives and 9 negatives: Q1 = 0.774648, Q2 = 0.813811, A^2 = 0.762157; the standard error is
    sqrt((0.110859 + 6 x 0.012491 + 8 x 0.051654) / 63) = 0.0975.
    """
    assert auc_half_width(55 / 63, 7, 9) / 1.959964 == pytest.approx(0.0975233, abs=1e-6)


def test_many_positives_reach_the_variance_of_one() -> None:
    """With one positive in eleven rows and many of them, the exact form and its limit agree."""
    exact = (auc_half_width(0.9, 10**6, 10**7) / 1.959964) ** 2 * 10**6
    assert auc_variance(0.9, 1 / 11) == pytest.approx(exact, rel=1e-4)


def test_a_fall_from_90_to_85_percent_needs_about_250_rows() -> None:
    """(1.645 x sqrt(0.09) + 0.8416 x sqrt(0.1275))^2 / 0.05^2 = 252.0; the exact binomial test needs 253."""
    assert needed(0.9 * 0.1, 0.85 * 0.15, 0.05) == pytest.approx(253, abs=2)


@pytest.mark.parametrize("segments", [1, 4, 30, 250])
@pytest.mark.parametrize(("limit", "events"), [(0.6, 400), (0.55, 500), (0.9, 60)])
def test_the_bar_is_where_the_gate_in_the_cluster_begins_to_pass(limit: float, events: int, segments: int) -> None:
    """The end of the interval that `mlspec runtime gate` compares is at the limit exactly there, on both sides."""
    from statistics import NormalDist

    z = NormalDist().inv_cdf(1 - 0.05 / segments)
    assert wilson(bar(limit, events, segments, least=True), events, z)[0] == pytest.approx(limit, abs=1e-9)
    assert wilson(bar(limit, events, segments, least=False), events, z)[1] == pytest.approx(limit, abs=1e-9)


def test_the_odds_of_a_rejected_model_are_those_of_a_simulation() -> None:
    """Thirty segments with 100 positives each and a true recall of 0.7; the gate has a limit of 0.5."""
    draw, truth, events, segments = random.Random(5), 0.7, 100, 30
    asked = bar(0.5, events, segments, least=True)
    told = fails_by_chance(truth, asked, events, segments, least=True)
    rejected = 0
    for _ in range(2000):
        values = (sum(draw.random() < truth for _ in range(events)) / events for _ in range(segments))
        rejected += any(value < asked for value in values)
    assert told == pytest.approx(rejected / 2000, abs=0.12)  # the normal approximation of a tail


def test_59_random_trials_find_one_of_the_best_5_percent() -> None:
    """Bergstra and Bengio's sixty, and the fewest that do."""
    assert 1 - 0.95**ENOUGH >= 0.95 > 1 - 0.95 ** (ENOUGH - 1)


SPEC = f"""{BASE}
data:
  sources: [{{name: payments, ingestion: batch, volume: {{records: 1M}}}}]
  columns: [{{name: is_fraud, dtype: bool}}, {{name: country, dtype: category, values: {{oneOf: [de, fr, it]}}}}]
  labels: {{column: is_fraud, positiveShare: 80%}}
  split: {{strategy: random, train: 70%, validation: 15%, test: 15%}}
evaluation:
  primary: roc_auc
  minSamples: 1000
  gates: [{{metric: recall, segment: country, min: 0.6}}, {{metric: roc_auc, min: 0.6}}, {{metric: accuracy, min: 0.6}}]
"""


@pytest.mark.parametrize("share", ["0%", "100%", "120%"])
def test_trap_a_class_without_rows_has_no_noise_to_compute(share: str, tmp_path: Path) -> None:
    """The square root of a negative variance was a crash, and there is nothing to learn without both classes."""
    found = compile_text(tmp_path, SPEC.replace("80%", share)).diagnostics
    assert [one.id for one in found if share in one.message] == ["MLS006"]


def test_trap_a_recall_rests_on_positives_even_if_they_are_the_larger_class(tmp_path: Path) -> None:
    """1M x 15% = 150,000 rows: 120,000 positives for a recall, 40,000 for each of three countries; 30,000 of the rarer
    class for an AUC; all rows for an accuracy.
    """
    [environment] = compile_text(tmp_path, SPEC)._compiled.environments
    found = [gate.events.value for gate in environment.plan.samples.gates if gate.events is not None]
    assert found == [120_000, 30_000, 150_000]
    each = environment.plan.samples.gates[0].each
    assert each is not None
    assert each.value == 40_000


def test_without_a_positive_share_and_outside_of_two_classes_all_rows_count(tmp_path: Path) -> None:
    text = SPEC.replace("task: binary-classification", "task: multiclass-classification")
    [environment] = compile_text(tmp_path, text)._compiled.environments
    assert {gate.events.value for gate in environment.plan.samples.gates if gate.events is not None} == {150_000}

"""What a bound on a gap can show: tables, arithmetic by hand, and the gate that runs in the cluster."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.plan.data.fairness import GapSample, gap_needs, gap_shown, passes_by_chance
from mlspec.compiler.plan.data.precision import ALPHA
from mlspec.compiler.plan.distributions import range_below, range_quantile
from mlspec.runtime import gaps
from mlspec.runtime.conditions import ERROR
from mlspec.runtime.verdict import judge

from .gates import config, measured
from .retraining import configuration
from .rules import BASE, findings
from .support import compile_text


@pytest.mark.parametrize(
    ("many", "probability", "width"),
    [(2, 0.95, 2.772), (3, 0.95, 3.314), (4, 0.95, 3.633), (10, 0.95, 4.474), (100, 0.95, 6.085), (3, 0.99, 4.120)],
)
def test_the_range_is_that_of_the_tables(many: int, probability: float, width: float) -> None:
    """The studentized range with infinitely many degrees of freedom, as every table of it prints."""
    assert range_quantile(probability, many) == pytest.approx(width, abs=1e-3)
    assert range_below(width, many) == pytest.approx(probability, abs=1e-4)


def test_the_range_of_two_is_a_difference() -> None:
    """It is within w with probability 2 Phi(w / sqrt(2)) - 1 = erf(w / 2)."""
    for width in (0.1, 1.0, 2.5, 6.0):
        assert range_below(width, 2) == pytest.approx(math.erf(width / 2), abs=1e-6)


def test_two_groups_need_what_two_one_sided_tests_need() -> None:
    """Both tests pass with 80% if each does with 90%: (1.6449 + 1.2816)^2 x 2 x 0.25 / 0.1^2 = 428.2."""
    assert gap_needs(0.5, 0.1, 2) == 429
    assert gap_shown(0.5, 429, 2) == pytest.approx(0.1, abs=1e-4)
    assert passes_by_chance(0.5, 0.1, 429, 2) == pytest.approx(0.8, abs=1e-3)


def test_too_few_observations_pass_nothing() -> None:
    """The interval alone is wider than the bound: 1.6449 x sqrt(2 x 0.25 / 100) = 0.116."""
    assert passes_by_chance(0.5, 0.116, 100, 2) == 0
    assert passes_by_chance(0.5, 0.118, 100, 2) > 0


def test_the_gate_in_the_cluster_is_the_one_that_is_planned_for() -> None:
    assert ERROR == ALPHA


@pytest.mark.parametrize(("share", "gap", "groups"), [(0.7, 0.1, 2), (0.7, 0.1, 4), (0.1, 0.05, 3), (0.5, 0.15, 8)])
@pytest.mark.parametrize("part", [1.0, 0.6])
def test_the_odds_are_those_of_simulated_models(share: float, gap: float, groups: int, part: float) -> None:
    """1,500 models without a gap, judged by the gate itself; the standard error is 1.3%, and shares are not normal."""
    events = int(part * gap_needs(share, gap, groups))
    chance, passed, many = random.Random(groups), 0, 1500
    for _ in range(many):
        found: dict[str, Any] = {}
        for name in range(groups):
            good = sum(chance.random() < share for _ in range(events))
            found[str(name)] = {"recall": {"value": good / events, "samples": events, "events": events}}
        asked = config({"metric": "recall", "segment": "age", "maxGap": gap})
        passed += judge(asked, measured(segments={"age": found})).passed
    assert passed / many == pytest.approx(passes_by_chance(share, gap, events, groups), abs=0.05)


SPEC = f"""{BASE}
data:
  sources: [{{name: payments, ingestion: batch, volume: {{records: 1M}}}}]
  columns: [{{name: is_fraud, dtype: bool}}, {{name: age, dtype: category, values: {{oneOf: [young, old]}}}}]
  labels: {{column: is_fraud, positiveShare: 2%}}
  split: {{strategy: random, train: 70%, validation: 15%, test: 15%}}
evaluation: {{primary: roc_auc}}
"""


def planned(tmp_path: Path, bound: str, known: str = "{}") -> GapSample:
    spec = SPEC.replace("constraints:", f"constraints:\n  fairness: [{bound}]").replace(
        "release:", f"release:\n  metrics: {known}"
    )
    [environment] = compile_text(tmp_path, spec)._compiled.environments
    [gap] = environment.plan.samples.gaps
    return gap


def test_a_recall_rests_on_positives_and_a_false_positive_rate_on_negatives(tmp_path: Path) -> None:
    """1M x 15% = 150,000 test rows: 3,000 positives and 147,000 negatives, half of them in each of two groups. A rate
    of selection rests on all rows.
    """
    for metric, each in (("recall", 1500), ("false_positive_rate", 73_500), ("selection_rate", 75_000)):
        gap = planned(tmp_path, f"{{metric: {metric}, between: age, maxGap: 5%}}")
        assert gap.each is not None
        assert gap.each.value == each


def test_what_is_needed_follows_from_the_known_value(tmp_path: Path) -> None:
    """8.5638 = (1.6449 + 1.2816)^2: x 2 x 0.25 / 0.05^2 = 1,712.8 in the worst case, x 2 x 0.16 / 0.05^2 = 1,096.2 at
    0.8; with 1,500 per group, the smallest bound is then sqrt(8.5638 x 2 x 0.16 / 1500) = 0.04274.
    """
    bound = "{metric: recall, between: age, maxGap: 5%}"
    worst, known = planned(tmp_path, bound), planned(tmp_path, bound, "{recall: 0.8}")
    assert worst.needed is not None
    assert worst.needed.value == 1713
    assert worst.odds is None
    assert known.needed is not None
    assert known.needed.value == 1097
    assert known.shown is not None
    assert known.shown.value == pytest.approx(0.04274, abs=1e-5)


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss"])
def test_no_sample_size_is_invented_for_other_metrics(metric: str, tmp_path: Path) -> None:
    gap = planned(tmp_path, f"{{metric: {metric}, between: age, maxGap: 0.05}}", "{roc_auc: 0.9}")
    assert (gap.needed, gap.shown, gap.odds) == (None, None, None)


# What is emitted, and what is refused

FAIR = [{"metric": "recall", "between": "country", "maxGap": "5%", "minSamples": 100}]


def test_the_gate_gets_the_bound(tmp_path: Path) -> None:
    made = configuration(tmp_path, constraints__fairness=FAIR)
    assert made["evaluation"]["gates"][-1] == {
        "metric": "recall",
        "segment": "country",
        "maxGap": 0.05,
        "minSamples": 100,
    }
    assert made["metrics"]["recall"]["max"] == 1.0
    assert gaps.gap_bound(made["evaluation"]["gates"][-1], made["metrics"]["recall"]).limit * 20 == 1


def test_a_bound_is_enough_to_add_the_gate(tmp_path: Path) -> None:
    made = configuration(tmp_path, constraints__fairness=FAIR, evaluation__gates=[])
    assert [gate["metric"] for gate in made["evaluation"]["gates"]] == ["recall"]


BOUND = """
constraints: {{fairness: [{{metric: {}, between: age, maxGap: {}}}]}}
data: {{columns: [{{name: age, dtype: category}}]}}
evaluation: {{primary: recall}}
"""


@pytest.mark.parametrize(
    ("metric", "gap", "message"),
    [
        ("recall", "5", "a gap in `recall` of at most 5 is met by every model"),
        ("recall", "1", "a gap in `recall` of at most 1 is met by every model"),
        ("matthews_corrcoef", "2", "a gap in `matthews_corrcoef` of at most 2 is met by every model"),
        ("recall", "0", "a gap in `recall` of at most 0 is met by no model"),
        ("rmse", "-1", "a gap in `rmse` of at most -1 is met by no model"),
        ("recall", "50ms", "`recall` and 50ms have different units"),
    ],
)
def test_a_bound_that_decides_nothing_is_refused(metric: str, gap: str, message: str, tmp_path: Path) -> None:
    assert [d.message for d in findings(tmp_path, "MLS211", BOUND.format(metric, gap))] == [message]


@pytest.mark.parametrize(("metric", "gap"), [("recall", "0.99"), ("rmse", "200"), ("matthews_corrcoef", "1.5")])
def test_a_bound_that_decides_something_is_not(metric: str, gap: str, tmp_path: Path) -> None:
    assert findings(tmp_path, "MLS211", BOUND.format(metric, gap)) == []


def test_a_bound_of_a_service_is_not_of_the_language(tmp_path: Path) -> None:
    """Models are fair or not wherever they are served."""
    assert findings(tmp_path, "MLS004", "serving: {constraints: {fairness: []}}")
    assert not findings(tmp_path, "MLS004", "constraints: {fairness: []}")


CANDIDATES = """
constraints: {{fairness: [{{metric: recall, between: age, maxGap: 5%}}]}}
data: {{columns: [{{name: age, dtype: category}}]}}
training: {{steps: {{train: {{}}, evaluate: {{}}}}}}
evaluation: {{primary: recall}}
model:
  candidates:
    - {{name: trees, metrics: {{recall: 0.7}}, gaps: [{{metric: recall, between: age, value: {}}}], selected: true}}
    - {{name: linear, metrics: {{recall: 0.6}}, gaps: [{{metric: {}, between: age, value: {}}}]}}
"""


@pytest.mark.parametrize(
    ("selected", "metric", "other", "misses"),
    [
        ("8%", "recall", "4%", True),
        ("5%", "recall", "4%", False),
        ("8%", "recall", "6%", False),  # no candidate meets it
        ("8%", "accuracy", "4%", False),  # a gap of another metric
    ],
)
def test_a_candidate_with_a_smaller_gap_is_found(
    selected: str, metric: str, other: str, misses: bool, tmp_path: Path
) -> None:
    found = [one.message for one in findings(tmp_path, "MLS208", CANDIDATES.format(selected, metric, other))]
    said = "the selected `trees` misses the bound on the recall gap by age, and `linear` meets it"
    assert found == ([said] if misses else [])


def test_a_gap_of_a_candidate_in_another_unit(tmp_path: Path) -> None:
    [found] = findings(tmp_path, "MLS211", CANDIDATES.format("50ms", "recall", "4%"))
    assert found.message == "`recall` and 50ms have different units"

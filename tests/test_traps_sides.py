"""A bound on the wrong side looks like a guard: what is good fails it, and what is bad passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlspec.compiler.diagnostics import applied
from mlspec.compiler.language import OBJECTS

from .rules import LATE, findings

PLACES = {
    ("Evaluation", "gates"): "evaluation: {{primary: recall, gates: [{}]}}",
    ("Monitoring", "quality"): "monitoring: {{quality: {}}}",
    ("Monitoring", "rules"): "monitoring: {{rules: [{}]}}",
    ("Rollout", "rollbackWhen"): "rollout: {{rollbackWhen: [{}]}}",
    ("MLSystem", "success"): "success: [{}]",
}
"""Every place that bounds a metric, as a fragment with the bound left out."""

MORE = {("MLSystem", "success"): ", by: 2027-03-31"}
CUSTOM = """
metrics:
  wer: {direction: minimize, needsLabels: true, min: 0}
  shares: {direction: minimize, needsLabels: true, twoSided: true}
"""

GOOD = ("recall, min: 0.6", "ndcg@10, min: 0.3", "mape, max: 8%", "wer, max: 0.3", "shares, min: 1", "shares, max: 1")
BAD = ("recall, max: 0.6", "ndcg@10, max: 0.3", "mape, min: 8%", "wer, min: 0.3")


def test_every_place_that_bounds_a_metric_is_tried() -> None:
    bounding = {"Condition", "AlertRule", "SuccessCriterion"}
    found = {
        (kind, key) for kind, fields in OBJECTS.items() for key, entry in fields.items() if bounding & _leaves(entry)
    }
    assert found == set(PLACES)


def _leaves(entry: Any) -> set[Any]:
    return set().union(*map(_leaves, entry)) if isinstance(entry, tuple) else {entry}


def bounded(tmp_path: Path, place: tuple[str, str], *bounds: str) -> list[Any]:
    each = ", ".join(f"{{metric: {bound}{MORE.get(place, '')}}}" for bound in bounds)
    return findings(tmp_path, "MLS226", LATE + CUSTOM + PLACES[place].format(each))


@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_a_bound_that_rejects_what_is_good_is_refused_wherever_it_is(place: tuple[str, str], tmp_path: Path) -> None:
    assert [bound for bound in GOOD if bounded(tmp_path, place, bound)] == []
    for bound in BAD:
        (found,) = bounded(tmp_path, place, bound)
        assert found.fix is not None
        assert f"{{metric: {_turned(bound)}" in applied(found.span.file, found.fix.edits)


def _turned(bound: str) -> str:
    return bound.replace("min", "max") if "min" in bound else bound.replace("max", "min")


@pytest.mark.parametrize("versus", ["ndcg@10, versus: champion", "recall, min: 0.2", "ndcg@10, min: 0.9"])
def test_a_ceiling_alone_is_no_guard_against_good_luck(versus: str, tmp_path: Path) -> None:
    """Not next to a rival either: the better the live version, the surer every model fails one of the two."""
    assert len(bounded(tmp_path, ("Evaluation", "gates"), "ndcg@10, max: 0.3", versus)) == 1


def test_a_result_that_is_too_good_to_be_true_may_be_refused(tmp_path: Path) -> None:
    for place in (("Evaluation", "gates"), ("Monitoring", "rules"), ("MLSystem", "success")):
        assert bounded(tmp_path, place, "ndcg@10, max: 0.97", "ndcg@10, min: 0.3") == []
        assert bounded(tmp_path, place, "mape, min: 0.1%", "mape, max: 8%") == []


@pytest.mark.parametrize("metric", ["selection_rate", "exploration-rate", "throughput"])
def test_a_metric_with_two_sides_may_be_bound_on_either(metric: str, tmp_path: Path) -> None:
    assert bounded(tmp_path, ("Monitoring", "rules"), f"{metric}, min: 0.1") == []
    assert bounded(tmp_path, ("Monitoring", "rules"), f"{metric}, max: 0.1") == []


@pytest.mark.parametrize(("numbers", "wrong"), [("today: 3, target: 5", False), ("today: 5, target: 3", True)])
def test_a_target_that_is_worse_than_today_is_no_goal(numbers: str, wrong: bool, tmp_path: Path) -> None:
    for direction, expected in (("increase", wrong), ("decrease", not wrong)):
        fragment = f"problem: {{businessMetric: {{name: minutes, direction: {direction}, {numbers}}}}}"
        assert bool(findings(tmp_path, "MLS226", fragment)) is expected

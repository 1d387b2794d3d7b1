"""Interpretability as a constraint: what people can read, which candidates it leaves, and the reasons of answers."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from .retraining import configuration
from .rules import BASE, findings, laid_over
from .support import ROOT, compile_text

CANDIDATES = """
constraints: {{interpretability: model}}
evaluation: {{primary: roc_auc}}
model:
  candidates:
    - {{name: trees, approach: gradient-boosting, complexity: high, metrics: {{roc_auc: 0.943}}, selected: true}}
    - {{name: mean, role: naive, approach: constant, complexity: low, metrics: {{roc_auc: 0.5}}}}
{}"""


def told(tmp_path: Path, *others: str) -> tuple[str, str]:
    rows = "".join(f"    - {{{other}}}\n" for other in others)
    [found] = findings(tmp_path, "MLS220", CANDIDATES.format(rows))
    return found.message, found.help


@pytest.mark.parametrize(
    ("others", "best"),
    [
        (("name: linear, approach: logistic-regression, metrics: {roc_auc: 0.9}",), "linear"),
        (
            (
                "name: linear, approach: logistic-regression, metrics: {roc_auc: 0.9}",
                "name: additive, approach: explainable-boosting, metrics: {roc_auc: 0.94}",
                "name: forest, approach: random-forest, metrics: {roc_auc: 0.95}",
            ),
            "additive",
        ),
        # one that declares no result comes after one that does, and a baseline after both
        (("name: tree, approach: decision-tree", "name: rules, approach: rule-list, metrics: {roc_auc: 0.6}"), "rules"),
        (("name: tree, approach: decision-tree",), "tree"),
        ((), "mean"),
    ],
)
def test_the_best_candidate_that_people_can_read_is_named(others: tuple[str, ...], best: str, tmp_path: Path) -> None:
    message, help_ = told(tmp_path, *others)
    assert message == "the selected `trees` is of type `gradient-boosting`, which is not interpretable"
    assert help_.startswith(f"move `selected: true` to `{best}`")


def test_a_readable_candidate_that_misses_a_bound_is_not_the_best(tmp_path: Path) -> None:
    """The better one takes 200 ms of the 100 ms that are promised."""
    rows = (
        "name: slow, approach: explainable-boosting, metrics: {roc_auc: 0.94}, latency: {p99: 200ms}",
        "name: fast, approach: logistic-regression, metrics: {roc_auc: 0.9}, latency: {p99: 2ms}",
    )
    fragment = CANDIDATES.format("".join(f"    - {{{row}}}\n" for row in rows))
    fragment = fragment.replace("interpretability: model", "interpretability: model, latency: {p99: 100ms}")
    [found] = findings(tmp_path, "MLS220", fragment)
    assert found.help.startswith("move `selected: true` to `fast`")


def test_a_candidate_that_nothing_describes_is_an_error(tmp_path: Path) -> None:
    fragment = CANDIDATES.format("").replace("approach: gradient-boosting, ", "")
    assert [d.message for d in findings(tmp_path, "MLS220", fragment)] == [
        "nothing says which approach the selected `trees` takes"
    ]


def test_the_approach_of_the_model_is_that_of_the_selected_candidate(tmp_path: Path) -> None:
    """That of others is unknown, so that none of them is proposed."""
    fragment = CANDIDATES.format("    - {name: other, metrics: {roc_auc: 0.99}}\n")
    fragment = fragment.replace("approach: gradient-boosting, ", "").replace(
        "model:\n", "model:\n  approach: scorecard\n"
    )
    assert findings(tmp_path / "readable", "MLS220", fragment) == []
    [found] = findings(tmp_path / "opaque", "MLS220", fragment.replace("scorecard", "transformer"))
    assert found.help.startswith("move `selected: true` to `mean`")


def test_no_simpler_candidate_is_proposed_that_people_cannot_read(tmp_path: Path) -> None:
    """Of two candidates with all of the gain at a tenth of the cost, the opaque one would be the cheaper."""
    rows = "".join(
        f"    - {{name: {name}, approach: {approach}, complexity: {hard}, metrics: {{roc_auc: 0.943}}, "
        f"cost: {cost} USD/1M predictions}}\n"
        for name, approach, hard, cost in (
            ("additive", "explainable-boosting", "medium", 1),
            ("boosted", "gradient-boosting", "low", 0.5),
        )
    )
    fragment = (
        CANDIDATES.format(rows)
        .replace("{name: trees, approach: gradient-boosting", "{name: trees, approach: scorecard")
        .replace("selected: true}", "cost: 10 USD/1M predictions, selected: true}")
    )
    [found] = findings(tmp_path / "required", "MLS207", fragment)
    assert found.message.startswith("`additive` is simpler")
    [free] = findings(tmp_path / "free", "MLS207", fragment.replace("{interpretability: model}", "{}"))
    assert free.message.startswith("`boosted` is simpler")


def test_an_approach_of_the_platform_counts(tmp_path: Path) -> None:
    fragment = """
constraints: {interpretability: model}
model: {approach: falling-rules}
platform: {approaches: {falling-rules: {interpretable: true}}}
"""
    assert findings(tmp_path / "known", "MLS220", fragment) == []
    assert findings(tmp_path / "other", "MLS220", fragment.replace("interpretable: true", "interpretable: false"))
    unknown = laid_over(tmp_path / "unknown", fragment.partition("platform:")[0])
    assert any("falling-rules" in d.message for d in unknown if d.severity == "error")


def test_training_learns_which_output_carries_reasons(tmp_path: Path) -> None:
    outputs = [{"name": "score", "dtype": "float32"}, {"name": "why", "dtype": "int64", "carries": "reasons"}]
    asked = {"model__signature": {"outputs": outputs}, "constraints__interpretability": "reasons"}
    made = configuration(tmp_path, **asked)["model"]["outputs"]
    assert [output.get("carries") for output in made] == [None, "reasons"]


def test_no_constraint_asks_for_nothing(tmp_path: Path) -> None:
    result = compile_text(tmp_path, BASE)
    assert [d for d in result.diagnostics if d.id == "MLS220"] == []


def test_every_approach_has_a_source() -> None:
    known = yaml.safe_load((ROOT / "compiler" / "catalog" / "approaches.yaml").read_text())
    assert {one["interpretable"] for one in known.values()} == {True, False}
    assert all(one["source"].startswith("https://") and one["checked"] for one in known.values())

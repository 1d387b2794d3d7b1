"""The choice between candidates, with gains, limits and costs worked by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from textwrap import indent

import pytest

import mlspec
from mlspec.compiler.check.rules.registry import RULES
from mlspec.compiler.pipeline import compile_system
from mlspec.compiler.plan.training.selection import Selection
from mlspec.targets.registry import BACKENDS

from .rules import BASE, LATE, findings, one
from .support import compile_text, minimal

SELECTED = (
    "{name: trees, metrics: {roc_auc: 0.943}, latency: {p99: 11ms}, cost: 0.9 USD/1M predictions, selected: true}"
)
NAIVE = "{name: linear, complexity: low, role: naive, metrics: {roc_auc: 0.912}, cost: 0.3 USD/1M predictions}"


def candidates(*others: str, selected: str = SELECTED, naive: str = NAIVE) -> str:
    listed = "\n".join(f"    - {candidate}" for candidate in (selected, *others, naive))
    return f"evaluation: {{primary: roc_auc}}\nmodel:\n  candidates:\n{listed}\n"


def selection(tmp_path: Path, fragment: str) -> Selection:
    (tmp_path / ".git").mkdir(parents=True, exist_ok=True)
    spec = f"{BASE}environments:\n  test:\n    spec:\n{indent(fragment, ' ' * 6)}\n"
    (tmp_path / "mlspec.yaml").write_text(spec)
    (environment,) = compile_system(mlspec.load(tmp_path / "mlspec.yaml")._input, BACKENDS, RULES).environments
    return environment.plan.selections["base"]


# Gain


@pytest.mark.parametrize(
    ("reached", "gain"),
    [
        ("0.943", "1"),
        ("0.946", "1.0968"),  # 0.034 / 0.031
        ("0.9399", "0.9"),  # 0.0279 / 0.031
        ("0.912", "0"),
        ("0.849", "-2.0323"),  # 90 % of 0.943, and far worse than the baseline: -0.063 / 0.031
    ],
)
def test_quality_is_gain_over_the_baseline(reached: str, gain: str, tmp_path: Path) -> None:
    chosen = selection(tmp_path, candidates(f"{{name: other, metrics: {{roc_auc: {reached}}}}}"))
    other = next(c for c in chosen.model.candidates if c.name.value == "other")
    found = chosen.gain(other)
    assert found is not None
    assert found.value.quantize(Decimal("0.0001")) == Decimal(gain).quantize(Decimal("0.0001"))
    assert found.reason.startswith(f"({reached} - 0.912) / (0.943 - 0.912) = ")


def test_the_direction_of_the_metric_counts(tmp_path: Path) -> None:
    """Of a loss less is more: from 0.50 to 0.20 there are 0.30, and 0.23 has 0.27 of them."""
    lossy = """
    evaluation: {primary: log_loss}
    model:
      candidates:
        - {name: deep, complexity: high, metrics: {log_loss: 0.20}, selected: true}
        - {name: trees, metrics: {log_loss: 0.23}}
        - {name: mean, role: naive, metrics: {log_loss: 0.50}}
        - {name: last, role: naive, metrics: {log_loss: 0.60}}
    """
    chosen = selection(tmp_path, lossy)
    [rival] = chosen.rivals
    assert (rival.candidate.name.value, rival.gain.value) == ("trees", Decimal("0.9")), "the better baseline counts"


@pytest.mark.parametrize(
    "fragment",
    [
        candidates("{name: other, metrics: {roc_auc: 0.93}}", naive="{name: x, metrics: {roc_auc: 0.9}}"),
        candidates("{name: other, complexity: low}"),
        candidates(
            "{name: other, complexity: low, metrics: {roc_auc: 0.93}}", selected="{name: trees, selected: true}"
        ),
        candidates("{name: other, complexity: low, metrics: {roc_auc: 0.93}}", naive=NAIVE.replace("0.912", "0.950")),
        candidates("{name: other, complexity: low, metrics: {roc_auc: 0.93}}", naive=NAIVE.replace("0.912", "0.943")),
    ],
    ids=["no baseline", "no number", "none selected", "a baseline that is better", "a baseline as good"],
)
def test_without_a_gain_nobody_challenges(fragment: str, tmp_path: Path) -> None:
    assert selection(tmp_path, fragment).rivals == ()


# Who challenges


@pytest.mark.parametrize(
    ("other", "challenges"),
    [
        ("{name: other, complexity: low, metrics: {roc_auc: 0.93}}", True),
        ("{name: other, complexity: medium, metrics: {roc_auc: 0.93}}", False),
        ("{name: other, complexity: high, metrics: {roc_auc: 0.93}, cost: 0.8 USD/1M predictions}", True),
        ("{name: other, complexity: high, metrics: {roc_auc: 0.93}, cost: 900 USD/1B predictions}", False),
        ("{name: other, complexity: high, metrics: {roc_auc: 0.93}, cost: 0.1 EUR/1M predictions}", False),
        ("{name: other, complexity: high, metrics: {roc_auc: 0.93}, cost: 0.1 USD/1M tokens}", False),
        ("{name: other, complexity: low, metrics: {roc_auc: 0.93}, latency: {p99: 51ms}}", False),
    ],
    ids=["simpler", "as simple", "cheaper", "as dear", "another currency", "of another thing", "too slow"],
)
def test_a_challenger_is_simpler_or_cheaper_and_could_serve(other: str, challenges: bool, tmp_path: Path) -> None:
    fragment = candidates(other) + "constraints: {latency: {p99: 50ms}}\n"
    assert bool(selection(tmp_path, fragment).rivals) is challenges


def test_the_numbers_stand_side_by_side(tmp_path: Path) -> None:
    other = "{name: other, complexity: low, metrics: {roc_auc: 0.937}, cost: 0.4 USD/1M predictions}"
    [rival] = selection(tmp_path, candidates(other)).rivals
    assert rival.cost is not None
    assert rival.gain.reason == "(0.937 - 0.912) / (0.943 - 0.912) = 81% in roc_auc"  # 0.025 / 0.031
    assert rival.cost.reason == "0.4 USD/1M predictions / 0.9 USD/1M predictions = 44%"  # 4 / 9
    assert rival.simpler.reason == "its complexity is low; that of the selected candidate is medium"


BIG = "{name: big, complexity: high, metrics: {roc_auc: 0.90}, cost: 10 USD/1M predictions, selected: true}"
MID = "{name: mid, complexity: medium, metrics: {roc_auc: 0.897}, cost: 4.9 USD/1M predictions}"
SMALL = "{name: small, complexity: low, metrics: {roc_auc: 0.88}, cost: 0.2 USD/1M predictions}"
TINY = "{name: tiny, complexity: low, metrics: {roc_auc: 0.86}, cost: 0.1 USD/1M predictions}"
LEAN = "{name: lean, complexity: high, metrics: {roc_auc: 0.89}, cost: 0.15 USD/1M predictions}"
NONE = "{name: mean, complexity: low, role: naive, metrics: {roc_auc: 0.60}, cost: 0.1 USD/1M predictions}"


def test_trap_the_challenger_is_the_best_of_the_simple_ones_and_not_the_simplest(tmp_path: Path) -> None:
    """`mid` has 99% of the gain of 0.30 at 49% of the cost, `small` 93% at 2%, and `tiny` 87%, which is too little."""
    chosen = selection(tmp_path / "a", candidates(MID, SMALL, TINY, selected=BIG, naive=NONE))
    assert chosen.simplest is not None
    assert chosen.cheapest is not None
    assert chosen.simplest.candidate.name.value == chosen.cheapest.candidate.name.value == "small"
    assert chosen.named(chosen.simplest).reason == "93% of the gain at 2% of the cost"
    found = one(tmp_path / "b", "MLS207", candidates(MID, SMALL, TINY, selected=BIG, naive=NONE))
    assert found.message == "`small` is simpler and reaches 93% of the gain at 2% of the cost"


def test_the_cheapest_may_be_another_one_than_the_simplest(tmp_path: Path) -> None:
    chosen = selection(tmp_path / "a", candidates(MID, LEAN, selected=BIG, naive=NONE))
    assert chosen.simplest is not None
    assert chosen.cheapest is not None
    assert chosen.simplest.candidate.name.value == "mid"
    assert chosen.cheapest.candidate.name.value == "lean"
    both = candidates(MID.replace("medium", "low"), SMALL.replace("low", "medium"), selected=BIG, naive=NONE)
    found = one(tmp_path / "b", "MLS207", both)
    assert found.message.startswith("`mid` is simpler")
    labels = [label.text for label in found.others]
    assert "the cheapest: 93% of the gain at 2% of the cost" in labels


def test_without_a_sufficient_one_none_is_named(tmp_path: Path) -> None:
    chosen = selection(tmp_path, candidates(TINY, selected=BIG, naive=NONE))
    assert len(chosen.rivals) == 1
    assert chosen.simplest is chosen.cheapest is None


# Worse than the baseline

PRIMARY = "evaluation: {primary: roc_auc}\n"


def judged(selected: str, naive: str, primary: str) -> str:
    listed = f"[{{name: deep, selected: true, {selected}}}, {{name: mean, role: naive, complexity: low, {naive}}}]"
    return f"{primary}model: {{candidates: {listed}}}\n"


@pytest.mark.parametrize(
    ("selected", "naive", "primary", "fires"),
    [
        ("metrics: {roc_auc: 0.55}", "metrics: {roc_auc: 0.9}", PRIMARY, True),
        ("metrics: {roc_auc: 0.9}", "metrics: {roc_auc: 0.9}", PRIMARY, True),
        ("metrics: {roc_auc: 0.91}", "metrics: {roc_auc: 0.9}", PRIMARY, False),
        ("metrics: {roc_auc: 0.55}", "metrics: {roc_auc: 0.9}", "", True),
        ("metrics: {log_loss: 0.3}", "metrics: {log_loss: 0.2}", "", True),
        ("metrics: {log_loss: 0.1}", "metrics: {log_loss: 0.2}", "", False),
        ("metrics: {log_loss: 0.1, roc_auc: 0.5}", "metrics: {log_loss: 0.2, roc_auc: 0.9}", "", False),
        ("metrics: {roc_auc: 0.55}", "metrics: {log_loss: 0.2}", "", False),
        ("metrics: {roc_auc: 0.55}, role: naive", "metrics: {roc_auc: 0.9}", "", False),
    ],
)
def test_trap_a_model_that_is_worse_than_none_is_selected(
    selected: str, naive: str, primary: str, fires: bool, tmp_path: Path
) -> None:
    assert bool(findings(tmp_path, "MLS212", judged(selected, naive, primary))) is fires


# What a candidate declares, and what the plan finds


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        (
            "0.0108 USD/1M predictions",
            "`base` costs 0.0325 USD/1M predictions, 3.01 times the declared 0.0108 USD/1M predictions",
        ),
        ("0.0109 USD/1M predictions", None),
        ("1 USD/1M predictions", None),
        ("3.4 USD/1M predictions", None),
        (
            "3.5 USD/1M predictions",
            "the declared 3.5 USD/1M predictions is 3.07 times what `base` costs, 1.1389 USD/1M predictions",
        ),
        ("3.5 EUR/1M predictions", None),
        ("3.5 USD/1M tokens", None),
    ],
)
def test_a_declared_cost_is_compared_with_the_plans(cost: str, said: str | None, tmp_path: Path) -> None:
    """At 20/s, two replicas of 0.041 USD/h are 0.082 / 72,000 = 1.1389 USD per million predictions. Replicas that are
    always at 70% answer 0.7 / 2 ms = 350/s each: 0.041 / 1,260,000 = 0.0325 USD per million.
    """
    found = findings(tmp_path, "MLS213", f"model: {{candidates: [{{name: a, selected: true, cost: {cost}}}]}}")
    assert [d.message for d in found] == ([said] if said is not None else [])


def test_a_declared_cost_is_the_same_where_hardly_anyone_asks(tmp_path: Path) -> None:
    """A staging environment with a request per minute has the same two replicas, for a thousandth of the traffic."""
    quiet = "constraints: {throughput: {mean: 1/m, peak: 1/s}}\n"
    declared = "model: {candidates: [{name: a, selected: true, cost: 1.1 USD/1M predictions}]}\n"
    assert findings(tmp_path, "MLS213", quiet + declared) == []


def test_every_candidate_but_the_baseline_has_its_row(tmp_path: Path) -> None:
    other = "{name: other, complexity: low, metrics: {roc_auc: 0.937}, latency: {p99: 9ms}}"
    table = selection(tmp_path, candidates(other) + "constraints: {latency: {p99: 50ms}}\n").compared
    told = {name: {what: str(value.value) for what, value in row.items()} for name, row in table.items()}
    assert told == {
        "trees": {"complexity": "medium", "gain": "1", "cost": "1", "bounded latency p99": "11ms"},
        "other": {"complexity": "low", "gain": str(Decimal(25) / Decimal(31)), "bounded latency p99": "9ms"},
    }


@pytest.mark.parametrize(
    ("other", "fires"),
    [
        ("complexity: low, metrics: {roc_auc: 0.9399}, cost: 0.45 USD/1M predictions", True),
        ("complexity: low, metrics: {roc_auc: 0.9398}, cost: 0.45 USD/1M predictions", False),
        ("complexity: low, metrics: {roc_auc: 0.9399}, cost: 0.46 USD/1M predictions", False),
        ("complexity: low, metrics: {roc_auc: 0.9399}", False),
        ("complexity: medium, metrics: {roc_auc: 0.9399}, cost: 0.45 USD/1M predictions", False),
    ],
)
def test_ninety_per_cent_at_half_the_cost(other: str, fires: bool, tmp_path: Path) -> None:
    assert bool(findings(tmp_path, "MLS207", candidates(f"{{name: other, {other}}}"))) is fires


def test_a_bar_for_successors_is_none_for_other_choices(tmp_path: Path) -> None:
    """Against the version in service each simpler candidate would lose, silently."""
    other = "{name: other, complexity: low, metrics: {roc_auc: 0.941}, cost: 0.3 USD/1M predictions}"
    gates = "release: {metrics: {roc_auc: 0.943}}\n" + candidates(other).replace(
        "primary: roc_auc", "primary: roc_auc, gates: [{metric: roc_auc, versus: champion, minSamples: 9}]"
    )
    one(tmp_path, "MLS207", gates)
    assert findings(tmp_path, "MLS207", gates.replace("versus: champion", "min: 0.942")) == []


# Bounds


def bounded(selected: str, other: str, bounds: str) -> str:
    return f"{bounds}\nmodel: {{candidates: [{{name: a, {selected}, selected: true}}, {{name: b, {other}}}]}}"


@pytest.mark.parametrize(
    ("selected", "other", "fires"),
    [
        ("latency: {p99: 60ms}", "latency: {p99: 50ms}", True),
        ("latency: {p99: 50ms}", "latency: {p99: 40ms}", False),
        ("latency: {p99: 60ms}", "latency: {p99: 55ms}", False),
        ("latency: {p95: 60ms}", "latency: {p999: 50ms}", True),
        ("latency: {p999: 60ms}", "latency: {p99: 40ms}", False),
        ("latency: {p99: 60ms}", "latency: {p95: 40ms}", False),
        ("latency: {p99: 60ms}", "complexity: low", False),
    ],
    ids=["missed", "kept", "missed by both", "by neighbors", "a higher one", "a lower one", "unknown"],
)
def test_a_percentile_bounds_its_neighbors(selected: str, other: str, fires: bool, tmp_path: Path) -> None:
    fragment = bounded(selected, other, "constraints: {latency: {p99: 50ms}}")
    assert bool(findings(tmp_path, "MLS208", fragment)) is fires


GATE = """
data: {{columns: [{{name: y, dtype: bool}}], labels: {{column: y}}}}
problem: {{humanPerformance: {{metric: recall, value: 0.7}}}}
release: {{metrics: {{recall: 0.60, log_loss: 0.30}}}}
evaluation: {{primary: recall, gates: [{{{gate}, minSamples: 9}}]}}
"""


@pytest.mark.parametrize(
    ("gate", "selected", "other", "limit"),
    [
        ("metric: recall, min: 0.5", "recall: 0.49", "recall: 0.5", "a minimum of 0.5"),
        ("metric: log_loss, max: 0.4", "log_loss: 0.41", "log_loss: 0.4", "a maximum of 0.4"),
        (
            "metric: recall, versus: human, margin: -10%",
            "recall: 0.62",
            "recall: 0.63",
            "a minimum of 0.63 (human reaches 0.7; 0.07 worse is allowed)",
        ),
        (
            "metric: recall, versus: champion, margin: -0.02",
            "recall: 0.57",
            "recall: 0.58",
            "a minimum of 0.58 (champion reaches 0.6; 0.02 worse is allowed)",
        ),
        (
            "metric: log_loss, versus: champion, margin: -10%",
            "log_loss: 0.34",
            "log_loss: 0.33",
            "a maximum of 0.33 (champion reaches 0.3; 0.03 worse is allowed)",
        ),
        (
            "metric: recall, versus: champion, margin: 0.05",
            "recall: 0.59",
            "recall: 0.6",
            "a minimum of 0.6 (champion reaches 0.6)",
        ),
    ],
)
def test_gates_with_the_numbers_that_candidates_declare(
    gate: str, selected: str, other: str, limit: str, tmp_path: Path
) -> None:
    gates = GATE.format(gate=gate)
    missed = one(tmp_path, "MLS208", bounded(f"metrics: {{{selected}}}", f"metrics: {{{other}}}", gates))
    assert limit in missed.note
    kept = bounded(f"metrics: {{{other}}}", f"metrics: {{{other}}}", gates)
    assert findings(tmp_path / "kept", "MLS208", kept) == []


def test_candidates_declare_no_numbers_of_segments(tmp_path: Path) -> None:
    gates = GATE.format(gate="metric: recall, segment: country, min: 0.5").replace(
        "columns: [", "columns: [{name: country, dtype: category, values: {max: 250}}, "
    )
    assert findings(tmp_path, "MLS208", bounded("metrics: {recall: 0.4}", "metrics: {recall: 0.6}", gates)) == []


@pytest.mark.parametrize(("price", "fires"), [("76", True), ("77", True), ("75", False)])
def test_predictions_of_a_month_against_the_budget(price: str, fires: bool, tmp_path: Path) -> None:
    """20/s for 730 hours are 52.56M predictions: 75 USD a million are 3,942 USD, and 76 are 3,995."""
    bounds = f"constraints: {{budget: {'3990' if price == '76' else '4000'} USD/month}}"
    fragment = bounded(f"cost: {price} USD/1M predictions", "cost: 1 USD/1M predictions", bounds)
    found = findings(tmp_path, "MLS208", fragment)
    assert bool(found) is fires
    if price == "77":
        assert (
            "52.6M predictions per month at 77 USD/1M predictions cost 4,047 USD of the budget of 4000 USD/month"
            in found[0].note
        )


def test_who_keeps_every_bound_is_named_first(tmp_path: Path) -> None:
    fragment = """
    constraints: {latency: {p99: 50ms}, budget: 100 USD/month}
    model:
      candidates:
        - {name: a, latency: {p99: 60ms}, selected: true}
        - {name: b, latency: {p99: 20ms}, cost: 10 USD/1M predictions}
        - {name: c, latency: {p99: 30ms}}
    """
    assert one(tmp_path, "MLS208", fragment).help == "move `selected: true` to `c`, or relax the bound"
    alone = fragment.replace("        - {name: c, latency: {p99: 30ms}}\n", "")
    assert "`b` misses cost" in one(tmp_path / "alone", "MLS208", alone).help


# Bars that are too low

RETRAINED = LATE + 'retraining: {schedule: "0 3 * * 1"}\n'


@pytest.mark.parametrize(
    ("gates", "fires"),
    [
        ("[{metric: recall, versus: human}]", True),
        ("[{metric: recall, versus: human}, {metric: recall, versus: champion}]", False),
        ("[{metric: recall, min: 0.5}]", False),  # MLS201 says that
        ("[]", False),  # MLS702 says that
    ],
)
def test_retrained_models_are_compared_with_the_one_in_service(gates: str, fires: bool, tmp_path: Path) -> None:
    judged = f"evaluation: {{primary: recall, minSamples: 9, gates: {gates}}}\n"
    people = "problem: {humanPerformance: {metric: recall, value: 0.7}}\n"
    assert bool(findings(tmp_path, "MLS210", RETRAINED + judged + people)) is fires
    assert findings(tmp_path / "by-hand", "MLS210", LATE + judged + people) == [], "a person checks it"


@pytest.mark.parametrize(
    ("window", "limit", "fires"),
    [("30d", "1.44%", False), ("30d", "1.45%", True), ("28d", "1.344%", False), ("28d", "1.35%", True)],
)
def test_a_rollout_gives_up_before_somebody_is_woken(window: str, limit: str, fires: bool, tmp_path: Path) -> None:
    """14.4 x 0.1 % in 30 days, 13.44 x 0.1 % in 28."""
    fragment = f"""
    constraints: {{availability: 99.9%}}
    monitoring: {{slo: {{window: {window}}}}}
    rollout: {{rollbackWhen: [{{metric: error-rate, max: {limit}}}]}}
    """
    assert bool(findings(tmp_path, "MLS210", fragment)) is fires
    unpromised = fragment.replace("availability: 99.9%", "latency: {p99: 100ms}")
    assert findings(tmp_path / "unpromised", "MLS210", unpromised) == []


def test_a_gate_without_a_bound_is_a_mistake_and_no_fault(tmp_path: Path) -> None:
    """The candidates are not judged by it."""
    candidates: list[object] = [
        {"name": "a", "role": "candidate", "selected": True, "metrics": {"roc_auc": 0.9}},
        {"name": "b", "role": "candidate", "metrics": {"roc_auc": 0.8}},
    ]
    gates = {"primary": "roc_auc", "gates": [{"metric": "roc_auc"}]}
    found = compile_text(tmp_path, minimal(model__candidates=candidates, evaluation=gates)).diagnostics
    assert [d.message for d in found if d.id == "MLS009"] == ["an item of `gates` needs `min`, `max`, or `versus`"]

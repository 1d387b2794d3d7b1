"""Edge cases of the rules on data, features and evaluation: when they report nothing, and their thresholds."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlspec.compiler.check.rules.explanation import explained
from mlspec.compiler.check.rules.language import IDS
from mlspec.compiler.check.rules.registry import RULES

from .rules import BASE, LATE, findings, laid_over, one

UNTRAINED = BASE.replace(BASE[BASE.index("training:") : BASE.index("serving:")], "")

TIMED = "data: {columns: [{name: event_time, dtype: timestamp}], split: {strategy: %s}}"
GROUPED = "data: {columns: [{name: card_id, dtype: string, entity: card%s}], split: {strategy: %s}}"


def test_rules_on_training_report_nothing_without_training(tmp_path: Path) -> None:
    """Data that is only scored cannot leak, and training that happens elsewhere is not reproduced here."""
    of_training = ("MLS101", "MLS102", "MLS103", "MLS104", "MLS107", "MLS109", "MLS202", "MLS302", "MLS303", "MLS605")
    for rule in RULES:
        if rule.id in of_training:
            fragment = explained(rule.doc).bad
            if not fragment.startswith("training:"):
                assert findings(tmp_path, rule.id, fragment, UNTRAINED) == [], rule.id


def test_a_rule_that_needs_an_invalid_value_reports_nothing(tmp_path: Path) -> None:
    found = laid_over(tmp_path, LATE + "  split: {strategy: temporal, column: at, gap: 7}")
    assert "MLS006" in {d.id for d in found}
    assert "MLS102" not in {d.id for d in found}


def test_ids_name_their_subject() -> None:
    """The hundreds digit is the subject: the language, data, evaluation, ... An id carries no severity."""
    assert {rule.id[3] for rule in RULES} == set("123456789")
    assert all(id_.startswith("MLS") for id_ in IDS)


# The split


@pytest.mark.parametrize("strategy", ["random", "stratified, column: event_time"])
def test_time_ordered_rows_must_not_be_split_at_random(strategy: str, tmp_path: Path) -> None:
    found = one(tmp_path, "MLS101", TIMED % strategy)
    assert found.help == "write `split: {strategy: temporal, column: event_time}`"


def test_the_proposed_split_has_a_gap_for_the_label_delay(tmp_path: Path) -> None:
    fragment = LATE + "  split: {strategy: random}"
    assert "gap: 45d" in one(tmp_path, "MLS101", fragment).help
    assert findings(tmp_path, "MLS103", fragment) == [], "one cause, one message"


def test_a_forecast_depends_on_time_whatever_its_columns(tmp_path: Path) -> None:
    assert findings(tmp_path, "MLS101", "data: {split: {strategy: random}}") == []
    one(tmp_path, "MLS101", "problem: {task: forecasting}\ndata: {split: {strategy: random}}")


@pytest.mark.parametrize(("gap", "fine"), [("44d", False), ("1079h", False), ("1080h", True), ("45d", True)])
def test_the_gap_is_as_long_as_labels_take(gap: str, fine: bool, tmp_path: Path) -> None:
    found = findings(tmp_path, "MLS102", LATE + f"  split: {{strategy: temporal, column: at, gap: {gap}}}")
    assert (found == []) is fine


def test_no_gap_at_all_is_shown_at_the_strategy(tmp_path: Path) -> None:
    found = one(tmp_path, "MLS102", LATE + "  split: {strategy: temporal, column: at}")
    assert found.message == "the gap of 0s is shorter than the label delay of 45d"
    assert found.span.file.lines[found.span.line][found.span.column :].startswith("temporal")


def test_a_share_by_default_counts(tmp_path: Path) -> None:
    """80% and 20% look complete, but the default for validation is 15%, which makes 115%."""
    found = one(tmp_path, "MLS102", "data: {split: {strategy: random, train: 80%, test: 20%}}")
    assert found.message == "the parts of the split add up to 115%"
    assert found.label == "train 80%, validation 15% by default, test 20%"
    assert findings(tmp_path, "MLS102", "data: {split: {strategy: random, train: 80%, validation: 5%}}") == []


@pytest.mark.parametrize(
    ("key", "strategy", "fires"),
    [
        ("", "random", True),
        ("", "stratified, column: card_id", True),
        ("", "grouped, column: card_id", False),
        (", unique: true", "random", False),
    ],
)
def test_rows_of_one_entity_stay_together(key: str, strategy: str, fires: bool, tmp_path: Path) -> None:
    """If every row is a separate entity, a split by rows is fine."""
    assert bool(findings(tmp_path, "MLS103", GROUPED % (key, strategy))) is fires


def test_the_feature_store_declares_entities_too(tmp_path: Path) -> None:
    fragment = "data: {columns: [{name: user, dtype: string}], split: {strategy: random}}\n"
    found = one(tmp_path, "MLS103", fragment + "features: {entities: [{name: reader, key: user}]}")
    assert found.help == "write `split: {strategy: grouped, column: user}`"


NO_VALIDATION = "data: {split: {strategy: random, train: 80%, validation: 0%, test: 20%}}\n"


@pytest.mark.parametrize(
    ("more", "fires"),
    [
        ("training: {fit: 1h}", False),
        ("training: {tuning: {trials: 3}}", True),
        ("training: {tuning: {trials: 3}, crossValidation: {folds: 5}}", False),
        ("training: {regularization: {earlyStopping: {patience: 3}}}", True),
        ("training: {tuning: {trials: 3}}\nevaluation: {primary: recall, testSet: {uri: s3://kept/apart}}", True),
    ],
)
def test_model_selection_needs_validation_rows(more: str, fires: bool, tmp_path: Path) -> None:
    assert bool(findings(tmp_path, "MLS104", NO_VALIDATION + more)) is fires


def test_a_separate_test_set_is_enough(tmp_path: Path) -> None:
    kept = "evaluation: {primary: recall, testSet: {uri: s3://kept/apart}}\n"
    assert findings(tmp_path, "MLS104", kept) == []
    none_left = "data: {split: {strategy: random, train: 90%, validation: 10%, test: 0%}}"
    assert findings(tmp_path, "MLS104", kept + none_left) == []
    assert one(tmp_path, "MLS104", none_left).message == "no test rows are left"


@pytest.mark.parametrize(
    ("data", "split"),
    [
        ("{columns: [{name: x, dtype: float64}]}", "strategy: random"),
        ("{columns: [{name: card_id, dtype: string, entity: card}]}", "strategy: grouped, column: card_id"),
        ("{columns: [{name: at, dtype: date}]}", "strategy: temporal, column: at"),
    ],
    ids=["rows", "entities", "time"],
)
def test_the_proposed_split_suits_the_data(data: str, split: str, tmp_path: Path) -> None:
    """Following the help must not run into the next rule on splits."""
    found = one(tmp_path / "none", "MLS104", f"data: {data}")
    assert found.help.startswith(f"add `split: {{{split}}}` under `data`")
    obeyed = f"data: {data.removesuffix('}')}, split: {{{split}}}}}"
    assert not {d.id for d in laid_over(tmp_path / "obeyed", obeyed)} & {"MLS101", "MLS102", "MLS103", "MLS104"}


# Data and features


def with_input(tensor: str, task: str = "binary-classification") -> str:
    return LATE + f"problem: {{task: {task}}}\nmodel: {{signature: {{inputs: [{tensor}]}}}}"


def test_the_target_must_not_be_an_input(tmp_path: Path) -> None:
    found = one(tmp_path, "MLS105", with_input("{name: is_fraud, dtype: bool}"))
    assert found.message == "the input `is_fraud` is the label that the model predicts"
    assert findings(tmp_path, "MLS105", with_input("{name: amount, dtype: float32}")) == []


def test_a_forecast_takes_the_past_of_its_target(tmp_path: Path) -> None:
    assert findings(tmp_path, "MLS105", with_input("{name: is_fraud, dtype: bool}", "forecasting")) == []


STORE = """
data:
  sources: [{name: transactions, ingestion: streaming, owner: payments-core}]
  columns: [{name: card_id, dtype: string}, {name: is_fraud, dtype: bool}]
  labels: {column: is_fraud}
features:
  entities: [{name: card, key: card_id}]
  views: [{name: card, entity: card, source: transactions, features: [{name: %s, dtype: int64%s}]}]
"""


def test_the_target_is_no_input_through_the_feature_store(tmp_path: Path) -> None:
    tensor = "model: {signature: {inputs: [{name: x, dtype: int64, from: features.card.is_fraud}]}}"
    found = one(tmp_path, "MLS105", STORE % ("is_fraud", "") + tensor)
    assert found.message == "the input `x` is the label that the model predicts"


def test_a_feature_that_is_known_too_late(tmp_path: Path) -> None:
    tensor = "model: {signature: {inputs: [{name: x, dtype: int64, from: features.card.disputes}]}}"
    found = one(tmp_path, "MLS111", STORE % ("disputes", ", available: after-outcome") + tensor)
    assert found.message == "the feature `disputes` is unknown at prediction time"


def test_a_feature_that_defines_segments_is_used(tmp_path: Path) -> None:
    idle = STORE % ("region", "")
    assert one(tmp_path, "MLS111", idle).message == "no model uses the feature `region`"
    assert findings(tmp_path, "MLS111", idle + "evaluation: {primary: recall, segments: [region]}") == []


def test_owners_of_all_features_own_the_view(tmp_path: Path) -> None:
    assert one(tmp_path, "MLS108", STORE % ("x", "")).message == "the feature view `card` has no owner"
    assert findings(tmp_path, "MLS108", STORE % ("x", ", owner: risk")) == []


@pytest.mark.parametrize(
    ("step", "fires"),
    [
        ("step: impute", True),
        ("step: impute, strategy: constant, value: 0", False),
        ("step: clip, quantiles: [1%, 99%]", True),
        ("step: clip, min: 0, max: 10", False),
        ("step: encode, method: target", True),
    ],
)
def test_only_steps_that_are_fitted_on_rows_can_leak_them(step: str, fires: bool, tmp_path: Path) -> None:
    fragment = (
        f"data: {{columns: [{{name: x, dtype: float64}}], preprocessing: [{{{step}, columns: [x], fitOn: all}}]}}"
    )
    assert bool(findings(tmp_path, "MLS106", fragment)) is fires


@pytest.mark.parametrize(
    ("column", "fires"),
    [
        ("dtype: float64", True),
        ("dtype: string", True),
        ("dtype: bool", False),
        ("dtype: timestamp", False),
        ("dtype: float64, max: 1", False),
        ("dtype: string, pattern: '[A-Z]+'", False),
        ("dtype: category, values: {max: 9}", False),
        ("dtype: float64, nullShare: 1%", False),
        ("dtype: float64, nullable: false", False),
    ],
)
def test_what_counts_as_an_expectation(column: str, fires: bool, tmp_path: Path) -> None:
    tensor = "model: {signature: {inputs: [{name: x, dtype: float32}]}}"
    assert bool(findings(tmp_path, "MLS107", f"data: {{columns: [{{name: x, {column}}}]}}\n{tensor}")) is fires
    assert findings(tmp_path, "MLS107", f"data: {{columns: [{{name: unused, {column}}}]}}\n{tensor}") == []


@pytest.mark.parametrize(("format_", "fires"), [("parquet", True), ("images", False), ("text", False)])
def test_a_table_has_columns(format_: str, fires: bool, tmp_path: Path) -> None:
    fragment = f"data: {{sources: [{{name: s, ingestion: batch, owner: x, format: {format_}}}]}}"
    assert bool(findings(tmp_path, "MLS107", fragment)) is fires


@pytest.mark.parametrize(
    ("source", "fires"),
    [
        ("ingestion: batch", True),
        ("ingestion: streaming", False),
        ("ingestion: request", False),
        ("ingestion: batch, version: {kind: lakefs, id: Latest}", True),
        ("ingestion: batch, version: {kind: iceberg, id: 3821550127947089009}", False),
    ],
)
def test_batches_are_pinned(source: str, fires: bool, tmp_path: Path) -> None:
    assert bool(findings(tmp_path, "MLS109", f"data: {{sources: [{{name: s, {source}}}]}}")) is fires


# Evaluation


def judged(gates: str, more: str = "") -> str:
    return f"evaluation: {{primary: recall, minSamples: 1000, gates: [{gates}]}}\n{more}"


@pytest.mark.parametrize(
    ("fragment", "fires"),
    [
        (judged("{metric: recall, min: 0.6}"), True),
        (judged("{metric: recall, versus: champion}"), False),
        (judged("{metric: recall, min: 0.6}", "model: {candidates: [{name: rule, role: naive}]}"), False),
        (judged("{metric: recall, min: 0.6}", "model: {candidates: [{name: forest}]}"), True),
        (judged(""), False),  # MLS202 reports that
    ],
)
def test_what_counts_as_a_baseline(fragment: str, fires: bool, tmp_path: Path) -> None:
    assert bool(findings(tmp_path, "MLS201", fragment)) is fires


def test_the_proposed_gate_has_a_minimum_sample_size(tmp_path: Path) -> None:
    """Following the help must not run into MLS204, unless the evaluation has a minimum for all gates."""
    gate = "evaluation: {primary: recall, %sgates: [{metric: recall, min: 0.6, minSamples: 400}]}"
    none, overall = one(tmp_path / "a", "MLS201", gate % ""), one(tmp_path / "b", "MLS201", gate % "minSamples: 9000, ")
    assert "add `{metric: recall, versus: champion, minSamples: 1000}`" in none.help
    assert "add `{metric: recall, versus: champion}`" in overall.help


def test_a_missing_gate_has_one_message(tmp_path: Path) -> None:
    """A model without a gate is registered if trained by hand (MLS202), and deployed if on a schedule (MLS702)."""
    scheduled = 'retraining: {schedule: "0 3 * * 1", maxModelAge: 45d}\n'
    for fragment in (judged(""), ""):
        assert {"MLS202"} == {d.id for d in laid_over(tmp_path, fragment)} & {"MLS201", "MLS202", "MLS702"}
        assert {"MLS702"} == {d.id for d in laid_over(tmp_path, fragment + scheduled)} & {"MLS201", "MLS202", "MLS702"}


@pytest.mark.parametrize("answer", ["onDataFault", "onFeatureChange"])
def test_a_diagnosis_must_have_a_consequence(answer: str, tmp_path: Path) -> None:
    """When quality drops, the cause is fixed first; a model that is trained on the fault learns it."""
    gated = judged("{metric: recall, versus: champion}")
    found = one(tmp_path, "MLS702", gated + f"retraining: {{maxModelAge: 45d, diagnosis: {{{answer}: continue}}}}")
    assert found.help == "write `stop`, and fix the cause first"


def test_segments_are_proposed_if_there_are_groups(tmp_path: Path) -> None:
    gate = judged("{metric: recall, versus: champion}")
    assert findings(tmp_path, "MLS203", gate + "data: {columns: [{name: amount, dtype: float64}]}") == []
    label = "data: {columns: [{name: kind, dtype: category}], labels: {column: kind}}"
    assert findings(tmp_path, "MLS203", gate + label) == [], "the label is what is predicted"
    shop = "data: {columns: [{name: shop, dtype: category}]}"
    assert "segments: [shop]" in one(tmp_path, "MLS203", gate + shop).help
    for most, fires in ((1000, True), (1001, False)):  # too many to look at one by one
        shops = f"data: {{columns: [{{name: shop, dtype: category, values: {{max: {most}}}}}]}}"
        assert bool(findings(tmp_path, "MLS203", gate + shops)) is fires
    by_shop = judged("{metric: recall, min: 0.5, segment: shop, minSamples: 400}")
    assert findings(tmp_path, "MLS203", by_shop + shop) == []


def test_the_overall_minimum_does_not_apply_to_a_segment(tmp_path: Path) -> None:
    shop = "data: {columns: [{name: shop, dtype: category}]}"
    found = one(tmp_path, "MLS204", judged("{metric: recall, min: 0.5, segment: shop}", shop))
    assert found.message == "the gate on `shop` has no minimum sample size for each value"
    assert [label.text for label in found.others] == ["applies to all rows together"]


def test_gates_without_a_minimum_have_one_cause(tmp_path: Path) -> None:
    gates = "{metric: recall, versus: champion}, {metric: f1, min: 0.5}, {metric: roc_auc, min: 0.9, minSamples: 500}"
    found = one(tmp_path, "MLS204", f"evaluation: {{primary: recall, gates: [{gates}]}}")
    assert [label.text for label in found.others] == ["neither has this one"]


@pytest.mark.parametrize(
    ("share", "answer", "accuracy"),
    [("2%", "no", "98%"), ("0.2%", "no", "99.8%"), ("97%", "yes", "97%"), ("10%", "", ""), ("50%", "", "")],
)
def test_the_accuracy_of_a_constant(share: str, answer: str, accuracy: str, tmp_path: Path) -> None:
    labels = f"data: {{columns: [{{name: y, dtype: bool}}], labels: {{column: y, positiveShare: {share}}}}}\n"
    found = findings(tmp_path, "MLS205", labels + "evaluation: {primary: accuracy}")
    assert [d.message for d in found] == (
        [f"a model that always answers {answer} has an accuracy of {accuracy}"] if answer else []
    )

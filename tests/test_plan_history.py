"""What is left of the past to learn from, how much of what is seen in it is chance, and how much time a search has."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.compiler.because import fixed
from mlspec.compiler.diagnostics import Diagnostic
from mlspec.compiler.emit.backends import Backends
from mlspec.compiler.pipeline import compile_system
from mlspec.compiler.plan import Plan
from mlspec.compiler.plan.data.history import HistoryPlan, chance_of_best, chance_of_one

from .retraining import plan as training
from .rules import BASE, findings
from .support import dumped, loaded

# Two years of 1,000 payments a day; labels after 45 days, and two gaps of 45 days: 595 days are left.
DATA: dict[str, Any] = loaded("""
sources:
  - {name: payments, ingestion: batch, volume: {records: 730k, history: 730d}}
  - {name: accounts, ingestion: batch, volume: {records: 5000, daily: 5000}}
columns:
  - {name: event_time, dtype: timestamp, from: payments}
  - {name: is_fraud, dtype: bool, from: payments}
labels: {column: is_fraud, delay: 45d}
split: {strategy: temporal, column: event_time, gap: 45d, train: 70%, validation: 20%, test: 10%}
""")


def planned(tmp_path: Path, data: dict[str, Any], **more: Any) -> Plan:
    spec = loaded(BASE)
    spec["data"] = data
    spec.update(more)
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "mlspec.yaml").write_text(dumped(spec))
    (tmp_path / ".git").mkdir(exist_ok=True)
    return compile_system(mlspec.load(tmp_path / "mlspec.yaml")._input, Backends(), ()).environments[0].plan


def changed(**sections: dict[str, Any]) -> dict[str, Any]:
    """The data with some values of some sections changed."""
    return {**DATA, **{name: {**DATA[name], **values} for name, values in sections.items()}}


def payments(volume: dict[str, Any], *others: dict[str, Any]) -> dict[str, Any]:
    """The data with another volume of payments, and with more sources."""
    return {**DATA, "sources": [{"name": "payments", "ingestion": "batch", "volume": volume}, *others]}


def past(tmp_path: Path, data: dict[str, Any] = DATA) -> HistoryPlan:
    return planned(tmp_path, data).history


def value(decided: Any) -> Any:
    assert decided is not None
    return decided.value


def days(decided: Any) -> float:
    return float(value(decided).amount) / 86400


# What is left


def test_waiting_for_labels_and_gaps_are_taken_off(tmp_path: Path) -> None:
    made = past(tmp_path)
    assert days(made.left) == 730 - 45 - 2 * 45
    assert made.left is not None
    assert made.left.reason == "730d of history minus 45d until labels are known minus 2 gaps of 45d"
    assert value(made.rows) == 595_000
    assert (value(made.train), value(made.validation), value(made.test)) == (416_500, 119_000, 59_500)


def test_a_part_that_is_not_there_has_no_gap(tmp_path: Path) -> None:
    made = past(tmp_path, changed(split={"train": "80%", "validation": "0%", "test": "20%"}))
    assert days(made.left) == 730 - 45 - 45


def test_rows_that_are_divided_at_random_have_no_gaps(tmp_path: Path) -> None:
    made = past(tmp_path, {**DATA, "split": {"strategy": "random"}})
    assert days(made.left) == 730 - 45
    assert value(made.test) == int(685_000 * 0.15)


def test_the_shortest_history_bounds_all(tmp_path: Path) -> None:
    clicks: dict[str, Any] = {"name": "clicks", "ingestion": "batch", "volume": {"history": "365d"}}
    made = past(tmp_path, payments({"records": "730k", "history": "730d"}, clicks))
    assert days(made.length) == 365
    assert made.length is not None
    assert made.length.reason == "the shortest of the sources: 365d, 730d"


def test_a_history_that_nobody_gives_follows_from_what_arrives(tmp_path: Path) -> None:
    made = past(tmp_path, payments({"records": "400k", "daily": "1k"}))
    assert days(made.length) == 400
    assert made.length is not None
    assert "400k records at 1k per day" in made.length.reason


def test_a_table_that_is_written_anew_each_day_is_not_one_day_of_history(tmp_path: Path) -> None:
    """`accounts` has 5,000 records, and 5,000 a day: that says nothing of how far payments go back."""
    assert days(past(tmp_path).length) == 730


@pytest.mark.parametrize(
    ("data", "left", "rows"),
    [
        (payments({"records": "1460k", "history": "730d"}), 595, 1_190_000),
        (payments({"records": "730k", "history": "1460d"}), 1325, 662_500),
        (changed(labels={"delay": "90d"}), 550, 550_000),
        (changed(split={"gap": "90d"}), 505, 505_000),
    ],
    ids=["records", "history", "delay", "gap"],
)
def test_doubling_an_input(tmp_path: Path, data: dict[str, Any], left: int, rows: int) -> None:
    made = past(tmp_path, data)
    assert (days(made.left), value(made.rows)) == (left, rows)
    assert value(made.train) == rows * 7 // 10


def test_what_nobody_says_is_not_known(tmp_path: Path) -> None:
    made = past(tmp_path, {**DATA, "sources": [{"name": "payments", "ingestion": "batch"}]})
    assert (made.length, made.left, made.rows, made.test) == (None, None, None, None)


# Chance


@pytest.mark.parametrize(("rows", "chance"), [(9604, 0.01), (2401, 0.02), (100, 0.098)])
def test_chance_of_one_metric(rows: int, chance: float) -> None:
    """0.98 / sqrt(n)."""
    assert chance_of_one(fixed(rows, "a test")).value == pytest.approx(chance, rel=1e-9)


@pytest.mark.parametrize(
    ("trials", "rows", "chance"),
    [
        (60, 1000, 0.04525),  # sqrt(4.0943 / 2,000)
        (60, 20472, 0.01),
        (60, 4000, 0.04525 / 2),
        (1, 1000, 0),
    ],
)
def test_chance_of_the_best_trial(trials: int, rows: int, chance: float) -> None:
    assert chance_of_best(fixed(trials, "a test"), fixed(rows, "a test")).value == pytest.approx(chance, abs=1e-5)


def test_the_luckiest_of_equal_trials_is_not_luckier_than_that() -> None:
    """Sixty classifiers that are right in half of all cases, on 1,000 rows, 100 times: 1,000 coins each."""
    draw = random.Random(3)
    best = [max(draw.getrandbits(1000).bit_count() for _ in range(60)) / 1000 - 0.5 for _ in range(100)]
    bound = math.sqrt(math.log(60) / 2000)
    assert bound * 0.7 < sum(best) / len(best) < bound


def test_folds_choose_by_all_but_the_test_rows(tmp_path: Path) -> None:
    training_ = {**loaded(BASE)["training"], "crossValidation": {"folds": 5}}
    assert value(planned(tmp_path, DATA, training=training_).history.chosen_by) == 416_500 + 119_000
    assert value(past(tmp_path).chosen_by) == 119_000


@pytest.mark.parametrize(("share", "events"), [("2%", 1190), ("98%", 1190), ("50%", 29750)])
def test_metrics_of_a_class_rest_on_the_rarer_one(tmp_path: Path, share: str, events: int) -> None:
    made = past(tmp_path, changed(labels={"positiveShare": share}))
    assert made.test is not None
    assert made.events(made.test).value == events


# The rules


def over(data: dict[str, Any], **sections: Any) -> str:
    return dumped({"data": data, **sections})


def learned(tmp_path: Path, data: dict[str, Any], **sections: Any) -> list[Diagnostic]:
    return findings(tmp_path, "MLS707", over(data, **sections))


def test_nothing_is_left(tmp_path: Path) -> None:
    """135 days are waited for and left out: 45 + 2 x 45."""
    (said,) = learned(tmp_path, payments({"history": "135d"}))
    assert "collect more than 135d of history" in said.help
    assert learned(tmp_path / "more", payments({"history": "136d"})) == []


def test_too_little_for_a_verdict(tmp_path: Path) -> None:
    """59,500 test rows."""
    evaluation = {"primary": "accuracy", "minSamples": 59501}
    (said,) = learned(tmp_path, DATA, evaluation=evaluation)
    assert said.message == "too little data to evaluate on: 59,500 rows, and a verdict needs 59,501"
    assert learned(tmp_path / "enough", DATA, evaluation={**evaluation, "minSamples": 59500}) == []


def test_rows_that_no_run_sees_are_not_of_the_split(tmp_path: Path) -> None:
    evaluation = {"primary": "accuracy", "minSamples": 100_000, "testSet": {"uri": "s3://lake/test"}}
    assert learned(tmp_path, DATA, evaluation=evaluation) == []


def chance(tmp_path: Path, **changes: Any) -> list[Diagnostic]:
    evaluation = {"primary": "accuracy", **changes.pop("evaluation", {})}
    return findings(tmp_path, "MLS209", over(changed(**changes), evaluation=evaluation))


def margins(*all_: object) -> dict[str, Any]:
    return {"gates": [{"metric": "accuracy", "versus": "champion", "margin": margin} for margin in all_]}


def test_the_margin_of_a_gate_is_what_matters(tmp_path: Path) -> None:
    """59,500 test rows: 0.98 / sqrt(59,500) is 0.00402."""
    assert chance(tmp_path / "a") == []
    assert chance(tmp_path / "b", evaluation=margins(0.005)) == []
    (said,) = chance(tmp_path / "c", evaluation=margins(0.005, -0.004))
    assert said.message == "with 59,500 test rows, the noise in `accuracy` is 0.004, but a difference of 0.004 counts"
    assert chance(tmp_path / "d", evaluation=margins("2%", 0)) == [], "a share of an unknown value is no number"


def test_the_rows_that_are_asked_for_are_enough(tmp_path: Path) -> None:
    (said,) = chance(tmp_path / "few", evaluation=margins(0.002))
    assert "evaluate on 240,100 rows" in said.help  # (0.98 / 0.002) squared
    enough = payments({"records": "2946k", "history": "730d"})["sources"]  # 240,119 test rows
    spec = over({**DATA, "sources": enough}, evaluation={"primary": "accuracy", **margins(0.002)})
    assert findings(tmp_path / "enough", "MLS209", spec) == []


def test_what_rests_on_the_rarer_class_needs_more_rows(tmp_path: Path) -> None:
    """1 % of 59,500 are 595: 0.0402."""
    rare = {"positiveShare": "1%"}
    assert chance(tmp_path / "a", labels=rare) == []
    (said,) = chance(tmp_path / "b", labels=rare, evaluation={"primary": "recall"})
    assert "the noise in `recall` is 0.04" in said.message


def test_the_best_of_many_trials(tmp_path: Path) -> None:
    """119,000 rows validate, and 1% of them is 1,190: sqrt(ln 500 / 2,380) is 0.0511."""
    tuning = {"trials": 500, "parameters": {"depth": PARAMETER}}
    evaluation = {"primary": "recall"}
    data = changed(labels={"positiveShare": "1%"})
    search = {"data": data, "evaluation": evaluation, "training": {"tuning": tuning}}
    told = [d.message for d in findings(tmp_path, "MLS209", dumped(search))]
    assert told[-1].startswith("the best of 500 trials can look 0.051 better in `recall` than it is, but ")


def test_a_metric_without_bounds_is_not_judged(tmp_path: Path) -> None:
    assert chance(tmp_path, labels={"positiveShare": "0.01%"}, evaluation={"primary": "log_loss"}) == []


# Time


def test_a_search_that_no_schedule_of_its_own_starts_is_not_held_to_one(tmp_path: Path) -> None:
    tuning = {"when": "manual", "trials": 1000, "parameters": {}}
    made = training(tmp_path, training__tuning=tuning)
    assert made.search_work is not None
    assert str(made.search_work.value) == "40000m"
    assert str(made.deadline.value) == "150m"  # two tries, each 1.5 x 40 min and 15 min to wait for a node


@pytest.mark.parametrize(("trials", "fits"), [(251, True), (252, False)])
def test_a_search_must_end_before_its_next_one(tmp_path: Path, trials: int, fits: bool) -> None:
    """A week has 252 fits of 40 minutes."""
    tuning = {"when": "schedule", "schedule": "0 5 * * 6", "trials": trials, "parameters": {"a": PARAMETER}}
    found = findings(tmp_path, "MLS705", SEARCH % json.dumps(tuning))
    assert (found == []) is fits


PARAMETER = {"type": "int", "min": 1, "max": 9}
SEARCH = "training:\n  fit: 40m\n  tuning: %s"


def test_a_search_by_schedule_needs_one(tmp_path: Path) -> None:
    found = findings(tmp_path, "MLS009", "training: {fit: 40m, tuning: {when: schedule, parameters: {}}}")
    assert [d.message for d in found] == ["the search has no schedule"]


@pytest.mark.parametrize(("age", "said"), [("7d", 1), ("8d", 1), ("9d", 0)])
def test_an_age_is_compared_with_the_gap_and_all_fits(tmp_path: Path, age: str, said: int) -> None:
    """Seven days and 4 x 10 h of fits are 8.67 days."""
    retraining = f'retraining: {{schedule: "0 3 * * 1", maxModelAge: {age}}}\n'
    fits = "training: {fit: 10h, crossValidation: {folds: 3, when: every-run}}\n"
    found = findings(tmp_path, "MLS703", retraining + fits)
    assert len(found) == said
    fits = "4 fits of 10h (3 folds + the final fit on all training rows = 4 fits)"
    assert all(f"7d plus {fits} is 8.67 days" in d.note for d in found)


# Labels


@pytest.mark.parametrize(
    ("labels", "test"),
    [
        ({}, 59_500),  # all payments of 595 days, 10% of them
        ({"source": "disputes"}, 10_000),
        ({"source": "disputes", "unlabeled": "negative"}, 59_500),
        ({"source": "payments"}, 59_500),
    ],
)
def test_rows_without_a_label_are_no_test_rows(tmp_path: Path, labels: dict[str, Any], test: int) -> None:
    """A19: 10 times fewer labels than rows changed nothing. But a payment without a dispute is one without fraud."""
    disputes = {"name": "disputes", "ingestion": "batch", "volume": {"records": "100k"}}
    data = payments({"records": "730k", "history": "730d"}, disputes)
    made = past(tmp_path, {**data, "labels": {**DATA["labels"], **labels}})
    assert value(made.test) == test


def test_noise_counts_only_rows_with_a_label(tmp_path: Path) -> None:
    def said(records: str) -> list[str]:
        labels = {"name": "labels", "ingestion": "batch", "volume": {"records": records}}
        data = payments({"records": "9M", "history": "730d"}, labels)
        data = {**data, "labels": {**DATA["labels"], "source": "labels"}}
        return [
            d.message for d in findings(tmp_path / records, "MLS209", over(data, evaluation={"primary": "accuracy"}))
        ]

    assert said("8M") == []
    assert said("20k") == ["with 2,000 test rows, the noise in `accuracy` is 0.022, but a difference of 0.01 counts"]


@pytest.mark.parametrize(
    ("order", "strategy", "fires"),
    [
        ({}, "temporal", True),
        ({"order": "rotated"}, "temporal", True),
        ({"order": "forward"}, "temporal", False),
        ({}, "grouped", False),
    ],
)
def test_rotated_folds_train_on_the_future(
    tmp_path: Path, order: dict[str, str], strategy: str, *, fires: bool
) -> None:
    """A25: `crossValidation` with a split by time."""
    training = {"training": {**loaded(BASE)["training"], "crossValidation": {"folds": 5, **order}}}
    split = DATA["split"] if strategy == "temporal" else {"strategy": "grouped", "column": "is_fraud"}
    found = findings(tmp_path, "MLS101", over({**DATA, "split": split}, **training))
    assert [one.message for one in found] == ["cross-validation rotates rows that are split by time"] * fires


def test_the_first_of_the_forward_folds_is_only_trained_on(tmp_path: Path) -> None:
    """5 folds of 90% of 595,000 rows make 6 parts."""
    folds = {"folds": 5, "order": "forward"}
    training = {**loaded(BASE)["training"], "crossValidation": folds}
    assert value(planned(tmp_path, DATA, training=training).history.chosen_by) == 535_500 * 5 // 6

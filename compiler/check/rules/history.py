"""Rules on how much there is to learn from, to choose by and to judge by, and on what was never kept."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING

from ....schema.units import Duration
from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import Evaluation, MLSystem
from ..lint import rule

if TYPE_CHECKING:
    from ...plan.data.history import HistoryPlan

__all__ = ["chosen_by_chance", "nothing_to_learn_from"]

MATTERS = Decimal("0.01")
"""The smallest difference that matters where no gate has a margin: a point of a hundred."""

OF_ALL_ROWS = ("accuracy", "balanced_accuracy", "brier_score", "expected_calibration_error")
"""Metrics of classification that rest on all rows; the others rest on those of the rarer class."""


@rule(
    "MLS209",
    "info",
    "data.sources.*.volume",
    "data.labels",
    "data.split",
    "training.tuning.trials",
    "training.crossValidation",
    "evaluation.primary",
    "evaluation.gates",
)
def chosen_by_chance(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Too few rows for the differences that decide.

    Why: the best of many trials is partly the luckiest, and the fewer the rows that choose, the luckier. A difference
    that chance makes as easily as a better model decides nothing.

    Bad:
        data:
          sources: [{name: payments, ingestion: batch, volume: {records: 5000}}]
          split: {strategy: random, train: 70%, validation: 15%, test: 15%}
        evaluation:
          primary: accuracy
    Good:
        data:
          sources: [{name: payments, ingestion: batch, volume: {records: 5M}}]
          split: {strategy: random, train: 70%, validation: 15%, test: 15%}
        evaluation:
          primary: accuracy
    """
    evaluation, training = system.evaluation, system.training
    if evaluation is None or training is None or not _between_0_and_1(system, evaluation.primary):
        return
    from ...plan.data.history import chance_of_best, chance_of_one

    past, metric = plan.history, evaluation.primary.value
    matters, said = _matters(evaluation)
    test, rows, tuning = past.test, past.chosen_by, training.tuning
    if test is not None and test.value and evaluation.test_set is None:
        noise = chance_of_one(_counted(past, test, evaluation))
        message = f"on {test.value:,} test rows, {noise.value:.2g} of `{metric}` are chance, and {matters} matter"
        if noise.value > matters:
            help_ = f"judge by {_enough(test, noise, matters)} rows, or take only larger differences for real"
            yield _by_chance(message, noise, evaluation, said, help_)
    if rows is not None and rows.value and tuning is not None:
        noise, trials = chance_of_best(tuning.trials, _counted(past, rows, evaluation)), tuning.trials.value
        best = f"the best of {trials:,} trials looks up to {noise.value:.2g} of `{metric}` better than it is"
        if noise.value > matters:
            help_ = f"try fewer settings, or choose by {_enough(rows, noise, matters)} rows; folds make more of them"
            yield _by_chance(f"{best}, and {matters} matter", noise, evaluation, said, help_)


def _enough(rows: Because[int], noise: Because[float], matters: Decimal) -> str:
    """How many rows make chance as small as what matters: four times as many halve it."""
    return f"{ceil(round(rows.value * (noise.value / float(matters)) ** 2, 6)):,}"


def _by_chance(message: str, noise: Because[float], evaluation: Evaluation, said: str, help_: str) -> Diagnostic:
    return finding(
        "MLS209",
        message,
        noise,
        others=((evaluation.primary, said),),
        note=f"chance is as large as what is looked for: {noise.reason}",
        help=help_,
    )


def _between_0_and_1(system: MLSystem, metric: Because[str]) -> bool:
    known = system.metrics[metric.value.partition("@")[0]]
    return known.min is not None and known.max is not None and (known.min.value, known.max.value) == (0, 1)


def _counted(past: HistoryPlan, rows: Because[int], evaluation: Evaluation) -> Because[int]:
    return rows if evaluation.primary.value in OF_ALL_ROWS else past.events(rows)


def _matters(evaluation: Evaluation) -> tuple[Decimal, str]:
    """The smallest difference of the primary metric that decides, and who says so."""
    own = [gate.margin for gate in evaluation.gates if gate.metric.value == evaluation.primary.value]
    margins = [margin.value for margin in own if margin is not None]
    absolute = [abs(margin.amount) for margin in margins if not margin.relative and margin.amount]
    if not absolute:
        return MATTERS, f"no gate has a margin; {MATTERS} is taken to matter"
    return min(absolute), "the smallest margin of its gates"


@rule(
    "MLS707",
    "error",
    "data.sources.*.volume",
    "data.labels.delay",
    "data.split",
    "evaluation.minSamples",
    "monitoring.capture",
    "monitoring.quality.metric",
    "monitoring.rules.*.metric",
)
def nothing_to_learn_from(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Nothing left to learn from, too little to judge by, or truth with nothing to join it to.

    Why: labels arrive late, and a split by time leaves gaps. What is left may be nothing, or too little for a verdict;
    then every run fails, or ends without a model. And truth that arrives for predictions that nobody kept says nothing.

    Bad:
        data:
          sources: [{name: payments, ingestion: batch, volume: {history: 90d}}]
          columns: [{name: event_time, dtype: timestamp}, {name: is_fraud, dtype: bool}]
          labels: {column: is_fraud, delay: 45d}
          split: {strategy: temporal, column: event_time, gap: 45d}
    Good:
        data:
          sources: [{name: payments, ingestion: batch, volume: {history: 730d}}]
          columns: [{name: event_time, dtype: timestamp}, {name: is_fraud, dtype: bool}]
          labels: {column: is_fraud, delay: 45d}
          split: {strategy: temporal, column: event_time, gap: 45d}
    """
    if system.training is not None:
        past = plan.history
        if past.left is not None and past.length is not None and past.left.value.amount <= 0:
            yield _nothing(past.left, past.length)
        else:
            yield from _too_little(system.evaluation, past)
    yield from _not_kept(system, plan)


def _nothing(left: Because[Duration], length: Because[Duration]) -> Diagnostic:
    least = Duration(length.value.amount - left.value.amount)
    return finding(
        "MLS707",
        f"nothing is left to train on: {left.reason}",
        length,
        left,
        note="a run would find no row whose label is known and that may be learned from",
        help=f"collect more than {least} of history before the first run, or write a smaller `gap` if labels arrive "
        "sooner",
    )


def _too_little(evaluation: Evaluation | None, past: HistoryPlan) -> Iterator[Diagnostic]:
    least = evaluation.min_samples if evaluation is not None else None
    if evaluation is None or least is None:
        return
    to_judge = past.test if evaluation.test_set is None else None
    for rows, what in ((past.train, "to learn from"), (to_judge, "to judge by")):
        if rows is not None and rows.value < int(least.value):
            yield finding(
                "MLS707",
                f"{rows.value:,} rows are left {what}, and a verdict needs {int(least.value):,}",
                least,
                others=((rows, f"{rows.reason}"),),
                note="no verdict is no pass: every run would end without a new model",
                help="collect more data, divide it otherwise, or ask for fewer rows with wider margins",
            )
            return


def _not_kept(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Metrics that compare truth with predictions which nobody keeps."""
    monitoring = system.monitoring
    if monitoring.capture is not None or not plan.online or not plan.runs("monitoring").value:
        return
    conditions = [*monitoring.rules, *([monitoring.quality] if monitoring.quality is not None else [])]
    for metric in (condition.metric for condition in conditions):
        if system.metrics[metric.value.partition("@")[0]].needs_labels.value:
            yield finding(
                "MLS707",
                f"`{metric.value}` compares truth with predictions, and nobody keeps these",
                metric,
                note="labels arrive later, and find nothing to be joined to: the metric never has a value",
                help="add `capture: {by: gateway, to: s3://..., id: ...}` under `monitoring`",
            )

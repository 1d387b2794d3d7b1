"""Rules on having enough rows to train on, to select by, and to evaluate on, and on uncaptured predictions."""

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
from ...plan.choose import count
from ...system import Evaluation, MLSystem
from ..lint import rule

if TYPE_CHECKING:
    from ...plan.data.history import HistoryPlan

__all__ = ["chosen_by_chance", "nothing_to_learn_from"]

MATTERS = Decimal("0.01")
"""The smallest difference that counts if no gate has a margin: one percentage point."""


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
    """Too few rows to tell improvement from noise.

    Why: the best of many trials is partly the luckiest, and the fewer the validation rows, the more luck there is. A
    difference that chance produces as easily as a better model proves nothing.

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
        message = f"with {count(test.value, 'test row')}, the noise in `{metric}` is {noise.value:.2g}"
        if noise.value > matters:
            help_ = f"evaluate on {_enough(test, noise, matters)} rows, or trust only larger differences"
            yield _by_chance(f"{message}, but a difference of {matters} counts", noise, evaluation, said, help_)
    if rows is not None and rows.value and tuning is not None:
        noise, trials = chance_of_best(tuning.trials, _counted(past, rows, evaluation)), tuning.trials.value
        best = f"the best of {count(trials, 'trial')} can look {noise.value:.2g} better in `{metric}` than it is"
        if noise.value > matters:
            enough = _enough(rows, noise, matters)
            help_ = f"run fewer trials, or select by {enough} rows; cross-validation makes more rows available"
            yield _by_chance(f"{best}, but a difference of {matters} counts", noise, evaluation, said, help_)


def _enough(rows: Because[int], noise: Because[float], matters: Decimal) -> str:
    """How many rows reduce the noise to what counts: four times as many rows halve it."""
    return f"{ceil(round(rows.value * (noise.value / float(matters)) ** 2, 6)):,}"


def _by_chance(message: str, noise: Because[float], evaluation: Evaluation, said: str, help_: str) -> Diagnostic:
    return finding(
        "MLS209",
        message,
        noise,
        others=((evaluation.primary, said),),
        note=f"chance alone produces a difference of this size: {noise.reason}",
        help=help_,
    )


def _between_0_and_1(system: MLSystem, metric: Because[str]) -> bool:
    known = system.metrics[metric.value.partition("@")[0]]
    return known.min is not None and known.max is not None and (known.min.value, known.max.value) == (0, 1)


def _counted(past: HistoryPlan, rows: Because[int], evaluation: Evaluation) -> Because[int]:
    from ...plan.data.observed import ALL_ROWS

    return rows if evaluation.primary.value in ALL_ROWS else past.events(rows)


def _matters(evaluation: Evaluation) -> tuple[Decimal, str]:
    """The smallest difference in the primary metric that counts, and where that comes from."""
    own = [gate.margin for gate in evaluation.gates if gate.metric.value == evaluation.primary.value]
    margins = [margin.value for margin in own if margin is not None]
    absolute = [abs(margin.amount) for margin in margins if not margin.relative and margin.amount]
    if not absolute:
        return MATTERS, f"no gate has a margin, so {MATTERS} counts"
    return min(absolute), "the smallest margin of its gates"


@rule(
    "MLS707",
    "error",
    "data.sources.*.volume",
    "data.labels",
    "data.split",
    "evaluation.minSamples",
)
def nothing_to_learn_from(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Too little data to train on or to evaluate on.

    Why: labels arrive late, and a split by time leaves gaps. If nothing is left, or too little for a verdict, every run
    fails or ends without a model.

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


def _nothing(left: Because[Duration], length: Because[Duration]) -> Diagnostic:
    least = Duration(length.value.amount - left.value.amount)
    return finding(
        "MLS707",
        f"no data is left to train on: {left.reason}",
        length,
        left,
        note="a run would find no row that has a label and lies outside the gaps",
        help=f"collect more than {least} of history before the first run, or write a smaller `gap` if labels arrive "
        "sooner",
    )


def _too_little(evaluation: Evaluation | None, past: HistoryPlan) -> Iterator[Diagnostic]:
    least = evaluation.min_samples if evaluation is not None else None
    if evaluation is None or least is None:
        return
    to_judge = past.test if evaluation.test_set is None else None
    for rows, what in ((past.train, "train"), (to_judge, "evaluate")):
        if rows is not None and rows.value < int(least.value):
            yield finding(
                "MLS707",
                f"too little data to {what} on: {count(rows.value, 'row')}, and a verdict needs {int(least.value):,}",
                least,
                others=((rows, f"{rows.reason}"),),
                note="without a verdict no model passes, so every run would end without a new model",
                help="collect more data, change the split, or lower `minSamples` and widen the margins",
            )
            return

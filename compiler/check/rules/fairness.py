"""Rules on fairness: a bound on the gap between groups is judged by an evaluation, on enough rows of each group."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.choose import count, number
from ...system import MLSystem
from ..lint import rule
from .evaluation import champion_gate, result_of_champion

if TYPE_CHECKING:
    from ...plan.data.fairness import GapSample

__all__ = ["gap_beyond_the_sample", "unjudged_fairness"]

OFTEN = 0.2
"""How often a gate may reject a good model by chance: a test has a conventional power of 80%."""


@rule(
    "MLS219",
    "warning",
    "constraints.fairness.*.between",
    "constraints.fairness.*.maxGap",
    "constraints.fairness.*.metric",
    "data.sources.*.name",
    "data.sources.*.volume",
    "data.split",
    "data.labels.positiveShare",
    "data.columns.*.values",
    "data.labels.delay",
    "data.labels.unlabeled",
    "evaluation.testSet",
    "problem.task",
    "releases.*.metrics",
    "models.*.candidates.*.metrics",
    "models.*.candidates.*.selected",
)
def gap_beyond_the_sample(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Bound on a gap that the rows of each group cannot show.

    Why: a model passes if every difference between two groups is within the bound, with 95% confidence. With few rows
    in a group, chance alone makes a larger difference, so even a model that treats all groups alike is rejected.

    Bad:
        constraints:
          fairness: [{metric: recall, between: age_group, maxGap: 2%}]
        data:
          sources: [{name: payments, ingestion: batch, volume: {records: 1M}}]
          columns:
            - {name: is_fraud, dtype: bool}
            - {name: age_group, dtype: category, values: {max: 4}}
          labels: {column: is_fraud, positiveShare: 2%}
          split: {strategy: random, train: 70%, validation: 15%, test: 15%}
        release: {metrics: {recall: 0.7}}
        training: {steps: {train: {}, evaluate: {}}}
        evaluation: {primary: recall}
    Good:
        constraints:
          fairness: [{metric: recall, between: age_group, maxGap: 10%}]
        data:
          sources: [{name: payments, ingestion: batch, volume: {records: 1M}}]
          columns:
            - {name: is_fraud, dtype: bool}
            - {name: age_group, dtype: category, values: {max: 4}}
          labels: {column: is_fraud, positiveShare: 2%}
          split: {strategy: random, train: 70%, validation: 15%, test: 15%}
        release: {metrics: {recall: 0.7}}
        training: {steps: {train: {}, evaluate: {}}}
        evaluation: {primary: recall}
    """
    for gap in _gaps(system, plan):
        if gap.odds is None or gap.odds.value <= OFTEN:
            continue
        if gap.needed is None or gap.each is None:  # asked last, because it takes many integrals
            continue
        bound, shown = gap.bound, gap.shown.value if gap.shown is not None else 1.0
        wider = f"write `maxGap: {_wider(shown)}`, or " if shown < 0.5 else ""
        yield finding(
            "MLS219",
            f"the bound on the gap in `{bound.metric.value}` by `{bound.between.value}` needs "
            f"{count(gap.needed.value, 'observation')} per group, and at least one has at most {gap.each.value:,}",
            bound.max_gap,
            others=((bound.between, gap.each.reason),),
            note=f"it rejects a model without a gap with a probability of {_percent(gap.odds.value)}",
            help=f"{wider}evaluate on {number(gap.needed.value / gap.each.value)} times as many rows, or combine rare "
            "groups in the evaluation",
        )


def _gaps(system: MLSystem, plan: Plan) -> tuple[GapSample, ...]:
    """The bounds, without an import for the many systems that have none."""
    return plan.samples.gaps if system.constraints.fairness else ()


def _wider(gap: float) -> str:
    """A bound of at least that gap, with two digits."""
    step = 10.0 ** (floor(log10(gap)) - 1)
    return f"{ceil(gap / step) * step:.2g}"


def _percent(odds: float) -> str:
    return "nearly 100%" if odds >= 0.995 else f"{odds:.0%}"


@rule("MLS715", "error", "constraints.fairness")
def unjudged_fairness(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Bound on fairness that nothing judges.

    Why: only the gate of a training run measures a metric for each group. Without an evaluation, the bound reads like a
    promise, and every model goes live.

    Bad:
        constraints:
          fairness: [{metric: recall, between: age_group, maxGap: 10%}]
        data:
          columns: [{name: age_group, dtype: category, values: {max: 4}}]
        release: {metrics: {recall: 0.7}}
    Good:
        problem: {businessMetric: {name: patients found, direction: increase}}
        constraints:
          fairness: [{metric: recall, between: age_group, maxGap: 10%}]
        data:
          columns: [{name: age_group, dtype: category, values: {max: 4}}]
        release: {metrics: {recall: 0.7}}
        training: {steps: {train: {}, evaluate: {}}}
        evaluation: {primary: recall, gates: [{metric: recall, versus: champion, minSamples: 1000}]}
    """
    if not system.constraints.fairness or (system.training is not None and system.evaluation is not None):
        return
    bound = system.constraints.fairness[0]
    metric = bound.metric.value
    section = f"evaluation: {{primary: {metric}, gates: [{champion_gate(system.evaluation, metric)}]}}"
    yield finding(
        "MLS715",
        f"nothing judges the gap in `{metric}` by `{bound.between.value}`",
        bound.max_gap,
        note="the gate of a training run judges it, so a model with any gap would go live",
        help=f"add `{section}`{result_of_champion(system, metric)}"
        if system.training is not None
        else f"describe the training run under `training`, with `{section}`, or move the bound to the system that "
        "trains the model",
    )

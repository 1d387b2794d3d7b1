"""Rules on the gates of an evaluation: what the test rows can show, and what chance alone decides."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from ....schema.units import Percent
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.choose import count, number
from ...system import MLSystem
from ..lint import rule

if TYPE_CHECKING:
    from ...plan.data.samples import GateSample

__all__ = ["margin_below_the_sample", "rejected_by_chance", "sample_out_of_reach"]

OFTEN = 0.2
"""How often a gate may reject a good model by chance: a test has a conventional power of 80%."""

LEAST = 1e-6
"""The smallest margin that anyone could mean: below it, `enough` rows are beyond all counting."""

_SAMPLE = (
    "data.sources.*.name",
    "data.sources.*.volume",
    "data.split",
    "data.labels.positiveShare",
    "evaluation.gates.*.metric",
)


@rule(
    "MLS215",
    "warning",
    *_SAMPLE,
    "evaluation.gates.*.minSamples",
    "evaluation.gates.*.segment",
    "evaluation.testSet",
    "data.columns.*.values",
    "data.labels.delay",
    "data.labels.unlabeled",
    "problem.task",
)
def sample_out_of_reach(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Gate that needs more observations than the test rows have.

    Why: a gate with too few observations gives no verdict, and no verdict is not a pass. The precision of a recall
    depends on the positives: of 6,000 rows with 2% positives, 120 count. A gate on a segment needs that many in each
    value of the column. If they cannot exist, no model ever passes.

    Bad:
        data:
          sources: [{name: payments, ingestion: batch, volume: {records: 40000}}]
          columns: [{name: is_fraud, dtype: bool}]
          labels: {column: is_fraud, positiveShare: 2%}
          split: {strategy: random, train: 70%, validation: 15%, test: 15%}
        evaluation:
          primary: roc_auc
          gates: [{metric: recall, min: 0.6, minSamples: 400}]
    Good:
        data:
          sources: [{name: payments, ingestion: batch, volume: {records: 40000}}]
          columns: [{name: is_fraud, dtype: bool}]
          labels: {column: is_fraud, positiveShare: 2%}
          split: {strategy: random, train: 70%, validation: 15%, test: 15%}
        evaluation:
          primary: roc_auc
          gates: [{metric: recall, min: 0.6, minSamples: 100}]
    """
    for gate in _gates(system, plan):
        least, has = gate.gate.min_samples, gate.events if gate.gate.segment is None else gate.each
        if least is None or has is None or int(least.value) <= has.value:
            continue
        where = "the test rows have" if gate.gate.segment is None else "at least one value of the column has at most"
        fewer = "" if gate.gate.segment is None else " combine rare values of the column in the evaluation, or"
        yield finding(
            "MLS215",
            f"the gate on `{gate.name}` needs {count(int(least.value), 'observation')}, and {where} {has.value:,}",
            least,
            others=((gate.gate.metric, has.reason),),
            note="too few observations give no verdict, so no model would pass",
            help=f"collect more labeled data, or{fewer} lower `minSamples`",
        )


@rule(
    "MLS216",
    "warning",
    *_SAMPLE,
    "evaluation.gates.*.min",
    "evaluation.gates.*.max",
    "evaluation.gates.*.minSamples",
    "evaluation.gates.*.segment",
    "evaluation.testSet",
    "data.columns.*.values",
    "data.labels.delay",
    "data.labels.unlabeled",
    "problem.task",
    "releases.*.metrics",
    "models.*.candidates.*.metrics",
    "models.*.candidates.*.selected",
)
def rejected_by_chance(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Gate on a segment that rejects a good model by chance.

    Why: the unfavorable end of each value's confidence interval must meet the limit, and the more values a column has,
    the wider the intervals are. With few observations per value, even a model that is well above the limit in each of
    them fails in one.

    Bad:
        data:
          sources: [{name: payments, ingestion: batch, volume: {records: 1M}}]
          columns:
            - {name: is_fraud, dtype: bool}
            - {name: country, dtype: category, values: {max: 30}}
          labels: {column: is_fraud, positiveShare: 2%}
          split: {strategy: random, train: 70%, validation: 15%, test: 15%}
        release: {metrics: {recall: 0.7}}
        evaluation:
          primary: roc_auc
          gates: [{metric: recall, segment: country, min: 0.6, minSamples: 100}]
    Good:
        data:
          sources: [{name: payments, ingestion: batch, volume: {records: 1M}}]
          columns:
            - {name: is_fraud, dtype: bool}
            - {name: country, dtype: category, values: {max: 30}}
          labels: {column: is_fraud, positiveShare: 2%}
          split: {strategy: random, train: 70%, validation: 15%, test: 15%}
        release: {metrics: {recall: 0.7}}
        evaluation:
          primary: roc_auc
          gates: [{metric: recall, segment: country, min: 0.4, minSamples: 100}]
    """
    for gate in _gates(system, plan):
        if gate.odds is None or gate.bar is None or gate.values is None or gate.odds.value <= OFTEN:
            continue
        odds = Percent(Decimal(f"{gate.odds.value:.2f}")) if gate.odds.value < 0.995 else "nearly 100%"
        yield finding(
            "MLS216",
            f"the gate on `{gate.name}` rejects a model as good as the known one with a probability of {odds}",
            gate.gate.min,
            gate.gate.max,
            others=((gate.gate.segment, gate.values.reason),),
            note=f"{gate.bar.reason}; {gate.odds.reason}",
            help="move the limit further away, or combine rare values of the column in the evaluation, or evaluate on "
            "more rows",
        )


@rule(
    "MLS217",
    "warning",
    *_SAMPLE,
    "evaluation.gates.*.margin",
    "evaluation.gates.*.versus",
    "evaluation.gates.*.segment",
    "evaluation.primary",
    "evaluation.testSet",
    "data.labels.delay",
    "data.labels.unlabeled",
    "problem.task",
    "releases.*.metrics",
    "models.*.candidates.*.metrics",
    "models.*.candidates.*.selected",
)
def margin_below_the_sample(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Gate with a margin that its sample cannot show.

    Why: two equally good models differ on the same test rows by chance. If that difference is as large as the margin,
    the gate passes worse models and rejects better ones. MLS209 says the same about the primary metric.

    Bad:
        data:
          sources: [{name: payments, ingestion: batch, volume: {records: 200000}}]
          columns: [{name: is_fraud, dtype: bool}]
          labels: {column: is_fraud, positiveShare: 2%}
          split: {strategy: random, train: 70%, validation: 15%, test: 15%}
        evaluation:
          primary: roc_auc
          gates: [{metric: recall, versus: champion, margin: -0.005, minSamples: 100}]
    Good:
        data:
          sources: [{name: payments, ingestion: batch, volume: {records: 200000}}]
          columns: [{name: is_fraud, dtype: bool}]
          labels: {column: is_fraud, positiveShare: 2%}
          split: {strategy: random, train: 70%, validation: 15%, test: 15%}
        evaluation:
          primary: roc_auc
          gates: [{metric: recall, versus: champion, margin: -0.06, minSamples: 100}]
    """
    for gate in _gates(system, plan):
        margin, seen = gate.gate.margin, gate.difference
        if seen is None or margin is None or margin.value.relative or _is_primary(plan, gate):
            continue
        asked = abs(float(margin.value.amount))
        if LEAST < asked < seen.value and gate.events is not None:
            enough = ceil(gate.events.value * (seen.value / asked) ** 2)
            yield finding(
                "MLS217",
                f"the gate on `{gate.name}` has a margin of {margin.value}, and chance makes up to {seen.value:.2g}",
                margin,
                others=((gate.gate.metric, gate.events.reason),),
                note=f"it passes worse models and rejects better ones: {seen.reason}",
                help=f"write `margin: {_wider(seen.value, margin.value.amount < 0)}`, or evaluate on "
                f"{number(float(f'{enough:.2g}'))} observations",
            )


def _gates(system: MLSystem, plan: Plan) -> tuple[GateSample, ...]:
    """The gates, without an import for the many systems that train nothing."""
    return plan.samples.gates if system.evaluation is not None and system.training is not None else ()


def _wider(difference: float, negative: bool) -> str:
    """A margin of at least that difference, with two digits."""
    step = 10.0 ** (floor(log10(difference)) - 1)
    return f"{'-' if negative else ''}{ceil(difference / step) * step:.2g}"


def _is_primary(plan: Plan, gate: GateSample) -> bool:
    evaluation = plan.system.evaluation
    return evaluation is not None and evaluation.primary.value == gate.gate.metric.value

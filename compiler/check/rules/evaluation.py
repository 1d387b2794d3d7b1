"""Rules on evaluation: a model is put into service for being better than something, by a margin that is no chance.

They apply to systems that say how models are evaluated; MLS202 also to those that train and do not say it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....schema.units import Percent
from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import Column, MLSystem
from ..lint import rule

__all__ = [
    "accuracy_of_rare_events",
    "gate_without_samples",
    "no_baseline",
    "no_business_metric",
    "no_gate",
    "no_segments",
]

MOST_GROUPS = 1000
"""Values of a column that can be judged one by one; as many as can be watched (MLS506)."""

RARE = Percent.parse("10%")
"""Below this share of positives, or of negatives, the constant answer is right in nine of ten cases."""


@rule("MLS201", "error", "evaluation.primary", "evaluation.gates.*.versus", "models.*.candidates.*.role")
def no_baseline(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Evaluation without a baseline.

    Why: a number by itself says nothing. A model is worth its cost only if it beats what is in service, a simple rule
    or a constant.

    Bad:
        evaluation:
          primary: roc_auc
          gates: [{metric: roc_auc, min: 0.9, minSamples: 20000}]
    Good:
        evaluation:
          primary: roc_auc
          gates: [{metric: roc_auc, versus: champion, minSamples: 20000}]
    """
    evaluation = system.evaluation
    if evaluation is None or (system.training is not None and not evaluation.gates):  # MLS202 says that
        return
    compared = any(gate.versus is not None for gate in evaluation.gates)
    naive = any(c.role.value == "naive" for model in system.models.values() for c in model.candidates)
    if not compared and not naive:
        yield finding(
            "MLS201",
            f"nothing says what `{evaluation.primary.value}` must beat",
            evaluation.primary,
            note="a model that is no better than a simple rule, or than the one in service, would pass",
            help=f"add `{{metric: {evaluation.primary.value}, versus: champion}}` to the gates, or the simplest model "
            "to `model.candidates` with `role: naive`",
        )


@rule("MLS202", "error", "evaluation.gates")
def no_gate(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Training without a gate.

    Why: what a run makes is registered and may be put into service, however bad it is.

    Bad:
        evaluation:
          primary: roc_auc
          gates: []
    Good:
        evaluation:
          primary: roc_auc
          gates: [{metric: roc_auc, versus: champion, minSamples: 20000}]
    """
    training, evaluation = system.training, system.evaluation
    if training is None or system.retraining is not None:  # unattended it is worse: MLS702
        return
    gate = "gates: [{metric: %s, versus: champion, minSamples: 1000}]"
    if evaluation is None:
        yield finding(
            "MLS202",
            "nothing judges what training makes",
            training.image,
            label="makes models",
            note="any model would be registered, however bad",
            help=f"add `evaluation: {{primary: roc_auc, {gate % 'roc_auc'}}}` with the metrics of your task",
        )
    elif not evaluation.gates:
        yield finding(
            "MLS202",
            f"`{evaluation.primary.value}` is measured, but no value of it keeps a model out of service",
            evaluation.primary,
            note="any model would be registered, however bad",
            help=f"add `{gate % evaluation.primary.value}` under `evaluation`",
        )


@rule(
    "MLS203",
    "warning",
    "evaluation.segments",
    "evaluation.gates.*.segment",
    "data.columns.*.values",
    "data.labels.column",
)
def no_segments(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Evaluation without segments.

    Why: a model that got better on average may have got worse for one country, device or age. The average hides it.

    Bad:
        data:
          columns: [{name: country, dtype: category, values: {max: 250}}]
        evaluation:
          primary: roc_auc
    Good:
        data:
          columns: [{name: country, dtype: category, values: {max: 250}}]
        evaluation:
          primary: roc_auc
          segments: [country]
    """
    evaluation, column = system.evaluation, _groups(system)
    if evaluation is None or column is None or evaluation.segments:
        return
    if all(gate.segment is None for gate in evaluation.gates):
        yield finding(
            "MLS203",
            f"`{evaluation.primary.value}` is judged only on average",
            evaluation.primary,
            others=((column.name, "divides rows into groups"),),
            note="a model that gets worse for one group, and better for the others, would pass",
            help=f"add `segments: [{column.name.value}]` under `evaluation`",
        )


def _groups(system: MLSystem) -> Column | None:
    """The first column with few values: by it the evaluation could be divided."""
    label = system.data.labels.column.value if system.data.labels is not None else None
    columns = (c for c in system.data.columns if c.name.value != label and not _many(c))
    return next((c for c in columns if c.values is not None or c.dtype.value == "category"), None)


def _many(column: Column) -> bool:
    """Whether a column has more values than anybody would look at one by one."""
    most = column.values.max if column.values is not None else None
    return most is not None and int(most.value) > MOST_GROUPS


@rule("MLS204", "warning", "evaluation.minSamples", "evaluation.gates.*.minSamples")
def gate_without_samples(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Gate without a minimum of samples.

    Why: of few rows a better model and a lucky one look alike. A segment has far fewer rows than the whole, so it needs
    a minimum of its own.

    Bad:
        evaluation:
          primary: roc_auc
          gates: [{metric: roc_auc, versus: champion}]
    Good:
        evaluation:
          primary: roc_auc
          minSamples: 20000
          gates: [{metric: roc_auc, versus: champion}]
    """
    evaluation = system.evaluation
    if evaluation is None:
        return
    unsure = [gate for gate in evaluation.gates if gate.min_samples is None]
    whole = [gate for gate in unsure if gate.segment is None]
    note = "of few rows a better model and a lucky one look alike"
    if whole and evaluation.min_samples is None:
        yield finding(
            "MLS204",
            "a gate gives its verdict on any number of rows",
            whole[0].metric,
            others=tuple((gate.metric, "this one, too") for gate in whole[1:]),
            note=note,
            help="add `minSamples: 1000` under `evaluation`, or to each gate, with the number that your margins need",
        )
    for gate in unsure:
        if gate.segment is not None:
            yield finding(
                "MLS204",
                f"a gate on `{gate.segment.value}` gives its verdict on any number of rows of one value",
                gate.segment,
                others=((evaluation.min_samples, "this counts all rows"),),
                note=note,
                help="add `minSamples: 400` to the gate, with the number that the rarest value can have",
            )


@rule("MLS205", "warning", "data.labels.positiveShare", "evaluation.primary", "evaluation.gates.*.metric")
def accuracy_of_rare_events(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Accuracy as the metric of a rare event.

    Why: where one case in fifty is positive, a model that always answers no is right in 98 % of all cases, and useless.

    Bad:
        data:
          columns: [{name: is_fraud, dtype: bool}]
          labels: {column: is_fraud, positiveShare: 2%}
        evaluation:
          primary: accuracy
    Good:
        data:
          columns: [{name: is_fraud, dtype: bool}]
          labels: {column: is_fraud, positiveShare: 2%}
        evaluation:
          primary: average_precision
    """
    labels, evaluation = system.data.labels, system.evaluation
    share = labels.positive_share if labels is not None else None
    if evaluation is None or share is None:
        return
    constant = max(share.value, Percent(1 - share.value.amount))
    metrics: list[Because[str]] = [evaluation.primary, *(gate.metric for gate in evaluation.gates)]
    used = [metric for metric in metrics if metric.value == "accuracy"]
    if used and 1 - constant.amount < RARE.amount:
        answer = "no" if share.value < constant else "yes"
        yield finding(
            "MLS205",
            f"always answering {answer} has an accuracy of {constant}",
            used[0],
            others=((share, "the share of positives"), *((metric, "here, too") for metric in used[1:])),
            note="a model that has learned nothing would look good, and a good one hardly better",
            help="write `average_precision`, `recall` or `balanced_accuracy`",
        )


@rule("MLS206", "info", "problem.businessMetric", "evaluation.primary")
def no_business_metric(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Evaluation without a business metric.

    Why: a model is trained for the sake of a number of the business. Where nobody names it, nobody notices that the
    model's own metric went up and that number did not.

    Bad:
        evaluation:
          primary: roc_auc
    Good:
        problem:
          businessMetric: {name: fraud losses, unit: bps, direction: decrease}
        evaluation:
          primary: roc_auc
    """
    if system.evaluation is not None and system.problem.business_metric is None:
        yield finding(
            "MLS206",
            f"nothing says what a better `{system.evaluation.primary.value}` is good for",
            system.evaluation.primary,
            note="models get better by their own metric, and the business need not notice",
            help="add `businessMetric: {name: ..., direction: decrease}` under `problem`",
        )

"""Rules on evaluation: a model goes to production because it beats something, by more than noise.

They apply to systems that declare an evaluation; MLS202 also applies to systems that train without one.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....schema.units import Percent
from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import Column, Evaluation, MLSystem
from ..lint import rule
from .retraining import unattended

__all__ = [
    "accuracy_of_rare_events",
    "champion_gate",
    "gate_without_samples",
    "no_baseline",
    "no_business_metric",
    "no_gate",
    "no_segments",
    "result_of_champion",
]

MOST_GROUPS = 1000
"""How many values of a column can be evaluated one by one; the limit for monitoring is the same (MLS506)."""

RARE = Percent.parse("10%")
"""Below this share of positives or of negatives, a constant answer is right more than nine times out of ten."""


@rule(
    "MLS201",
    "error",
    "evaluation.primary",
    "evaluation.gates.*.versus",
    "evaluation.minSamples",
    "constraints.fairness",
    "models.*.candidates.*.role",
)
def no_baseline(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Evaluation without a baseline.

    Why: a metric by itself says nothing. A model is worth its cost only if it beats the one in production, a simple
    rule, or a constant.

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
    gated = evaluation is not None and (system.constraints.fairness or evaluation.gates)
    if evaluation is None or (system.training is not None and not gated):  # that is MLS202
        return
    compared = any(gate.versus is not None for gate in evaluation.gates)
    naive = any(c.role.value == "naive" for model in system.models.values() for c in model.candidates)
    if not compared and not naive:
        yield finding(
            "MLS201",
            f"`{evaluation.primary.value}` is not compared with a baseline",
            evaluation.primary,
            note="a model that is no better than a simple rule, or than the one in production, would pass",
            help=f"add `{champion_gate(evaluation, evaluation.primary.value)}` to `evaluation.gates`"
            f"{result_of_champion(system, evaluation.primary.value)}, or add the simplest model to `model.candidates` "
            "with `role: naive`",
        )


def champion_gate(evaluation: Evaluation | None, metric: str) -> str:
    """A gate against the model in production, with a minimum sample size unless all gates have one."""
    samples = ", minSamples: 1000" if evaluation is None or evaluation.min_samples is None else ""
    return f"{{metric: {metric}, versus: champion{samples}}}"


def result_of_champion(system: MLSystem, metric: str) -> str:
    """What else such a gate needs, to be added to a help: no model can beat a result that is unknown."""
    known = all(metric in release.metrics for release in system.releases.values())
    return "" if known or system.training is None else f" and the `{metric}` of the live model to `release.metrics`"


@rule("MLS202", "error", "evaluation.gates", "constraints.fairness", "retraining.schedule")
def no_gate(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Training without a gate.

    Why: whatever a run produces is registered and can be deployed, no matter how bad it is.

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
    if training is None or unattended(system):  # unattended it is worse: MLS702
        return
    if (evaluation is not None and evaluation.gates) or system.constraints.fairness:  # a gate judges it, or MLS715 asks
        return
    measured = [name for release in system.releases.values() for name in release.metrics]
    primary = evaluation.primary.value if evaluation is not None else next(iter(measured), "roc_auc")
    gates = f"gates: [{champion_gate(evaluation, primary)}]"
    also = result_of_champion(system, primary)
    if evaluation is None:
        yield finding(
            "MLS202",
            "the models that training produces are not evaluated",
            training.image,
            label="trains models",
            note="any model would be registered, however bad",
            help=f"add `evaluation: {{primary: {primary}, {gates}}}` with metrics that fit your task{also}",
        )
    else:
        yield finding(
            "MLS202",
            f"`{primary}` is measured, but no gate can reject a model",
            evaluation.primary,
            note="any model would be registered, however bad",
            help=f"add `{gates}` under `evaluation`{also}",
        )


@rule(
    "MLS203",
    "warning",
    "evaluation.segments",
    "evaluation.gates.*.segment",
    "constraints.fairness",
    "data.columns.*.values",
    "data.labels.column",
)
def no_segments(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Evaluation without segments.

    Why: a model that improved on average may have gotten worse for one country, device, or age group. The average hides
    that.

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
    if evaluation is None or column is None or evaluation.segments or system.constraints.fairness:
        return
    if all(gate.segment is None for gate in evaluation.gates):
        yield finding(
            "MLS203",
            f"`{evaluation.primary.value}` is evaluated only on average",
            evaluation.primary,
            others=((column.name, "divides the rows into groups"),),
            note="a model that gets worse for one group and better for the others would pass",
            help=f"add `segments: [{column.name.value}]` under `evaluation`",
        )


def _groups(system: MLSystem) -> Column | None:
    """The first column with few values, for segments of the evaluation."""
    label = system.data.labels.column.value if system.data.labels is not None else None
    columns = (c for c in system.data.columns if c.name.value != label and not _many(c))
    return next((c for c in columns if c.values is not None or c.dtype.value == "category"), None)


def _many(column: Column) -> bool:
    """Whether a column has too many values to look at one by one."""
    most = column.values.max if column.values is not None else None
    return most is not None and int(most.value) > MOST_GROUPS


@rule("MLS204", "warning", "evaluation.minSamples", "evaluation.gates.*.minSamples")
def gate_without_samples(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Gate without a minimum sample size.

    Why: on a few rows, a better model and a lucky one look the same. A segment has far fewer rows than the whole, so it
    needs its own minimum.

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
    note = "on a few rows, a better model and a lucky one look the same"
    if whole and evaluation.min_samples is None:
        yield finding(
            "MLS204",
            "the gate has no minimum sample size",
            whole[0].metric,
            others=tuple((gate.metric, "neither has this one") for gate in whole[1:]),
            note=note,
            help="add `minSamples: 1000` under `evaluation` or to each gate, or as many rows as your margins need",
        )
    for gate in unsure:
        if gate.segment is not None:
            yield finding(
                "MLS204",
                f"the gate on `{gate.segment.value}` has no minimum sample size for each value",
                gate.segment,
                others=((evaluation.min_samples, "applies to all rows together"),),
                note=note,
                help="add `minSamples: 400` to the gate, or as many rows as the rarest value has",
            )


@rule("MLS205", "warning", "data.labels.positiveShare", "evaluation.primary", "evaluation.gates.*.metric")
def accuracy_of_rare_events(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Accuracy as the metric for a rare event.

    Why: if one case in fifty is positive, a model that always answers no is right 98% of the time, and useless.

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
            f"a model that always answers {answer} has an accuracy of {constant}",
            used[0],
            others=((share, "the share of positives"), *((metric, "also used here") for metric in used[1:])),
            note="a model that has learned nothing looks good, and a good model looks barely better",
            help="write `average_precision`, `recall`, or `balanced_accuracy`",
        )


@rule("MLS206", "info", "problem.businessMetric", "evaluation.primary")
def no_business_metric(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Evaluation without a business metric.

    Why: a model exists to move a business number. If the spec does not name that number, it is easy to miss that the
    model's own metric went up and the business number did not.

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
            f"no business metric tells what a better `{system.evaluation.primary.value}` is worth",
            system.evaluation.primary,
            note="models can improve by their own metric without any effect on the business",
            help="add `businessMetric: {name: ..., direction: decrease}` under `problem`",
        )

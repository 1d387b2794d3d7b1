"""Rules on what is watched in production: each bound needs a number to compare with, and a job that measures it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...because import Because
from ...computed import COMPUTED, OTHERS, QUERIES
from ...diagnostics import Diagnostic
from ...exported import condition
from ...finding import finding
from ...plan import Plan
from ...promql import broken
from ...system import AlertRule, Condition, Drift, MLSystem
from ..lint import rule
from .captured import unmeasured

if TYPE_CHECKING:
    from ...plan.measuring import MeasuringPlan
    from ...system import CustomMetric

__all__ = [
    "broken_query",
    "distance_out_of_range",
    "nothing_by_segment",
    "nothing_measures_it",
    "of_quality",
    "rival_of_no_quality",
]


@rule("MLS730", "error", "metrics.*.query if monitoring.rules")
def broken_query(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Query that is not an expression of PromQL, or that returns a range.

    Why: Prometheus rejects a whole rule file for one broken expression, and then no alert in it fires.

    Bad:
        metrics:
          abstained: {direction: minimize, query: "sum(rate(abstained_total[5m])"}
        monitoring:
          rules: [{metric: abstained, max: 20}]
    Good:
        metrics:
          abstained: {direction: minimize, query: "sum(rate(abstained_total[5m]))"}
        monitoring:
          rules: [{metric: abstained, max: 20}]
    """
    for metric in system.metrics.values() if system.monitoring.rules else ():
        if metric.query is None:
            continue
        wrong = broken(metric.query.value)
        if wrong:
            yield finding(
                "MLS730",
                f"the query of `{metric.own_name.value}` is not an instant vector of PromQL",
                metric.query,
                label=wrong,
                note="no rule file with it loads, so no alert in that file would fire",
                help="correct the query, and try it in Prometheus",
            )


INSTEAD = {
    "availability": "set `constraints.availability`, which becomes an SLO with burn-rate alerts",
    "error-rate": "set `constraints.availability`, which becomes an SLO with burn-rate alerts",
    "slow-rate": "set `constraints.latency`, which becomes an SLO with burn-rate alerts",
    "latency": "set `constraints.latency`, which becomes an SLO with burn-rate alerts",
    "first-token": "set `constraints.firstToken`, which becomes an SLO with burn-rate alerts",
    "inter-token": "set `constraints.interToken`, which becomes an SLO with burn-rate alerts",
    "throughput": "set `constraints.throughput.trough`, which becomes an alert on missing traffic",
    "model-age": "set `retraining.maxModelAge`",
    "feature-drift": "set `monitoring.drift.features`, or `monitoring.drift.columns` for one column",
    "prediction-drift": "set `monitoring.drift.prediction`",
}
"""What to write instead of a bound on a metric that other sections watch, by its name without a percentile."""


@rule(
    "MLS731",
    "error",
    "monitoring.rules.*.metric",
    "monitoring.quality.metric",
    "metrics.*.query if monitoring.rules",
    "metrics.*.query if monitoring.quality",
    "metrics.*.needsLabels if monitoring.rules",
    "metrics.*.needsLabels if monitoring.quality",
    "monitoring.rules.*.of",
    "monitoring.quality.of",
    "monitoring.segments",
    "monitoring.drift",
    "monitoring.capture",
    "monitoring.measured",
    "models.*.signature",
    "data.columns",
    "data.labels",
)
def nothing_measures_it(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Alert on a metric that nothing measures.

    Why: an alert needs a query, or a metric that a job exports. Without either, it never fires. The job that mlspec
    compiles computes metrics from captured outputs and labels. `bleu` needs whole corpora, and your own metric needs
    your own code, so a job of yours has to measure them. Columns are measured if they are captured with each
    prediction of the service. The outcome is not among them.

    Bad:
        metrics:
          abstained: {direction: minimize, unit: ratio}
        monitoring:
          rules: [{metric: abstained, max: 20%}]
    Good:
        metrics:
          abstained: {direction: minimize, unit: ratio, query: sum(abstained) / sum(answered)}
        monitoring:
          rules: [{metric: abstained, max: 20%}]
    """
    quality = system.monitoring.quality
    if quality is not None and not of_quality(system, quality):
        yield _no_quality(quality)
    for bound in system.monitoring.rules:
        metric = system.metrics[bound.metric.value.partition("@")[0]]
        if metric.query is not None or metric.needs_labels.value or condition(bound.metric.value) is not None:
            continue
        base = bound.metric.value.partition("-p")[0]
        instead = INSTEAD.get(bound.metric.value) or INSTEAD.get(base)
        yield finding(
            "MLS731",
            f"nothing measures `{bound.metric.value}` for an alert",
            bound.metric,
            label="has no query, and no job exports it",
            note="the alert would never fire",
            help=f"{instead}, and remove this bound" if instead else _declare(metric),
        )
    process = plan.measuring
    for each in process.bounds if process is not None else ():
        if process is not None and each.metric.value.partition("@")[0] not in COMPUTED:
            yield _not_computed(system, process, each)
        yield from _wrong_cutoff(each.metric)
    if process is not None:
        yield from unmeasured(plan, process)


def _no_quality(quality: Condition) -> Diagnostic:
    return finding(
        "MLS731",
        f"`{quality.metric.value}` is not a quality metric that a job can compute from labels",
        quality.metric,
        note="a job measures the quality with its interval; the alert would never fire",
        help="write the bound under `monitoring.rules` instead",
    )


def _not_computed(system: MLSystem, process: MeasuringPlan, bound: Condition | AlertRule) -> Diagnostic:
    metric = system.metrics[bound.metric.value.partition("@")[0]]
    name, missing = bound.metric.value, OTHERS.get(metric.own_name.value)
    of_yours = "measure it in a job of yours, and write `measured: elsewhere` under `monitoring`"
    return finding(
        "MLS731",
        f"`{name}` cannot be computed from outputs and labels" if missing else f"mlspec does not compute `{name}`",
        bound.metric,
        label=f"needs {missing}" if missing else "is a metric of yours without a `query`",
        others=((process.part.to, "all that the process that measures reads"),),
        note="the process would refuse its configuration, and measure neither the quality nor the labels",
        help=of_yours if bound is system.monitoring.quality else f"{_declare(metric)}, or {of_yours}",
    )


def _wrong_cutoff(metric: Because[str]) -> Iterator[Diagnostic]:
    """A quantile or a number of ranks that is missing, or that cannot be one."""
    base, _, given = metric.value.partition("@")
    if base == "pinball_loss" and not re.fullmatch(r"0?\.0*[1-9][0-9]*", given):
        what, example = "a quantile between 0 and 1", "pinball_loss@0.9"
    elif base in QUERIES and given and not re.fullmatch(r"[1-9][0-9]*", given):
        what, example = "a number of ranks", f"{base}@10"
    else:
        return
    yield finding(
        "MLS731",
        f"`{metric.value}` cannot be computed without {what}",
        metric,
        note="the quality would never be measured, and its alert would never fire",
        help=f"write it like `{example}`",
    )


def _declare(metric: CustomMetric) -> str:
    return f"add `query` to `metrics.{metric.own_name.value}`, an expression of PromQL that returns it"


@rule(
    "MLS732",
    "error",
    "monitoring.rules.*.versus",
    "monitoring.rules.*.metric",
    "monitoring.quality.versus",
    "metrics.*.query if monitoring.rules",
    "metrics.*.query if monitoring.quality",
    "metrics.*.needsLabels if monitoring.rules",
    "metrics.*.needsLabels if monitoring.quality",
    "problem.humanPerformance",
)
def rival_of_no_quality(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Bound in production that has no number to compare with.

    Why: a job compares the quality of the live version with a rival on the same rows. A query and a share of nulls have
    no rival, and humans are known only by `problem.humanPerformance`.

    Bad:
        monitoring:
          rules: [{metric: null-rate, versus: champion}]
    Good:
        monitoring:
          rules: [{metric: null-rate, max: 5%}]
    """
    quality = system.monitoring.quality
    for bound in (*system.monitoring.rules, *((quality,) if quality is not None else ())):
        if bound.versus is None:
            continue
        metric = system.metrics[bound.metric.value.partition("@")[0]]
        if metric.query is not None or not metric.needs_labels.value:
            yield _no_rival(bound, bound.versus)
        elif bound.versus.value == "human" and not _of_humans(system, bound):
            yield finding(
                "MLS732",
                f"nothing says what `{bound.metric.value}` humans reach",
                bound.versus,
                note="no job can measure them on the newest rows, so the alert would never fire",
                help="write `min` with the value that was measured, or `max`, instead of `versus`",
            )


def _of_humans(system: MLSystem, bound: Condition | AlertRule) -> bool:
    known = system.problem.human_performance
    return known is not None and known.metric.value == bound.metric.value


def _no_rival(bound: Condition | AlertRule, versus: Because[str]) -> Diagnostic:
    return finding(
        "MLS732",
        f"`{bound.metric.value}` has no rival to compare with in production",
        versus,
        others=((bound.metric, "is measured without labels"),),
        note="only the quality of a model is compared with a rival, on the same rows; the alert would never fire",
        help="write `min` or `max` instead of `versus`",
    )


@rule("MLS733", "warning", "monitoring.segments", "monitoring.rules.*.metric")
def nothing_by_segment(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Segments without a quality or drift to watch by segment.

    Why: `monitoring.segments` applies to bounds on the quality and to drift. Without them, a model that fails for one
    country goes unnoticed, and the spec looks as if it were watched.

    Bad:
        data:
          columns: [{name: country, dtype: category, values: {max: 250}}]
        monitoring:
          segments: [country]
          rules: [{metric: null-rate, max: 5%}]
          measured: elsewhere
    Good:
        data:
          columns: [{name: country, dtype: category, values: {max: 250}}]
        monitoring:
          segments: [country]
          measured: elsewhere
          rules: [{metric: null-rate, max: 5%}]
          quality: {metric: recall, min: 0.6}
    """
    asked = system.monitoring
    if not asked.segments or not plan.runs("monitoring").value or asked.quality is not None:
        return
    if any(of_quality(system, bound) for bound in asked.rules) or _compared(asked.drift):
        return
    evaluation = system.evaluation
    metric = evaluation.primary.value if evaluation is not None else "recall"
    yield finding(
        "MLS733",
        f"nothing is watched by `{asked.segments[0].value}`",
        asked.segments[0],
        note="segments apply to the quality and to drift, so a model that fails for one value goes unnoticed",
        help=f"add `quality: {{metric: {metric}, versus: champion, margin: -0.02}}` under `monitoring`, with a metric "
        "and a margin that fit your task",
    )


def _compared(drift: Drift | None) -> bool:
    """Whether anything is compared with a reference."""
    return drift is not None and any((drift.features, drift.prediction, drift.columns))


def of_quality(system: MLSystem, bound: Condition | AlertRule) -> bool:
    """Whether a bound is on a metric that a job compares with labels."""
    metric = system.metrics[bound.metric.value.partition("@")[0]]
    return metric.query is None and metric.needs_labels.value


LARGEST = {"jensen-shannon": math.sqrt(math.log(2)), "ks": 1.0}
"""The largest distance of two distributions, for the measures that have one."""


@rule("MLS734", "error", "monitoring.drift")
def distance_out_of_range(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Drift threshold that no two distributions reach.

    Why: the Jensen-Shannon distance with natural logarithms is at most 0.833, and the Kolmogorov-Smirnov statistic is
    at most 1. An alert above that never fires.

    Bad:
        monitoring:
          drift:
            reference: s3://models/fraud-scorer/profile.json
            prediction: {method: jensen-shannon, threshold: 0.9}
    Good:
        monitoring:
          drift:
            reference: s3://models/fraud-scorer/profile.json
            prediction: {method: jensen-shannon, threshold: 0.1}
    """
    drift = system.monitoring.drift
    if drift is None:
        return
    for method in (drift.features, drift.prediction, *drift.columns.values()):
        most = LARGEST.get(method.method.value) if method is not None else None
        if method is not None and most is not None and method.threshold.value >= most:
            yield finding(
                "MLS734",
                f"no two distributions are {method.threshold.value} apart by `{method.method.value}`",
                method.threshold,
                method,
                others=((method.method, f"is at most {most:.3g}"),),
                note="the alert would never fire",
                help="write `threshold: 0.1`, or another value below that",
            )

"""Rules on the observations in production: a verdict and a trigger need no more of them than there can be, and a window
has some.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from ....schema.units import Duration
from ...because import Because
from ...diagnostics import Diagnostic
from ...exported import condition
from ...finding import finding
from ...plan import Plan
from ...plan.alerting.due import NEW_LABELS
from ...plan.choose import count, readable
from ...plan.data.cadence import countable, recorded
from ...plan.data.quality import QualityPlan
from ...plan.measuring import MeasuringPlan
from ...plan.service import ServicePlan
from ...plan.serving.batch import BatchPlan
from ...plan.serving.recording import columns
from ...system import AlertRule, Condition, MLSystem
from ..lint import rule

__all__ = [
    "labels_that_never_are_enough",
    "rival_without_a_result",
    "verdict_that_no_window_reaches",
    "window_without_a_run",
]

_RATE = (
    "constraints.throughput if services.*[mode=online]",
    "services.*.constraints.throughput",
    "monitoring.capture",
    "monitoring.measured",
)


@rule(
    "MLS792",
    "warning",
    "monitoring.quality",
    "monitoring.segments",
    "monitoring.rules.*.metric",
    "monitoring.rules.*.versus",
    "monitoring.capture",
    "monitoring.measured",
    "releases.*.metrics",
)
def rival_without_a_result(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Quality of a segment, or of all rows, against a rival whose result is unknown.

    Why: the result of the live version in its evaluation, and that of humans, are numbers for all rows. No country has
    one, so no alert compares a country with it. If the release has no result either, nothing is compared at all. Other
    rivals are compared on the same rows, so something has to record what they answer.

    Bad:
        data:
          columns:
            - {name: is_fraud, dtype: bool, available: after-outcome}
            - {name: country, dtype: category, values: {max: 5}}
          labels: {column: is_fraud, delay: 45d}
        release: {metrics: {recall: 0.7}}
        monitoring:
          segments: [country]
          capture: {by: client, to: s3://feedback/fraud, id: payment_id}
          quality: {metric: recall, versus: champion, margin: -0.02}
    Good:
        data:
          columns:
            - {name: is_fraud, dtype: bool, available: after-outcome}
            - {name: country, dtype: category, values: {max: 5}}
          labels: {column: is_fraud, delay: 45d}
        release: {metrics: {recall: 0.7}}
        monitoring:
          segments: [country]
          capture: {by: client, to: s3://feedback/fraud, id: payment_id}
          quality: {metric: recall, min: 0.68}
    """
    process = plan.measuring
    if process is not None:
        for bound in process.bounds:
            yield from _without_rival(process, bound)


def _without_rival(process: MeasuringPlan, bound: Condition | AlertRule) -> Iterator[Diagnostic]:
    column, metric = _unrecorded(process, bound), bound.metric.value
    if column is not None and bound.versus is not None:
        yield _without_answers(process, bound.metric, bound.versus, column)
    quality = QualityPlan(process.plan, bound)
    rival = quality.about_all_rows
    if rival is None or process.live is None:
        return
    if rival.value == "champion" and metric not in process.live.metrics:
        yield finding(
            "MLS792",
            f"`{metric}` is compared with the live version, whose result is unknown",
            rival,
            others=((process.live.version, "has no such result"),),
            note="the alert would never fire",
            help=f"add the `{metric}` of the live version to `release.metrics`, or write `min` or `max` instead of "
            "`versus`",
        )
    elif quality.asked_columns and not _judged_otherwise(process, bound):
        value = quality.asked_columns[0]
        yield finding(
            "MLS792",
            f"no alert judges `{metric}` by `{value.value}`: the result of the {_whose(rival)} is about all rows",
            rival,
            others=((value, "its values have no result"),),
            note="a model that fails for one value, and is good for the others, would go unnoticed",
            help=f"write a bound on `{metric}` with `{_side(quality)}` instead of `versus`, which also judges each "
            "value",
        )


def _unrecorded(process: MeasuringPlan, bound: Condition | AlertRule) -> Because[str] | None:
    """The column with the answers of a rival, if it is needed and the recorder cannot write it."""
    column, service = process.rival_answers(bound), process.service
    if column is None or process.part.by.value != "sidecar" or not isinstance(service, ServicePlan):
        return None
    written = {one.name.value for side in columns(service).values() for one in side}
    return column if column.value not in written else None


def _without_answers(
    process: MeasuringPlan, metric: Because[str], rival: Because[str], column: Because[str]
) -> Diagnostic:
    return finding(
        "MLS792",
        f"`{metric.value}` is compared with `{rival.value}`, whose answers are not recorded",
        rival,
        others=((process.part.by, "records only what the server answers"),),
        note="the two are compared on the same rows, so the alert would never fire",
        help="write `min` or `max` instead of `versus`, or write `by: client`, and record what "
        f"`{rival.value}` answers as `{column.value}`",
    )


def _whose(rival: Because[str]) -> str:
    return "live version" if rival.value == "champion" else "humans"


def _side(quality: QualityPlan) -> str:
    return "min" if quality.more_is_better.value else "max"


def _judged_otherwise(process: MeasuringPlan, bound: Condition | AlertRule) -> bool:
    """Whether another bound on the metric has a number, which also judges each value."""
    same = [one for one in process.bounds if one.metric.value == bound.metric.value]
    return any(one.min is not None or one.max is not None for one in same)


@rule(
    "MLS793",
    "warning",
    "retraining.diagnosis.minNewLabels",
    "retraining.triggers",
    "data.labels.delay",
    *_RATE,
)
def labels_that_never_are_enough(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Number of new labels that can never be counted.

    Why: a label is counted if its prediction is still there. Predictions are deleted after `retention`, and their
    labels take `delay`, so only those of the time between can be new. If they are fewer than `minNewLabels`, no run
    ever starts.

    Bad:
        constraints: {throughput: {mean: 1/m, peak: 10/m}}
        data:
          columns: [{name: is_fraud, dtype: bool, available: after-outcome}]
          labels: {column: is_fraud, delay: 45d}
        monitoring:
          capture: {by: client, to: s3://feedback/fraud, id: payment_id, retention: 90d}
        retraining:
          triggers: [new-labels]
          diagnosis: {minNewLabels: 100000}
          maxModelAge: 30d
    Good:
        constraints: {throughput: {mean: 1/m, peak: 10/m}}
        data:
          columns: [{name: is_fraud, dtype: bool, available: after-outcome}]
          labels: {column: is_fraud, delay: 45d}
        monitoring:
          capture: {by: client, to: s3://feedback/fraud, id: payment_id, retention: 90d}
        retraining:
          triggers: [new-labels]
          diagnosis: {minNewLabels: 20000}
          maxModelAge: 30d
    """
    process, retraining, labels = plan.measuring, system.retraining, system.data.labels
    least = retraining.diagnosis.min_new_labels if retraining is not None else None
    if process is None or least is None or labels is None:
        return
    counting = [trigger for trigger in process.triggers if trigger.value == NEW_LABELS]
    rows = recorded(plan, process.service.model.value) if counting else None
    if rows is None:
        return
    most = countable(rows, process.part.retention, labels.delay)
    if int(least.value) > most.value:
        yield finding(
            "MLS793",
            f"`minNewLabels` is {int(least.value):,}, and at most {most.value:,} labels can be new",
            least,
            others=((process.part.retention, most.reason),),
            note="a label is counted while its prediction is kept, so the trigger would never start a run",
            help="write a smaller `minNewLabels`, or keep predictions for longer"
            + (", or capture a larger share of them" if _sampled(process) else ""),
        )


@rule(
    "MLS794",
    "warning",
    "monitoring.quality",
    "monitoring.rules.*.metric",
    "monitoring.segments",
    "monitoring.interval",
    "monitoring.drift.window",
    "data.labels.positiveShare",
    "data.columns.*.values",
    *_RATE,
)
def verdict_that_no_window_reaches(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Quality in production that needs more observations than a window has.

    Why: with too few observations there is no verdict. The alert on a low quality can never fire, and the one on too
    few observations always does. The observations of a recall are the positives, and a segment has fewer than all rows.

    Bad:
        constraints: {throughput: {mean: 3/m, peak: 10/m}}
        data:
          columns: [{name: is_fraud, dtype: bool, available: after-outcome}]
          labels: {column: is_fraud, delay: 45d, positiveShare: 2%}
        monitoring:
          capture: {by: client, to: s3://feedback/fraud, id: payment_id}
          quality: {metric: recall, min: 0.6, minSamples: 400}
    Good:
        constraints: {throughput: {mean: 3/m, peak: 10/m}}
        data:
          columns: [{name: is_fraud, dtype: bool, available: after-outcome}]
          labels: {column: is_fraud, delay: 45d, positiveShare: 2%}
        monitoring:
          interval: 5d
          capture: {by: client, to: s3://feedback/fraud, id: payment_id}
          quality: {metric: recall, min: 0.6, minSamples: 400}
    """
    process = plan.measuring
    for bound in process.bounds if process is not None else ():
        assert process is not None
        quality = QualityPlan(plan, bound)
        if quality.seen is None:
            continue
        if quality.seen.value < quality.least.value:
            yield _too_few(process, quality, quality.seen, None)
            continue
        for column in quality.columns:
            each = quality.each(column)
            if each is not None and each.value < quality.least.value:
                yield _too_few(process, quality, each, column)
                break


def _too_few(
    process: MeasuringPlan, quality: QualityPlan, has: Because[int], column: Because[str] | None
) -> Diagnostic:
    asked, needs = quality.asked, quality.least.value
    of = f" by `{column.value}`" if column is not None else ""
    has_ = f"at least one value has at most {has.value:,}" if column is not None else f"a window has {has.value:,}"
    return finding(
        "MLS794",
        f"a verdict on `{asked.metric.value}`{of} needs {count(needs, 'observation')}, and {has_}",
        asked.min_samples if asked.min_samples is not None else asked.metric,
        asked.metric,
        others=((column, "each value has a verdict"),) if column is not None else (),
        note=f"{has.reason}; the alert on a low quality could never fire, and that on few observations always would",
        help=f"{_more(process)}, or {'remove the segment' if column is not None else 'lower `minSamples`'}",
    )


def _more(process: MeasuringPlan) -> str:
    """What gives a window more observations, of what the spec has."""
    drift = " or `monitoring.drift.window`" if process.plan.system.monitoring.drift is not None else ""
    share = ", capture a larger share of predictions" if _sampled(process) else ""
    return f"write a longer `monitoring.interval`{drift}{share}"


def _sampled(process: MeasuringPlan) -> bool:
    """Whether only a share of the predictions is captured. The scores of a batch run are all there."""
    return isinstance(process.service, ServicePlan) and process.part.sample.value.amount < 1


@rule(
    "MLS796",
    "warning",
    "monitoring.interval",
    "monitoring.drift",
    "monitoring.quality",
    "monitoring.rules.*.metric",
    "monitoring.capture",
    "monitoring.measured",
    "services.*.schedule",
    "platform.prometheus.retention",
)
def window_without_a_run(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Measurement of batch predictions in windows that have no run.

    Why: a window without a run has no predictions, so nothing is measured in it. Alerts on what is missing then fire
    while all is well, and may keep a training run from starting. Those that need two windows in a row never fire.

    Bad:
        data:
          columns: [{name: is_fraud, dtype: bool, available: after-outcome}]
          labels: {column: is_fraud, delay: 45d}
        services:
          weekly:
            mode: batch
            image: registry.example.com/score@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
            schedule: "0 4 * * 1"
            input: {uri: "s3://lake/accounts/{date}/"}
            output: {uri: "s3://lake/scores/{date}/"}
        monitoring:
          capture: {by: client, service: weekly, to: s3://feedback/fraud, id: payment_id}
          quality: {metric: recall, min: 0.6}
    Good:
        data:
          columns: [{name: is_fraud, dtype: bool, available: after-outcome}]
          labels: {column: is_fraud, delay: 45d}
        services:
          weekly:
            mode: batch
            image: registry.example.com/score@sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
            schedule: "0 4 * * 1"
            input: {uri: "s3://lake/accounts/{date}/"}
            output: {uri: "s3://lake/scores/{date}/"}
        monitoring:
          interval: 7d
          capture: {by: client, service: weekly, to: s3://feedback/fraud, id: payment_id}
          quality: {metric: recall, min: 0.6}
    """
    process, drift = plan.measuring, system.monitoring.drift
    if process is None or not isinstance(process.service, BatchPlan) or not any(map(_in_windows, process.asked)):
        return
    window, key, under = system.monitoring.interval, "interval", "monitoring"
    if drift is not None:
        window, key, under = drift.window, "window", "monitoring.drift"
    gap = process.service.longest_gap
    if gap.value > window.value:
        yield finding(
            "MLS796",
            f"the runs are up to {readable(gap.value)} apart, so a window of {readable(window.value)} may have none",
            window,
            process.asked,
            others=((process.service.part.schedule, "when the runs start"),),
            note="nothing is measured in a window without predictions, so alerts would fire while all is well",
            help=f"write `{key}: {_whole(gap.value)}` under `{under}`" + _kept(plan, gap.value),
        )


def _kept(plan: Plan, window: Duration) -> str:
    """What Prometheus has to keep, if it does not: a group that is no longer measured is noticed after two windows."""
    days = ceil((2 * window.amount + 3600) / 86400)
    if days * 86400 <= plan.platform.prometheus.retention.value.amount:
        return ""
    return f", and have Prometheus keep `{days}d` or more, as `platform.prometheus.retention` says"


def _in_windows(asked: Because[object]) -> bool:
    """Whether it is measured in windows. An age is that of the newest time, whatever the window."""
    exported = condition(str(asked.value))
    return exported is None or not exported.looks


def _whole(gap: Duration) -> str:
    """Rounded up to whole hours or days."""
    hours = ceil(gap.amount / 3600)
    return f"{hours // 24}d" if hours % 24 == 0 else f"{hours}h"

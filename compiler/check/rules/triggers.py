"""Rules on what starts a training run between scheduled ones."""

from __future__ import annotations

from collections.abc import Iterator

from ...because import Because
from ...computed import DECISIONS, SEVERAL_CLASSES
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.alerting.due import DROP, NEW_LABELS, drifts
from ...plan.data.quality import QualityPlan
from ...system import AlertRule, Condition, MLSystem
from ..lint import rule
from .watching import of_quality

__all__ = ["trigger_that_starts_nothing"]

LACKING = {
    "data-drift": ("no feature is compared with a reference", "features: {method: psi}"),
    "prediction-drift": ("predictions are not compared with a reference", "prediction: {method: psi}"),
}
"""What a trigger lacks whose drift is not measured, and what to add."""


@rule(
    "MLS716",
    "error",
    "retraining.triggers",
    "retraining.diagnosis.minNewLabels",
    "data.labels",
    "releases.*.trainedAt",
    "monitoring.drift",
    "monitoring.quality",
)
def trigger_that_starts_nothing(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Trigger whose alert never fires.

    Why: a trigger starts a run when its alert fires. `new-labels` needs a number, labels, and a time to count from.
    `quality-drop` needs a bound on the quality. Drift starts a run only if the quality is also estimated below its bar,
    so it needs drift that is measured, and a metric that can be estimated before labels arrive. If one of these is
    missing, no run ever starts.

    Bad:
        retraining:
          triggers: [new-labels]
          maxModelAge: 30d
    Good:
        data:
          columns: [{name: is_fraud, dtype: bool, available: after-outcome}]
          labels: {column: is_fraud, delay: 45d}
        retraining:
          triggers: [new-labels]
          diagnosis: {minNewLabels: 20000}
          maxModelAge: 30d
    """
    retraining = system.retraining
    for trigger in retraining.triggers if retraining is not None else ():
        if trigger.value == NEW_LABELS:
            yield from _labels(system, plan, trigger)
        elif _alerts_here(system, plan):
            yield from _worse(system, plan, trigger)


def _alerts_here(system: MLSystem, plan: Plan) -> bool:
    """Whether the alerts that start training are in this environment."""
    return plan.runs("monitoring").value and (system.training is None or plan.runs("training").value)


def _labels(system: MLSystem, plan: Plan, trigger: Because[str]) -> Iterator[Diagnostic]:
    if system.retraining is not None and system.retraining.diagnosis.min_new_labels is None:
        yield _unknown(
            trigger,
            "no number says how many new labels are enough",
            "add `diagnosis: {minNewLabels: 20000}` under `retraining`, or as many as change the model",
        )
    if system.data.labels is None:
        yield _unknown(
            trigger,
            "the data has no labels to count",
            "add `labels: {column: COLUMN, delay: 45d}` under `data`, or remove the trigger",
        )
    else:
        yield from _since_when(plan, trigger)


def _worse(system: MLSystem, plan: Plan, trigger: Because[str]) -> Iterator[Diagnostic]:
    """What a trigger lacks that needs worse predictions."""
    asked = system.monitoring
    if asked.quality is None:
        help_ = "add `quality: {metric: METRIC, min: VALUE}` under `monitoring`, or remove the trigger"
        yield _never(trigger, "no bound says when the quality is too low", help_)
    elif trigger.value != DROP and trigger.value not in drifts(asked.drift):
        why, line = LACKING[trigger.value]
        add = f"`drift: {{{line}}}` under `monitoring`" if asked.drift is None else f"`{line}` under `monitoring.drift`"
        yield _never(trigger, why, f"add {add}, or remove the trigger")
    elif trigger.value != DROP:
        both: tuple[Condition | AlertRule, ...] = (asked.quality, *asked.rules)
        bounds = [QualityPlan(plan, one) for one in both if of_quality(system, one)]
        if bounds and not any(one.estimated.value for one in bounds):
            yield _not_estimated(trigger, bounds[0])


def _not_estimated(trigger: Because[str], quality: QualityPlan) -> Diagnostic:
    metric, why = quality.asked.metric, quality.estimated.reason
    if quality.bar is None:
        help_ = f"write the bound on `{metric.value}` with `min` or `max` instead of `versus`, or remove the trigger"
    elif metric.value in DECISIONS and quality.plan.system.problem.task.value not in SEVERAL_CLASSES:
        help_ = "set `operatingPoint` of the model to the output and the threshold that decide, or remove the trigger"
    else:
        help_ = "write `quality-drop` instead, which waits for labels, or remove the trigger"
    return finding(
        "MLS716",
        f"the trigger `{trigger.value}` starts no run: `{metric.value}` is not estimated before labels arrive",
        trigger,
        others=((metric, why),),
        note="drift starts a run only if the estimated quality is too low, because drift alone does no harm",
        help=help_,
    )


def _never(trigger: Because[str], why: str, help_: str) -> Diagnostic:
    return finding(
        "MLS716",
        f"the trigger `{trigger.value}` starts no run: {why}",
        trigger,
        note="the alert that it waits for does not exist, and the model would only get worse",
        help=help_,
    )


def _since_when(plan: Plan, trigger: Because[str]) -> Iterator[Diagnostic]:
    live = plan.measuring.live if plan.measuring is not None else None
    if live is not None and live.trained_at is None:
        yield finding(
            "MLS716",
            "the trigger `new-labels` starts no run: no release says since when labels are new",
            trigger,
            others=((live.version, "lacks `trainedAt`"),),
            note="labels that the live version was trained on are not new",
            help="add `trainedAt: '2026-11-02T04:12:00Z'` to the release, with the time of its training",
        )


def _unknown(trigger: Because[str], why: str, what: str) -> Diagnostic:
    return finding(
        "MLS716",
        f"the trigger `new-labels` starts no run: {why}",
        trigger,
        note="the model would age although its labels arrived",
        help=what,
    )

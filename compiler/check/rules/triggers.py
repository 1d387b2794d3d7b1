"""Rules on what starts a training run between scheduled ones."""

from __future__ import annotations

from collections.abc import Iterator

from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.alerting.due import NEW_LABELS
from ...system import MLSystem
from ..lint import rule

__all__ = ["labels_that_no_one_counts"]


@rule(
    "MLS716", "error", "retraining.triggers", "retraining.diagnosis.minNewLabels", "data.labels", "releases.*.trainedAt"
)
def labels_that_no_one_counts(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Trigger `new-labels` without a number, without labels, or without a time to count from.

    Why: the trigger starts a run once `minNewLabels` labels are new since the live version was trained. If one of these
    is unknown, no run ever starts, and the model ages although its labels arrived.

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
        if trigger.value != NEW_LABELS or retraining is None:
            continue
        if retraining.diagnosis.min_new_labels is None:
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

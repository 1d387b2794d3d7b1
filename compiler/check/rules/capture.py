"""Rules on the record of predictions: what is measured needs one, and what is in it must be safe to keep."""

from __future__ import annotations

from collections.abc import Iterator

from ....schema.units import Duration
from ...because import Because
from ...diagnostics import Diagnostic
from ...exported import condition
from ...finding import finding
from ...plan import Plan
from ...plan.alerting.due import NEW_LABELS
from ...plan.serving.recording import RESERVED, Recorded, capture_of, columns
from ...system import AlertRule, Capture, MLSystem
from ..lint import rule
from .watching import of_quality

__all__ = ["column_given_twice", "kept_too_short", "nothing_captured", "personal_data_in_the_clear", "uncaptured"]

OF_PREDICTIONS = ("quality", "labels", "drift", "skew", "capture")
"""What is computed from captured predictions, among what jobs export."""


@rule(
    "MLS750",
    "error",
    "monitoring.capture",
    "monitoring.measured",
    "monitoring.drift",
    "monitoring.quality",
    "monitoring.rules.*.metric",
    "retraining.triggers",
)
def nothing_captured(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Drift, quality, or skew in production without captured predictions.

    Why: all of them compare predictions with something: a reference, labels that arrive later, or training data.
    Without a record of predictions, nothing can be compared, and the alerts never fire.

    Bad:
        monitoring:
          quality: {metric: recall, min: 0.6}
    Good:
        monitoring:
          measured: elsewhere
          quality: {metric: recall, min: 0.6}
    """
    found = uncaptured(system, plan)
    if not found:
        return
    (name, first), *others = found
    yield finding(
        "MLS750",
        f"nothing captures the predictions that {name} is measured from",
        first,
        others=tuple((place, "needs them, too") for _, place in others),
        note="the alerts on it would never fire",
        help="add `capture: {by: sidecar, to: s3://BUCKET/FOLDER, id: COLUMN}` under `monitoring`, or write "
        "`measured: elsewhere` there if jobs of yours measure it and export the metrics of docs/reference/metrics.md",
    )


def uncaptured(system: MLSystem, plan: Plan) -> list[tuple[str, object]]:
    """What is to be measured here from predictions that nothing captures: its name, and where the spec asks for it."""
    asked = system.monitoring
    here = plan.runs("monitoring").value and plan.online and asked.measured.value == "here"
    if asked.capture is not None or not here:
        return []
    found: list[tuple[str, object]] = []
    if asked.quality is not None:
        found.append((f"`{asked.quality.metric.value}`", asked.quality.metric))
    if asked.drift is not None:
        found.append(("drift", asked.drift))
    found += [(f"`{one.value}`", one) for one in _counting(system, plan)]
    return [*found, *((f"`{one.metric.value}`", one.metric) for one in asked.rules if _of_predictions(system, one))]


def _counting(system: MLSystem, plan: Plan) -> list[Because[str]]:
    """The trigger that counts labels, where runs can start."""
    triggers = system.retraining.triggers if system.retraining is not None and plan.training is not None else ()
    return [trigger for trigger in triggers if trigger.value == NEW_LABELS]


def _of_predictions(system: MLSystem, bound: AlertRule) -> bool:
    known = condition(bound.metric.value)
    return (known is not None and known.monitor in OF_PREDICTIONS) or of_quality(system, bound)


@rule("MLS751", "error", "monitoring.capture", "monitoring.segments", "models.*.signature")
def column_given_twice(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Two columns of one name in the record of a prediction.

    Why: a record is one row. If an input and an output have the same name, or an input has the name of a column that
    every record has, one of the two values is lost.

    Bad:
        model:
          signature: {inputs: [{name: time, dtype: float32}], outputs: [{name: score, dtype: float32}]}
        monitoring:
          capture: {by: client, to: s3://feedback/fraud, id: payment_id}
    Good:
        model:
          signature: {inputs: [{name: hour, dtype: float32}], outputs: [{name: score, dtype: float32}]}
        monitoring:
          capture: {by: client, to: s3://feedback/fraud, id: payment_id}
    """
    for capture, known in _recorded(plan):
        seen: dict[str, object] = {}
        for side in ("inputs", "outputs"):
            for column in known[side]:
                name = column.name.value
                if name in RESERVED:
                    yield _twice(column, None, "a column that every record has")
                elif name in seen or (side == "outputs" and name == capture.id.value):
                    yield _twice(column, seen.get(name, capture.id), "the other one")
                seen[name] = column.name


def _twice(column: Recorded, other: object, what: str) -> Diagnostic:
    return finding(
        "MLS751",
        f"the record of a prediction has two columns `{column.name.value}`",
        column.name,
        others=((other, what),) if other is not None else (),
        label="also a column that every record has" if other is None else "",
        note="a record is one row, so one of the two values would be lost",
        help="rename it in the model and its signature, or record with another `id`"
        if other is not None
        else "rename it in the model and its signature",
    )


@rule("MLS752", "error", "monitoring.capture", "monitoring.segments", "models.*.signature", "data.columns.*.personal")
def personal_data_in_the_clear(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Personal data that is captured without masking, or a mask for no column.

    Why: the record is kept for months, and more people and programs read it than serve requests. An ID that is masked
    cannot be joined with labels, and a mask with a misspelled name hides nothing.

    Bad:
        data:
          columns: [{name: email, dtype: string, personal: true}]
        model:
          signature: {inputs: [{name: email, dtype: string}], outputs: [{name: score, dtype: float32}]}
        monitoring:
          capture: {by: client, to: s3://feedback/fraud, id: payment_id}
    Good:
        data:
          columns: [{name: email, dtype: string, personal: true}]
        model:
          signature: {inputs: [{name: email, dtype: string}], outputs: [{name: score, dtype: float32}]}
        monitoring:
          capture: {by: client, to: s3://feedback/fraud, id: payment_id, personalData: [email]}
    """
    declared = {column.name.value: column for column in system.data.columns}
    for capture, known in _recorded(plan):
        masked = {name.value: name for name in capture.personal_data}
        written = {one.name.value: one.name for listed in known.values() for one in listed}
        for name, place in written.items():
            column = declared.get(name)
            if column is not None and column.personal.value and name not in masked and name != capture.id.value:
                yield _in_the_clear(name, place, column.personal)
        for name, at in masked.items():
            if name == capture.id.value:
                yield _masked_id(at, capture)
            elif name not in written and name not in declared:
                yield _no_column(at, sorted(written))


def _in_the_clear(name: str, place: Because[str], personal: Because[bool]) -> Diagnostic:
    return finding(
        "MLS752",
        f"`{name}` is personal data, and each record would contain it",
        place,
        others=((personal, "declared here"),),
        note="records are kept for months, and more people and programs read them than serve requests",
        help=f"add `{name}` to `monitoring.capture.personalData`",
    )


def _masked_id(at: Because[str], capture: Capture) -> Diagnostic:
    return finding(
        "MLS752",
        f"the ID `{at.value}` would be masked",
        at,
        others=((capture.id, "labels are joined by it"),),
        note="no label could be joined with a prediction",
        help="record another ID that identifies the prediction and no person, and remove this one",
    )


def _no_column(at: Because[str], written: list[str]) -> Diagnostic:
    names = ", ".join(f"`{name}`" for name in written)
    return finding(
        "MLS752",
        f"neither the record nor the data has a column `{at.value}`",
        at,
        note="a mask with a misspelled name hides nothing",
        help=f"write one of {names}" if written else "remove it",
    )


@rule("MLS753", "error", "monitoring.capture.retention", "data.labels.delay")
def kept_too_short(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Predictions that are deleted before their labels arrive.

    Why: quality is measured by joining labels with the predictions that they belong to. If those are gone, every label
    arrives too late.

    Bad:
        data:
          columns: [{name: is_fraud, dtype: bool, available: after-outcome}]
          labels: {column: is_fraud, delay: 45d}
        monitoring:
          capture: {by: client, to: s3://feedback/fraud, id: payment_id, retention: 30d}
    Good:
        data:
          columns: [{name: is_fraud, dtype: bool, available: after-outcome}]
          labels: {column: is_fraud, delay: 45d}
        monitoring:
          capture: {by: client, to: s3://feedback/fraud, id: payment_id, retention: 90d}
    """
    capture, labels = system.monitoring.capture, system.data.labels
    if capture is None or labels is None or labels.delay is None or not plan.runs("monitoring").value:
        return
    delay = labels.delay.value
    if capture.retention.value > delay:
        return
    yield finding(
        "MLS753",
        f"predictions are deleted after {capture.retention.value}, before their labels arrive",
        capture.retention,
        capture,
        others=((labels.delay, "when labels arrive"),),
        note="no label would find its prediction, and no quality could be measured",
        help=f"write `retention: {Duration(2 * delay.amount)}`, or more",
    )


def _recorded(plan: Plan) -> Iterator[tuple[Capture, dict[str, tuple[Recorded, ...]]]]:
    """What is recorded of each service."""
    for service in plan.online.values():
        capture = capture_of(service.scope, service.part)
        if capture is not None:
            yield capture, columns(service)

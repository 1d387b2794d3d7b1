"""Rules on sources that are pinned to one version, while runs start by themselves and other sources move on."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import DataSource, Labels, MLSystem, PinnedVersion, TemporalSplit
from ..lint import rule
from .moving import is_moving
from .retraining import unattended

__all__ = ["dropped_for_pinned_labels", "negative_by_pinned_labels", "retrained_on_the_same_data"]


def _pinned(source: DataSource) -> bool:
    """Whether each run reads the same rows. A branch names other rows over time, and MLS109 reports it."""
    return isinstance(source.version, PinnedVersion) and not is_moving(source.version.id.value)


def _stored(system: MLSystem) -> list[DataSource]:
    """The sources that a run reads. A request is not stored."""
    return [source for source in system.data.sources if source.ingestion.value != "request"]


def _left_behind(system: MLSystem, unlabeled: str) -> Iterator[tuple[Labels, DataSource, DataSource]]:
    """The labels, their pinned source, and a source whose rows move on, if unattended runs read both."""
    labels = system.data.labels
    if labels is None or labels.source is None or not unattended(system) or labels.unlabeled.value != unlabeled:
        return
    pinned = next((one for one in _stored(system) if one.name.value == labels.source.value and _pinned(one)), None)
    moving = [one for one in _stored(system) if not _pinned(one)]
    rows = _source_of_rows(system, labels)
    found = next((one for one in moving if rows is None or one.name.value == rows), None)
    if pinned is not None and found is not None:
        yield labels, pinned, found


def _source_of_rows(system: MLSystem, labels: Labels) -> str | None:
    """The name of the source that has a row for each example: the one with the time that splits them, else the one of
    the labels if it has something that is known at a prediction. The other sources are joined, and add no rows. None
    if nothing says it.
    """
    split = system.data.split
    columns = [(one, one.from_.value) for one in system.data.columns if one.from_ is not None]
    time = split.column.value if isinstance(split, TemporalSplit) else None
    timed = next((source for one, source in columns if one.name.value == time), None)
    if timed is not None or labels.source is None:
        return timed
    inputs = [(one, source) for one, source in columns if one.name.value != labels.column.value]
    known = [source for one, source in inputs if one.available.value == "at-prediction"]
    return labels.source.value if labels.source.value in known else None


@rule(
    "MLS127",
    "warning",
    "data.sources.*.ingestion",
    "data.sources.*.version",
    "retraining.schedule",
)
def retrained_on_the_same_data(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Training on a schedule with data that never changes.

    Why: each run trains on the same rows, so its model is no newer than the last one, and differs from it only by
    chance. The age of the live model starts again with each run, so `maxModelAge` does not notice.

    Bad:
        data:
          sources: [{name: payments, ingestion: batch, owner: payments-core, version: {kind: lakefs, id: 8f1a22c}}]
        retraining: {schedule: "0 3 * * 1", maxModelAge: 45d}
    Good:
        data:
          sources: [{name: payments, ingestion: batch, owner: payments-core, version: {kind: as-of-run}}]
        retraining: {schedule: "0 3 * * 1", maxModelAge: 45d}
    """
    schedule, sources = system.retraining.schedule if system.retraining is not None else None, _stored(system)
    if system.training is None or schedule is None or not sources or not all(map(_pinned, sources)):
        return
    names = " and ".join(f"`{source.name.value}`" for source in sources)
    yield finding(
        "MLS127",
        "runs start on a schedule, and each reads the same data",
        schedule,
        others=tuple((source.version, "stays at this version") for source in sources),
        note="the new model is no newer than the last one, and differs from it only by chance; its age starts again, "
        "so nothing notices",
        help=f"write `version: {{kind: as-of-run}}` for {names}, or remove `schedule` and start a run when the "
        "spec names a new version",
    )


@rule(
    "MLS128",
    "warning",
    "data.sources.*.name",
    "data.sources.*.ingestion",
    "data.sources.*.version",
    "data.columns.*.name",
    "data.columns.*.from",
    "data.columns.*.available",
    "data.split.column",
    "data.labels.column",
    "data.labels.source",
    "data.labels.unlabeled",
    "retraining.schedule",
    "retraining.triggers",
)
def dropped_for_pinned_labels(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Labels pinned to one version while rows move on.

    Why: the pinned version has no label for newer rows, so each run drops them. The model learns nothing new, no matter
    how often it is trained, and is never tested on new rows.

    Bad:
        data:
          sources:
            - {name: payments, ingestion: batch, owner: payments-core, version: {kind: as-of-run}}
            - {name: chargebacks, ingestion: batch, owner: disputes, version: {kind: lakefs, id: 8f1a22c}}
          columns:
            - {name: amount, dtype: float64, min: 0, from: payments}
            - {name: is_fraud, dtype: bool, from: chargebacks, available: after-outcome}
          labels: {column: is_fraud, source: chargebacks}
        retraining: {schedule: "0 3 * * 1", maxModelAge: 45d}
    Good:
        data:
          sources:
            - {name: payments, ingestion: batch, owner: payments-core, version: {kind: as-of-run}}
            - {name: chargebacks, ingestion: batch, owner: disputes, version: {kind: as-of-run}}
          columns:
            - {name: amount, dtype: float64, min: 0, from: payments}
            - {name: is_fraud, dtype: bool, from: chargebacks, available: after-outcome}
          labels: {column: is_fraud, source: chargebacks}
        retraining: {schedule: "0 3 * * 1", maxModelAge: 45d}
    """
    for labels, pinned, moving in _left_behind(system, "dropped"):
        yield finding(
            "MLS128",
            f"`{pinned.name.value}` stays at one version, so new rows of `{moving.name.value}` never get a label",
            pinned.version,
            others=_places(labels, moving),
            note="each run drops them, so the model learns nothing new and is never tested on new rows",
            help=_as_of_run(pinned),
        )


@rule(
    "MLS129",
    "error",
    "data.sources.*.name",
    "data.sources.*.ingestion",
    "data.sources.*.version",
    "data.columns.*.name",
    "data.columns.*.from",
    "data.columns.*.available",
    "data.split.column",
    "data.labels.column",
    "data.labels.source",
    "data.labels.unlabeled",
    "retraining.schedule",
    "retraining.triggers",
)
def negative_by_pinned_labels(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Labels pinned to one version while every newer row counts as negative.

    Why: the pinned version has no label for newer rows, and with `unlabeled: negative`, a row without a label is a
    negative. Each run learns that newer events never happen. The test rows are the newest ones, so they are as wrong,
    and the gates do not notice.

    Bad:
        data:
          sources:
            - {name: payments, ingestion: batch, owner: payments-core, version: {kind: as-of-run}}
            - {name: chargebacks, ingestion: batch, owner: disputes, version: {kind: lakefs, id: 8f1a22c}}
          columns:
            - {name: amount, dtype: float64, min: 0, from: payments}
            - {name: is_fraud, dtype: bool, from: chargebacks, available: after-outcome}
          labels: {column: is_fraud, source: chargebacks, unlabeled: negative}
        retraining: {schedule: "0 3 * * 1", maxModelAge: 45d}
    Good:
        data:
          sources:
            - {name: payments, ingestion: batch, owner: payments-core, version: {kind: as-of-run}}
            - {name: chargebacks, ingestion: batch, owner: disputes, version: {kind: as-of-run}}
          columns:
            - {name: amount, dtype: float64, min: 0, from: payments}
            - {name: is_fraud, dtype: bool, from: chargebacks, available: after-outcome}
          labels: {column: is_fraud, source: chargebacks, unlabeled: negative}
        retraining: {schedule: "0 3 * * 1", maxModelAge: 45d}
    """
    for labels, pinned, moving in _left_behind(system, "negative"):
        yield finding(
            "MLS129",
            f"`{pinned.name.value}` stays at one version, so every new row of `{moving.name.value}` becomes a negative",
            pinned.version,
            others=_places(labels, moving),
            note="each run learns that newer events never happen; test rows are as wrong, so no gate notices",
            help=_as_of_run(pinned),
        )


def _places(labels: Labels, moving: DataSource) -> tuple[tuple[object, str], ...]:
    return (
        (labels.unlabeled, "what a row without a label means"),
        (moving.version if moving.version is not None else moving.name, "each run reads new rows"),
    )


def _as_of_run(pinned: DataSource) -> str:
    return f"write `version: {{kind: as-of-run}}` for `{pinned.name.value}`: each run then records what it read"

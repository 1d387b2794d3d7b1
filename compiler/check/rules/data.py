"""Rules on data: leakage, missing expectations, missing owners, and versions that are not pinned."""

from __future__ import annotations

from collections.abc import Iterator

from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import (
    Clip,
    Column,
    CustomStep,
    Encode,
    Feature,
    Impute,
    Input,
    MLSystem,
    PinnedVersion,
    PreprocessingStep,
    RunVersion,
    Scale,
)
from ..lint import rule
from .moving import is_moving
from .retraining import unattended

__all__ = [
    "data_without_version",
    "fitted_on_all_rows",
    "nothing_expected",
    "outcome_as_input",
    "without_owner",
]

TABLES = ("parquet", "csv", "avro", "protobuf", "orc", "delta", "iceberg")
"""Formats that hold columns."""


def _inputs(system: MLSystem) -> Iterator[Input]:
    """The inputs of all models."""
    for model in system.models.values():
        yield from model.signature.inputs if model.signature is not None else ()


@rule("MLS105", "error", "models.*.signature.inputs.*.name", "data.labels.column", "data.columns.*.available")
def outcome_as_input(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Model input that is the target, or is known only after the outcome.

    Why: in training the column is filled in and leaks the answer. In production it is empty, and the model guesses.

    Bad:
        data:
          columns: [{name: chargeback_date, dtype: date, available: after-outcome}]
        model:
          signature:
            inputs: [{name: chargeback_date, dtype: int64}]
    Good:
        data:
          columns: [{name: chargeback_date, dtype: date, available: after-outcome}]
        model:
          signature:
            inputs: [{name: amount, dtype: float32}]
    """
    late = {c.name.value: c.available for c in system.data.columns if c.available.value == "after-outcome"}
    labels = system.data.labels
    # a forecast takes past values of its target as input
    target = labels.column if labels is not None and system.problem.task.value != "forecasting" else None
    for tensor in _inputs(system):
        name = tensor.name if tensor.from_.value == "request" else tensor.from_
        column = name.value.rpartition(".")[2]
        if target is not None and column == target.value:
            what, other = "is the label that the model predicts", (target, "the label")
        elif column in late:
            what, other = "is known only after the outcome", (late[column], "unknown at prediction time")
        else:
            continue
        yield finding(
            "MLS105",
            f"the input `{tensor.name.value}` {what}",
            name,
            others=(other,),
            note="it leaks the answer in training, and is missing in production",
            help=f"remove the input `{tensor.name.value}`, and train without it",
        )


@rule("MLS106", "warning", "data.preprocessing.*.fitOn", "data.preprocessing.*.strategy")
def fitted_on_all_rows(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Preprocessing fitted on all rows.

    Why: medians, scales, and encodings computed from the test rows leak into training, so the test no longer measures
    the model on unseen data.

    Bad:
        data:
          columns: [{name: amount, dtype: float64}]
          preprocessing: [{step: scale, columns: [amount], fitOn: all}]
    Good:
        data:
          columns: [{name: amount, dtype: float64}]
          preprocessing: [{step: scale, columns: [amount], fitOn: train}]
    """
    for step in system.data.preprocessing:
        if isinstance(step, (Impute, Clip, Scale, Encode, CustomStep)) and step.fit_on.value == "all" and _learns(step):
            yield finding(
                "MLS106",
                f"`{step.step.value}` is fitted on the rows that the model is evaluated on",
                step.fit_on,
                others=((step.columns, "the columns that it is fitted on"),),
                note="the evaluation no longer measures unseen data, and is too optimistic",
                help="write `fitOn: train`",
            )


def _learns(step: PreprocessingStep) -> bool:
    """Whether a step is fitted on rows: a constant and fixed bounds are not."""
    if isinstance(step, Impute):
        return step.strategy.value != "constant"
    return not isinstance(step, Clip) or bool(step.quantiles)


@rule("MLS107", "warning", "data.columns", "data.sources.*.format")
def nothing_expected(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Input without expectations.

    Why: most failures in production are data failures. Data without expectations cannot be validated, and a model
    scores garbage without complaint.

    Bad:
        data:
          columns: [{name: amount, dtype: float64}]
        model:
          signature:
            inputs: [{name: amount, dtype: float32}]
    Good:
        data:
          columns: [{name: amount, dtype: float64, min: 0, nullable: false}]
        model:
          signature:
            inputs: [{name: amount, dtype: float32}]
    """
    data = system.data
    if system.training is None:
        return
    table = next((s.format for s in data.sources if s.format is not None and s.format.value in TABLES), None)
    if not data.columns and table is not None:
        yield finding(
            "MLS107",
            "the training data has no expectations",
            table,
            label="none of its columns are declared",
            note="if the source changes, training silently learns from whatever it contains",
            help="add `columns:` under `data` with the name, the dtype, and the range of each column in use",
        )
    used = _learned_from(system)
    for column in data.columns:
        if column.name.value in used and not _expects(column):
            yield finding(
                "MLS107",
                f"the column `{column.name.value}` has no expectations",
                column.name,
                others=((used[column.name.value], "used here"),),
                note="values that are missing, out of range, or in the wrong unit would silently reach the model",
                help="add `min`, `max`, `values`, `pattern`, `nullShare`, or `nullable: false`",
            )


def _learned_from(system: MLSystem) -> dict[str, object]:
    """The columns that reach the model, each with one place where it is used."""
    features = system.features.views if system.features is not None else ()
    aggregated = [f.transform.column for v in features for f in v.features if f.transform is not None]
    prepared = [column for step in system.data.preprocessing for column in step.columns]
    sent = [tensor.name for tensor in _inputs(system) if tensor.from_.value == "request"]
    return {name.value: name for name in (*aggregated, *prepared, *sent) if name is not None}


def _expects(column: Column) -> bool:
    """Whether the column has an expectation, or a type that is expectation enough."""
    if column.dtype.value in ("bool", "bytes", "timestamp", "date") or column.unique.value or not column.nullable.value:
        return True
    return any(
        bound is not None for bound in (column.min, column.max, column.pattern, column.values, column.null_share)
    )


@rule("MLS108", "warning", "data.sources.*.name", "data.sources.*.owner", "features.views.*.owner")
def without_owner(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Source or feature view without an owner.

    Why: sources change without notice to their consumers. Someone has to announce a change, and be reachable when it
    breaks the model.

    Bad:
        data:
          sources: [{name: transactions, ingestion: streaming}]
    Good:
        data:
          sources: [{name: transactions, ingestion: streaming, owner: payments-core}]
    """
    views = system.features.views if system.features is not None else ()
    ownerless: list[tuple[str, Because[str]]] = [("source", s.name) for s in system.data.sources if s.owner is None]
    ownerless += [("feature view", v.name) for v in views if v.owner is None and not _all_owned(v.features)]
    for what, name in ownerless:
        yield finding(
            "MLS108",
            f"the {what} `{name.value}` has no owner",
            name,
            note="when it changes or breaks, there is no team to notify and no team to ask",
            help="add `owner: ...` with the name of the team that owns it",
        )


def _all_owned(features: tuple[Feature, ...]) -> bool:
    return bool(features) and all(feature.owner is not None for feature in features)


@rule("MLS109", "warning", "data.sources.*.ingestion", "data.sources.*.version")
def data_without_version(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Training data without a version.

    Why: the same training run on different data produces a different model. Without a version you cannot reproduce a
    run, compare two models, or tell what a faulty one learned from. Runs on a schedule need new data each time: with
    `as-of-run`, each run records the version that it read.

    Bad:
        data:
          sources: [{name: chargebacks, ingestion: batch, owner: disputes}]
    Good:
        data:
          sources:
            - {name: chargebacks, ingestion: batch, owner: disputes, version: {kind: lakefs, id: 8f1a22c}}
    """
    for source in system.data.sources if system.training is not None else ():
        if source.ingestion.value != "batch":
            continue
        version = source.version
        if isinstance(version, RunVersion):
            continue
        if version is None or is_moving(version.id.value):
            yield finding(
                "MLS109",
                f"nothing says which version of `{source.name.value}` a training run reads",
                version.id if version is not None else source.name,
                label="refers to different data over time" if version is not None else "",
                note="a training run cannot be reproduced, and two models cannot be compared",
                help=_recorded(version) if unattended(system) else _pinned(version),
            )


def _recorded(version: PinnedVersion | None) -> str:
    """What lets each run read new data. A pinned version would train the same model again and again (MLS127)."""
    if version is None:
        return "add `version: {kind: as-of-run}`: each run then reads new data, and records what it read"
    return "write `version: {kind: as-of-run}` instead: each run then reads new data, and records what it read"


def _pinned(version: PinnedVersion | None) -> str:
    fix = "write the commit, snapshot, or digest of the data"
    if version is None:
        fix = "add `version: {kind: ..., id: ...}` with the commit, snapshot, or digest of the data"
    return f"{fix}, or write `version: {{kind: as-of-run}}` if runs need new data: each run then records what it read"

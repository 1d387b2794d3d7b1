"""What bounds, segments, and drift ask the process to measure, although no record has it."""

from __future__ import annotations

from collections.abc import Iterator

from ...because import Because
from ...diagnostics import Diagnostic
from ...exported import condition
from ...finding import finding
from ...plan import Plan
from ...plan.measuring import MeasuringPlan, measures
from ...system import AlertRule, Condition
from ..subjects import columns

__all__ = ["unmeasured"]

NEVER = "the alert would never fire"


def unmeasured(plan: Plan, process: MeasuringPlan) -> Iterator[Diagnostic]:
    """What the process cannot measure of the records of its service."""
    asked = plan.system.monitoring
    bounds: tuple[Condition | AlertRule, ...] = (*asked.rules, *((asked.quality,) if asked.quality is not None else ()))
    for bound in bounds:
        if measures(plan, bound):
            yield from _of(plan, process, bound)
    for column in (*asked.segments, *(bound.segment for bound in process.bounds if bound.segment is not None)):
        if column.value in process.late and column.value not in process.inputs:
            yield _unknown_yet(process, column, "the segment", "segment by another column")
    yield from _drift(process)


def _of(plan: Plan, process: MeasuringPlan, bound: Condition | AlertRule) -> Iterator[Diagnostic]:
    exported, of = condition(bound.metric.value), bound.of
    if of is None:
        return
    service = plan.system.services.get(of.value)
    if service is not None:
        if service is not process.service.part:
            yield _other_service(process, bound, of)
    elif exported is not None and exported.of == "column":
        yield from _column(plan, process, bound, of)


def _other_service(process: MeasuringPlan, bound: Condition | AlertRule, of: Because[str]) -> Diagnostic:
    captured, chosen = process.service.part.own_name, process.part.service
    return finding(
        "MLS731",
        f"nothing measures `{bound.metric.value}` of `{of.value}`, whose predictions are not captured",
        of,
        others=((chosen if chosen is not None else captured, "its predictions are captured"),),
        note=f"one process measures the predictions of one service; {NEVER}",
        help=f"write `of: {captured.value}`, or remove this bound",
    )


def _column(plan: Plan, process: MeasuringPlan, bound: Condition | AlertRule, of: Because[str]) -> Iterator[Diagnostic]:
    declared = {column.name.value for column in plan.system.data.columns}
    compared = {one.column.value for one in process.columns} if bound.metric.value == "null-rate" else set()
    if of.value in process.late:
        yield _unknown_yet(process, of, f"`{bound.metric.value}` of", "remove this bound")
    elif process.recorded is not None and of.value in columns(plan) and of.value not in process.recorded:
        yield finding(
            "MLS731",
            f"nothing measures `{bound.metric.value}` of `{of.value}`, which no record has",
            of,
            others=((process.part.to, "records have inputs, outputs, and segments"),),
            note=NEVER,
            help=f"add `{of.value}` to `monitoring.segments`, which are recorded, or remove this bound",
        )
    elif of.value not in declared | compared and process.recorded is not None and of.value in process.recorded:
        yield finding(
            "MLS731",
            f"nothing measures `{bound.metric.value}` of `{of.value}`, because the data expects nothing of it",
            of,
            note=f"only the columns of `data.columns` are checked; {NEVER}",
            help=f"declare `{of.value}` under `data.columns`, or remove this bound",
        )


def _unknown_yet(process: MeasuringPlan, name: Because[str], what: str, help_: str) -> Diagnostic:
    return finding(
        "MLS731",
        f"nothing measures {what} `{name.value}`, which is unknown when a prediction is recorded",
        name,
        others=((process.late[name.value], "known only after the outcome"),),
        note="records are written with the prediction, and labels are joined only to judge it",
        help=help_,
    )


def _drift(process: MeasuringPlan) -> Iterator[Diagnostic]:
    """Single columns that are not compared."""
    signature = process.model.signature
    if process.drift is None or signature is None:
        return
    compared = {one.column.value for one in process.columns}
    for name, method in process.drift.part.columns.items():
        if name not in compared:
            yield finding(
                "MLS731",
                f"nothing measures the drift of `{name}`, which is not an input with one value",
                method.own_name,
                note=f"features are compared with the reference as the model gets them; {NEVER}",
                help="remove it, or name an input of the model",
            )

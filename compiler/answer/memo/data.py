"""Data decisions: the history and its split, drift thresholds, and the quality in production."""

from __future__ import annotations

from collections.abc import Iterator

from ...plan import Plan
from ...plan.data.quality import label_limit
from ...plan.data.segments import segments
from ...plan.measuring import pause
from .line import Line

__all__ = ["drift", "history", "quality"]


def history(plan: Plan) -> Iterator[Line]:
    """How far back the data goes, how much of it is left to split, and the rows of each part."""
    past = plan.history
    if past.length is not None:
        yield Line(title="history", value=past.length)
    if past.left is not None:
        yield Line(title="history left to split", value=past.left)
    for title, rows in (("training set", past.train), ("validation set", past.validation), ("test set", past.test)):
        if rows is not None:
            yield Line(title=title, value=rows, count_of="row")
    paid = plan.labeling.paid
    if paid is not None and plan.labeling.evaluation is not None:
        yield Line(title="labels of an evaluation", value=plan.labeling.evaluation, count_of="label")
        yield Line(title="cost of the labels of an evaluation", value=paid)


def drift(plan: Plan) -> Iterator[Line]:
    """The window, the reference, and the threshold of each drift measure."""
    measured = plan.drift
    if measured is None:
        return
    yield Line(title="window", value=measured.part.window, field="monitoring.drift.window")
    if measured.sample is not None:
        yield Line(
            title="sample per window", value=measured.sample, count_of="row", field="monitoring.drift.minSamples"
        )
    if measured.reference is not None:
        yield Line(title="reference sample", value=measured.reference, count_of="row")
    for name, least in measured.above.items():
        where = f"{name}.threshold" if name in ("features", "prediction") else f"columns.{name}.threshold"
        yield Line(title=f"{name}, drift threshold", value=least, unit="PSI", field=f"monitoring.drift.{where}")
    for name, one in measured.watched.items():
        yield Line(
            title=f"{name}, rows for a verdict", value=one.least, count_of="row", field="monitoring.drift.minSamples"
        )
    for segment in segments(measured):
        for name, one in segment.watched.items():
            within, unit = f"{name} by {segment.column.value}", "PSI" if one.method.value == "psi" else ""
            yield Line(title=f"{within}, threshold", value=one.threshold, unit=unit)
            yield Line(title=f"{within}, rows", value=one.least, count_of="row")


def quality(plan: Plan) -> Iterator[Line]:
    """The bar for the quality in production, and what a verdict needs."""
    bound = plan.quality
    if bound is None:
        return
    if bound.bar is not None:
        yield Line(title=f"bar for the live version, {bound.asked.metric.value}", value=bound.bar)
    yield Line(
        title="observations for a verdict",
        value=bound.least,
        count_of="observation",
        field="monitoring.quality.minSamples",
    )
    labels = plan.system.data.labels
    if labels is not None and labels.delay is not None:
        yield Line(
            title="newest label at most", value=label_limit(labels.delay, plan.system.monitoring.interval, pause(plan))
        )

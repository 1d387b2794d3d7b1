"""Evaluation reports as Markdown and JSON. The sections are the same on the HTML page, which adds charts."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from json import dumps
from typing import Any

from ...compiler.evaluation.report import (
    ConfusionMatrix,
    DataSplit,
    Estimate,
    EvaluationReport,
    GateResult,
    MetricResult,
    RivalComparison,
)
from ...compiler.evaluation.said import figure, signed
from ...compiler.plan.choose import count
from ...compiler.record import Record
from ...compiler.row import Row
from ...compiler.words import shown

__all__ = ["NOTE", "Section", "Table", "json", "markdown", "name_of", "range_of", "sections"]

NOTE = (
    "Each limit of an interval holds with 95% confidence, so the two together are a 90% interval. The limits of one "
    "column's values hold for all of them together."
)


class Table(Row):
    """Texts in columns."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""


class Section(Row):
    """One section: sentences, tables, and a list, in that order."""

    title: str
    said: Sequence[str] = ()
    tables: Sequence[Table] = ()
    items: Sequence[str] = ()
    chart: str = ""
    """Which chart belongs here: `gates`, `metrics`, `segments`, or `calibration`."""


def sections(report: EvaluationReport) -> Iterator[Section]:
    """The sections of a report."""
    yield Section("Recommendation", tables=[_gates(report)])
    yield Section("Model and version", tables=[_subject(report)])
    yield _data(report.splits)
    yield Section("Overall metrics", tables=[_metrics(report.metrics)], chart="metrics")
    yield from _by_segment(report.segments)
    yield _baselines(report.comparisons)
    yield Section("Strengths", items=report.strengths or ("no gate is clearly cleared",))
    yield Section("Weaknesses", items=report.weaknesses or ("the metrics file shows none",))
    yield from _errors(report)
    yield _serving(report)
    yield Section("Next steps", items=report.next_steps or ("none",))


def name_of(report: EvaluationReport) -> str:
    """The model with its version."""
    subject = report.subject
    return f"{subject.model} {subject.version}".strip()


def _gates(report: EvaluationReport) -> Table:
    """Every gate, and the constraints that hold the model back."""
    rows: list[tuple[str, ...]] = [
        (gate.title, gate.asked, _found(gate), gate.verdict, _why(gate)) for gate in report.gates
    ]
    held = [one for one in report.limits if one.verdict in ("iterate", "reject")]
    rows += [(one.title, one.asked, one.found, one.verdict or "", one.why) for one in held]
    return Table(
        ("gate", "bar", "measured", "verdict", "why"),
        rows or [("none", "", "", report.verdict, "the spec has no gates")],
    )


def _found(gate: GateResult) -> str:
    if gate.estimate is None:
        return count(len(gate.parts), "value") if gate.parts else "nothing"
    return range_of(gate.estimate, difference=gate.kind == "difference")


def _why(gate: GateResult) -> str:
    return f"{gate.why}. Needed: {gate.needs}" if gate.needs else gate.why


def range_of(estimate: Estimate, *, difference: bool = False) -> str:
    """A value with its limits: `0.944 (0.938 to 0.95)`."""
    written = signed if difference else figure
    value = written(estimate.value)
    if estimate.low is None or estimate.high is None:
        return f"{value} (no interval)"
    return f"{value} ({written(estimate.low)} to {written(estimate.high)})"


def _subject(report: EvaluationReport) -> Table:
    subject = report.subject
    rows = [
        ("system", f"{subject.system} in {subject.environment}: {subject.use_case}"),
        ("model", subject.model),
        ("version", subject.version or "not stated"),
        ("trained", subject.trained_at or "not stated"),
        ("evaluated", subject.evaluated_at or "not stated"),
        ("data version", subject.data_version or "not stated"),
        ("code", subject.revision or "not stated"),
        ("champion", f"version {subject.champion}" if subject.champion else "none is live"),
    ]
    return Table(("what", "value"), rows)


def _data(splits: Sequence[DataSplit]) -> Section:
    if not splits:
        return Section("Data split", said=["The metrics file does not describe the split."])
    rows = [(one.name, _number(one.rows), _number(one.positives), one.first or "-", one.last or "-") for one in splits]
    return Section("Data split", tables=[Table(("part", "rows", "positives", "first", "last"), rows)])


def _number(value: int | None) -> str:
    return f"{value:,}" if value is not None else "-"


def _metrics(metrics: Sequence[MetricResult], *, group: bool = False) -> Table:
    head = ("value" if group else "metric", "measured", "rows", "observations", "interval")
    return Table(head, [_measured(one, one.group if group else one.metric) for one in metrics])


def _measured(one: MetricResult, name: str) -> tuple[str, ...]:
    found = one.estimate
    many = _number(found.samples), _number(found.events)
    return shown(name), range_of(found), *many, found.method or "none: say how many rows are behind it"


def _by_segment(segments: Sequence[MetricResult]) -> Iterator[Section]:
    if not segments:
        yield Section("By segment", said=["The metrics file has no results by segment."])
        return
    tables = []
    order = sorted(segments, key=lambda one: (one.column, one.metric))
    for (column, metric), some in groupby(order, key=lambda one: (one.column, one.metric)):
        table = _metrics(list(some), group=True)
        tables.append(table._replace(caption=f"{metric} by {shown(column)}"))
    yield Section("By segment", tables=tables, chart="segments")


def _baselines(comparisons: Sequence[RivalComparison]) -> Section:
    if not comparisons:
        return Section("Baselines", said=["Neither the metrics file nor the spec has results of a rival."])
    rows = [
        (
            f"{one.metric} against {shown(one.rival)}",
            figure(one.value),
            range_of(one.difference, difference=True),
            {True: "better", False: "worse", None: "too close to tell"}[one.better],
            one.note or one.difference.method,
        )
        for one in comparisons
    ]
    return Section("Baselines", tables=[Table(("baseline", "its value", "difference", "the model is", "how"), rows)])


def _errors(report: EvaluationReport) -> Iterator[Section]:
    tables = [*_confusion(report.confusion)] if report.confusion is not None else []
    said = [] if tables else ["The metrics file has no confusion matrix."]
    if report.calibration:
        said.append(f"Expected calibration error: {report.calibration_error}.")
        rows = [
            (figure(one.predicted), range_of(one.observed), _number(one.observed.samples), "off" if one.off else "fits")
            for one in report.calibration
        ]
        tables.append(Table(("mean score", "share of positives", "rows", "verdict"), rows, "Calibration"))
    yield Section("Error analysis", said=said, tables=tables, chart="calibration" if report.calibration else "")


def _confusion(found: ConfusionMatrix) -> Iterator[Table]:
    rows = [
        (shown(label), *(f"{many:,}" for many in row)) for label, row in zip(found.labels, found.counts, strict=True)
    ]
    yield Table(("actual", *(f"predicted {shown(label)}" for label in found.labels)), rows, "Confusion matrix")
    by_class = [
        (
            shown(one.name),
            f"{one.rows:,}",
            range_of(one.recall) if one.recall is not None else "no rows",
            range_of(one.precision) if one.precision is not None else "never predicted",
            one.mistaken or "-",
        )
        for one in found.classes
    ]
    yield Table(("class", "rows", "recall", "precision", "most often taken for"), by_class, "By class")


def _serving(report: EvaluationReport) -> Section:
    rows = [
        *((one.name, "-", one.value, "measured", "") for one in report.serving),
        *((one.title, one.asked, one.found, one.verdict or "open", one.why) for one in report.limits),
    ]
    title = "Latency, throughput, and cost"
    if not rows:
        return Section(title, said=["Neither the spec nor the metrics file says anything about them."])
    return Section(title, tables=[Table(("what", "limit", "measured", "verdict", "why"), rows)])


# Formats


def markdown(report: EvaluationReport) -> str:
    """A report for a pull request or a document."""
    from .prose import filled

    plain = [_escaped(one) for one in sections(report)]
    return filled(
        "evaluation.md.j2", name=_cell(name_of(report)), summary=_cell(report.summary), note=NOTE, sections=plain
    )


def _escaped(section: Section) -> Section:
    tables = [
        Table([*map(_cell, one.head)], [[*map(_cell, row)] for row in one.rows], _cell(one.caption))
        for one in section.tables
    ]
    return section._replace(said=_each(section.said), tables=tables, items=_each(section.items))


def _each(said: Iterable[str]) -> list[str]:
    return [_cell(one) for one in said]


def _cell(text: str) -> str:
    """A text that Markdown shows as it is, in a table as well. Code in backticks stays code."""
    line = " ".join(text.split())
    return re.sub(r"([|<>*\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", line)


def json(report: EvaluationReport) -> str:
    """A report for programs; `version` increases when its structure changes."""
    return dumps({"version": 1, **_plain(report)}, indent=2, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """Records as mappings, and tuples as lists."""
    if isinstance(value, Record):
        return {name: _plain(getattr(value, name)) for name in value._fields}
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no infinity: there is no limit
    return [_plain(one) for one in value] if isinstance(value, tuple) else value

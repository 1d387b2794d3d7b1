"""Evaluation reports as one HTML page that stands alone: the sections, and charts of values with their intervals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from ...compiler.evaluation.report import Answer, Estimate, EvaluationReport, GateResult
from ...compiler.evaluation.said import figure, signed
from ...compiler.words import shown
from .evaluation import NOTE, Section, Table, name_of, range_of, sections
from .page import Html, document, listed, table, tag
from .ranges import Range, ranges

__all__ = ["page"]

KINDS: dict[Answer | None, str] = {"ship": "good", "reject": "bad", "iterate": "few", None: "one"}
CLASSES = {"ship": "kept", "reject": "broken", "iterate": "unclear", "open": "unclear", "off": "broken"}

KEYS = ("interval", "bar of the gate")


def page(report: EvaluationReport) -> str:
    """The page of a report."""
    body = (part for section in sections(report) for part in _section(report, section))
    verdict = tag("p", tag("strong", report.summary, class_=CLASSES[report.verdict]))
    return document(f"Evaluation of {name_of(report)}", [verdict, *body], NOTE)


def _section(report: EvaluationReport, section: Section) -> Iterator[Html]:
    yield tag("h2", section.title)
    yield from (tag("p", one) for one in section.said)
    charts = list(_charts(report, section.chart))
    if charts:
        yield tag("div", *charts, class_="charts")
    yield from (_table(one) for one in section.tables)
    if section.items:
        yield listed(section.items)


def _table(one: Table) -> Html:
    rows = [
        [cell if cell not in CLASSES else tag("span", cell, class_=CLASSES[cell]) for cell in row] for row in one.rows
    ]
    return table(one.head, rows, one.caption)


def _charts(report: EvaluationReport, name: str) -> Iterator[Html]:
    if name == "metrics":
        shares = [one for one in report.metrics if 0 <= one.estimate.value <= 1]
        if shares:
            yield _drawn("Overall metrics", [_of(one.metric, one.estimate, None, None) for one in shares])
        yield from _differences(report.gates)
    elif name == "segments":
        yield from _segments(report)
    elif name == "calibration":
        rows = [
            Range(
                f"score {figure(one.predicted)}",
                range_of(one.observed),
                one.observed.value,
                one.observed.low,
                one.observed.high,
                one.predicted,
                "bad" if one.off else "good",
            )
            for one in report.calibration
        ]
        yield ranges("Calibration", _described("the share of positives", rows), rows, ("interval", "mean score"))


def _drawn(title: str, rows: list[Range]) -> Html:
    return ranges(title, _described(title, rows), rows, KEYS)


def _described(what: str, rows: Iterable[Range]) -> str:
    """The values in words."""
    return f"{what}: {'; '.join(f'{row.name} {row.said}' for row in rows)}"


def _of(name: str, found: Estimate, bar: float | None, verdict: Answer | None, *, difference: bool = False) -> Range:
    """A value; a verdict is said in words as well as by color."""
    said = range_of(found, difference=difference)
    if verdict is not None:
        said = f"{signed(found.value) if difference else figure(found.value)} {verdict}"
    return Range(shown(name), said, found.value, found.low, found.high, bar, KINDS[verdict])


def _differences(gates: Iterable[GateResult]) -> Iterator[Html]:
    rows = [
        _of(gate.title, gate.estimate, gate.bar, gate.verdict, difference=True)
        for gate in gates
        if gate.kind == "difference" and gate.estimate is not None
    ]
    if rows:
        yield _drawn("Differences from rivals", rows)


def _segments(report: EvaluationReport) -> Iterator[Html]:
    """A chart for each column and metric, with the bar of a gate on it."""
    bars = {gate.title: gate for gate in report.gates if gate.kind == "segment"}
    order = sorted(report.segments, key=lambda one: (one.column, one.metric))
    for (column, metric), some in groupby(order, key=lambda one: (one.column, one.metric)):
        title = f"{metric} by {shown(column)}"
        gate = bars.get(title)
        verdicts = {part.name: part.verdict for part in gate.parts} if gate is not None else {}
        bar = gate.bar if gate is not None else None
        rows = [_of(one.group, one.estimate, bar, verdicts.get(one.group)) for one in some]
        yield _drawn(title, rows)

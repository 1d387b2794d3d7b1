"""The status of a running system as one HTML page that stands alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...compiler.answer.status import Action, Chart, Check, Drift, Fact, Health, Quality, ServiceStatus, Status
from ...compiler.plan.choose import count, number
from .charts import Line, chart
from .page import Html, document, joined, table, tag
from .ranges import Range, ranges
from .status import LABELS, NO_DATA, color, drifted, headline, interval, moment, rivals, summed

__all__ = ["page"]

LONG = 200
"""The characters of an action that is folded, such as a list of causes to rule out."""


def page(found: Sequence[Status]) -> str:
    """The page of the statuses of one system."""
    systems = ", ".join(dict.fromkeys(one.system for one in found))
    return document(f"Status of {systems}", (part for status in found for part in _status(status)))


def _status(status: Status) -> Iterator[Html]:
    yield tag("h2", f"{status.environment}: ", _color(status.health))
    yield tag("p", f"{summed(status)} Checked at {moment(status.at)}.")
    if status.actions:
        yield tag("h3", "Actions")
        yield tag("ol", *map(_action, status.actions))
    for warning in status.warnings:
        yield tag("p", f"Prometheus warns: {warning}", class_="faint")
    for service in status.services:
        yield from _service(service)


def _color(health: Health) -> Html:
    return tag("span", color(health), class_=health, title=LABELS[health])


def _action(action: Action) -> Html:
    link = (" ", tag("a", "Runbook", href=action.runbook)) if action.runbook.startswith(("https:", "http:")) else ()
    what = tag("div", action.what)
    if len(action.what) > LONG:
        what = tag("details", tag("summary", "What to do"), tag("p", action.what))
    return tag("li", _color(action.health), f" {headline(action)}", *link, what)


def _service(service: ServiceStatus) -> Iterator[Html]:
    yield tag("h3", f"{service.name} ({service.kind}): ", _color(service.health))
    if service.facts:
        yield table(("measure", "value", "target"), map(_fact, service.facts), "What Prometheus measures")
    if service.quality:
        rows = map(_quality, service.quality)
        yield table(("metric", "value", "interval", "baselines"), rows, "Quality in production")
        yield joined(_bars(service.quality), "\n")
    if service.drift:
        yield table(("column", "distance"), ((_column(one), drifted(one)) for one in service.drift), "Drift by column")
        yield _drift(service.drift)
    if service.charts:
        yield tag("div", *map(_chart, service.charts), class_="charts")
    many = count(sum(check.alerts for check in service.checks), "alert")
    yield table(("failure", "health", "why"), map(_check, service.checks), f"Health by {many}")


def _fact(fact: Fact) -> tuple[str, ...]:
    return fact.title, fact.value or tag("span", NO_DATA, class_="gray"), fact.target


def _quality(one: Quality) -> tuple[str, ...]:
    return f"{one.metric}, {one.group}" if one.group else one.metric, number(one.value), interval(one), rivals(one)


def _column(one: Drift) -> str:
    said = f"prediction {one.column}".strip() if one.subject == "prediction" else one.column
    return f"{said}, {one.group}" if one.group else said


def _bars(found: Sequence[Quality]) -> Iterator[Html]:
    """One picture for each metric, because metrics have different units."""
    for metric in dict.fromkeys(one.metric for one in found):
        rows = [
            Range(one.group or "all rows", number(one.value), one.value, one.low, one.high, kind="one")
            for one in found
            if one.metric == metric
        ]
        yield ranges(f"{metric} by group", _described(rows), rows, ("95% interval", ""))


def _drift(found: Sequence[Drift]) -> Html:
    """How far each column is, in multiples of its threshold, because methods have different units."""
    rows = [
        Range(_column(one), f"{number(times)} x", times, None, None, 1.0, "bad" if times > 1 else "good")
        for one, times in ((one, one.value / one.threshold) for one in found if one.threshold)
    ]
    title = "Drift in multiples of the threshold"
    return ranges(title, _described(rows), rows, ("", "threshold")) if rows else Html()


def _described(rows: Sequence[Range]) -> str:
    return "; ".join(f"{row.name}: {row.said}" for row in rows)


def _chart(one: Chart) -> Html:
    lines = [Line(one.title, one.points, "one")]
    if one.limit is not None:
        lines.append(Line("what the objective allows", ((0.0, one.limit), (24.0, one.limit)), "limit"))
    return chart(one.title, one.unit, 24.0, lines, over="hours")


def _check(check: Check) -> tuple[str, ...]:
    whys = [
        f"{one.alert}: {one.said}{f', since {moment(one.since)}' if one.since else ''}" if one.alert else one.said
        for one in check.troubles
    ]
    return check.failure, _color(check.health), joined((tag("p", why) for why in whys), "\n")

"""The status of a running system as text, Markdown, and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from json import dumps
from textwrap import wrap
from typing import Any

from ...compiler.answer.status import Action, Check, Drift, Fact, Health, Quality, ServiceStatus, Status
from ...compiler.plan.choose import count, number
from ...compiler.record import Record
from .markdown import cell, table

__all__ = [
    "LABELS",
    "SYMBOLS",
    "color",
    "headline",
    "interval",
    "json",
    "markdown",
    "moment",
    "rivals",
    "summed",
    "text",
]

SYMBOLS: dict[Health, str] = {"red": "■", "yellow": "▲", "gray": "?", "green": "●"}
"""A shape for each state, because color alone is not seen by all."""

LABELS: dict[Health, str] = {
    "red": "act now", "yellow": "look at it", "gray": "unknown: no data", "green": "fine",
}  # fmt: skip

NO_DATA = "no data"


def moment(at: float) -> str:
    """A time in UTC, to the minute."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def color(health: Health) -> str:
    """A state in words, with its symbol: `RED ■`."""
    return f"{health.upper()} {SYMBOLS[health]}"


def summed(status: Status) -> str:
    """The health of an environment in a sentence."""
    bad = [one.name for one in status.services if one.health == status.health]
    if status.health == "green":
        return f"All {count(sum(check.alerts for one in status.services for check in one.checks), 'alert')} are silent."
    what = {"red": "needs action now", "yellow": "needs a look", "gray": "is unknown"}[status.health]
    return f"The health of {', '.join(bad)} {what}." if status.health == "gray" else f"{', '.join(bad)} {what}."


def interval(one: Quality) -> str:
    """The 95% interval and the observations behind it."""
    if one.low is None or one.high is None:
        return "no interval"
    seen = f", {count(int(one.samples), 'observation')}" if one.samples is not None else ""
    return f"95% within {number(one.low)} to {number(one.high)}{seen}"


def rivals(one: Quality) -> str:
    """The same metric of the baselines."""
    return ", ".join(f"{name} {number(value)}" for name, value in one.rivals.items())


def headline(action: Action) -> str:
    """Why to act. What an alert says begins with the service; that nothing is known does not."""
    return f"{action.service}: {action.why}" if action.health == "gray" else action.why


def drifted(one: Drift) -> str:
    """A distance and its threshold."""
    limit = f"; the threshold is {number(one.threshold)}" if one.threshold is not None else ""
    seen = f", {count(int(one.samples), 'row')}" if one.samples is not None else ""
    return f"{number(one.value)} {one.method}{limit}{seen}"


# Text


def text(found: Iterable[Status], width: int) -> str:
    """Statuses for a terminal of some width."""
    return "\n".join(line for status in found for line in _status(status, width))


def _status(status: Status, width: int) -> Iterator[str]:
    yield f"{status.system} in {status.environment}, {moment(status.at)}: {color(status.health)}"
    yield from _wrapped(summed(status), width, "  ")
    if status.actions:
        yield ""
        yield "  Actions"
        for number_, action in enumerate(status.actions, 1):
            yield from _wrapped(f"{number_}. {color(action.health)} {headline(action)}", width, "    ")
            yield from _wrapped(action.what, width, "       ")
            if action.runbook:
                yield f"       {action.runbook}"
    for service in status.services:
        yield ""
        yield from _service(service, width)
    for warning in status.warnings:
        yield from _wrapped(f"Prometheus warns: {warning}", width, "  ")
    yield ""


def _service(service: ServiceStatus, width: int) -> Iterator[str]:
    yield f"  {service.name} ({service.kind}): {color(service.health)}"
    for fact in service.facts:
        target = f"  ({fact.target})" if fact.target else ""
        yield f"    {fact.title:34} {fact.value or NO_DATA}{target}"
    for quality in service.quality:
        yield from _wrapped(
            f"{_of(quality)}: {number(quality.value)}, {interval(quality)}{_against(quality)}", width, "    "
        )
    for drift in service.drift:
        yield from _wrapped(f"drift of {_column(drift)}: {drifted(drift)}", width, "    ")
    for check in service.checks:
        if check.health != "green":
            yield from _wrapped(f"{color(check.health)} {check.failure}: {check.meaning}", width, "    ")
            for trouble in check.troubles:
                since = f", since {moment(trouble.since)}" if trouble.since else ""
                yield from _wrapped(f"{trouble.alert or 'all alerts'}: {trouble.said}{since}", width, "      ")
    yield f"    {_silent(service.checks)}"


def _silent(checks: Sequence[Check]) -> str:
    green = sum(check.alerts for check in checks if check.health == "green")
    return f"{green} of {count(sum(check.alerts for check in checks), 'alert')} are silent with data"


def _of(quality: Quality) -> str:
    return f"{quality.metric} ({quality.group})" if quality.group else quality.metric


def _against(quality: Quality) -> str:
    found = rivals(quality)
    return f"; {found}" if found else ""


def _column(drift: Drift) -> str:
    name = drift.column if drift.subject != "prediction" else f"the prediction {drift.column}".strip()
    return f"{name} ({drift.group})" if drift.group else name


def _wrapped(said: str, width: int, indent: str) -> Iterator[str]:
    yield from wrap(said, max(40, width), initial_indent=indent, subsequent_indent=f"{indent}  ")


# Markdown


def markdown(found: Iterable[Status]) -> str:
    """Statuses as Markdown, for an issue or a wiki."""
    return "\n".join(line for status in found for line in _markdown(status))


def _markdown(status: Status) -> Iterator[str]:
    yield f"# {cell(status.system)} in {cell(status.environment)}: {color(status.health)}"
    yield ""
    yield f"{summed(status)} Checked at {moment(status.at)}."
    yield ""
    if status.actions:
        yield "## Actions"
        yield ""
        for action in status.actions:
            more = f" ([runbook]({action.runbook}))" if action.runbook else ""
            yield f"1. **{color(action.health)}** {cell(headline(action))}{more}"
            yield ""
            yield f"   {cell(action.what)}"
            yield ""
        yield ""
    for service in status.services:
        yield from _section(service)


def _section(service: ServiceStatus) -> Iterator[str]:
    yield f"## {cell(service.name)} ({service.kind}): {color(service.health)}"
    yield ""
    yield from _table(("measure", "value", "target"), map(_fact, service.facts))
    if service.quality:
        yield from _table(("quality", "value", "interval", "baselines"), map(_quality, service.quality))
    if service.drift:
        yield from _table(("drift", "distance"), ((_column(one), drifted(one)) for one in service.drift))
    yield from _table(("failure", "health", "why"), map(_check, service.checks))


def _quality(one: Quality) -> tuple[str, ...]:
    return _of(one), number(one.value), interval(one), rivals(one)


def _check(check: Check) -> tuple[str, ...]:
    return check.failure, color(check.health), _said(check)


def _fact(fact: Fact) -> tuple[str, str, str]:
    return fact.title, fact.value or NO_DATA, fact.target


def _said(check: Check) -> str:
    return "; ".join(f"{one.alert}: {one.said}" if one.alert else one.said for one in check.troubles)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield from table(head, (tuple(map(cell, row)) for row in rows))
    yield ""


# JSON


def json(found: Iterable[Status]) -> str:
    """Statuses as one JSON document (schema/status.v1.schema.json); `version` increases when its structure changes."""
    return dumps({"version": 1, "environments": [_plain(one) for one in found]}, indent=2) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return {name: _plain(getattr(value, name)) for name in value._fields}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value

"""Whether requests still end, although the replicas are up: nothing fails, so no objective hears it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...compiler.because import Because, because, decision, fixed, text
from ...compiler.emit.artifact import Body
from ...compiler.plan.objectives.sli import Indicators
from ...compiler.plan.service import ServicePlan
from ...compiler.promql import bound, matchers, selector
from ...schema.units import Duration, Rate
from .alert import alert
from .proofs import traffic as proofs

__all__ = ["groups"]

EXPECTED = 20
"""The requests expected in a window at the trough: one or none of them arrives by chance once in 50 million windows."""

LONGEST = 360
"""The longest window in minutes. A trough that needs more is too low to tell silence from chance."""

GONE = 0.1
"""The share of the trough below which the traffic is gone."""


def groups(service: ServicePlan) -> Iterator[Body]:
    """The alerts on traffic, if anything tells."""
    rules = [*_hanging(service), *_gone(service), *_canceled(service)]
    if rules:
        yield {
            "name": text("mlspec-{service}-traffic", service=service.name),
            "interval": fixed("1m", "the same as for objectives"),
            "rules": rules,
        }


def _hanging(service: ServicePlan) -> Iterator[Body]:
    """Requests arrive, and none ends. That some are in flight is not enough: a gauge that is stuck says so forever."""
    indicators, gauges = Indicators(service), _gauges(service)
    wait = _patience(service.timing.timeout)
    window = wait.map(lambda minutes: f"{2 * minutes}m")
    ended = indicators.requests(window.value)
    if ended is None or not gauges:
        return
    parts = {f"g{index}": gauge for index, gauge in enumerate(gauges)}
    now = text(" + ".join(f"(sum({{{key}}}) or vector(0))" for key in parts), **parts)
    gone = _ended(service)
    if gone is not None:
        now = text("{now} - (sum({gone}) or vector(0))", now=now, gone=gone)
    moved = text(
        " + ".join(f"(sum(changes({{{key}}}[{{window}}])) or vector(0))" for key in parts), **parts, window=window
    )
    hangs = alert(
        service,
        "ModelRequestsHang",
        "page",
        "outage",
        text("{now} > 0\nand {moved} > 0\nand {ended} == 0", now=now, moved=moved, ended=ended.also(window)),
        text(
            "{service}: {{{{ $value }}}} requests are in flight, more arrive, and none has finished for {window}",
            service=service.name,
            window=window,
        ),
        wait=wait.map(lambda minutes: f"{minutes}m"),
    )
    yield proofs.hanging(service, hangs, 2 * wait.value)


def _gauges(service: ServicePlan) -> list[Because[str]]:
    """The gauges of requests that the replicas work on, or that wait."""
    flying, queue = service.metrics.in_flight, service.metrics.queue
    known = [(flying.gauge, flying.match)] if flying is not None and flying.gauge is not None else []
    known += [(queue.series, queue.match)] if queue is not None else []
    return [_selected(service, series, match) for series, match in known]


def _ended(service: ServicePlan) -> Because[str] | None:
    """The requests that ended, where the first of the gauges is a counter of those that arrived."""
    flying = service.metrics.in_flight
    return _selected(service, flying.minus, flying.match) if flying is not None and flying.minus is not None else None


def _selected(service: ServicePlan, series: Because[str], match: Because[str] | None) -> Because[str]:
    own = bound(match, service.model) if match is not None else None
    return selector(series, matchers(Indicators(service).match, own))


@decision
def _patience(timeout: Because[Duration]) -> tuple[int, str]:
    """In whole minutes."""
    return max(5, math.ceil(timeout.value.amount / 60) + 1), f"longer than {timeout.value}, that a request may take"


def _gone(service: ServicePlan) -> Iterator[Because[Body]]:
    """Callers, the gateway, or the network have stopped sending requests, or the requests no longer end."""
    trough, indicators = service.requested("trough"), Indicators(service)
    if trough is None or not trough.value.amount:
        return
    window = _window(trough)
    if window.value > LONGEST:
        return
    over = f"{window.value}m"
    ended, lately = indicators.requests(over), indicators.requests("1d")
    if ended is None or lately is None:
        return
    rule = alert(
        service,
        "ModelTrafficGone",
        "page",
        "upstream",
        text(
            "{ended} < {few}\nand count_over_time((count({up} == 1))[{over}:1m]) >= {most}\nand {lately} > 0",
            over=window.map(lambda minutes: f"{minutes}m"),
            ended=ended,
            few=_few(trough, window),
            up=indicators.up(),
            most=window.map(lambda minutes: int(minutes * 0.9)),
            lately=lately,
        ),
        text(
            "{service}: {{{{ $value | humanize }}}} requests ended in {over}, although the replicas are up; the trough "
            "is {trough}",
            over=window.map(lambda minutes: f"{minutes}m"),
            service=service.name,
            trough=trough.map(str),
        ),
        wait=fixed("5m", "longer than Prometheus takes to restart"),
    )
    proofs.gone(service, rule, trough, window.value)
    yield because(rule, "the spec says how many requests there are at least", trough)


@decision
def _window(trough: Because[Rate]) -> tuple[int, str]:
    minutes = max(10, math.ceil(EXPECTED / float(trough.value) / 60))
    return minutes, f"at {trough.value}, at least {EXPECTED} requests are expected in this time"


@decision
def _few(trough: Because[Rate], window: Because[int]) -> tuple[str, str]:
    expected = float(trough.value) * 60 * window.value
    return f"{GONE * expected:.6g}", f"{GONE:.0%} of those expected at the trough of {trough.value}"


def _canceled(service: ServicePlan) -> Iterator[Body]:
    """Callers give up before they get an answer: their deadline is too short, or the server too slow."""
    indicators, window = Indicators(service), "30m"
    gone, ended = indicators.canceled(window), indicators.requests(window)
    if gone is None or ended is None:
        return
    canceled = alert(
        service,
        "ModelRequestsCanceled",
        "ticket",
        "latency",
        text(
            "{gone}\n/ ({ended} + {gone} > 0)\n> {most}\nand {gone} >= {least}",
            gone=gone,
            ended=ended,
            most=fixed("0.05", "some callers always leave"),
            least=service.objectives.slo.min_events.map(str),
        ),
        text(
            "{service}: callers gave up on {{{{ $value | humanizePercentage }}}} of the requests in the last "
            "{window}; the objectives do not count them",
            service=service.name,
            window=fixed(window, "longer than a spike"),
        ),
    )
    yield proofs.canceled(service, canceled, int(Duration.parse(window).amount // 60))

"""One objective: its error ratio over every window, and its burn-rate alerts.

An alert fires only if both windows of a pair are above the threshold and the long one has enough bad events
(`monitoring.slo.minEvents`): at low traffic, a single failure would be many times the budget. The guard counts
failures, not requests, so a total outage of a quiet service still alerts. A window needs two scrapes; with fewer, it
has no rate, and no alert on it can fire.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

from ...compiler import conventions
from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Body
from ...compiler.finding import refusal, where
from ...compiler.plan.objectives import Objective
from ...compiler.plan.objectives.burn import BurnPair
from ...compiler.plan.objectives.sli import Indicators
from ...compiler.plan.service import ServicePlan
from ...compiler.promql import promql
from ...schema.units import Duration
from .alert import alert
from .proof import Alert
from .proofs import burn as proofs

__all__ = ["burn_groups", "recorded"]


def burn_groups(service: ServicePlan) -> list[Body]:
    """The rules of all objectives, one group for each."""
    alerts: dict[tuple[str, str], Alert] = {}
    groups = [_group(service, objective, alerts) for objective in service.objectives.all]
    proofs.prove(service, alerts)
    return groups


def _group(service: ServicePlan, objective: Objective, alerts: dict[tuple[str, str], Alert]) -> Body:
    """The rules of one objective. Its alerts are added to `alerts`, by objective and severity."""
    pairs = service.objectives.pairs(objective)
    if not pairs:
        raise refusal(
            "MLS502",
            f"no alert on `{objective.name}` could ever fire",
            objective.target,
            others=tuple(
                (burn.long, "alerts on a share of the budget in this window") for burn in service.objectives.slo.burn
            ),
            note="its error budget is so large that no failure rate can burn it fast enough to alert",
            help="set a stricter target, such as `99%`, or remove the objective"
            if not service.objectives.slo.burn
            else "set a smaller `budget` or a longer window under `monitoring.slo.burn`, or set a stricter target",
        )
    _scraped_often_enough(service, pairs)
    own = {severity: _alert(service, objective, pairs, severity) for severity in _severities(pairs)}
    alerts |= {(objective.name, severity): found for severity, found in own.items()}
    return {
        "name": text(f"mlspec-{{service}}-{objective.name}", service=service.name),
        "interval": fixed("1m", "longer than one scrape, and well below the shortest window by default"),
        "rules": [
            *_records(service, objective, pairs),
            *own.values(),
        ],
    }


def _scraped_often_enough(service: ServicePlan, pairs: tuple[BurnPair, ...]) -> None:
    short, interval = min((pair.short for pair in pairs), key=lambda window: window.value), service.scrape_interval
    shortest, least = short.value, Duration(math.ceil(5 * interval.value.amount / 60) * 60)
    if not 0 < 2 * interval.value.amount <= shortest.amount:
        raise refusal(
            "MLS008",
            f"a scrape interval of {interval.value} does not work with a window of {shortest}",
            short,
            interval,
            others=((interval, "the scrape interval"),),
            note="a rate needs two samples in its window; with fewer, the alert never fires",
            help=f"write `short: {least}` or more, so that a missed scrape does no harm"
            if where(short) is not None
            else f"write more than zero and at most `{Duration(shortest.amount / 5)}`, so that a missed scrape does "
            "no harm",
        )


def _severities(pairs: tuple[BurnPair, ...]) -> Iterator[Literal["page", "ticket"]]:
    for severity in dict.fromkeys(pair.severity.value for pair in pairs):
        yield "page" if severity == "page" else "ticket"


def _identity(service: ServicePlan, objective: Objective) -> dict[str, Any]:
    """The labels that identify one objective, on every series recorded for it."""
    return {
        "namespace": service.scope.namespace,
        "system": service.scope.system.metadata.name,
        "service": service.name,
        "slo": objective.name,
    }


def _records(service: ServicePlan, objective: Objective, pairs: tuple[BurnPair, ...]) -> Iterator[Body]:
    indicators = Indicators(service)
    labels = _identity(service, objective)
    used = {window.value: window for pair in pairs for window in (pair.long, pair.short)}
    for window in sorted(used):
        yield _record(conventions.ERROR_RATIO, indicators.bad_ratio(objective, str(window)), used[window], labels)
    for long in {pair.long.value: pair.long for pair in pairs}.values():
        yield _record(conventions.BAD_EVENTS, indicators.bad_events(objective, str(long.value)), long, labels)


def _record(name: str, counted: Because[str], window: Because[Duration], labels: Body) -> Body:
    return {
        "record": window.map(lambda length: name.format(window=length)),
        "expr": counted.also(window),
        "labels": labels,
    }


def _alert(
    service: ServicePlan, objective: Objective, pairs: tuple[BurnPair, ...], severity: Literal["page", "ticket"]
) -> Alert:
    chosen = [pair for pair in pairs if pair.severity.value == severity]
    parts = {f"p{index}": _pair(service, objective, pair) for index, pair in enumerate(chosen)}
    joined = text("\nor\n".join(f"({{{key}}})" for key in parts), **parts)
    expression = because(joined.value, "", joined, *(pair.severity for pair in chosen))
    keep = fixed("5m", "one quiet minute does not end an incident") if severity == "page" else None
    return alert(
        service,
        "ModelErrorBudgetBurn" if objective.kind == "availability" else "ModelLatencyBudgetBurn",
        severity,
        "availability" if objective.kind == "availability" else "latency",
        expression,
        _summary(service, objective),
        labels={"slo": objective.name},
        keep=keep,
    )


def _pair(service: ServicePlan, objective: Objective, pair: BurnPair) -> Because[str]:
    return text(
        "{short} > {threshold}\nand {long} > {threshold}\nand {events} >= {least}",
        short=recorded(service, objective, conventions.ERROR_RATIO, pair.short),
        long=recorded(service, objective, conventions.ERROR_RATIO, pair.long),
        events=recorded(service, objective, conventions.BAD_EVENTS, pair.long),
        least=service.objectives.slo.min_events.map(str),
        threshold=pair.threshold,
    )


def recorded(service: ServicePlan, objective: Objective, name: str, window: Because[Duration]) -> Because[str]:
    """A series that is recorded for an objective over a window; `name` is one of `conventions`."""
    return promql(
        '{series}{{service="{service}",namespace="{namespace}",slo="{slo}"}}',
        series=window.map(lambda length: name.format(window=length)),
        service=service.name,
        namespace=service.scope.namespace,
        slo=fixed(objective.name, "the objective"),
    )


def _summary(service: ServicePlan, objective: Objective) -> Because[str]:
    share = "{{{{ $value | humanizePercentage }}}}"
    if objective.bucket is None:
        return text(
            f"{{service}}: {share} of requests are failing; {{target}} should succeed",
            service=service.name,
            target=objective.target.map(str),
        )
    return text(
        f"{{service}}: {share} of {_timed(service, objective)} {{bound}}; {{target}} should be faster",
        service=service.name,
        bound=objective.bucket.holds.map(str),
        target=objective.target.map(str),
    ).also(objective.of_tokens)


def _timed(service: ServicePlan, objective: Objective) -> str:
    """What a histogram times, and that it is too slow."""
    if objective.series is service.metrics.first_token:
        return "first tokens take longer than"
    return "requests are slower than" if objective.of_tokens is None else "tokens take longer than"

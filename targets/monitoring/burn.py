"""One objective: its indicator over every window, and the alerts on the burning of its budget.

An alert needs both windows of a pair above the threshold, and some bad events in the long one
(`monitoring.slo.minEvents`): with little traffic a single failure would be many times the budget. The guard counts
failures, not requests, so that a total outage of a quiet service is still heard. A window needs two scrapes, or it
holds no rate and no alert on it can fire.
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

__all__ = ["burn_group"]


def burn_group(service: ServicePlan, objective: Objective) -> Body:
    """The rules of one objective."""
    pairs = service.objectives.pairs(objective)
    if not pairs:
        raise refusal(
            "MLS502",
            f"no alert on `{objective.name}` could ever fire",
            objective.target,
            others=tuple((burn.long, "a share of it in this time") for burn in service.objectives.slo.burn),
            note="its error budget is so large that no failure rate burns it too fast",
            help="promise more, for example `99%`, or leave the objective out"
            if not service.objectives.slo.burn
            else "ask for a smaller `budget` or a longer window under `monitoring.slo.burn`, or promise more",
        )
    _scraped_often_enough(service, pairs)
    return {
        "name": text(f"mlspec-{{service}}-{objective.name}", service=service.name),
        "interval": fixed("1m", "a twelfth of the shortest long window and more than one scrape"),
        "rules": [
            *_records(service, objective, pairs),
            *(_alert(service, objective, pairs, severity) for severity in _severities(pairs)),
        ],
    }


def _scraped_often_enough(service: ServicePlan, pairs: tuple[BurnPair, ...]) -> None:
    short, interval = min((pair.short for pair in pairs), key=lambda window: window.value), service.scrape_interval
    shortest, least = short.value, Duration(math.ceil(5 * interval.value.amount / 60) * 60)
    if not 0 < 2 * interval.value.amount <= shortest.amount:
        raise refusal(
            "MLS008",
            f"metrics that are read every {interval.value} cannot be judged over {shortest}",
            short,
            interval,
            others=((interval, "how often they are read"),),
            note="a rate needs two samples in its window; with fewer the alert never fires",
            help=f"write `short: {least}` or more, so that a scrape may be missed"
            if where(short) is not None
            else f"write `30s`, and at most `{Duration(shortest.amount / 5)}`, so that a scrape may be missed",
        )


def _severities(pairs: tuple[BurnPair, ...]) -> Iterator[Literal["page", "ticket"]]:
    for severity in dict.fromkeys(pair.severity.value for pair in pairs):
        yield "page" if severity == "page" else "ticket"


def _identity(service: ServicePlan, objective: Objective) -> dict[str, Any]:
    """What tells one objective from all others, on every series that is recorded for it."""
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
) -> Body:
    chosen = [pair for pair in pairs if pair.severity.value == severity]
    parts = {f"p{index}": _pair(service, objective, pair) for index, pair in enumerate(chosen)}
    joined = text("\nor\n".join(f"({{{key}}})" for key in parts), **parts)
    expression = because(joined.value, "", joined, *(pair.severity for pair in chosen))
    keep = fixed("5m", "one quiet minute in the middle of an incident is no end of it") if severity == "page" else None
    return alert(
        service,
        "ModelErrorBudgetBurn" if objective.kind == "availability" else "ModelLatencyBudgetBurn",
        severity,
        expression,
        _summary(service, objective),
        labels={"slo": objective.name},
        keep=keep,
    )


def _pair(service: ServicePlan, objective: Objective, pair: BurnPair) -> Because[str]:
    chosen = promql(
        '{{service="{service}",namespace="{namespace}",slo="{slo}"}}',
        service=service.name,
        namespace=service.scope.namespace,
        slo=fixed(objective.name, "the objective"),
    )
    ratio, events = conventions.ERROR_RATIO, conventions.BAD_EVENTS
    return text(
        "{short}{chosen} > {threshold}\nand {long}{chosen} > {threshold}\nand {events}{chosen} >= {least}",
        short=pair.short.map(lambda window: ratio.format(window=window)),
        long=pair.long.map(lambda window: ratio.format(window=window)),
        events=pair.long.map(lambda window: events.format(window=window)),
        least=service.objectives.slo.min_events.map(str),
        chosen=chosen,
        threshold=pair.threshold,
    )


def _summary(service: ServicePlan, objective: Objective) -> Because[str]:
    share = "{{{{ $value | humanizePercentage }}}}"
    if objective.bucket is None:
        return text(
            f"{{service}}: {share} of requests fail; {{target}} must not",
            service=service.name,
            target=objective.target.map(str),
        )
    return text(
        f"{{service}}: {share} of requests are slower than {{bound}}; {{target}} must not be",
        service=service.name,
        bound=objective.bucket.holds.map(str),
        target=objective.target.map(str),
    )

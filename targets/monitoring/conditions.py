"""The author's own bounds (`monitoring.rules`), each as one alert.

A bound is on a metric with a query, on what a job exports by the contract, or on a metric that needs labels, whose
alerts are those of the quality.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler import conventions
from ...compiler.because import Because, Unavailable, fixed, text
from ...compiler.exported import Exported, condition
from ...compiler.plan import Plan
from ...compiler.plan.data.quality import QualityPlan
from ...compiler.promql import span
from ...compiler.system import AlertRule, CustomMetric
from ...schema.units import Duration, Measure
from . import quality
from .alert import Watched, escaped
from .jobs import Judged, Needed, number, read_as, sampled, series, told
from .proof import Alert
from .proofs import bounds
from .proofs.bounds import Bound, Read
from .proofs.contract import ONE, OTHER

__all__ = ["judged"]

SHOWN = {
    "ratio": "{{{{ $value | humanizePercentage }}}}",
    "seconds": "{{{{ $value | humanizeDuration }}}}",
    "per-second": '{{{{ printf "%.3g" $value }}}}/s',
    "number": '{{{{ printf "%.3g" $value }}}}',
}
"""How a summary shows a value, by the unit of its metric."""

DAY = "1d"


def judged(plan: Plan, watched: Watched, rule: AlertRule) -> Iterator[Judged]:
    """The alerts of one bound, and what they need."""
    interval = plan.system.monitoring.interval
    metric = plan.system.metrics[rule.metric.value.partition("@")[0]]
    exported = condition(rule.metric.value)
    bounded = rule.max is not None or rule.min is not None
    if not bounded and (metric.query is not None or exported is not None):
        raise Unavailable(rule.spec_path)  # MLS732 is about a rival of something that has none
    if metric.query is not None:
        yield _queried(watched, rule, metric, metric.query, interval)
    elif exported is not None:
        yield _exported(watched, rule, metric, exported, interval, read_as(plan, exported, rule.of))
    elif metric.needs_labels.value:
        raised = quality.Told(
            severity=rule.severity,
            wait=rule.for_.map(span),
            action=rule.action.map(escaped) if rule.action is not None else None,
        )
        yield from quality.judged(watched, QualityPlan(plan, rule), interval, raised)
    else:
        raise Unavailable(rule.spec_path)  # MLS731 is about a metric that nothing measures


def _limit(rule: AlertRule) -> Because[Measure]:
    limit = rule.max if rule.max is not None else rule.min
    assert limit is not None
    return limit


def _group(watched: Watched, rule: AlertRule) -> Because[str] | None:
    """The column, the view, or another group that a bound names; a service is none."""
    named = rule.of
    return None if named is None or named.value in watched.scope.system.services else named


def _alert(
    watched: Watched, rule: AlertRule, metric: CustomMetric, name: str, value: Because[str], exported: Exported | None
) -> Alert:
    limit = _limit(rule)
    of = _group(watched, rule)
    group = exported.of if exported is not None else ""
    whom = text(" of {of}", of=of.map(escaped)) if of is not None and group else fixed("", "all groups")
    if of is None and group:
        whom = fixed(f" of {{{{ $labels.{group} }}}}", "the label of the series")
    return told(
        watched,
        name,
        rule.severity.value,
        exported.signal if exported is not None else None,
        text(
            f"{{value}} {'<' if rule.max is None else '>'} {{limit}}",
            value=value,
            limit=limit.map(lambda one: number(float(one.amount))),
        ).also(rule.severity),
        text(
            f"{{service}}: {{metric}}{{whom}} is {SHOWN[metric.unit.value]}; the limit is {{limit}}",
            service=watched.name,
            metric=rule.metric,
            whom=whom,
            limit=limit.map(str),
        ).also(metric.unit),
        action=rule.action.map(escaped) if rule.action is not None else None,
        labels={
            "metric": rule.metric,
            "bar": limit.map(str),
            **({group: of} if of is not None and group else {}),
        },
        wait=rule.for_.map(span),
    )


def _queried(
    watched: Watched, rule: AlertRule, metric: CustomMetric, query: Because[str], interval: Because[Duration]
) -> Judged:
    ended = "\n" if "#" in query.value else ""  # a comment would hide what follows
    value = text(f"({{query}}{ended})", query=query)
    return Judged(
        rules=(
            _alert(watched, rule, metric, conventions.QUERIED[0], value, None),
            _blind(watched, rule, value, interval),
        ),
        causes=(rule.metric,),
    )


def _blind(watched: Watched, rule: AlertRule, value: Because[str], interval: Because[Duration]) -> Alert:
    """A query without a result violates no bound."""
    return told(
        watched,
        conventions.QUERIED[1],
        "ticket",
        "monitor-silent",
        text("max(absent({value}))", value=value),
        text(
            "{service}: the query of {metric} has had no result for {waited}, so its alert cannot fire",
            service=watched.name,
            metric=rule.metric,
            waited=interval.map(lambda one: span(one, 2)),
        ),
        labels={"metric": rule.metric},
        wait=interval.map(lambda one: span(one, 2)),
    )


def _exported(
    watched: Watched, rule: AlertRule, metric: CustomMetric, exported: Exported, interval: Because[Duration],
    read: Read | None,
) -> Judged:  # fmt: skip
    named = _group(watched, rule)
    of = {exported.of: named} if exported.of and named is not None else {}
    selected = series(watched, exported.name, **of).also(rule.metric)
    by = f" by ({exported.of})" if exported.of and not of else ""
    templates = {
        "": f"max{by} ({{selected}})",
        "age": f"time() - max{by} ({{selected}})",
        "daily": f"sum{by} (increase({{selected}}[{DAY}]))",
    }
    value = text(templates[exported.since], selected=selected)
    bound = _bound(watched, rule, exported).but(read=read)
    well = bounds.well(bound, since=exported.since)
    prove = {"": bounds.bounded, "age": bounds.old, "daily": bounds.grown}[exported.since]
    return Judged(
        rules=(prove(bound, _alert(watched, rule, metric, exported.alert, value, exported)),),
        causes=(rule.metric,),
        needed=(Needed(name=exported.name, selected=selected, interval=interval, well=well),),
    )


def _bound(watched: Watched, rule: AlertRule, exported: Exported) -> Bound:
    """The same bound in scenes: of what it names, or of one of two groups."""
    of = _group(watched, rule)
    own = {exported.of: of.value} if exported.of and of is not None else {}
    by = bool(exported.of) and not own
    return Bound(
        series=sampled(watched, exported.name, **({exported.of: ONE} if by else own)),
        other=sampled(watched, exported.name, **{exported.of: OTHER}) if by else "",
        limit=float(number(float(_limit(rule).value.amount))),
        more=rule.max is None,
        labels=own,
        shown={exported.of: ONE} if by else {},
    )

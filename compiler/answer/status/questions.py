"""What to ask Prometheus about one environment.

The queries are made of the same indicators as the alerts and the analyses of rollouts, so that a status never measures
anything else than they do.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...because import Because, fixed, text
from ...plan import Plan
from ...plan.objectives.sli import Indicators
from ...plan.service import ServicePlan
from ...promql import bound, matchers, promql, rate, selector
from ...record import Record
from ...system import LatencySeries

__all__ = ["HISTORY", "Question", "key", "questions"]

WINDOW = "1h"
"""What rates, shares, and percentiles are over: long enough for a quiet service, and short enough to be now."""

HISTORY = 24 * 3600
"""How far charts go back, in seconds."""

QUANTILES = (("p50", 0.5), ("p99", 0.99))

EXPORTED = (
    "mlspec_quality", "mlspec_quality_low", "mlspec_quality_high", "mlspec_quality_samples", "mlspec_drift_distance",
    "mlspec_drift_samples",
)  # fmt: skip
"""What jobs export about the model and its data, each with the labels of the contract."""


class Question(Record):
    """One query, and whether a chart shows its last day."""

    key: str
    query: str
    charted: bool = False


def key(name: str, what: str) -> str:
    """The key of a question about a service."""
    return f"{name}/{what}"


def questions(plan: Plan) -> tuple[Question, ...]:
    """Everything that a status needs apart from the rules."""
    return (*_online(plan), *_scheduled(plan), *_model(plan))


def _online(plan: Plan) -> Iterator[Question]:
    for service in plan.online.values():
        name, indicators = service.name.value, Indicators(service)
        yield Question(key=key(name, "up"), query=f"count({indicators.up().value} == 1)")
        requests = indicators.requests(WINDOW)
        if requests is not None:
            yield Question(key=key(name, "requests"), query=f"({requests.value}) / 3600", charted=True)
        for objective in service.objectives.all:
            ratio = indicators.bad_ratio(objective, WINDOW)
            yield Question(key=key(name, objective.name), query=ratio.value, charted=True)
            window = service.objectives.slo.window.value
            spent = indicators.bad_ratio(objective, window)
            yield Question(key=key(name, f"{objective.name}/{window}"), query=spent.value)
        yield from _latency(service, indicators)


def _latency(service: ServicePlan, indicators: Indicators) -> Iterator[Question]:
    series = service.metrics.latency
    if series is None:
        return
    name = service.name.value
    for said, quantile in QUANTILES:
        buckets = _rate(series, indicators, "_bucket")
        yield Question(key=key(name, said), query=f"histogram_quantile({quantile}, sum by (le) ({buckets}))")
    total, many = (_rate(series, indicators, suffix) for suffix in ("_sum", "_count"))
    yield Question(key=key(name, "mean"), query=f"sum({total}) / sum({many})")


def _rate(series: LatencySeries, indicators: Indicators, suffix: str) -> str:
    own = bound(series.match, indicators.service.model) if series.match is not None else None
    match = matchers(indicators.match, own)
    return rate(selector(series.series, match, suffix), fixed(WINDOW, "the window of a status")).value


def _scheduled(plan: Plan) -> Iterator[Question]:
    """When scheduled runs last succeeded, from kube-state-metrics: the status of CronJobs, or the Jobs of the runs."""
    training = plan.training
    names = [batch.name for batch in plan.batch.values()]
    names += [plan.store.name] if plan.store is not None else []
    if training is not None:
        own = [training.name, *((training.search_name,) if training.searched is not None else ())]
        if training.orchestration.observed.value == "runs":
            for name in own:
                yield from _by_jobs(plan, name)
        else:
            names += own
    for name in names:
        succeeded = _cronjob(plan, name, "kube_cronjob_status_last_successful_time")
        yield Question(key=key(name.value, "succeeded"), query=f"max({succeeded.value})")
        yield Question(key=key(name.value, "known"), query=f"count({_cronjob(plan, name, 'kube_cronjob_info').value})")


def _by_jobs(plan: Plan, name: Because[str]) -> Iterator[Question]:
    match = promql('namespace="{namespace}",job_name=~"{name}-[0-9]+"', namespace=plan.namespace, name=name)
    for asked, function, series in (
        ("succeeded", "max", "kube_job_status_completion_time"),
        ("known", "count", "kube_job_created"),
    ):
        query = text(f"{function}({series}{{{{{{match}}}}}})", match=match)
        yield Question(key=key(name.value, asked), query=query.value)


def _cronjob(plan: Plan, name: Because[str], series: str) -> Because[str]:
    return promql(f'{series}{{{{namespace="{{namespace}}",cronjob="{{name}}"}}}}', namespace=plan.namespace, name=name)


def _model(plan: Plan) -> Iterator[Question]:
    names = [*(one.name for one in plan.online.values()), *(one.name for one in plan.batch.values())]
    names += [plan.champion_elsewhere.champion_name] if plan.champion_elsewhere is not None else []
    for name in names:
        match = promql('namespace="{namespace}",service="{name}"', namespace=plan.namespace, name=name)
        for series in EXPORTED:
            query = text(f"{series}{{{{{{match}}}}}}", match=match).value
            yield Question(key=key(name.value, series), query=query)

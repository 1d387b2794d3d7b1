"""The analyses: is the new version up, does it meet its objectives, and did it get enough requests to tell?

Each step has an analysis of its own, with one grid of windows for all its objectives:

- A window with too many bad requests fails. One more than the tolerated windows, and the version is rolled back.
- A ratio of few requests says nothing: one failure in three requests does not mean that a third of all users see
  errors. So the ratio has no sample below the minimum volume, and a window without a sample is inconclusive. It takes
  one window more to hold the rollout than to roll it back, so a version that fails is never held.
- Argo Rollouts counts a run that ends within both limits as successful, whatever its windows measured. There are more
  windows than both limits together, so at least one of them was good.

Guards look every 20 seconds for what needs no statistics: pods that Prometheus cannot scrape, and a version that fails
most of its requests, answers none, or breaks most of them off. And where the traffic allows, a window also compares the
failures with those of the live version.

Missing data meets neither condition. An empty result cannot be indexed, so each condition checks its length first. A
NaN fails every comparison, so each condition checks for NaN as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ....compiler.because import Because, because, decision, fixed, text
from ....compiler.emit.artifact import Artifact, Body
from ....compiler.plan.objectives.sli import Indicators, target_labels
from ....compiler.plan.rollout.comparison import Comparison
from ....compiler.plan.rollout.guards import EACH, EXPECTED, FEW, HALF, missed, unreachable
from ....compiler.plan.rollout.judgment import Judgment, Step
from ....compiler.plan.service import ServicePlan
from ....compiler.promql import matchers
from ....schema.units import Duration
from ... import naming
from .argo_prometheus import arguments, prometheus

__all__ = ["step_name", "templates"]

TEN = fixed(str(FEW), "a few requests could fail by chance")
PATIENT = fixed(30, "a query that fails for five minutes ends the rollout: Prometheus may restart in the meantime")
"""Argo Rollouts repeats a failed query after ten seconds (metricproviders, DefaultErrorRetryInterval)."""


def step_name(number: int) -> str:
    """The name of the analysis of a step, counted from one."""
    return f"step-{number}"


def templates(service: ServicePlan) -> Iterator[Artifact]:
    """One analysis for each step."""
    for number, step in enumerate(service.canary.steps, 1):
        if step.judgments:
            yield _template(service, step_name(number), step)


def _template(service: ServicePlan, name: str, step: Step) -> Artifact:
    scope = service.scope
    new, others = _of(service, service.workload.new_pods), _of(service, service.workload.other_pods)
    full_name = service.named(name)
    body: Body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": naming.metadata(scope, full_name, naming.labels(scope, "analysis", service.name)),
        "spec": {
            "args": [{"name": "canary-hash"}, *arguments(service)],
            "metrics": [
                *_guards(service, new, others, step),
                *(_objective(service, new, judgment) for judgment in step.judgments),
                *(metric for judgment in step.judgments for metric in _versus(service, new, others, judgment)),
            ],
        },
    }
    why = because(
        name,
        "a new version is judged by the service's objectives",
        service.workload.progressive,
        *(j.objective.target for j in step.judgments),
        *(j.versus.sure for j in step.judgments if j.versus is not None),
    )
    return Artifact(path=naming.path_of(scope, "rollout", "AnalysisTemplate", full_name), body=body, why=why)


def _of(service: ServicePlan, pods: Because[str] | None) -> Indicators:
    return Indicators(service, matchers(target_labels(service), pods))


def _guards(service: ServicePlan, new: Indicators, others: Indicators, step: Step) -> Iterator[Body]:
    """What needs no statistics: no pod is up, or most requests fail, or none is answered."""
    shortest = service.rate_window
    window = shortest.map(lambda each: f"{int(each.amount / 60)}m")
    up = text("count({up} == 1) or vector(0)", up=new.up())
    yield {
        **_guard(service, step, "up", up, window, shortest, (">= 1", "< 1")),
        "failureLimit": unreachable(service.scrape_interval, step.lasts, step.judgments[0].window),
    }
    failing = step.failing
    assert failing is not None
    requests, failures = new.requests(failing.window.value), new.failures(failing.window.value)
    if requests is not None and failures is not None and not _may_fail_mostly(step):
        most = text(
            "{failures}\n> {half} *\n{requests}\nand {requests} >= {few}\nor vector(0)",
            failures=failures,
            requests=requests,
            half=HALF,
            few=TEN,
        )
        yield _guard(service, step, "most-requests-fail", most, failing.window, failing.delay)
    if step.answers is not None:
        yield from _without_an_answer(service, new, others, step)


def _without_an_answer(service: ServicePlan, new: Indicators, others: Indicators, step: Step) -> Iterator[Body]:
    """A version that takes requests and answers none, or that breaks most of them off."""
    asked = step.answers
    assert asked is not None
    window = asked.window.value
    ours, theirs = new.requests(window), others.requests(window)
    if ours is None or theirs is None:
        return
    timed = service.metrics.latency
    covers = () if timed is None else timed.covers  # decides whether there is a second check
    none = text(
        "{theirs} * {share} >= {enough}\nunless {ours} > 0\nor vector(0)",
        theirs=theirs,
        share=asked.share,
        enough=fixed(str(EXPECTED), "the probability of no request is 3e-7, if so many are expected"),
        ours=ours,
    ).also(covers)
    yield _guard(service, step, "answers", none, asked.window, asked.delay)
    broken, usual = new.unfinished(window), others.unfinished(window)
    if broken is not None and usual is not None and not _may_fail_mostly(step):
        most = text(
            "{broken}\n> {half} *\n{ours}\nand {ours} >= {few}\nunless {usual}\n> {half} *\n{theirs}\nor vector(0)",
            broken=broken,
            half=HALF,
            ours=ours,
            few=TEN,
            usual=usual,
            theirs=theirs,
        )
        yield _guard(service, step, "most-requests-unfinished", most, asked.window, asked.delay)


def _may_fail_mostly(step: Step) -> bool:
    """Whether the spec promises so little that half of all requests may fail."""
    return any(float(each.limit.value) >= 0.5 for each in step.judgments if each.objective.kind == "availability")


def _guard(
    service: ServicePlan,
    step: Step,
    name: str,
    query: Because[str],
    window: Because[str],
    delay: Because[Duration],
    compare: tuple[str, str] = ("< 1", ">= 1"),
) -> Body:
    misses = missed(service.scrape_interval)
    good, bad = (f"len(result) > 0 && !isNaN(result[0]) && result[0] {each}" for each in compare)
    return {
        "name": name,
        "initialDelay": delay.map(str),
        "interval": fixed(f"{EACH}s", "a catastrophe must not wait for a window to end"),
        "count": _looks(step.lasts, delay),
        "failureLimit": misses,
        "inconclusiveLimit": misses,
        "consecutiveErrorLimit": PATIENT,
        "successCondition": good,
        "failureCondition": bad,
        "provider": _prometheus(service, query, window),
    }


@decision
def _looks(lasts: Because[Duration], delay: Because[Duration]) -> tuple[int, str]:
    looks = max(1, math.ceil((lasts.value.amount - delay.value.amount) / EACH))
    return looks, f"every {EACH} s until the step ends"


def _objective(service: ServicePlan, new: Indicators, judgment: Judgment) -> Body:
    """The share of requests that violate the objective."""
    conditions = (_condition("<=", judgment.limit), _condition(">", judgment.limit))
    provider = _prometheus(service, _ratio_of_enough(new, judgment), judgment.window)
    return _measured(judgment, judgment.objective.name, conditions, provider)


def _versus(service: ServicePlan, new: Indicators, others: Indicators, judgment: Judgment) -> Iterator[Body]:
    """The comparison of that share with the live version's, if there are enough requests."""
    versus = judgment.versus
    if versus is None or not versus.sure.value:
        return
    none = because("0", "the comparison does not fail", versus.sure)
    provider = _prometheus(service, _worse(new, others, judgment, versus), judgment.window, versus.sure)
    name = because(f"{judgment.objective.name}-vs-stable", "there are enough requests to compare", versus.sure)
    yield _measured(judgment, name, (_condition("<=", none), _condition(">", none)), provider)


def _worse(new: Indicators, others: Indicators, judgment: Judgment, versus: Comparison) -> Because[str]:
    """How much higher the new version's share of failures is, if that is material and not by chance; else zero.

    Without requests of either version, it is zero: the objective itself needs requests.
    """
    objective, window = judgment.objective, judgment.window.value
    return text(
        "{bad} / {all}\n- {old_bad} / {old_all}\n> {margin}\n"
        "and 2 * sqrt({bad} / {all})\n- 2 * sqrt({old_bad} / {old_all})\n"
        "> {deviations} * sqrt(1 / {all} + 1 / {old_all})\nor vector(0)",
        bad=new.bad_events(objective, window),
        all=new.events(objective, window),
        old_bad=others.bad_events(objective, window),
        old_all=others.events(objective, window),
        margin=versus.margin,
        deviations=versus.deviations,
    )


def _measured(
    judgment: Judgment, name: Because[str] | str, conditions: tuple[Because[str], Because[str]], provider: Body
) -> Body:
    good, bad = conditions
    return {
        "name": name,
        "initialDelay": judgment.window,  # the window that the first query looks back on
        "interval": judgment.window,
        "count": judgment.windows,
        "failureLimit": judgment.failures,
        "inconclusiveLimit": judgment.held,
        "consecutiveErrorLimit": PATIENT,
        "successCondition": good,
        "failureCondition": bad,
        "provider": provider,
    }


def _ratio_of_enough(indicators: Indicators, judgment: Judgment) -> Because[str]:
    objective, window = judgment.objective, judgment.window.value
    return text(
        "{ratio}\nand {events} >= {volume}",
        ratio=indicators.bad_ratio(objective, window),
        events=indicators.events(objective, window),
        volume=judgment.volume,
    )


def _condition(compare: str, limit: Because[str]) -> Because[str]:
    return text(f"len(result) > 0 && !isNaN(result[0]) && result[0] {compare} {{limit}}", limit=limit)


def _prometheus(service: ServicePlan, query: Because[str], window: Because[str], *causes: Because[Any]) -> Body:
    """Where and what to ask; `causes` are why it is asked at all."""
    url = service.scope.platform.prometheus.url
    address = because(url.value, "where the metric is", url, *causes) if causes else url
    return prometheus(service, because(query.value, "what the metric measures", query, window, *causes), address)

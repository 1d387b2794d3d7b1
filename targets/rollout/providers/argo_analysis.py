"""The analyses: is the new version up, does it meet its objectives, and did it get enough requests to tell?

Each step has an analysis of its own, with one grid of windows for all its objectives:

- A window with too many bad requests fails. One more than the tolerated windows, and the version is rolled back.
- A ratio of few requests says nothing: one failure in three requests does not mean that a third of all users see
  errors. So the ratio has no sample below the minimum volume, and a window without a sample is inconclusive. It takes
  one window more to hold the rollout than to roll it back, so a version that fails is never held.
- Argo Rollouts counts a run that ends within both limits as successful, whatever its windows measured. There are more
  windows than both limits together, so at least one of them was good.

Two guards look every 20 seconds for what needs no statistics: pods that Prometheus cannot scrape, and a version that
fails most of its requests.

Missing data meets neither condition. An empty result cannot be indexed, so each condition checks its length first. A
NaN fails every comparison, so each condition checks for NaN as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from ....compiler.because import Because, because, decision, fixed, text
from ....compiler.emit.artifact import Artifact, Body
from ....compiler.plan.objectives.sli import Indicators, target_labels
from ....compiler.plan.rollout.judgment import Judgment, Step
from ....compiler.plan.service import ServicePlan
from ....compiler.promql import matchers
from ....schema.units import Duration
from ... import naming

__all__ = ["step_name", "templates"]

GUARD_SECONDS = 20
"""How often the guards look."""

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
    indicators = Indicators(service, matchers(target_labels(service), service.workload.new_pods))
    full_name = service.named(name)
    body: Body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": naming.metadata(scope, full_name, naming.labels(scope, "analysis", service.name)),
        "spec": {
            "args": [{"name": "canary-hash"}],
            "metrics": [
                *_guards(service, indicators, step),
                *(_ratio(service, indicators, judgment) for judgment in step.judgments),
            ],
        },
    }
    why = because(
        name,
        "a new version is judged by the service's objectives",
        service.workload.progressive,
        *(j.objective.target for j in step.judgments),
    )
    return Artifact(path=naming.path_of(scope, "rollout", "AnalysisTemplate", full_name), body=body, why=why)


def _guards(service: ServicePlan, indicators: Indicators, step: Step) -> Iterator[Body]:
    """What needs no statistics: no pod is up, or most requests fail."""
    window = f"{int(service.rate_window.value.amount / 60)}m"
    up = text("count({up} == 1) or vector(0)", up=indicators.up())
    yield _guard(service, step, "up", up, ">= 1", "< 1")
    requests, failures = indicators.requests(window, "increase"), indicators.failures(window, "increase")
    if requests is not None and failures is not None and not _may_fail_mostly(step):
        most = text(
            "{failures}\n> {half} *\n{requests}\nand {requests} >= {few}\nor vector(0)",
            failures=failures,
            requests=requests,
            half=fixed("0.5", "no version of a service that mostly works may fail more"),
            few=fixed("10", "a few requests could fail by chance"),
        )
        yield _guard(service, step, "most-requests-fail", most, "< 1", ">= 1")


def _may_fail_mostly(step: Step) -> bool:
    """Whether the spec promises so little that half of all requests may fail."""
    return any(float(each.limit.value) >= 0.5 for each in step.judgments if each.objective.kind == "availability")


def _guard(service: ServicePlan, step: Step, name: str, query: Because[str], good: str, bad: str) -> Body:
    missed = _missed(service.scrape_interval)
    return {
        "name": name,
        "initialDelay": service.rate_window.map(str),
        "interval": fixed(f"{GUARD_SECONDS}s", "a catastrophe must not wait for a window to end"),
        "count": _looks(step.lasts, service.rate_window),
        "failureLimit": missed,
        "inconclusiveLimit": missed,
        "consecutiveErrorLimit": PATIENT,
        "successCondition": f"len(result) > 0 && !isNaN(result[0]) && result[0] {good}",
        "failureCondition": f"len(result) > 0 && !isNaN(result[0]) && result[0] {bad}",
        "provider": _prometheus(service, query, service.rate_window.map(str)),
    }


@decision
def _missed(scrape: Because[Duration]) -> tuple[int, str]:
    missed = max(2, math.ceil(scrape.value.amount / GUARD_SECONDS))
    return missed, f"a scrape may fail, and the next one is {scrape.value} later"


@decision
def _looks(lasts: Because[Duration], delay: Because[Duration]) -> tuple[int, str]:
    looks = max(1, int((lasts.value.amount - delay.value.amount) / GUARD_SECONDS))
    return looks, f"every {GUARD_SECONDS} s until the step ends"


def _ratio(service: ServicePlan, indicators: Indicators, judgment: Judgment) -> Body:
    """The share of requests that violate the objective."""
    return {
        "name": judgment.objective.name,
        "initialDelay": judgment.window,  # the window that the first query looks back on
        "interval": judgment.window,
        "count": judgment.windows,
        "failureLimit": judgment.failures,
        "inconclusiveLimit": judgment.held,
        "consecutiveErrorLimit": PATIENT,
        "successCondition": _condition("<=", judgment.limit),
        "failureCondition": _condition(">", judgment.limit),
        "provider": _prometheus(service, _ratio_of_enough(indicators, judgment), judgment.window),
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


def _prometheus(service: ServicePlan, query: Because[str], window: Because[str]) -> Body:
    return {
        "prometheus": {
            "address": service.scope.platform.prometheus.url,
            "query": because(query.value, "what the metric measures", query, window),
        }
    }

"""The analyses: does the new version meet its objectives, and did it get enough requests to tell?

Every metric has a success and a failure condition. Missing data meets neither, so the rollout holds instead of passing
or aborting. An empty result cannot be indexed, so each condition checks its length first. A NaN fails every comparison,
so each condition checks for NaN as well.

A ratio of few requests is inconclusive, too: one failure in three requests does not mean that a third of all users see
errors. So the ratio has no sample below the minimum volume, and a separate metric shows how many requests there were.
The failure limit and the inconclusive limit together stay below the number of measurements, so a run without one good
window does not pass.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....compiler.because import Because, because, decision, fixed, text
from ....compiler.emit.artifact import Artifact, Body
from ....compiler.plan.objectives.sli import Indicators, target_labels
from ....compiler.plan.rollout.judgment import Judgment
from ....compiler.plan.service import ServicePlan
from ....compiler.promql import matchers
from ... import naming

__all__ = ["templates"]

HOLD = 3
"""Inconclusive measurements before the rollout pauses until an engineer decides."""


def templates(service: ServicePlan) -> Iterator[Artifact]:
    """One analysis in the background of the steps, and one after the last step."""
    if not service.canary.background:
        return
    yield _template(service, "background", service.canary.background)
    yield _template(service, "final", service.canary.final)


def _template(service: ServicePlan, name: str, judgments: tuple[Judgment, ...]) -> Artifact:
    scope = service.scope
    indicators = Indicators(service, matchers(target_labels(service), service.workload.new_pods))
    full_name = service.named(name)
    finite = name == "final"
    body: Body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": naming.metadata(scope, full_name, naming.labels(scope, "analysis", service.name)),
        "spec": {
            "args": [{"name": "canary-hash"}],
            "metrics": [
                metric
                for judgment in judgments
                for metric in (
                    _ratio(service, indicators, judgment, finite),
                    _volume(service, indicators, judgment, finite),
                )
            ],
        },
    }
    why = because(
        name,
        "a new version is judged by the service's objectives",
        service.workload.progressive,
        *(j.objective.target for j in judgments),
    )
    return Artifact(path=naming.path_of(scope, "rollout", "AnalysisTemplate", full_name), body=body, why=why)


def _ratio(service: ServicePlan, indicators: Indicators, judgment: Judgment, finite: bool) -> Body:
    """The share of requests that violate the objective."""
    return {
        "name": judgment.objective.name,
        "initialDelay": None if finite else _delay(service, judgment),
        "interval": judgment.window,
        "count": judgment.windows if finite else None,
        "failureLimit": judgment.failures,
        "inconclusiveLimit": _hold(judgment, finite),
        "consecutiveErrorLimit": fixed(4, "a query that fails five times in 40 s ends the rollout"),
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


def _volume(service: ServicePlan, indicators: Indicators, judgment: Judgment, finite: bool) -> Body:
    """Enough requests for a verdict. Too few requests never fail the analysis; they hold the rollout."""
    return {
        "name": f"{judgment.objective.name}-volume",
        "initialDelay": None if finite else _delay(service, judgment),
        "interval": judgment.window,
        "count": judgment.windows if finite else None,
        "failureLimit": fixed(0, "too few requests are not a failure"),
        "inconclusiveLimit": _hold(judgment, finite),
        "consecutiveErrorLimit": fixed(4, "a query that fails five times in 40 s ends the rollout"),
        "successCondition": _condition(">=", judgment.volume),
        "failureCondition": fixed(
            "len(result) > 0 && result[0] < 0",
            "never true: too few requests meet neither condition, so the rollout holds",
        ),
        "provider": _prometheus(service, indicators.events(judgment.objective, judgment.window.value), judgment.window),
    }


def _delay(service: ServicePlan, judgment: Judgment) -> Because[str]:
    """Wait until the model is loaded and one full window has passed."""
    start = int(service.canary.delay.value.amount)
    minutes = int(judgment.window.value.removesuffix("m"))
    return because(
        f"{start + 60 * minutes}s",
        f"{start} s until the model is loaded, and one window",
        service.canary.delay,
        judgment.window,
    )


def _hold(judgment: Judgment, finite: bool) -> Because[int]:
    if not finite:
        return fixed(HOLD, "after that, an engineer decides")
    return _fewer_than_all(judgment.windows, judgment.failures)


@decision
def _fewer_than_all(windows: Because[int], failures: Because[int]) -> tuple[int, str]:
    """Argo Rollouts counts a run that ends within both limits as successful, whatever the windows measured."""
    return max(0, windows.value - failures.value - 1), "with the windows that may fail, one window must still be good"


def _condition(compare: str, limit: Because[str]) -> Because[str]:
    return text(f"len(result) > 0 && !isNaN(result[0]) && result[0] {compare} {{limit}}", limit=limit)


def _prometheus(service: ServicePlan, query: Because[str], window: Because[str]) -> Body:
    return {
        "prometheus": {
            "address": service.scope.platform.prometheus.url,
            "query": because(query.value, "the error ratio or the volume of the objective", query, window),
        }
    }

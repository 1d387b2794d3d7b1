"""The judgment of a shadow: the first step of a Rollout, before the new version has any pods of its own.

It looks back on the shadow stage, whose Deployment the same commit removes. Lack of evidence holds the rollout: the
version did not run for most of the stage, or got too few requests. Evidence against it rolls the version back. A
version that is already live passes: only its configuration changed, and no shadow ran for that. Each metric is measured
once, so its first result decides (analysis/analysis.go: the limits default to zero).
"""

from __future__ import annotations

from collections.abc import Iterator

from ....compiler import conventions
from ....compiler.because import Because, because, fixed, text
from ....compiler.emit.artifact import Artifact, Body
from ....compiler.plan.objectives.sli import Indicators
from ....compiler.plan.rollout.shadow import ShadowJudgment, ShadowPlan
from ....compiler.plan.service import ServicePlan
from ....compiler.promql import promql
from ....schema.units import plain
from ... import naming
from .argo_analysis import PATIENT
from .argo_prometheus import arguments, prometheus

__all__ = ["shadow_name", "shadow_template"]


def shadow_name(service: ServicePlan) -> Because[str]:
    """The name of the analysis."""
    return service.named(conventions.SHADOW)


def shadow_template(service: ServicePlan) -> Iterator[Artifact]:
    """The analysis, if the version comes from a shadow stage."""
    plan = service.shadow_plan
    if plan is None or not service.after_shadow.value:
        return
    scope, name = service.scope, shadow_name(service)
    body: Body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": naming.metadata(scope, name, naming.labels(scope, "analysis", service.name)),
        "spec": {"args": arguments(service) or None, "metrics": list(_metrics(service, plan))},
    }
    why = because("AnalysisTemplate", "a version has to pass its shadow stage", plan.stage.percent, plan.stage.duration)
    yield Artifact(path=naming.path_of(scope, "rollout", "AnalysisTemplate", name), body=body, why=why)


def _metrics(service: ServicePlan, plan: ShadowPlan) -> Iterator[Body]:
    of_shadow = Indicators(service, _series(service, service.shadow_name))
    live = text("count({up} == 1)", up=Indicators(service, _series(service, service.name)).up())
    yield _ran(service, plan, of_shadow.up(), live)
    for judgment in plan.judgments:
        yield _met(service, plan, of_shadow, judgment, live)
    if plan.stage.agreement is not None:
        share = plan.stage.agreement.map(lambda share: plain(share.amount))
        yield _metric(
            service,
            "agreement",
            _agreed(service, plan, live),
            text(">= {share}", share=share),
            text("< {share}", share=share),
        )


def _series(service: ServicePlan, monitor: Because[str]) -> Because[str]:
    """The series of the version that is rolled out, from one PodMonitor."""
    return promql(
        'namespace="{namespace}",job="{job}",app_kubernetes_io_version="{version}"',
        namespace=service.scope.namespace,
        job=text("{namespace}/{monitor}", namespace=service.scope.namespace, monitor=monitor),
        version=service.release.version.map(conventions.label_value),
    )


def _ran(service: ServicePlan, plan: ShadowPlan, up: Because[str], live: Because[str]) -> Body:
    """The minutes in which a replica of the shadow answered."""
    least = plan.least.map(str)
    query = text(
        "{live} * 0 + {least}\nor\ncount_over_time((count({up} == 1) > 0)[{window}m:1m])\nor\nvector(0)",
        live=live,
        least=least,
        up=up,
        window=plan.window.map(str),
    )
    never = fixed("< 0", "a stage that was too short holds the rollout, and does not roll it back")
    return _metric(service, "ran", query, text(">= {least}", least=least), never)


def _met(
    service: ServicePlan, plan: ShadowPlan, shadow: Indicators, judgment: ShadowJudgment, live: Because[str]
) -> Body:
    """The share of mirrored requests that violate an objective; no sample if there were too few."""
    objective, window = judgment.objective, f"{plan.window.value}m"
    query = text(
        "{live} * 0\nor\n{ratio}\nand {events} >= {volume}",
        live=live,
        ratio=shadow.bad_ratio(objective, window),
        events=shadow.events(objective, window),
        volume=judgment.volume,
    )
    query = because(query.value, "what the metric measures", query, plan.window)
    limit = judgment.limit
    return _metric(service, objective.name, query, text("<= {limit}", limit=limit), text("> {limit}", limit=limit))


def _agreed(service: ServicePlan, plan: ShadowPlan, live: Because[str]) -> Because[str]:
    """The share of answers that are like those of the live version, as a job of the author's exports it."""
    series = promql(
        f'{conventions.SHADOW_AGREEMENT}{{{{namespace="{{namespace}}",service="{{service}}",version="{{version}}"}}}}',
        namespace=service.scope.namespace,
        service=service.name,
        version=service.release.version,
    )
    return text(
        "{live} * 0 + 1\nor\nmin(avg_over_time({series}[{window}m]))",
        live=live,
        series=series,
        window=plan.window.map(str),
    )


def _metric(service: ServicePlan, name: str, query: Because[str], good: Because[str], bad: Because[str]) -> Body:
    checked = "len(result) > 0 && !isNaN(result[0]) && result[0] {compared}"
    return {
        "name": name,
        "consecutiveErrorLimit": PATIENT,
        "successCondition": text(checked, compared=good),
        "failureCondition": text(checked, compared=bad),
        "provider": prometheus(service, query),
    }

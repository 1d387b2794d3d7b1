"""Argo Rollouts: a Rollout that shifts traffic step by step, judged by AnalysisTemplates.

Traps handled here: a version that cannot start blocks the next one unless it is rolled back. An analysis without a
single measurement passes, so the last step judges again.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....compiler.because import because, fixed
from ....compiler.emit.artifact import Body
from ....compiler.kinds import Kind, Known, Object
from ....compiler.kinds import workload as pods_and_selector
from ....compiler.plan.rollout.canary import CanaryPlan
from ....compiler.plan.service import ServicePlan
from ...providers import RolloutProvider
from .argo_analysis import templates

__all__ = ["PROVIDER"]


def workload(service: ServicePlan, common: Body) -> Body:
    """The common part of the spec, and the canary."""
    keep = service.scope.system.rollout.keep_versions
    return {
        "replicas": common["replicas"],
        "revisionHistoryLimit": common["revisionHistoryLimit"],
        "progressDeadlineSeconds": common["progressDeadlineSeconds"],
        "progressDeadlineAbort": because(
            True, "a version that cannot start is rolled back, not only reported", service.workload.progressive
        ),
        "rollbackWindow": {"revisions": keep},
        "selector": common["selector"],
        "template": common["template"],
        "strategy": _canary(service),
    }


def _canary(service: ServicePlan) -> Body:
    canary = service.canary
    return {
        "canary": {
            "canaryService": service.workload.new_service,
            "stableService": service.workload.service,
            "trafficRouting": SHIFTING[service.traffic_provider.value](service),
            "analysis": _background(service) if canary.background else None,
            "steps": list(_steps(canary, service)),
        }
    }


def _gateway_api(service: ServicePlan) -> Body:
    """The plugin that sets the weights of a route."""
    route = "grpcRoute" if service.part.protocol.value == "grpc" else "httpRoute"
    plugin = {
        route: because(service.name.value, "the route whose weights are shifted", service.name, service.part.protocol),
        "namespace": service.scope.namespace,
    }
    return {"plugins": {"argoproj-labs/gatewayAPI": plugin}}


SHIFTING = {"gateway-api": _gateway_api}
"""How it shifts traffic with each traffic provider, by the names in its catalog entry."""


def _background(service: ServicePlan) -> Body:
    """Starts with the first step. A run without a measurement would pass, so the last step judges again."""
    return {
        "startingStep": fixed(1, "once the canary gets its first share of traffic"),
        "templates": [{"templateName": service.named("background")}],
        "args": _arguments(),
    }


def _arguments() -> list[Body]:
    return [{"name": "canary-hash", "valueFrom": {"podTemplateHashValue": "Latest"}}]


def _steps(canary: CanaryPlan, service: ServicePlan) -> Iterator[Body]:
    for step in canary.steps:
        yield {"setWeight": step.share}
        yield {"pause": {"duration": step.lasts.map(lambda lasts: f"{int(lasts.amount)}s")}}
    if canary.final:
        yield {"analysis": {"templates": [{"templateName": service.named("final")}], "args": _arguments()}}


def _resolved(body: Object, known: Known) -> Iterator[str]:
    """Check the pods, the Services, the route, and the analyses that a Rollout refers to."""
    yield from pods_and_selector(body, known)
    canary = body["spec"].get("strategy", {}).get("canary", {})
    for key in ("canaryService", "stableService"):
        if key in canary and not known.has("Service", canary[key]):
            yield f"refers to a Service `{canary[key]}` that does not exist"
    plugin = canary.get("trafficRouting", {}).get("plugins", {}).get("argoproj-labs/gatewayAPI", {})
    for key, kind in (("httpRoute", "HTTPRoute"), ("grpcRoute", "GRPCRoute")):
        if key in plugin and not known.has(kind, plugin[key]):
            yield f"shifts traffic on the {kind} `{plugin[key]}`, which does not exist"
    analyses = [canary.get("analysis", {}), *(step.get("analysis", {}) for step in canary.get("steps", []))]
    for analysis in analyses:
        yield from _analysis(analysis, known)


def _analysis(analysis: Object, known: Known) -> Iterator[str]:
    given = {argument["name"] for argument in analysis.get("args", [])}
    for reference in analysis.get("templates", []):
        template = known.names.get("AnalysisTemplate", {}).get(reference.get("templateName"))
        if template is None:
            yield f"refers to an AnalysisTemplate `{reference.get('templateName')}` that does not exist"
            continue
        wanted = {argument["name"] for argument in template["spec"].get("args", []) if "value" not in argument}
        if wanted != given:
            yield f"passes the arguments {sorted(given)} to `{reference['templateName']}`, which takes {sorted(wanted)}"


PROVIDER = RolloutProvider(
    name="argo-rollouts",
    workload=workload,
    judge=templates,
    kinds={
        "Rollout": Kind(check=_resolved, longest=52, adds="a ReplicaSet appends a hash of 10 characters"),
        "AnalysisTemplate": Kind(),
    },
)

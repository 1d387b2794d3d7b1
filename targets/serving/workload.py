"""The workload: an Argo Rollout that shifts traffic step by step, or a Deployment; and the Deployment of a shadow.

Traps that are handled here: a replica more during an update needs an accelerator more, and waits for ever where there
is none; replicas in Git fight the autoscaler; a version that cannot start blocks the next one unless it is taken back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...compiler import conventions
from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan.rollout.canary import CanaryPlan
from ...compiler.plan.service import ServicePlan
from .. import naming
from .annotations import version_annotations
from .pod import template

__all__ = ["shadow", "workload"]

PREDICTOR = "predictor"


def workload(service: ServicePlan) -> Iterator[Artifact]:
    """What runs the version in service, and a new one beside it."""
    scope, canary = service.scope, service.canary
    progressive = canary.progressive
    kind = "Rollout" if progressive.value else "Deployment"
    strategy = _canary(service) if progressive.value else _rolling(service.in_place)
    body: Body = {
        "apiVersion": "argoproj.io/v1alpha1" if progressive.value else "apps/v1",
        "kind": kind,
        "metadata": naming.metadata(scope, service.name, _labels(service), version_annotations(scope, service.release)),
        "spec": {
            "replicas": _replicas(service),
            "revisionHistoryLimit": scope.system.rollout.keep_versions.map(lambda keep: keep + 1),
            "progressDeadlineSeconds": service.timing.progress_deadline,
            "progressDeadlineAbort": because(
                True, "a version that cannot start is taken back, not only reported", progressive
            )
            if progressive.value
            else None,
            "rollbackWindow": {"revisions": scope.system.rollout.keep_versions} if progressive.value else None,
            "selector": {"matchLabels": naming.selector(scope, PREDICTOR, service.name)},
            "template": template(service, service.files, PREDICTOR),
            "strategy": strategy,
        },
    }
    why = because(
        kind,
        f"{service.runtime_name.value} answers requests: {progressive.reason}",
        service.part.mode,
        service.runtime_name,
        progressive,
    )
    yield Artifact(path=naming.path_of(scope, "serving", kind, service.name), body=body, why=why)


def _labels(service: ServicePlan) -> Body:
    return naming.labels(service.scope, PREDICTOR, service.name, service.release.version)


def _replicas(service: ServicePlan) -> Any:
    """Left to the autoscaler where there is one: a number in Git would fight it at every sync."""
    return service.min_replicas if service.scaling.provider.value == "none" else None


def _rolling(in_place: Because[bool]) -> Body:
    """One replica at a time: one more for a while, or one less."""
    why = in_place.reason if in_place.value else "no request is lost"
    surge, missing = (0, 1) if in_place.value else (1, 0)
    return {
        "type": "RollingUpdate",
        "rollingUpdate": {
            "maxSurge": because(surge, why, in_place),
            "maxUnavailable": because(missing, why, in_place),
        },
    }


def _canary(service: ServicePlan) -> Body:
    canary = service.canary
    return {
        "canary": {
            "canaryService": service.canary_name,
            "stableService": service.name,
            "trafficRouting": {"plugins": {"argoproj-labs/gatewayAPI": _plugin(service)}},
            "analysis": _background(service) if canary.background else None,
            "steps": list(_steps(canary, service)),
        }
    }


def _plugin(service: ServicePlan) -> Body:
    route = "grpcRoute" if service.part.protocol.value == "grpc" else "httpRoute"
    return {
        route: because(service.name.value, "the route whose weights are shifted", service.name, service.part.protocol),
        "namespace": service.scope.namespace,
    }


def _background(service: ServicePlan) -> Body:
    """From the first step on; a run without a measurement would pass, so the last step judges again."""
    return {
        "startingStep": fixed(1, "once the first share of traffic has arrived"),
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


def shadow(service: ServicePlan) -> Iterator[Artifact]:
    """The version in the shadow stage, in a Deployment of its own: the canary's Service would select stable pods."""
    if service.shadow is None:
        return
    scope, files = service.scope, service.versions[-1]
    component = conventions.SHADOW
    body: Body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": naming.metadata(
            scope,
            service.shadow_name,
            naming.labels(scope, component, service.name, service.shadow.version),
            version_annotations(scope, service.shadow),
        ),
        "spec": {
            "replicas": service.canary.shadow_replicas,
            "revisionHistoryLimit": fixed(1, "a shadow is never gone back to"),
            "progressDeadlineSeconds": service.timing.progress_deadline,
            "selector": {"matchLabels": naming.selector(scope, component, service.name)},
            "template": template(service, files, component),
            "strategy": _rolling(fixed(True, "nobody waits for the answers of a shadow")),
        },
    }
    why = because(
        "shadow", "a version is in the shadow stage", service.shadow.version, service.runtime_name, service.part.mode
    )
    yield Artifact(path=naming.path_of(scope, "serving", "Deployment", service.shadow_name), body=body, why=why)

"""The workload that the rollout provider manages, and the Deployment of a shadow.

Traps handled here: an extra replica during an update needs an extra accelerator, and waits forever if there is none. A
replica count in Git fights the autoscaler.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...compiler import conventions
from ...compiler.because import because, fixed
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan.service import ServicePlan
from .. import naming
from ..providers import RolloutProvider
from ..rolling import rolling_update
from .annotations import version_annotations
from .pod import template

__all__ = ["shadow", "workload"]

PREDICTOR = "predictor"


def workload(service: ServicePlan) -> Iterator[Artifact]:
    """The workload that runs the live version, and a new one alongside it."""
    scope, run = service.scope, service.workload
    scope.providers.chosen(RolloutProvider, scope.platform.rollout.provider)  # refused even if this service needs none
    provider = scope.providers.chosen(RolloutProvider, run.provider)
    common: Body = {
        "replicas": _replicas(service),
        "revisionHistoryLimit": scope.system.rollout.keep_versions.map(lambda keep: keep + 1),
        "minReadySeconds": service.live.settled,
        "progressDeadlineSeconds": service.live.progress_deadline,
        "selector": {"matchLabels": naming.selector(scope, PREDICTOR, service.name)},
        "template": template(service, service.live, PREDICTOR),
    }
    body: Body = {
        "apiVersion": run.api,
        "kind": run.kind,
        "metadata": naming.metadata(scope, run.name, _labels(service), version_annotations(scope, service.release)),
        "spec": provider.workload(service, common),
    }
    why = because(
        run.kind.value,
        f"{service.runtime_name.value} serves requests: {run.progressive.reason}",
        service.part.mode,
        service.runtime_name,
        run.progressive,
    )
    yield Artifact(path=naming.path_of(scope, "serving", run.kind.value, run.name), body=body, why=why)


def _labels(service: ServicePlan) -> Body:
    return naming.labels(service.scope, PREDICTOR, service.name, service.release.version)


def _replicas(service: ServicePlan) -> Any:
    """None if there is an autoscaler: a number in Git would fight it at every sync."""
    return None if service.scales.value else service.min_replicas


def shadow(service: ServicePlan) -> Iterator[Artifact]:
    """The version in the shadow stage, in its own Deployment: the canary's Service would select stable pods."""
    if service.shadow is None:
        return
    scope, version = service.scope, service.latest
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
            "revisionHistoryLimit": fixed(1, "nothing rolls back to a shadow"),
            "minReadySeconds": version.settled,
            "progressDeadlineSeconds": version.progress_deadline,
            "selector": {"matchLabels": naming.selector(scope, component, service.name)},
            "template": template(service, version, component),
            "strategy": rolling_update(fixed(True, "no caller waits for a shadow's answers")),
        },
    }
    why = because(
        "shadow", "a version is in the shadow stage", service.shadow.version, service.runtime_name, service.part.mode
    )
    yield Artifact(path=naming.path_of(scope, "serving", "Deployment", service.shadow_name), body=body, why=why)

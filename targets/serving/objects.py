"""What stands beside the workload: Services, configuration, an identity, and a limit on voluntary disruption."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...compiler import conventions
from ...compiler.artifact import Artifact, Body
from ...compiler.because import Because, because, fixed
from ...compiler.plan.files import ModelFiles
from ...compiler.plan.service import ServicePlan
from .. import naming
from ..pod import access
from .pod import accesses, account_name, config_name, needs_config
from .setups import setup
from .workload import PREDICTOR

__all__ = ["configuration", "disruption_budget", "service_account", "services"]


def services(service: ServicePlan) -> Iterator[Artifact]:
    """The stable Service, and beside it the canary's and the shadow's."""
    answers = because("Service", "the service is called by this name", service.part.own_name, service.part.runtime)
    yield _service(service, service.name, PREDICTOR, answers)
    if service.canary.progressive.value:
        shifts = because(
            "Service",
            "the new version is called by this name while it is rolled out",
            service.canary.progressive,
            service.part.runtime,
        )
        yield _service(service, service.canary_name, PREDICTOR, shifts)
    if service.shadow is not None:
        mirrors = because("Service", "requests are copied to this name", service.shadow.version, service.part.runtime)
        yield _service(service, service.shadow_name, conventions.SHADOW, mirrors)


def _service(service: ServicePlan, name: Because[str], component: str, why: Because[Any]) -> Artifact:
    scope = service.scope
    body: Body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": naming.metadata(scope, name, naming.labels(scope, component, service.name), _annotations(service)),
        "spec": {
            "type": "ClusterIP",
            "ports": _ports(service),
            "selector": naming.selector(scope, component, service.name),
        },
    }
    return Artifact(path=naming.path_of(scope, "serving", "Service", name), body=body, why=why)


def _annotations(service: ServicePlan) -> Body | None:
    """Argo Rollouts adds a hash to the selector; a server-side apply of Argo CD would take it away again."""
    tool = service.scope.platform.gitops.tool
    if tool.value != "argocd" or not service.canary.progressive.value:
        return None
    return {
        "argocd.argoproj.io/sync-options": because(
            "ServerSideApply=false", "keeps the rollout's hash in the selector", tool
        )
    }


def _ports(service: ServicePlan) -> list[Body]:
    """The runtime's own port numbers, so that what a caller reads in its documentation is true here."""
    ports = service.runtime.ports
    listed: list[Body] = []
    if ports.http is not None:
        listed.append({"name": "http", "port": ports.http, "targetPort": "http"})
    if ports.grpc is not None:
        listed.append({"name": "grpc", "appProtocol": "kubernetes.io/h2c", "port": ports.grpc, "targetPort": "grpc"})
    return listed


def configuration(service: ServicePlan) -> Iterator[Artifact]:
    """The runtime's configuration files, for each version that runs."""
    made_for = [service.files] if service.shadow is None else [service.files, ModelFiles(service.scope, service.shadow)]
    seen = set()
    for files in made_for:
        made = setup(service, files)
        name = config_name(service, made)
        if needs_config(made) and name.value not in seen:
            seen.add(name.value)
            body: Body = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": naming.metadata(
                    service.scope,
                    name,
                    naming.labels(service.scope, PREDICTOR, service.name, files.release.version),
                    _kept(service),
                ),
                "data": made.files,
                "immutable": fixed(True, "its name says its content"),
            }
            why = because("ConfigMap", "the runtime's own configuration", service.part.runtime, files.release.version)
            yield Artifact(
                path=naming.path_of(service.scope, "serving", "ConfigMap", _short(service, name)),
                body=body,
                why=why,
            )


def _short(service: ServicePlan, name: Because[str]) -> Because[str]:
    """The file is called without the checksum, so that a change shows as a change."""
    return because(name.value.rpartition("-")[0], "the ConfigMap without its checksum", name, service.name)


def _kept(service: ServicePlan) -> Body | None:
    """Pods of the version before still mount theirs, so no tool may prune it while they run."""
    tool = service.scope.platform.gitops.tool
    if tool.value == "argocd":
        return {
            "argocd.argoproj.io/sync-options": because("Prune=false", "pods of an older version still use it", tool)
        }
    if tool.value == "flux":
        return {"kustomize.toolkit.fluxcd.io/prune": because("disabled", "pods of an older version still use it", tool)}
    return None


def service_account(service: ServicePlan) -> Iterator[Artifact]:
    """The identity of the pods, with the access that they need and no other."""
    scope = service.scope
    chosen = access.service_account(accesses(service, service.files))
    name = account_name(service, service.files)
    body: Body = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": naming.metadata(
            scope, name, naming.labels(scope, PREDICTOR, service.name), access.identity_annotations(chosen)
        ),
        "automountServiceAccountToken": fixed(False, "a model server has nothing to ask of the API server"),
    }
    why = because("ServiceAccount", "pods run as somebody who may do nothing else", service.part.own_name, chosen)
    yield Artifact(path=naming.path_of(scope, "serving", "ServiceAccount", name), body=body, why=why)


def disruption_budget(service: ServicePlan) -> Iterator[Artifact]:
    """One replica at a time; none where there is only one, which would block every drain of its node."""
    if service.min_replicas.value < 2:
        return
    scope = service.scope
    body: Body = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": naming.metadata(scope, service.name, naming.labels(scope, PREDICTOR, service.name)),
        "spec": {
            "maxUnavailable": because(1, "one replica may go at a time", service.min_replicas),
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": naming.selector(scope, PREDICTOR, service.name)},
        },
    }
    why = because("PodDisruptionBudget", "there are at least two replicas", service.min_replicas)
    yield Artifact(path=naming.path_of(scope, "serving", "PodDisruptionBudget", service.name), body=body, why=why)

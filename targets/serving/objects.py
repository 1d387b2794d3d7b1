"""What stands beside the workload: Services, configuration, an identity, and a limit on voluntary disruption."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...compiler import conventions
from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.finding import refusal
from ...compiler.plan.service import ServicePlan
from .. import naming
from ..pod import access
from .pod import accesses, config_name, needs_config
from .setups import setup
from .workload import PREDICTOR

__all__ = ["configuration", "disruption_budget", "service_account", "services"]


def services(service: ServicePlan) -> Iterator[Artifact]:
    """The stable Service, and beside it the canary's and the shadow's."""
    answers = because("Service", "the service is called by this name", service.part.own_name, service.runtime_name)
    yield _service(service, service.workload.service, PREDICTOR, answers)
    new = service.workload.new_service
    if new is not None:
        shifts = because(
            "Service",
            "the new version is called by this name while it is rolled out",
            service.workload.progressive,
            service.runtime_name,
        )
        yield _service(service, new, PREDICTOR, shifts)
    if service.shadow is not None:
        mirrors = because("Service", "requests are copied to this name", service.shadow.version, service.runtime_name)
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


def _annotations(service: ServicePlan) -> Body:
    """What callers must know, and what keeps a GitOps tool from undoing a rollout."""
    where = service.part.preprocessing
    if where.value == "transformer":
        raise refusal(
            "MLS012",
            "no target runs a transformer before the model",
            where,
            note="requests would reach the model as they are sent",
            help="preprocess at the `client`, or inside the model's own `graph`",
        )
    tool, told = service.scope.platform.gitops.tool, Body()
    if where.sources:
        told["mlspec/preprocessing"] = where
    if tool.value == "argocd" and service.workload.writes_selectors.value:
        told["argocd.argoproj.io/sync-options"] = because(
            "ServerSideApply=false", "a server-side apply would take the rollout's hash out of the selector", tool
        )
    return told


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
    seen = set()
    for file, files in zip((service.named("config"), service.named("shadow-config")), service.versions, strict=False):
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
            why = because("ConfigMap", "the runtime's own configuration", service.runtime_name, files.release.version)
            yield Artifact(
                path=naming.path_of(service.scope, "serving", "ConfigMap", file),
                body=body,
                why=why,
            )


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
    """The identity of the pods of each version, with the access that they need and no other."""
    scope = service.scope
    for files in service.versions:
        grants = accesses(service, files)
        chosen, name = access.identity(grants), access.account_of(grants, service.name)
        body: Body = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": naming.metadata(
                scope, name, naming.labels(scope, PREDICTOR, service.name), access.identity_annotations(chosen)
            ),
            "automountServiceAccountToken": fixed(False, "a model server has nothing to ask of the API server"),
        }
        why = because("ServiceAccount", "pods run as somebody who may do nothing else", service.part.own_name, name)
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

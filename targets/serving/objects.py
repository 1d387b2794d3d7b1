"""The objects next to the workload: Services, configuration, a ServiceAccount, and a PodDisruptionBudget."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...compiler import conventions
from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.finding import refusal
from ...compiler.plan.service import ServicePlan
from ...compiler.plan.serving.recording import chosen
from .. import naming
from ..config_map import config_map
from ..pod import access
from .pod import accesses, config_name, needs_config
from .setups import setup
from .workload import PREDICTOR

__all__ = ["configuration", "disruption_budget", "service_account", "services"]


def services(service: ServicePlan) -> Iterator[Artifact]:
    """The stable Service, the canary's, and the shadow's.

    A controller that writes selectors finds none to start with: one in the manifest would be applied again in the
    middle of a rollout, and both Services would select both versions until the controller notices.
    """
    answers = because("Service", "callers reach the service by this name", service.part.own_name, service.runtime_name)
    pointed = service.workload.writes_selectors
    yield _service(service, service.workload.service, PREDICTOR, answers, pointed)
    new = service.workload.new_service
    if new is not None:
        shifts = because(
            "Service",
            "requests reach the new version by this name during a rollout",
            service.workload.progressive,
            service.runtime_name,
        )
        yield _service(service, new, PREDICTOR, shifts, pointed)
    if service.shadow is not None:
        mirrors = because(
            "Service", "the gateway mirrors requests to this name", service.shadow.version, service.runtime_name
        )
        own = fixed(False, "no controller works on the shadow's Service")
        yield _service(service, service.shadow_name, conventions.SHADOW, mirrors, own)


def _service(
    service: ServicePlan, name: Because[str], component: str, why: Because[Any], pointed: Because[bool]
) -> Artifact:
    scope = service.scope
    body: Body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": naming.metadata(scope, name, naming.labels(scope, component, service.name), _annotations(service)),
        "spec": {
            "type": "ClusterIP",
            "ports": _ports(service),
            "selector": None if pointed.value else naming.selector(scope, component, service.name),
        },
    }
    return Artifact(path=naming.path_of(scope, "serving", "Service", name), body=body, why=why)


def _annotations(service: ServicePlan) -> Body:
    """What callers need to know."""
    where = service.part.preprocessing
    if where.value == "transformer":
        raise refusal(
            "MLS012",
            "no target can run a transformer in front of the model",
            where,
            note="requests would reach the model without preprocessing",
            help="preprocess in the `client`, or in the model's own `graph`",
        )
    return {"mlspec/preprocessing": where} if where.sources else {}


def _ports(service: ServicePlan) -> Any:
    """The ports, with what decides whether a recorder is behind them."""
    listed, by = _listed(service), chosen(service.scope, service.part)
    return because(listed, "whether a recorder is in the pods", by) if by else listed


def _listed(service: ServicePlan) -> list[Body]:
    """The runtime's own port numbers, so that its documentation applies here."""
    ports, found = service.runtime.ports, service.recorder
    if found is not None:  # a request over gRPC would not be recorded
        return [{"name": "http", "port": found.server, "targetPort": "http"}]
    listed: list[Body] = []
    if ports.http is not None:
        listed.append({"name": "http", "port": ports.http, "targetPort": "http"})
    if ports.grpc is not None:
        listed.append({"name": "grpc", "appProtocol": "kubernetes.io/h2c", "port": ports.grpc, "targetPort": "grpc"})
    return listed


def configuration(service: ServicePlan) -> Iterator[Artifact]:
    """The runtime's configuration files, for each running version."""
    seen = set()
    for file, version in zip((service.named("config"), service.named("shadow-config")), service.versions, strict=False):
        made = setup(service, version.files)
        name = config_name(service, made)
        if needs_config(made) and name.value not in seen:
            seen.add(name.value)
            labels = naming.labels(service.scope, PREDICTOR, service.name, version.release.version)
            body = config_map(service.scope, name, labels, made.files, "pods of an older version may still use it")
            why = because("ConfigMap", "the runtime's own configuration", service.runtime_name, version.release.version)
            yield Artifact(
                path=naming.path_of(service.scope, "serving", "ConfigMap", file),
                body=body,
                why=why,
            )


def service_account(service: ServicePlan) -> Iterator[Artifact]:
    """The identity of the pods of each version, with only the access that they need."""
    scope = service.scope
    for version in service.versions:
        grants = accesses(service, version.files)
        chosen, name = access.identity(grants), access.account_of(grants, service.name)
        body: Body = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": naming.metadata(
                scope, name, naming.labels(scope, PREDICTOR, service.name), access.identity_annotations(chosen)
            ),
            "automountServiceAccountToken": fixed(False, "a model server does not use the API server"),
        }
        why = because("ServiceAccount", "pods get an identity without other permissions", service.part.own_name, name)
        yield Artifact(path=naming.path_of(scope, "serving", "ServiceAccount", name), body=body, why=why)


def disruption_budget(service: ServicePlan) -> Iterator[Artifact]:
    """One replica of each version at a time. A single replica has no budget, because it would block every node drain.

    While a new version rolls out, one budget for both would count the new pods as healthy replicas of the live version:
    with two of those and one new pod, it would let both be evicted at once.
    """
    if service.min_replicas.value < 2:
        return
    roles = service.workload.roles
    if roles.label is None:
        yield _budget(service, service.name, {}, "one replica may be evicted at a time")
        return
    for name, role, whose in (
        (service.name, roles.live, "the live version"),
        (service.canary_name, roles.new, "a new version"),
    ):
        yield _budget(service, name, {roles.label.value: role}, f"one replica of {whose} may be evicted at a time")


def _budget(service: ServicePlan, name: Because[str], role: Body, why: str) -> Artifact:
    scope = service.scope
    body: Body = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": naming.metadata(scope, name, naming.labels(scope, PREDICTOR, service.name)),
        "spec": {
            "maxUnavailable": because(1, why, service.min_replicas),
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": {**naming.selector(scope, PREDICTOR, service.name), **role}},
        },
    }
    exists = because(
        "PodDisruptionBudget", "there are at least two replicas", service.min_replicas, service.workload.progressive
    )
    return Artifact(path=naming.path_of(scope, "serving", "PodDisruptionBudget", name), body=body, why=exists)

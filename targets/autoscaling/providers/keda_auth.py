"""How KEDA authenticates to Prometheus: a TriggerAuthentication in the system's namespace, and fields of the trigger.

KEDA's operator runs the queries, and reads the Secret in the namespace of the ScaledObject. Its Prometheus scaler
ignores a certificate authority without another way to authenticate (pkg/scalers/prometheus_scaler.go).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....compiler.because import Because, because, fixed
from ....compiler.emit.artifact import Artifact, Body
from ....compiler.plan.service import ServicePlan
from ....compiler.system import BearerAuth, PrometheusAuth, SecretKey, Sigv4Auth
from ... import naming

__all__ = ["headers", "metadata", "trigger_authentication"]


def trigger_authentication(service: ServicePlan, auth: PrometheusAuth) -> Artifact:
    """The object with the credentials, or with the identity that signs."""
    scope = service.scope
    body: Body = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "TriggerAuthentication",
        "metadata": naming.metadata(scope, service.name, naming.labels(scope, "autoscaler", service.name)),
        "spec": _spec(auth),
    }
    why = because("TriggerAuthentication", "Prometheus asks who queries it", auth.kind, service.scaler.authenticates)
    path = naming.path_of(scope, "autoscaling", "TriggerAuthentication", service.name)
    return Artifact(path=path, body=body, why=why)


def _spec(auth: PrometheusAuth) -> Body:
    if isinstance(auth, Sigv4Auth):
        provider = because("aws", "KEDA signs with AWS credentials", auth.kind)
        owner = because("keda", "the operator's own ServiceAccount", auth.kind) if auth.role is None else None
        return {"podIdentity": {"provider": provider, "identityOwner": owner, "roleArn": auth.role}}
    named = [("bearerToken", auth.key)] if isinstance(auth, BearerAuth) else []
    if not isinstance(auth, BearerAuth):
        named = [("username", auth.username), ("password", auth.password)]
    found: list[Any] = [_parameter(name, auth.secret, key, auth.kind) for name, key in named]
    return {"secretTargetRef": [*found, *_authority(auth.ca)]}


def _parameter(name: str, secret: Because[str], key: Because[str], kind: Because[str]) -> Body:
    return {"parameter": fixed(name, "what the scaler calls it").also(kind), "name": secret, "key": key}


def _authority(ca: SecretKey | None) -> list[Body]:
    if ca is None:
        return []
    return [{"parameter": fixed("ca", "what the scaler calls it"), "name": ca.secret, "key": ca.key}]


def metadata(auth: PrometheusAuth | None) -> Body:
    """The fields of the trigger."""
    if auth is None:
        return {}
    if isinstance(auth, Sigv4Auth):
        return {"awsRegion": because(auth.region.value, "the region of the signature", auth.region, auth.kind)}
    return {"authModes": auth.kind}


def headers(given: Mapping[str, Because[str]]) -> Because[str] | None:
    """The headers, in KEDA's syntax. Neither names nor values can contain its separators."""
    if not given:
        return None
    written = ",".join(f"{name}={value.value}" for name, value in given.items())
    return because(written, "the headers of every query", list(given.values()))

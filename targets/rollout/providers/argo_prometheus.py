"""How Argo Rollouts queries Prometheus: the address, the headers, and the credentials.

Its controller reads Secrets in the namespace of the Rollout, as arguments of an AnalysisTemplate. It replaces them when
it measures, and hides them in what it reports. Argo Rollouts 1.9 has no field for a bearer token or a password, but a
header can contain an argument (analysis_types.go; 1.10 adds `basicAuth`).
"""

from __future__ import annotations

from collections.abc import Iterator

from ....compiler.because import Because, because
from ....compiler.emit.artifact import Body
from ....compiler.plan.prometheus import Able, authentication
from ....compiler.plan.service import ServicePlan
from ....compiler.system import BasicAuth, BearerAuth, PrometheusAuth, Sigv4Auth

__all__ = ["arguments", "prometheus"]

TOKEN, HEADER, USERNAME, PASSWORD = (f"prometheus-{what}" for what in ("token", "header", "username", "password"))


def prometheus(service: ServicePlan, query: Because[str], address: Because[str] | None = None) -> Body:
    """The provider of a metric."""
    auth, given, able = _auth(service), service.scope.platform.prometheus, service.canary.capability.authenticates
    headers = [{"key": because(name, "its name", value), "value": value} for name, value in given.headers.items()]
    return {
        "prometheus": {
            "address": given.url if address is None else address,
            "query": query,
            "headers": [*headers, *_authorization(auth, able)] or None,
            "authentication": _fields(auth, able),
        }
    }


def arguments(service: ServicePlan) -> list[Body]:
    """The arguments of a template whose values are in a Secret."""
    return [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
        for name, secret, key in _secrets(_auth(service))
    ]


def _auth(service: ServicePlan) -> PrometheusAuth | None:
    entry = service.canary.capability
    return authentication(service.scope, service.scope.platform.rollout.provider, entry)


def _secrets(auth: PrometheusAuth | None) -> Iterator[tuple[str, Because[str], Because[str]]]:
    if isinstance(auth, BearerAuth):
        yield TOKEN, auth.secret, auth.key
    elif isinstance(auth, BasicAuth) and auth.header is not None:
        yield HEADER, auth.secret, auth.header
    elif isinstance(auth, BasicAuth):
        yield USERNAME, auth.secret, auth.username
        yield PASSWORD, auth.secret, auth.password


def _authorization(auth: PrometheusAuth | None, able: Able) -> Iterator[Body]:
    """The header that proves who asks, unless a field of its own does."""
    whole = isinstance(auth, BasicAuth) and auth.header is not None
    if auth is not None and (isinstance(auth, BearerAuth) or whole):
        value = f"{{{{args.{HEADER}}}}}" if whole else f"Bearer {{{{args.{TOKEN}}}}}"
        yield {"key": "Authorization", "value": because(value, "Prometheus asks who queries it", auth.kind, able)}


def _fields(auth: PrometheusAuth | None, able: Able) -> Body | None:
    if isinstance(auth, Sigv4Auth):
        return {"sigv4": {"region": auth.region.also(auth.kind, able), "roleArn": auth.role}}
    if isinstance(auth, BasicAuth) and auth.header is None:
        named = {"username": USERNAME, "password": PASSWORD}
        fields = {
            key: because(f"{{{{args.{name}}}}}", "from the Secret", auth.kind, able) for key, name in named.items()
        }
        return {"basicAuth": fields}
    return None

"""Envoy Gateway: a SecurityPolicy for the route of a service whose callers send tokens.

Traps handled here: a policy of a route replaces that of the Gateway, with its allowed addresses and origins, unless it
says that both are merged. Without audiences, a token that the issuer made for any other service would do.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.finding import refusal
from ...compiler.plan.service import ServicePlan
from ...compiler.system import Auth
from .. import naming

__all__ = ["objects"]

MOST_TEXT = 253
"""The longest issuer and address of keys (envoyproxy/gateway, api/v1alpha1/jwt_types.go)."""

MOST_AUDIENCES = 8
"""The most audiences of a provider (same file)."""


def objects(service: ServicePlan) -> Iterator[Artifact]:
    """The policy of the route, if callers send tokens."""
    scope, kind, asked = service.scope, service.gateway.route_kind, service.gateway.tokens
    if asked is None:
        return
    body: Body = {
        "apiVersion": "gateway.envoyproxy.io/v1alpha1",
        "kind": "SecurityPolicy",
        "metadata": naming.metadata(scope, service.name, naming.labels(scope, "route", service.name)),
        "spec": {
            "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": kind, "name": service.name}],
            "mergeType": fixed("StrategicMerge", "what the policy of the Gateway says holds for the route, too"),
            "jwt": {"providers": [_provider(service, asked)]},
        },
    }
    why = because("SecurityPolicy", "the gateway rejects requests without a valid token", asked)
    yield Artifact(path=naming.path_of(scope, "rollout", "SecurityPolicy", service.name), body=body, why=why)


def _provider(service: ServicePlan, asked: Auth) -> Body:
    if len(asked.audiences) > MOST_AUDIENCES:
        raise refusal(
            "MLS008",
            f"Envoy Gateway accepts {MOST_AUDIENCES} audiences, not {len(asked.audiences)}",
            asked.audiences[MOST_AUDIENCES],
            note="an API server would refuse the policy",
            help="let the callers of one service use one audience",
        )
    return {
        "name": service.name,
        "issuer": _short(asked.issuer),
        "audiences": list(asked.audiences),
        "remoteJWKS": {"uri": _short(asked.keys)},
    }


def _short(url: Because[str]) -> Because[str]:
    if len(url.value) > MOST_TEXT:
        raise refusal(
            "MLS008",
            f"Envoy Gateway accepts {MOST_TEXT} characters here, not {len(url.value)}",
            url,
            note="an API server would refuse the policy",
            help="use a shorter address",
        )
    return url

"""How controllers query Prometheus: at its URL, with its headers, and with credentials where it asks for them.

Each controller supports some ways to authenticate. What one of them does not support is refused, because its queries
would get the status 401, and it would neither scale nor judge anything (keda#4206, mimir#9616).
"""

from __future__ import annotations

from ..because import Because
from ..finding import Refusal, refusal
from ..system import AutoscalingCapability, BasicAuth, BearerAuth, PrometheusAuth, RolloutCapability
from ..words import listing
from .scope import Scope

__all__ = ["Able", "authentication"]

Entry = RolloutCapability | AutoscalingCapability
Able = tuple[Because[str], ...]
"""The ways in which a controller can authenticate, from its provider's entry."""

MANAGED = (
    ("aps-workspaces.", "kind: sigv4, region: {region}", "Amazon Managed Service for Prometheus"),
    ("grafana.net", "kind: basic, secret: prometheus-credentials, header: authorization", "Grafana Cloud"),
)
"""Parts of host names of services that answer no anonymous query, and how to authenticate there."""


def authentication(scope: Scope, controller: Because[str], entry: Entry) -> PrometheusAuth | None:
    """How a controller authenticates; None if it does not need to."""
    auth, url = scope.platform.prometheus.auth, scope.platform.prometheus.url
    if auth is None:
        host = url.value.partition("://")[2].partition("/")[0]
        for part, kind, service in MANAGED:
            if part in host:
                raise _anonymous(url, kind.format(region=_region(host)), service)
        return None
    able = entry.authenticates
    ways = {way.value for way in able}
    kind = auth.kind.value
    whole = isinstance(auth, BasicAuth) and auth.header is not None and "bearer" in ways
    if kind not in ways and not whole:
        raise _unable(controller, able, auth)
    if isinstance(auth, (BearerAuth, BasicAuth)) and auth.ca is not None and "ca" not in ways:
        raise refusal(
            "MLS012",
            f"`{controller.value}` cannot be given a certificate authority",
            auth.ca,
            others=((controller, "queries Prometheus"),),
            note="every query would fail, because the controller does not trust the server's certificate",
            help="add the certificate to those that the controller's own pods trust, and remove `ca`",
        )
    return auth


def _region(host: str) -> str:
    """The region in `aps-workspaces.eu-central-1.amazonaws.com`."""
    parts = host.split(".")
    return parts[1] if len(parts) > 2 else "..."


def _anonymous(url: Because[str], kind: str, service: str) -> Refusal:
    return refusal(
        "MLS009",
        f"{service} answers no query without authentication",
        url,
        note="every query would be refused, so nothing would scale, and no new version would be judged",
        help=f"add `auth: {{{kind}}}` under `platform.prometheus`",
    )


def _unable(controller: Because[str], able: Able, auth: PrometheusAuth) -> Refusal:
    ways = [way.value for way in able if way.value != "ca"]
    can = f"use {listing(ways)}" if ways else "use a Prometheus that asks for none"
    if isinstance(auth, BasicAuth) and "bearer" in ways:
        can = "store the whole `Authorization` header in the Secret and name its key in `header`, or " + can
    return refusal(
        "MLS012",
        f"`{controller.value}` cannot authenticate to Prometheus with `{auth.kind.value}`",
        auth.kind,
        others=((controller, "queries Prometheus"),),
        note="every query would get the status 401, so it would neither scale nor judge anything",
        help=can,
    )

"""The Prometheus of a cluster: who queries it, and how they prove who they are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import (
    HeaderName,
    HeaderValue,
    Identifier,
    Interval,
    LabelKey,
    LabelValue,
    Name,
    ObjectName,
    PositiveDuration,
    RoleArn,
    Section,
    Url,
    default,
    mapped,
    optional,
    required,
)


class SecretKey(Section):
    """A key of a Secret."""

    secret: ObjectName = required("The Secret. It must exist in the namespace of each system that queries Prometheus.")
    key: Identifier = required("The key.")


_CA = (
    "The certificate of the authority that signed the server's, in PEM format. If omitted, the authorities that the "
    "controller trusts."
)
_SECRET = (
    "An existing Secret. It must exist in the namespace of each system, because that is where controllers read it."
)


class BearerAuth(Section):
    """A bearer token from a Secret, such as for Thanos behind an OAuth proxy."""

    kind: Literal["bearer"] = required("A bearer token.")
    secret: ObjectName = required(_SECRET)
    key: Identifier = default("token", "The key of the token.", "the common name")
    ca: SecretKey | None = optional(_CA)


class BasicAuth(Section):
    """A username and a password from a Secret, such as for Grafana Cloud."""

    kind: Literal["basic"] = required("A username and a password.")
    secret: ObjectName = required(_SECRET)
    username: Identifier = default(
        "username", "The key of the username.", "the key in Secrets for basic authentication"
    )
    password: Identifier = default(
        "password", "The key of the password.", "the key in Secrets for basic authentication"
    )
    header: Identifier | None = optional(
        "The key of the whole value of the `Authorization` header: `Basic`, a space, and the base64 of "
        "`username:password`. A controller that cannot build it, such as Argo Rollouts 1.9, needs it."
    )
    ca: SecretKey | None = optional(_CA)


class Sigv4Auth(Section):
    """Requests that are signed with AWS credentials, as Amazon Managed Service for Prometheus requires.

    The credentials are those of the controllers' own ServiceAccounts.
    """

    kind: Literal["sigv4"] = required("Signed requests (Signature Version 4).")
    region: Identifier = required("The AWS region of the workspace.")
    role: RoleArn | None = optional(
        "The role that the controllers assume. If omitted, the role of their own ServiceAccounts needs the permissions."
    )


PrometheusAuth = Annotated[BearerAuth | BasicAuth | Sigv4Auth, Field(discriminator="kind")]


class Prometheus(Section):
    """The Prometheus that scrapes metrics, evaluates rules, and answers queries."""

    url: Url = default(
        "http://prometheus-operated.monitoring:9090",
        "The URL that controllers query.",
        "the Service that the Prometheus operator creates, in its conventional namespace",
    )
    auth: PrometheusAuth | None = optional(
        "How the controllers that query it authenticate: KEDA, and Argo Rollouts. If omitted, they do not."
    )
    headers: dict[HeaderName, HeaderValue] = mapped(
        "Headers of every query, such as `X-Scope-OrgID` for a tenant of Mimir or Cortex."
    )
    namespace: Name = default(
        "monitoring", "The namespace of Prometheus; its pods may scrape.", "the conventional namespace"
    )
    labels: dict[LabelKey, LabelValue] = mapped(
        "The labels that the operator uses to select monitors and rules. Without them, Prometheus scrapes and "
        "evaluates nothing."
    )
    scrape_interval: Interval = default("30s", "The scrape interval.", "the operator's default")
    retention: PositiveDuration = default("15d", "How long it keeps samples.", "Prometheus's own default")

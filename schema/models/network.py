"""Network policies, and clouds as data: where pods look up names, and where they get the credentials of an identity."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Le

from .base import (
    Cidr,
    Date,
    GatewayProviderName,
    LabelKey,
    LabelValue,
    Name,
    Section,
    Url,
    default,
    group,
    listed,
    mapped,
    optional,
    required,
)
from .pods import Toleration

Port = Annotated[int, Ge(1), Le(65535)]
"""A TCP or UDP port."""


class Issuer(Section):
    """A server that issues the credentials of a pod's identity."""

    accounts: Literal["all", "with-identity", "without-identity"] = default(
        "all",
        "The ServiceAccounts that use it: all, or those for which the spec sets `identity`, or the others.",
        "most clouds have one way to get credentials",
    )
    cidrs: list[Cidr] = listed("Its addresses. If omitted, any.", min_length=1)
    ports: list[Port] = required("Its TCP ports.")


class Spot(Section):
    """The spot nodes of a cloud."""

    node_selector: dict[LabelKey, LabelValue] = mapped("Their labels. Without any, no pod can ask for them.")
    tolerations: list[Toleration] = listed("Tolerations for their taints.")


class Cloud(Section):
    """A cloud, as far as pods and network policies depend on it."""

    dns_pods: bool = default(
        True,
        "Whether pods answer DNS lookups, so that a network policy can select them by their namespace.",
        "most clusters run CoreDNS in pods",
    )
    resolvers: list[Cidr] = listed(
        "Addresses of a node that answer DNS lookups, such as those of a node-local cache. No selector matches them."
    )
    issuers: list[Issuer] = listed("The servers that issue the credentials of a pod's identity.")
    identities: list[Literal["aws", "google", "azure"]] = listed(
        "The providers whose identities pods can have. If omitted, mlspec does not know. A cluster that exchanges its "
        "tokens at another cloud, too, lists both.",
        min_length=1,
    )
    gateways: list[GatewayProviderName] = listed("The cloud's own gateway providers.")
    spot: Spot = group(Spot, "Its spot nodes.")
    users: Literal["image", "cluster"] = default(
        "image", "Who chooses the user IDs of pods.", "most clusters accept every user ID but 0"
    )
    checked: Date | None = optional("When these facts were last verified.")
    source: Url | None = optional("The source of these facts.")


class Network(Section):
    """Network policy settings."""

    policies: bool = default(True, "Whether to emit network policies.", "access to a model should be explicit")
    dns: Name | None = optional(
        "The namespace of the cluster's DNS pods. If set, pods may look up names only there, and at the addresses of "
        "their node that the cloud's entry lists under `resolvers`. If omitted, they may use port 53 of any address, "
        "which works in every cluster."
    )

"""What pods of services and of training have in common: nodes to run on, variables, trusted certificates, and users."""

from __future__ import annotations

from typing import Literal

from .base import (
    DataKey,
    LabelKey,
    LabelValue,
    ObjectName,
    Section,
    Text,
    default,
    derived,
    listed,
    mapped,
    optional,
    required,
)


class Toleration(Section):
    """A taint that pods tolerate."""

    key: LabelKey = required("The key of the taint.")
    operator: Literal["Exists", "Equal"] = default("Exists", "How the taint is matched.", "matches any value")
    value: LabelValue | None = optional("The value, with `Equal`.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = default(
        "NoSchedule", "The effect of the taint.", "the most common effect"
    )


class NodeLabel(Section):
    """A label of nodes, and the values that it may have."""

    key: LabelKey = required("The key of the label.")
    values: list[LabelValue] = required("The values; a node must have one of them.")


class Scheduling(Section):
    """Where pods run, in addition to what their accelerator requires.

    What a service or training sets is added to what `platform.scheduling` sets, and replaces it under the same key.
    """

    node_selector: dict[LabelKey, LabelValue] = mapped("Labels that the nodes must have.")
    node_affinity: list[NodeLabel] = listed(
        "Labels of the nodes with several accepted values, such as zones.", key="key"
    )
    tolerations: list[Toleration] = listed("Taints of nodes that the pods tolerate.")
    runtime_class: ObjectName | None = optional("The RuntimeClass of the container runtime. If omitted, the node's.")
    spot: bool | None = optional(
        "Whether the pods run on spot nodes, which the cloud reclaims at short notice. If omitted, they do not ask for "
        "them."
    )


class KeyReference(Section):
    """A variable whose value is a key of a Secret or of a ConfigMap."""

    exactly_one = ("secret", "configMap")

    secret: ObjectName | None = optional("The Secret.")
    config_map: ObjectName | None = optional("The ConfigMap.")
    key: DataKey = required("The key.")


EnvValue = Text | KeyReference
"""The value of an environment variable."""


class CaBundle(Section):
    """Certificate authorities that pods trust instead of those of their images."""

    config_map: ObjectName = required(
        "The ConfigMap, in the namespace of each environment, such as trust-manager creates it. It must also contain "
        "the public authorities that pods need."
    )
    key: DataKey = default("ca-certificates.crt", "The key of the bundle, in PEM format.", "the file name on Debian")


class PodSecurity(Section):
    """The security of pods, as far as the cluster decides it."""

    users: Literal["image", "cluster"] | None = derived(
        "Who chooses the user IDs of pods: `image` sets those that the images were built for; `cluster` sets none, and "
        "leaves them to the cluster's admission, such as OpenShift's security context constraints.",
        "from the cloud",
    )

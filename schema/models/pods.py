"""What pods of services and of training have in common: nodes to run on, variables, trusted certificates, and users."""

from __future__ import annotations

from typing import Literal

from .base import (
    Cores,
    DataKey,
    EnvName,
    Image,
    LabelKey,
    LabelValue,
    Name,
    ObjectName,
    Path,
    Section,
    Size,
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
    values: list[LabelValue] = required("The values; a node must have one of them.", min_length=1)


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


class PodVolume(Section):
    """A volume of a pod besides those that mlspec mounts itself."""

    exactly_one = ("configMap", "secret", "claim", "size")

    config_map: ObjectName | None = optional("The ConfigMap to mount.")
    secret: ObjectName | None = optional("The Secret to mount.")
    claim: ObjectName | None = optional("The PersistentVolumeClaim to mount.")
    size: Size | None = optional("The size of an empty volume, which lives as long as the pod.")
    writable: bool = default(
        False, "Whether containers may write to the claim; they always may to an empty volume.", "pods share claims"
    )
    path: Path | None = optional("Where the main container finds it. If omitted, only sidecars do.")


class Sidecar(Section):
    """A container next to the main one. It starts before everything else in the pod, and ends after it."""

    image: Image = required("The image, pinned by its digest.")
    command: list[Text] = listed("The command, as a list of words. If omitted, the image's own.")
    args: list[Text] = listed("The arguments. If omitted, the image's own.")
    env: dict[EnvName, EnvValue] = mapped("Its environment variables.")
    cpu: Cores = default("100m", "The CPU request.", "enough for a proxy")
    memory: Size = default("128Mi", "The memory request and limit.", "enough for a proxy")
    user: int | None = optional(
        "The numeric user ID that the image runs as; never 0. If omitted, that of the main container.",
        ge=1,
        le=2**31 - 1,
    )
    mounts: dict[Name, Path] = mapped("Where it finds the volumes of the pod, by their names.")


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

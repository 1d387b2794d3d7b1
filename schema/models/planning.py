"""What the planner assumes: its safety margins, prices, and the quota that a plan must fit."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge

from .base import (
    AcceleratorName,
    Bandwidth,
    BoundedDuration,
    Chance,
    Cores,
    Duration,
    HourlyPrice,
    Memory,
    Percent,
    Section,
    Share,
    StoragePrice,
    TransferPrice,
    default,
    mapped,
    optional,
)


class Prices(Section):
    """Prices of CPU, memory, storage, and traffic. Accelerators have their own price."""

    core: HourlyPrice = default(
        "0.035 USD/h",
        "The price of one core.",
        "list price of the major clouds, 2026",
    )
    memory: HourlyPrice = default("0.004 USD/h", "The price of one gibibyte.", "list price of the major clouds, 2026")
    storage: StoragePrice | None = optional(
        "The price of a gibibyte that is stored for a month: model versions, the shared model cache, and versions of "
        "data whose size the spec states. If omitted, the bill leaves storage out."
    )
    egress: TransferPrice | None = optional(
        "The price of a gibibyte that leaves through the gateway. If omitted, the bill leaves it out."
    )


class Quota(Section):
    """What a namespace may use at the same time, as a ResourceQuota limits it. Omitted resources are unlimited.

    If several systems share a namespace, each is compared with the full quota.
    """

    accelerators: dict[AcceleratorName, Annotated[int, Ge(0)]] = mapped(
        "The number of accelerators of each type, even if a ResourceQuota counts all types together."
    )
    cpu: Cores | None = optional("The total CPU request of all pods.")
    memory: Memory | None = optional("The total memory request of all pods.")
    ephemeral_storage: Memory | None = optional("The total request of all pods for disk space of nodes.")


class Planning(Section):
    """What the planner assumes in the absence of measurements, and its safety margins."""

    utilization: Share = default(
        "70%", "The maximum average utilization of a replica.", "queueing delay grows faster than load above this"
    )
    own_tail: Share = default(
        "80%",
        "The share of the late requests of a latency bound that slow answers of an idle replica may make up. A bound "
        "that leaves less for queueing is refused.",
        "the last fifth would take several times the replicas of the rest",
    )
    spare_from: Percent = default(
        "99.9%",
        "The availability target at which the plan adds a spare replica, so that the peak survives the loss of one.",
        "three nines leave no error budget for losing a replica",
    )
    zones_from: Percent = default(
        "99.99%",
        "The availability target at which the peak survives the loss of a zone, and replicas are spread evenly.",
        "four nines leave four minutes per month, and a zone is down for longer",
    )
    zones: int = default(3, "The zones that the nodes are in.", "what regional clusters have", ge=1, le=100)
    headroom: float = default(
        1.5,
        "The maximum number of replicas, as a multiple of the replicas for the peak.",
        "headroom for an unexpected traffic spike",
        ge=1,
        le=100,
    )
    download: Bandwidth = default("100 MB/s", "The download speed of images and models.", "a slow link to a registry")
    load: Bandwidth = default("500 MB/s", "The read speed of a volume.", "a slow cloud disk")
    risk: Chance = default(
        "5%",
        "The maximum probability of a wrong canary verdict in either direction, and of a canary without a verdict.",
        "the conventional level of a statistical test",
    )
    failed_windows: int = default(
        1,
        "How many canary windows may fail; one more triggers a rollback.",
        "one bad window is noise, two are a trend",
        ge=0,
        le=10,
    )
    step_windows: int = default(
        4,
        "The minimum number of windows to analyze at each step.",
        "two may lack requests and one may fail, and one must still be good",
        ge=2,
        le=100,
    )
    significance: Chance = default(
        "5%",
        "The probability that a step reports a regression that does not exist.",
        "the conventional level of a two-sided test",
    )
    power: Chance = default(
        "80%", "The probability that a step detects a real regression.", "the conventional power of a test"
    )
    versions: float = default(
        1, "How many new versions are rolled out per month, if there is no schedule.", "a guess", ge=0, le=1000
    )
    training_headroom: float = default(
        1.5,
        "The maximum duration of a training run, as a multiple of its fits.",
        "validation and evaluation take time, and fits vary",
        ge=1,
        le=100,
    )
    node_wait: BoundedDuration = default(
        "2m",
        "How long a new replica waits for a node.",
        "a node with CPUs takes 1 to 3 minutes; one with accelerators takes 4 to 9, unless some are kept free",
    )
    pod_wait: BoundedDuration = default(
        "15m",
        "How long a training pod may wait for a node, its image, and its volume.",
        "a node with an accelerator takes minutes to arrive, and then pulls a large image",
    )
    memory_efficiency: Share = default(
        "60%",
        "The share of its memory bandwidth that an accelerator achieves as it generates tokens. It replaces the share "
        "in the accelerator's entry.",
        "measurements range from 40% to 90%",
    )
    compute_efficiency: Share = default(
        "40%",
        "The share of its FLOP/s that an accelerator achieves as it processes prompts. It replaces the shares in the "
        "accelerator's entry.",
        "measurements range from 27% to 75%",
    )
    mixture_efficiency: Share = default(
        "60%",
        "The compute efficiency of a mixture of experts, as a share of that of other models.",
        "each expert gets only a few tokens at a time",
    )
    fp8_mixture_efficiency: Share = default(
        "20%",
        "The same for weights in FP8.",
        "servers reach 12% to 23% of what other models reach",
    )
    training_efficiency: Share = default(
        "40%",
        "The share of its FLOP/s that an accelerator achieves in training. It replaces the share in the accelerator's "
        "entry.",
        "published runs range from 21% to 64%",
    )
    training_memory: Share = default(
        "80%",
        "The share of an accelerator's memory that weights, gradients, and optimizer state may take.",
        "activations and buffers take the rest, even if activations are computed again",
    )
    link_efficiency: Share = default(
        "60%", "The share of the bandwidth between devices that they achieve.", "fitted to published estimates"
    )
    exchange: Duration = default(
        "20us",
        "The latency of an exchange between the devices of a replica. There are two per layer.",
        "fitted to published estimates",
    )
    step_layer: Duration = default(
        "40us",
        "The time that each layer adds to a decode step for launches and small operations.",
        "fitted to measurements of small models and small batches",
    )
    prompt_layer: Duration = default(
        "0.3ms",
        "The minimum time of a layer while a prompt is processed, even a short one.",
        "fitted to measurements of short prompts",
    )
    rough: float = default(
        1.5,
        "The error factor of an estimated speed: how many times too high or too low it may be.",
        "the distance between measurements and the estimates of their speed",
        ge=1,
        le=100,
    )
    rough_mixture: float = default(
        2.5,
        "The same for a mixture of experts.",
        "their speed depends on which kernels a server has for the device",
        ge=1,
        le=100,
    )
    rough_training: float = default(
        2,
        "The error factor of a training time that is estimated from tokens and parameters.",
        "the distance between published efficiencies, and between their code and yours",
        ge=1,
        le=100,
    )

"""What the organisation has decided once: clusters and their coordinates, providers, prices, policies."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge

from .base import (
    AcceleratorName,
    AutoscalingProviderName,
    Bandwidth,
    Chance,
    Compute,
    Cores,
    Date,
    Duration,
    Host,
    HourlyPrice,
    Identifier,
    Image,
    LabelKey,
    LabelValue,
    Memory,
    Module,
    Name,
    ObjectName,
    Percent,
    RolloutProviderName,
    RuleId,
    Section,
    Share,
    SpecOverlay,
    SpecPath,
    Text,
    TrafficProviderName,
    Url,
    default,
    group,
    listed,
    mapped,
    optional,
    required,
)
from .model import Family
from .provider import Providers
from .runtime import Runtime
from .training import Algorithm


class Gateway(Section):
    """The Gateway API gateway that routes attach to."""

    name: ObjectName = default("gateway", "The Gateway object.", "a name to replace by your own")
    namespace: Name = default("gateway-system", "Its namespace; its pods may call services.", "a usual place")
    listener: Name | None = optional("The listener that routes attach to; all of them if left out.")
    load_balancing: Literal["random", "least-request"] = default(
        "random", "How it picks a replica; least-request makes N queues one.", "what a Service does"
    )
    mirroring: Literal["percent", "all", "none"] = default(
        "percent", "Which request mirroring it supports.", "Gateway API 1.2 and later, extended support"
    )


class Prometheus(Section):
    """The Prometheus that scrapes, evaluates and is queried."""

    url: Url = default(
        "http://prometheus-operated.monitoring:9090",
        "Where controllers query it.",
        "the Service that the Prometheus operator makes, in the usual namespace",
    )
    namespace: Name = default("monitoring", "Its namespace; its pods may scrape.", "the usual namespace")
    labels: dict[LabelKey, LabelValue] = mapped(
        "The labels by which the operator selects monitors and rules; without them nothing is scraped or evaluated."
    )
    scrape_interval: Duration = default("30s", "How often metrics are read.", "the operator's default")
    retention: Duration = default("15d", "How long it keeps samples.", "Prometheus' own default")


class RolloutProvider(Section):
    """What shifts traffic to new versions."""

    provider: RolloutProviderName = default(
        "argo-rollouts", "Who does it.", "the only one that judges by any query and goes back by itself"
    )


class TrafficProvider(Section):
    """What routes requests to services."""

    provider: TrafficProviderName = default(
        "gateway-api", "Who does it; `none` writes no route.", "the routing API of Kubernetes itself"
    )


class Autoscaling(Section):
    """What adds and removes replicas."""

    provider: AutoscalingProviderName = default(
        "keda", "Who does it.", "it scales on queries without an adapter, and is safe beside a canary"
    )
    adapter: Literal["prometheus-adapter"] | None = optional(
        "What serves the recorded load as an external metric to `hpa`; without one it can look at processors only."
    )


class GitOps(Section):
    """What applies the output."""

    tool: Literal["kustomize", "argocd", "flux"] = default(
        "kustomize", "Who does it.", "`kubectl apply -k` needs nothing else"
    )


class Images(Section):
    """Images of mlspec's own helpers."""

    downloader: Image = default(
        "docker.io/rclone/rclone:1.75.1@sha256:45401ad7410db1d67ffdb58e19059ad20b0d8e0285a60e38bbec55cc1019c7a5",
        "Downloads models; must have a shell, `sha256sum` and `rclone`.",
        "public, and speaks to every object store",
    )
    runtime: Image | None = optional(
        "Runs `mlspec runtime` in jobs. There is no public one: build it from the repository's Dockerfile."
    )
    pull_secret: ObjectName | None = optional("The image pull secret of every pod.")


class Storage(Section):
    """Volumes."""

    storage_class: ObjectName | None = optional("The class of volumes; the cluster's default if left out.")


class Toleration(Section):
    """A taint that pods may be placed on."""

    key: LabelKey = required("The taint's key.")
    operator: Literal["Exists", "Equal"] = default("Exists", "How it is compared.", "any value")
    value: LabelValue | None = optional("The value, with `Equal`.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = default(
        "NoSchedule", "The effect.", "the usual one"
    )


class Accelerator(Section):
    """One kind of accelerator."""

    slice: bool = default(False, "Whether it is a part of a device, which is all that a process sees.", "whole devices")
    resource: LabelKey = default("nvidia.com/gpu", "The extended resource that pods request.", "whole NVIDIA devices")
    resources: dict[Name, LabelKey] = mapped("The extended resource by cloud, where it differs.")
    memory: Memory | None = optional("The memory that its driver reports.")
    bandwidth: Bandwidth | None = optional("How fast it reads its memory.")
    compute: Compute | None = optional("How fast it multiplies 16-bit numbers, without sparsity.")
    node_selector: dict[LabelKey, LabelValue] = mapped("The nodes that have it, on this platform.")
    selectors: dict[Name, dict[LabelKey, LabelValue]] = mapped("The nodes that have it, by cloud.")
    tolerations: list[Toleration] = listed("The taints of its nodes.")
    price: HourlyPrice | None = optional("What one costs.")
    checked: Date | None = optional("When these facts were last checked.")
    source: Url | None = optional("Where these facts are from.")


class Prices(Section):
    """What capacity costs, where no accelerator's price says it."""

    core: HourlyPrice = default(
        "0.035 USD/h",
        "One core.",
        "list price of large clouds, 2026",
    )
    memory: HourlyPrice = default("0.004 USD/h", "One gibibyte.", "list price of large clouds, 2026")


class Policies(Section):
    """What specs must keep to."""

    locked: list[SpecPath] = listed("Paths that no spec, environment or `--set` may change.")
    severity: dict[RuleId, Literal["error", "warning", "info", "off"]] = mapped(
        "The severity of rules, by id or prefix."
    )
    registries: list[Host] = listed("The registries that images may come from; all of them if left out.")
    stores: list[Text] = listed("The beginnings of URIs that models and data may come from; all if left out.")
    max_cpu: Cores | None = optional("The most cores that one container may ask for.")
    max_memory: Memory | None = optional("The most memory that one container may ask for.")


class Quota(Section):
    """What a namespace may have at once, as a ResourceQuota limits it; what is left out is not limited.

    Of several systems in one namespace each is compared with the whole.
    """

    accelerators: dict[AcceleratorName, Annotated[int, Ge(0)]] = mapped(
        "How many accelerators of each kind, also where a ResourceQuota counts all kinds together."
    )
    cpu: Cores | None = optional("The cores that all pods may request.")
    memory: Memory | None = optional("The memory that all pods may request.")


class Network(Section):
    """What is needed to write network policies."""

    policies: bool = default(True, "Whether network policies are emitted.", "what may talk to a model should be said")
    dns: Name = default("kube-system", "The namespace of the cluster's DNS.", "where every distribution has it")


class Planning(Section):
    """What the planner assumes where nobody has measured, and how careful it is."""

    utilization: Share = default(
        "70%", "The busiest that replicas may be on average.", "above it waiting grows faster than load"
    )
    waiting: Chance = default(
        "0.5%",
        "The share of requests that may wait longer than the bound on p99 leaves.",
        "half of the 1 % that the percentile allows; the other half is the model's own slow tail",
    )
    spare_from: Percent = default(
        "99.9%", "The availability from which on a replica may be lost at the peak.", "three nines leave no room for it"
    )
    headroom: float = default(
        1.5, "How many times the replicas for the peak may run.", "traffic of a day that nobody expected", ge=1, le=100
    )
    download: Bandwidth = default("100 MB/s", "How fast images and models are fetched.", "a slow link to a registry")
    load: Bandwidth = default("500 MB/s", "How fast a model is read from a volume.", "a slow disk of a cloud")
    risk: Chance = default(
        "5%", "The largest chance of either wrong verdict on a canary.", "the usual level of a statistical test"
    )
    failed_windows: int = default(
        1,
        "How many windows of a canary may fail; one more takes it back.",
        "one bad window is no trend, two are",
        ge=0,
        le=10,
    )
    last_windows: int = default(
        3,
        "How many windows are judged at the last step, before all traffic changes over.",
        "one could be chance",
        ge=2,
        le=100,
    )
    significance: Chance = default(
        "5%", "The chance that a step shows a harm that is none.", "the usual level of a two-sided test"
    )
    power: Chance = default("80%", "The chance that a step shows a harm that is one.", "the usual power of a test")
    versions: float = default(
        1, "How many new versions a month are rolled out, where no schedule says it.", "a guess", ge=0, le=1000
    )
    training_headroom: float = default(
        1.5,
        "How many times as long as its fits a training run may take.",
        "data is read and checked, the model is judged, and fits vary",
        ge=1,
        le=100,
    )
    memory_efficiency: Share = default(
        "60%", "The share of an accelerator's bandwidth that writing an answer reaches.", "40 % to 90 % are seen"
    )
    compute_efficiency: Share = default(
        "40%", "The share of an accelerator's FLOP/s that reading a prompt reaches.", "27 % to 60 % are seen"
    )
    rough: float = default(
        1.5,
        "How many times too high or too low an estimated speed may be.",
        "as far as what is seen lies from the two efficiencies",
        ge=1,
        le=100,
    )


class Platform(Section):
    """The organisation's choices; the rest of a spec survives a change of them."""

    kubernetes: Literal["1.33", "1.34", "1.35", "1.36", "1.37"] = default(
        "1.33", "The version of Kubernetes that must accept the output.", "the oldest supported: its output runs on all"
    )
    cloud: Literal["gke", "eks", "eks-auto", "aks", "none"] = default(
        "none", "The cloud, which decides how nodes with accelerators are named.", "labels of NVIDIA's device discovery"
    )
    gateway: Gateway = group(Gateway, "The gateway that routes attach to.")
    prometheus: Prometheus = group(Prometheus, "The Prometheus that scrapes and is queried.")
    rollout: RolloutProvider = group(RolloutProvider, "What shifts traffic.")
    traffic: TrafficProvider = group(TrafficProvider, "What routes requests.")
    autoscaling: Autoscaling = group(Autoscaling, "What adds and removes replicas.")
    gitops: GitOps = group(GitOps, "What applies the output.")
    images: Images = group(Images, "Images of helpers.")
    storage: Storage = group(Storage, "Volumes.")
    network: Network = group(Network, "Network policies.")
    planning: Planning = group(Planning, "What the planner assumes where nobody has measured.")
    prices: Prices = group(Prices, "What capacity costs.")
    policies: Policies = group(Policies, "What specs must keep to.")
    quota: Quota = group(Quota, "What a namespace may have at once; mlspec compares, and makes no ResourceQuota.")
    runtimes: dict[Name, Runtime] = mapped("Serving runtimes: the catalogue's, changed, and the organisation's own.")
    accelerators: dict[Name, Accelerator] = mapped(
        "Accelerators: the catalogue's, changed, and the organisation's own."
    )
    families: dict[Identifier, Family] = mapped(
        "Families of language models: the catalogue's, changed, and the organisation's own."
    )
    providers: Providers = group(
        Providers, "Providers of rollouts, traffic and autoscaling: the catalog's, changed, and the organization's own."
    )
    algorithms: dict[Identifier, Algorithm] = mapped(
        "Algorithms that search for hyperparameters: the catalogue's, changed, and the organisation's own."
    )
    plugins: list[Module] = listed("Targets of the organisation's own.")


class PlatformMetadata(Section):
    """Who the platform file belongs to."""

    name: Name = required("The organisation or the team.")
    owner: Text | None = optional("The team that answers for it.")


class PlatformFile(Section):
    """`mlspec.platform.yaml`: found beside a spec or in a folder above it, up to the repository's root."""

    api_version: Literal["mlspec/v1"] = required("The version of the language.")
    kind: Literal["Platform"] = required("What the file is.")
    metadata: PlatformMetadata | None = optional("Who it belongs to.")
    platform: Platform | None = optional("What holds for every cluster.")
    clusters: dict[Name, Platform] = mapped("Where single clusters differ.")
    spec: SpecOverlay = mapped("Defaults for specs, in the language of specs.")

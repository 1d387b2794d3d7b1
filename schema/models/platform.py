"""The platform: settings shared by all systems, such as clusters, providers, prices, and policies."""

from __future__ import annotations

from typing import Literal

from .alerting import Alerting
from .base import (
    AutoscalingProviderName,
    Bandwidth,
    Cidr,
    CloudName,
    Compute,
    Cores,
    DashboardsProviderName,
    Date,
    Duration,
    GatewayProviderName,
    GitRepository,
    GitRevision,
    Host,
    HourlyPrice,
    Identifier,
    Image,
    Interval,
    LabelKey,
    LabelValue,
    Memory,
    MeshProviderName,
    Module,
    Name,
    ObjectName,
    OrchestrationProviderName,
    OutputPath,
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
    derived,
    group,
    listed,
    mapped,
    optional,
    required,
)
from .model import Approach, Family
from .monitoring import Cause
from .network import Cloud, Network
from .planning import Planning, Prices, Quota
from .pods import CaBundle, PodSecurity, Scheduling, Toleration
from .prometheus import Prometheus
from .provider import Providers
from .runtime import Runtime
from .training import Algorithm


class DataPlane(Section):
    """Where the requests of a gateway come from. It replaces what the provider's entry says."""

    namespace: Name | None = optional("The namespace of the proxies' pods.")
    labels: dict[LabelKey, LabelValue] = mapped("The labels of the proxies' pods.")
    cidrs: list[Cidr] = listed("The address ranges of a gateway outside the cluster.")


class Gateway(Section):
    """The Gateway API gateway that routes attach to."""

    provider: GatewayProviderName = default(
        "generic",
        "The implementation of the Gateway API.",
        "an implementation of Gateway API 1.3 that runs its proxies in the Gateway's namespace",
    )
    name: ObjectName = default("gateway", "The Gateway object.", "a placeholder; set your own")
    namespace: Name = default("gateway-system", "The namespace of the Gateway.", "a common choice")
    listener: Name | None = optional("The listener that routes attach to. If omitted, all listeners.")
    domain: Host | None = optional(
        "The domain of the gateway; a service without `endpoint.hosts` gets `<service>.<namespace>.<domain>`."
    )
    load_balancing: Literal["random", "least-request"] = default(
        "random",
        "How it picks a replica; `least-request` turns N queues into one.",
        "how a Kubernetes Service balances",
    )
    mirroring: Literal["percent", "all", "none"] | None = derived(
        "The request mirroring it supports. `percent` needs the CRDs of Gateway API 1.3 or later.",
        "from the provider",
    )
    data_plane: DataPlane = group(DataPlane, "Where its requests come from, if the provider's default does not apply.")
    hop: Duration | None = optional(
        "How long it delays a request and its response, together, measured. It counts toward every latency bound. If "
        "omitted, it is not counted."
    )


class RolloutProvider(Section):
    """The rollout provider, which shifts traffic to new versions."""

    provider: RolloutProviderName = default(
        "argo-rollouts",
        "The rollout provider.",
        "the only one that analyzes arbitrary queries and rolls back automatically",
    )


class TrafficProvider(Section):
    """The traffic provider, which routes requests to services."""

    provider: TrafficProviderName = default(
        "gateway-api", "The traffic provider; `none` creates no route.", "Kubernetes's own routing API"
    )


class Mesh(Section):
    """The service mesh that the pods of every service are in."""

    provider: MeshProviderName = default("none", "The service mesh.", "most clusters have none")
    waypoint: ObjectName | None = optional(
        "The waypoint of every service, in the service's namespace. Its pods forward the requests of other pods."
    )
    control_plane: Name | None = optional(
        "The namespace of the control plane, which the proxy in each pod connects to: `aks-istio-system` for the Istio "
        "add-on of AKS, and the namespace of the Istio resource on OpenShift. If omitted, that of the provider's entry."
    )
    hop: Duration | None = optional(
        "How long it delays a request between pods and its response, together, measured. It counts toward the latency "
        "bounds of services that other pods call. If omitted, it is not counted."
    )


class Autoscaling(Section):
    """The autoscaling provider, which adds and removes replicas."""

    provider: AutoscalingProviderName = default(
        "keda", "The autoscaling provider.", "it scales on queries without an adapter, and is safe during a canary"
    )
    adapter: Literal["prometheus-adapter"] | None = optional(
        "The adapter that serves the recorded load to `hpa` as an external metric. Without one, `hpa` can only scale "
        "on CPU."
    )


class Orchestration(Section):
    """What starts training runs and hyperparameter searches, on a schedule and on request."""

    provider: OrchestrationProviderName = default(
        "cronjob",
        "What starts training runs and hyperparameter searches: `cronjob` writes CronJobs, and `argo-workflows` writes "
        "WorkflowTemplates and CronWorkflows, whose runs are Jobs, too. Batch inference and feature stores always have "
        "CronJobs.",
        "every cluster has CronJobs",
    )


class Dashboards(Section):
    """How Grafana gets the dashboards."""

    provider: DashboardsProviderName = default(
        "sidecar",
        "How Grafana gets the dashboards: `sidecar` writes ConfigMaps, `grafana-operator` writes GrafanaDashboards, "
        "`file` writes JSON files to import, and `none` writes nothing.",
        "kube-prometheus-stack loads labeled ConfigMaps from every namespace, and they need no custom resource",
    )


class GitOps(Section):
    """The GitOps tool, which applies the output, and the objects that tell it to."""

    tool: Literal["kustomize", "argocd", "flux"] = default(
        "kustomize", "The GitOps tool.", "`kubectl apply -k` needs nothing else"
    )
    repository: GitRepository | None = optional(
        "The URL of the Git repository that holds the output. With it, mlspec writes an Argo CD Application for each "
        "environment, which leaves the weights of a canary alone."
    )
    revision: GitRevision = default("HEAD", "The branch, tag, or commit that Argo CD deploys.", "the default branch")
    project: ObjectName = default("default", "The Argo CD project.", "every Argo CD has it")
    server: Url = default(
        "https://kubernetes.default.svc",
        "The API server of the cluster, as Argo CD knows it.",
        "the cluster that Argo CD runs in",
    )
    source: ObjectName | None = optional(
        "The Flux GitRepository of the output. With it, mlspec writes a Flux Kustomization for each environment, which "
        "leaves the weights of a canary alone."
    )
    interval: Interval = default(
        "10m", "How often Flux compares the cluster with the output.", "the interval in its documentation"
    )
    path: OutputPath = default(
        "{system}/{environment}",
        "The folder of an environment in the repository.",
        "where `mlspec compile --out DIR` writes it, if DIR is the root of the repository",
    )
    namespace: Name | None = derived("The namespace of these objects.", "as the tool's own")


class Images(Section):
    """Helper images that mlspec uses."""

    downloader: Image = default(
        "docker.io/rclone/rclone:1.75.1@sha256:45401ad7410db1d67ffdb58e19059ad20b0d8e0285a60e38bbec55cc1019c7a5",
        "The image that downloads models; must contain a shell, `sha256sum`, `flock`, and `rclone` 1.75 or "
        "later, which sends a token only to the host that it is for.",
        "a public image that supports every object store",
    )
    runtime: Image | None = optional(
        "The image that runs `mlspec runtime` in jobs. There is no public image; build it from the repository's "
        "Dockerfile."
    )
    python: Image = default(
        "docker.io/library/python:3.11.13-slim-bookworm@sha256:86adf8dbadc3d6e82ee5dd2c74bec2e1c2467cdad47886280501df722372d2e1",
        "The image of Python 3.11 or later that runs the gate, whose modules are then in a ConfigMap, if there is no "
        "`runtime` image.",
        "a public image, so that a first training run needs no registry",
    )
    pull_secret: ObjectName | None = optional("The image pull secret for every pod.")


class Storage(Section):
    """Volumes."""

    storage_class: ObjectName | None = optional("The storage class. If omitted, the cluster's default.")
    shared_class: ObjectName | None = optional(
        "The storage class of volumes that pods on several nodes mount at once (`ReadWriteMany`), such as that of a "
        "training run on several nodes. Most default classes provide disks, which only one node can mount."
    )
    model_cache: ObjectName | None = optional(
        "The PersistentVolumeClaim on which pods share the models that they download. It must exist in each namespace, "
        "and be mounted by all pods at once (`ReadWriteMany`). If omitted, each pod downloads its own copy."
    )


class Priorities(Section):
    """The PriorityClasses of pods, which must exist in the cluster. Pods without one have the cluster's default.

    If a node is short of resources, Kubernetes evicts pods of a lower priority first, and starts those of a higher one
    in their place. A shadow, whose answers no caller waits for, should be below what serves callers.
    """

    serving: ObjectName | None = optional("For pods that answer callers.")
    shadow: ObjectName | None = optional("For pods in the shadow stage.")
    batch: ObjectName | None = optional("For batch runs.")
    training: ObjectName | None = optional("For training runs.")


class Accelerator(Section):
    """An accelerator type."""

    slice: bool = default(
        False,
        "Whether it is a slice of a device; a process can only see one slice.",
        "most accelerators are whole devices",
    )
    resource: LabelKey = default(
        "nvidia.com/gpu", "The extended resource that pods request.", "the resource name of whole NVIDIA devices"
    )
    resources: dict[Name, LabelKey] = mapped("The extended resource by cloud, if it differs.")
    memory: Memory | None = optional("The memory that the driver reports.")
    bandwidth: Bandwidth | None = optional("The memory bandwidth.")
    compute: Compute | None = optional("The dense 16-bit compute rate, without sparsity.")
    fp8_compute: Compute | None = optional("The dense FP8 compute rate. If omitted, it computes in 16 bits.")
    memory_efficiency: Share | None = optional("The share of its bandwidth that token generation achieves.")
    compute_efficiency: Share | None = optional("The share of its 16-bit rate that prompt processing achieves.")
    fp8_efficiency: Share | None = optional(
        "The share of its FP8 rate that prompt processing achieves. If omitted, the same as in 16 bits."
    )
    training_efficiency: Share | None = optional("The share of its 16-bit rate that training achieves.")
    link: Bandwidth | None = optional("The bandwidth between the devices of a node, in one direction.")
    interconnect: Literal["direct", "pcie"] = default(
        "pcie",
        "What connects the devices of a node: links of their own (`direct`, such as NVLink), or PCI Express.",
        "the slower one; all devices have it",
    )
    bfloat16: bool = default(
        True,
        "Whether it computes in bfloat16, the format of most language models. If not, language models are refused: "
        "some overflow in float16, and servers load those in 32 bits. Set it to `true` if yours run in float16.",
        "all NVIDIA devices since compute capability 8.0",
    )
    per_node: int | None = optional("The most devices that one node has. A pod cannot use those of two nodes.", ge=1)
    node_selector: dict[LabelKey, LabelValue] = mapped("Labels of the nodes that have it, on this platform.")
    selectors: dict[Name, dict[LabelKey, LabelValue]] = mapped("Labels of the nodes that have it, by cloud.")
    instance_types: dict[Name, list[LabelValue]] = mapped(
        "The instance types that have it, for clouds without a label that tells it from others; `nodeSelector` says "
        "which one the cluster has."
    )
    tolerations: list[Toleration] = listed("Tolerations for the taints of its nodes.")
    price: HourlyPrice | None = optional("The price of one device.")
    checked: Date | None = optional("When these facts were last verified.")
    source: Url | None = optional("The source of these facts.")


class Policies(Section):
    """Policies that specs must comply with."""

    locked: list[SpecPath] = listed("Paths that no spec, environment, or `--set` may change.")
    severity: dict[RuleId, Literal["error", "warning", "info", "off"]] = mapped(
        "The severity of rules, by ID or prefix."
    )
    suppressible: list[RuleId] = listed(
        "The rules, by ID or prefix, that a comment in a spec may suppress. If omitted, all except those that "
        "`severity` sets to `error`.",
        min_length=1,
    )
    registries: list[Host] = listed("The allowed image registries. If omitted, all.", min_length=1)
    stores: list[Text] = listed("The allowed URI prefixes for models and data. If omitted, all.", min_length=1)
    max_cpu: Cores | None = optional("The maximum CPU request per container.")
    max_memory: Memory | None = optional("The maximum memory request per container.")


class Platform(Section):
    """Your organization's platform choices. The rest of a spec does not depend on them."""

    kubernetes: Literal["1.33", "1.34", "1.35", "1.36", "1.37"] = default(
        "1.33",
        "The Kubernetes version that must accept the output.",
        "the oldest supported version; its output runs on all others",
    )
    cloud: CloudName = default(
        "none",
        "The cloud, which determines how accelerator nodes are labeled, and where pods get their credentials.",
        "uses the labels of NVIDIA's GPU feature discovery",
    )
    gateway: Gateway = group(Gateway, "The gateway that routes attach to.")
    prometheus: Prometheus = group(Prometheus, "The Prometheus that scrapes metrics and answers queries.")
    alerting: Alerting = group(Alerting, "The receivers of alerts.")
    rollout: RolloutProvider = group(RolloutProvider, "The rollout provider.")
    traffic: TrafficProvider = group(TrafficProvider, "The traffic provider.")
    mesh: Mesh = group(Mesh, "The service mesh.")
    autoscaling: Autoscaling = group(Autoscaling, "The autoscaling provider.")
    orchestration: Orchestration = group(Orchestration, "What starts training runs.")
    dashboards: Dashboards = group(Dashboards, "How Grafana gets the dashboards.")
    gitops: GitOps = group(GitOps, "The GitOps tool that applies the output.")
    images: Images = group(Images, "Helper images.")
    storage: Storage = group(Storage, "Volumes.")
    priorities: Priorities = group(Priorities, "The PriorityClasses of pods.")
    scheduling: Scheduling = group(Scheduling, "Where the pods of all services and of training run.")
    pod_labels: dict[LabelKey, LabelValue] = mapped("Labels of all pods.")
    pod_annotations: dict[LabelKey, Text] = mapped("Annotations of all pods.")
    ca_bundle: CaBundle | None = optional("Certificate authorities that all containers trust.")
    security: PodSecurity = group(PodSecurity, "The security of pods, as far as the cluster decides it.")
    network: Network = group(Network, "Network policies.")
    planning: Planning = group(Planning, "The planner's assumptions and safety margins.")
    prices: Prices = group(Prices, "Prices of CPU and memory.")
    policies: Policies = group(Policies, "Policies that specs must comply with.")
    quota: Quota = group(
        Quota, "The namespace's quota. mlspec checks the plan against it but does not create a ResourceQuota."
    )
    runtimes: dict[Name, Runtime] = mapped("Serving runtimes: changes to the catalog, and your own entries.")
    accelerators: dict[Name, Accelerator] = mapped("Accelerators: changes to the catalog, and your own entries.")
    families: dict[Identifier, Family] = mapped(
        "Language-model families: changes to the catalog, and your own entries."
    )
    clouds: dict[Name, Cloud] = mapped("Clouds: changes to the catalog, and your own entries.")
    providers: Providers = group(
        Providers,
        "Rollout, traffic, autoscaling, orchestration, gateway, mesh, and dashboard providers: changes to the catalog, "
        "and your own entries.",
    )
    algorithms: dict[Identifier, Algorithm] = mapped(
        "Hyperparameter search algorithms: changes to the catalog, and your own entries."
    )
    approaches: dict[Identifier, Approach] = mapped("Types of models: changes to the catalog, and your own entries.")
    diagnoses: dict[Identifier, Cause] = mapped(
        "Causes of worse predictions: changes to the catalog, and your own entries."
    )
    plugins: list[Module] = listed("Your own targets.")


class PlatformMetadata(Section):
    """The identity and owner of the platform file."""

    name: Name = required("The organization or the team.")
    owner: Text | None = optional("The team responsible for it.")


class PlatformFile(Section):
    """`mlspec.platform.yaml`: found next to a spec or in a parent folder, up to the repository root."""

    api_version: Literal["mlspec/v1"] = required("The version of the language.")
    kind: Literal["Platform"] = required("The file type.")
    metadata: PlatformMetadata | None = optional("Its identity and owner.")
    platform: Platform | None = optional("Settings for every cluster.")
    clusters: dict[Name, Platform] = mapped("Overrides for individual clusters.")
    spec: SpecOverlay = mapped("Defaults for specs, in the spec language.")

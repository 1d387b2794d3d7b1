"""Providers as data: the features that each product supports, by capability.

The catalog entries (`compiler/catalog/providers/*/*.yaml`) use this section of the language. A platform file can
override them or add its own. Entries for rollout, traffic, autoscaling, and orchestration have a module with the same
name that creates the objects. Gateways, meshes, and dashboards need none.
"""

from __future__ import annotations

from typing import Literal

from .base import (
    Cidr,
    Date,
    Duration,
    Identifier,
    LabelKey,
    LabelValue,
    Matcher,
    Name,
    Section,
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
from .network import Port


class WorkloadKind(Section):
    """The kind of object that runs a service's pods."""

    api_version: Text = default("apps/v1", "The API group and version.", "the built-in workload of Kubernetes")
    kind: Identifier = default("Deployment", "The kind.", "the built-in workload of Kubernetes")


class NewPods(Section):
    """How to distinguish the pods of a new version from those of the live version."""

    label: LabelKey | None = optional("The pod label that differs; Prometheus must have it as a label.")
    match: Matcher | None = optional(
        "PromQL matchers for the series of the new version, in the syntax of its analysis."
    )
    others: Matcher | None = optional(
        "PromQL matchers for the series of all other versions, in the syntax of its analysis. Without them, nothing "
        "compares the new version with the live one."
    )


class Roles(Section):
    """The label that tells the pods of both versions apart; the controller sets it on running pods."""

    label: LabelKey | None = optional("The pod label.")
    live: Text | None = optional("Its value on pods of the live version.")
    new: Text | None = optional("Its value on pods of the new version.")


class RolloutCapability(Section):
    """What a rollout provider supports."""

    workload: WorkloadKind = group(WorkloadKind, "The object it manages.")
    stages: list[Literal["shadow", "canary", "experiment", "blueGreen"]] = listed("The stages it can run.")
    weights: Literal["whole-percent", "none"] = default(
        "none", "The traffic shares it can set.", "a provider that shifts no traffic"
    )
    keeps_old_whole: bool = default(
        False,
        "Whether the old version keeps all of its replicas until the new one receives all traffic.",
        "a rolling update replaces them one by one",
    )
    new_service: bool = default(
        False, "Whether the new version has its own Service, which mlspec creates.", "one Service selects all pods"
    )
    writes_selectors: bool = default(
        False, "Whether its controller modifies the selectors of Services.", "most controllers do not"
    )
    new_pods: NewPods = group(NewPods, "How to distinguish the pods of the new version.")
    roles: Roles = group(
        Roles, "How objects select the pods of only one version. Without a label, they select those of both."
    )
    authenticates: list[Literal["bearer", "basic", "sigv4", "ca"]] = listed(
        "The ways in which its controller can authenticate to Prometheus, and `ca` if it can trust a private authority."
    )
    judges: list[Literal["prometheus"]] = listed("The metric sources it can analyze a new version with.")
    traffic: list[TrafficProviderName] = listed("The traffic providers it works with.")
    checked: Date | None = optional("When these facts were last verified.")
    source: Url | None = optional("The source of these facts.")


class TrafficCapability(Section):
    """What a traffic provider supports."""

    routes: bool = default(True, "Whether services get a route.", "callers use a gateway")
    mirroring: Literal["percent", "all", "none"] = default(
        "none", "The request mirroring in its API; a gateway may support less.", "a provider without mirroring"
    )
    checked: Date | None = optional("When these facts were last verified.")
    source: Url | None = optional("The source of these facts.")


class AutoscalingCapability(Section):
    """What an autoscaling provider supports."""

    scales: bool = default(True, "Whether it adds and removes replicas.", "the purpose of an autoscaler")
    follows: Literal["queries", "processors"] = default(
        "queries", "The signal it scales on without an adapter.", "the load that the runtime reports"
    )
    adapters: list[Literal["prometheus-adapter"]] = listed("The adapters that can serve it the load as a metric.")
    authenticates: list[Literal["bearer", "basic", "sigv4", "ca"]] = listed(
        "The ways in which its controller can authenticate to Prometheus, and `ca` if it can trust a private authority."
    )
    checked: Date | None = optional("When these facts were last verified.")
    source: Url | None = optional("The source of these facts.")


class OrchestrationCapability(Section):
    """How training runs are started and observed."""

    starts: Literal["cron-job", "cron-workflow"] = default(
        "cron-job",
        "The object that a run is created from, on a schedule and when the alert that retraining is due asks for one.",
        "every cluster has CronJobs",
    )
    observed: Literal["schedule", "runs"] = default(
        "schedule",
        "What kube-state-metrics exports: when a schedule last started a run and last succeeded, or only the Jobs of "
        "the runs.",
        "it exports the status of CronJobs",
    )
    checked: Date | None = optional("When these facts were last verified.")
    source: Url | None = optional("The source of these facts.")


class DashboardsCapability(Section):
    """How a Grafana gets its dashboards."""

    form: Literal["config-map", "grafana-dashboard", "file", "none"] = default(
        "config-map",
        "What mlspec writes: a ConfigMap, a GrafanaDashboard, a file that is not applied, or nothing.",
        "it needs no custom resource",
    )
    labels: dict[LabelKey, LabelValue] = mapped("The labels of the ConfigMaps that a sidecar loads.")
    folder_annotation: LabelKey | None = optional("The annotation of a ConfigMap that names its folder in Grafana.")
    instances: dict[LabelKey, LabelValue] = mapped(
        "The labels of the Grafana objects that the operator adds a GrafanaDashboard to."
    )
    checked: Date | None = optional("When these facts were last verified.")
    source: Url | None = optional("The source of these facts.")


class GatewayCapability(Section):
    """What an implementation of the Gateway API supports, and where its proxies run."""

    data_plane: Literal["gateway-namespace", "namespace", "outside", "node"] = default(
        "gateway-namespace",
        "Where the proxies run: in the Gateway's namespace, in their own, outside the cluster, or on each node, where "
        "no network policy can select them.",
        "where most implementations start them",
    )
    namespace: Name | None = optional("The proxies' own namespace.")
    labels: dict[LabelKey, LabelValue] = mapped("The labels of the proxies' pods. If omitted, all pods there.")
    cidrs: list[Cidr] = listed("The known address ranges of requests and health checks from outside the cluster.")
    missing: Text | None = optional(
        "A further range that depends on your network; `platform.gateway.dataPlane.cidrs` must contain it."
    )
    timeouts: Literal["route", "objects", "none"] = default(
        "route",
        "Where it takes a request timeout from: the route, its own objects, or nowhere.",
        "standard since Gateway API 1.2",
    )
    longest: Duration | None = optional("When it ends a request whose answer has not arrived, whatever a route says.")
    mirroring: Literal["percent", "all", "none"] = default(
        "percent", "The request mirroring it supports.", "standard since Gateway API 1.3"
    )
    grpc: Literal["any", "https", "none"] = default(
        "any", "The listeners that GRPCRoutes can attach to.", "standard since Gateway API 1.1"
    )
    objects: Literal["none", "gke", "alb", "lattice"] = default(
        "none",
        "The objects of its own that each Service needs.",
        "most implementations follow the readiness of pods",
    )
    tokens: Literal["none", "envoy"] = default(
        "none",
        "The objects that make it check the tokens of requests.",
        "the Gateway API has none",
    )
    tokens_by: Text | None = optional("The objects that you can write for that yourself, if mlspec writes none.")
    checked: Date | None = optional("When these facts were last verified.")
    source: Url | None = optional("The source of these facts.")


class ControlPlane(Section):
    """Where the proxies in the pods of a mesh get their configuration and certificates."""

    namespace: Name = required("The namespace of its pods, if `platform.mesh.controlPlane` names no other.")
    ports: list[Port] = required("The TCP ports of its pods. Their Services may have others.")


class MeshCapability(Section):
    """What a service mesh does with the traffic between pods."""

    callers: list[Literal["http", "grpc"]] = listed(
        "The protocols of the routes that it follows if their parent is a Service."
    )
    tunnel_port: int | None = optional(
        "The port at which tunneled requests arrive at a pod, instead of the port that they are for.", ge=1, le=65535
    )
    probes: Cidr | None = optional("The source of the kubelet's probes, if the mesh changes it.")
    waypoint_label: LabelKey | None = optional(
        "The label of a waypoint's pods whose value is its name, if routes with a Service as their parent need one."
    )
    control_plane: ControlPlane | None = optional(
        "What the proxy in each pod connects to before the pod is ready. If omitted, no pod has a proxy."
    )
    pod_annotations: dict[LabelKey, Text] = mapped("Annotations of all pods in it.")
    checked: Date | None = optional("When these facts were last verified.")
    source: Url | None = optional("The source of these facts.")


class Providers(Section):
    """What each provider supports, by capability."""

    rollout: dict[Name, RolloutCapability] = mapped("Rollout providers.")
    traffic: dict[Name, TrafficCapability] = mapped("Traffic providers.")
    autoscaling: dict[Name, AutoscalingCapability] = mapped("Autoscaling providers.")
    orchestration: dict[Name, OrchestrationCapability] = mapped("What starts training runs.")
    gateway: dict[Name, GatewayCapability] = mapped("Implementations of the Gateway API.")
    mesh: dict[Name, MeshCapability] = mapped("Service meshes.")
    dashboards: dict[Name, DashboardsCapability] = mapped("Ways to get dashboards into Grafana.")

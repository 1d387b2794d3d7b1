"""Providers as data: what a product can do for a service, by capability.

The catalog's entries (`compiler/catalog/providers/*/*.yaml`) are written in this section of the language. A platform
file changes them or adds its own. Each entry has a module of the same name, which makes the objects.
"""

from __future__ import annotations

from typing import Literal

from .base import (
    Date,
    Identifier,
    LabelKey,
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
)


class WorkloadKind(Section):
    """The kind of object that runs a service's pods."""

    api_version: Text = default("apps/v1", "Its API group and version.", "what Kubernetes itself has")
    kind: Identifier = default("Deployment", "Its kind.", "what Kubernetes itself has")


class NewPods(Section):
    """How the pods of a new version are told apart from those of the version in service."""

    label: LabelKey | None = optional("The pod label that differs, which Prometheus must see.")
    match: Matcher | None = optional("The PromQL matchers of the new version's series, as its analysis writes them.")


class RolloutCapability(Section):
    """What a rollout provider can do."""

    workload: WorkloadKind = group(WorkloadKind, "The object that it manages.")
    stages: list[Literal["shadow", "canary", "experiment", "blueGreen"]] = listed("The stages that it can run.")
    weights: Literal["whole-percent", "none"] = default(
        "none", "The shares of traffic that it can set.", "a provider that shifts no traffic"
    )
    keeps_old_whole: bool = default(
        False, "Whether the old version keeps all its replicas until the new one has all traffic.", "a rolling update"
    )
    new_service: bool = default(
        False, "Whether the new version has a Service of its own, which mlspec writes.", "one Service for all pods"
    )
    writes_selectors: bool = default(
        False, "Whether its controller writes to the selectors of Services.", "most controllers do not"
    )
    new_pods: NewPods = group(NewPods, "How the new version's pods are told apart.")
    judges: list[Literal["prometheus"]] = listed("What it can judge a new version by.")
    traffic: list[TrafficProviderName] = listed("The traffic providers that it works with.")
    checked: Date | None = optional("When these facts were last checked.")
    source: Url | None = optional("Where these facts are from.")


class TrafficCapability(Section):
    """What a traffic provider can do."""

    routes: bool = default(True, "Whether services get a route at all.", "callers come through a gateway")
    mirroring: Literal["percent", "all", "none"] = default(
        "none", "Which request mirroring its API has; a gateway may support less.", "no mirroring"
    )
    checked: Date | None = optional("When these facts were last checked.")
    source: Url | None = optional("Where these facts are from.")


class AutoscalingCapability(Section):
    """What an autoscaling provider can do."""

    scales: bool = default(True, "Whether it adds replicas at all.", "what autoscalers do")
    follows: Literal["queries", "processors"] = default(
        "queries", "What it follows without an adapter.", "the load that the runtime reports"
    )
    adapters: list[Literal["prometheus-adapter"]] = listed("What can serve it the load as a metric.")
    checked: Date | None = optional("When these facts were last checked.")
    source: Url | None = optional("Where these facts are from.")


class Providers(Section):
    """What is known of providers, by what they do."""

    rollout: dict[Name, RolloutCapability] = mapped("Providers of rollouts.")
    traffic: dict[Name, TrafficCapability] = mapped("Providers of traffic.")
    autoscaling: dict[Name, AutoscalingCapability] = mapped("Providers of autoscaling.")

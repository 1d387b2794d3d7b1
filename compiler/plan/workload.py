"""The workload decision for one service: what runs its pods, and how other objects refer to it.

Autoscaling, routes, analyses, monitoring, and budgets all read it here, so none of them depends on a product.
"""

from __future__ import annotations

from ..because import Because, because
from ..finding import Refusal, refusal
from ..record import Record
from ..system import Platform, Roles, RolloutCapability
from ..words import listing

__all__ = ["Workload", "cannot_run", "paired"]


class Workload(Record):
    """What runs the pods of a service."""

    provider: Because[str]
    """The rollout provider that manages the workload."""
    api: Because[str]
    kind: Because[str]
    name: Because[str]
    service: Because[str]
    """The Service for the live version."""
    new_service: Because[str] | None
    """The Service for the new version, if it has a separate one."""
    new_pods: Because[str] | None
    """The PromQL matchers for the new version's series, if the provider analyzes them."""
    other_pods: Because[str] | None
    """The PromQL matchers for the series of all other versions."""
    pod_label: Because[str] | None
    """The pod label that distinguishes versions."""
    keeps_old_whole: Because[bool]
    """Whether the old version keeps all its replicas until the new version has all traffic."""
    writes_selectors: Because[bool]
    """Whether a controller modifies the selectors of the Services."""
    roles: Roles
    """How objects select the pods of only one version."""
    progressive: Because[bool]
    """Whether a new version gets traffic step by step."""


def workload(
    name: Because[str], new_name: Because[str], provider: Because[str], entry: RolloutCapability, steps: Because[bool]
) -> Workload:
    """The workload that a provider manages; `steps` says whether a new version gets traffic step by step."""

    def of(value: Because[str]) -> Because[str]:
        return because(value.value, "the workload of the rollout provider", value, steps)

    return Workload(
        provider=provider,
        api=of(entry.workload.api_version),
        kind=of(entry.workload.kind),
        name=name,
        service=name,
        new_service=new_name if entry.new_service.value else None,
        new_pods=entry.new_pods.match,
        other_pods=entry.new_pods.others,
        pod_label=entry.new_pods.label,
        keeps_old_whole=entry.keeps_old_whole,
        writes_selectors=entry.writes_selectors,
        roles=entry.roles,
        progressive=steps,
    )


def cannot_run(stage: str, asked: object, platform: Platform) -> Refusal:
    """Refuse a stage that the rollout provider does not support."""
    provider = platform.rollout.provider
    able = [name for name, entry in platform.providers.rollout.items() if any(s.value == stage for s in entry.stages)]
    other = f"set `platform.rollout.provider` to {listing(able)}, or " if able else ""
    return refusal(
        "MLS012",
        f"`{provider.value}` does not support the {stage} stage",
        asked,
        provider,
        others=((provider, "the rollout provider"),),
        note="a new version would get all traffic at once",
        help=f"{other}remove the stage",
    )


def paired(provider: Because[str], entry: RolloutCapability, platform: Platform) -> None:
    """Refuse a rollout provider and a traffic provider that do not work together."""
    traffic, known = platform.traffic.provider, platform.providers.rollout
    able = [one.value for one in entry.traffic]
    if traffic.value in able:
        return
    others = [name for name, one in known.items() if any(pair.value == traffic.value for pair in one.traffic)]
    helps = [f"set `platform.traffic.provider` to {listing(able)}"] if able else []
    helps += [f"set `platform.rollout.provider` to {listing(others)}"] if others else []
    raise refusal(
        "MLS012",
        f"`{provider.value}` does not work with `{traffic.value}`",
        traffic,
        provider,
        others=((provider, "the rollout provider"),),
        note="nothing would shift traffic to a new version",
        help=", or ".join(helps) or "add the pair to `platform.providers.rollout`",
    )

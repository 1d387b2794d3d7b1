"""The workload of one service as a decision: what runs its pods, and how everyone else refers to it.

Autoscaling, routes, analyses, monitoring and budgets read it here, and none of them knows a product.
"""

from __future__ import annotations

from ..because import Because, because
from ..finding import Refusal, refusal
from ..record import Record
from ..system import Platform, RolloutCapability
from ..words import listing

__all__ = ["Workload", "cannot_run", "paired"]


class Workload(Record):
    """What runs the pods of a service."""

    provider: Because[str]
    """The rollout provider that manages it."""
    api: Because[str]
    kind: Because[str]
    name: Because[str]
    service: Because[str]
    """The Service that answers for the version in service."""
    new_service: Because[str] | None
    """The Service that answers for a new version, where it has one of its own."""
    new_pods: Because[str] | None
    """The PromQL matchers of a new version's series, where the provider judges it by them."""
    pod_label: Because[str] | None
    """The pod label that tells versions apart."""
    keeps_old_whole: Because[bool]
    """Whether the old version keeps all its replicas until the new one has all traffic."""
    writes_selectors: Because[bool]
    """Whether a controller writes to the selectors of the Services."""
    progressive: Because[bool]
    """Whether a new version gets its traffic step by step."""


def workload(
    name: Because[str], new_name: Because[str], provider: Because[str], entry: RolloutCapability, steps: Because[bool]
) -> Workload:
    """The workload that a provider manages; `steps` says whether a new version gets its traffic step by step."""

    def of(value: Because[str]) -> Because[str]:
        return because(value.value, "the workload", value, steps)

    return Workload(
        provider=provider,
        api=of(entry.workload.api_version),
        kind=of(entry.workload.kind),
        name=name,
        service=name,
        new_service=new_name if entry.new_service.value else None,
        new_pods=entry.new_pods.match,
        pod_label=entry.new_pods.label,
        keeps_old_whole=entry.keeps_old_whole,
        writes_selectors=entry.writes_selectors,
        progressive=steps,
    )


def cannot_run(stage: str, asked: object, platform: Platform) -> Refusal:
    """A stage that the rollout provider does not have."""
    provider = platform.rollout.provider
    able = [name for name, entry in platform.providers.rollout.items() if any(s.value == stage for s in entry.stages)]
    other = f"set `platform.rollout.provider` to {listing(able)}, or " if able else ""
    return refusal(
        "MLS012",
        f"`{provider.value}` cannot run a {stage} stage",
        asked,
        provider,
        others=((provider, "the rollout provider"),),
        note="a new version would get all traffic at once",
        help=f"{other}leave the stage out",
    )


def paired(provider: Because[str], entry: RolloutCapability, platform: Platform) -> None:
    """Refuse a rollout provider and a traffic provider that do not go together."""
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

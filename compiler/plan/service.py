"""All decisions for one online service, in one place for the targets."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ...schema.units import Memory
from ..because import Because, because, decision
from ..system import OnlineService, Shadow
from .objectives import Objectives
from .rollout.canary import CanaryPlan
from .scaling import Scaling
from .scope import Scope
from .serving.facts import ServiceFacts
from .serving.files import ModelFiles
from .serving.timing import Timing
from .workload import Workload, paired, workload

if TYPE_CHECKING:
    from .language_models.accelerator import Hardware

__all__ = ["ServicePlan"]

MIRRORING = ("none", "all", "percent")
"""What mirroring can do, the least first."""


class ServicePlan(ServiceFacts):
    """One service that answers requests, with what follows from its facts."""

    def __init__(self, scope: Scope, part: OnlineService) -> None:
        super().__init__(scope, part)
        self.timing = Timing(self)
        self.objectives = Objectives(self)
        self.scaling = Scaling(self)
        self.canary = CanaryPlan(self, self.timing, self.objectives)

    @cached_property
    def hardware(self) -> Hardware:
        """What a replica runs on, and how a language model does on it."""
        from .language_models.accelerator import Hardware  # most services name theirs, or have no language model

        return Hardware(self)

    @cached_property
    def shadow(self) -> Shadow | None:
        """The version in the shadow stage, if the rollout has that stage and a version is in it."""
        return self.release.shadow if self.canary.shadow_stage is not None else None

    @cached_property
    def versions(self) -> tuple[ModelFiles, ...]:
        """The files of every version that runs: of the one in service, then of the one in the shadow."""
        return (self.files,) if self.shadow is None else (self.files, ModelFiles(self.scope, self.shadow))

    # What runs it, and leads to it

    @cached_property
    def workload(self) -> Workload:
        """What runs its pods: the rollout provider's, or a plain one where no version gets its traffic step by step."""
        platform, steps = self.scope.platform, self.canary.progressive
        provider = platform.rollout.provider if steps.value else because("none", steps.reason, steps)
        entry = platform.providers.rollout[provider.value]
        paired(provider, entry, platform)
        return workload(self.name, self.canary_name, provider, entry, steps)

    @cached_property
    def traffic_provider(self) -> Because[str]:
        """What routes requests."""
        return self.scope.platform.traffic.provider

    @cached_property
    def routed(self) -> Because[bool]:
        """Whether callers come through a gateway."""
        traffic = self.scope.platform.providers.traffic[self.traffic_provider.value]
        return traffic.routes.also(self.traffic_provider)

    @cached_property
    def mirroring(self) -> Because[str]:
        """Which mirroring there is: what the gateway supports, as far as the API that configures it can say so."""
        platform = self.scope.platform
        able, gateway = platform.providers.traffic[self.traffic_provider.value].mirroring, platform.gateway.mirroring
        return min(able, gateway, key=lambda one: MIRRORING.index(one.value))

    # What its pods take

    @cached_property
    def pod_memory(self) -> Because[Memory]:
        """Memory that a pod asks for: the replica's own, and shared memory, which counts against its limit."""
        shared = self.runtime.shared_memory
        return self.memory if shared is None else _pod_memory(self.memory, shared)

    @cached_property
    def in_place(self) -> Because[bool]:
        """Whether a replica is better replaced in its place. A lone one is not: nobody would answer meanwhile."""
        accelerated, replicas = self.accelerated, self.min_replicas
        why = "a replica more would need an accelerator that may not be there"
        return because(accelerated.value and replicas.value > 1, why, accelerated, replicas)


@decision
def _pod_memory(memory: Because[Memory], shared: Because[Memory]) -> tuple[Memory, str]:
    whole = Memory(memory.value.amount + shared.value.amount)
    return whole, f"{memory.value}, and {shared.value} of shared memory, which counts against the limit"

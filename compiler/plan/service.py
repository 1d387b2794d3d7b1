"""All decisions about one online service, collected for the targets."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ..because import Because, because
from ..system import OnlineService, Shadow
from .gateway import GatewayPlan
from .mesh import MeshPlan
from .network import siblings
from .objectives import Objectives
from .rollout.canary import CanaryPlan
from .rollout.shadow import ShadowPlan
from .scaling import Scaling
from .scaling.reaction import Reaction
from .scope import Scope
from .serving.admission import waiting
from .serving.facts import ServiceFacts
from .serving.files import ModelFiles
from .serving.recording import Recorder, recorder
from .serving.timing import Timing
from .serving.version import VersionPlan
from .sidecars import Asking
from .workload import Workload, paired, workload

if TYPE_CHECKING:
    from .language_models.accelerator import Hardware

__all__ = ["ServicePlan"]

MIRRORING = ("none", "all", "percent")
"""The mirroring capabilities, weakest first."""


class ServicePlan(ServiceFacts):
    """One online service: its facts, and the decisions that follow from them."""

    def __init__(self, scope: Scope, part: OnlineService) -> None:
        super().__init__(scope, part)
        self.timing = Timing(self)
        self.gateway = GatewayPlan(self, self.timing)
        self.mesh = MeshPlan(self)
        self.objectives = Objectives(self)
        self.scaling = Scaling(self)
        self.canary = CanaryPlan(self, self.timing, self.objectives)

    @cached_property
    def hardware(self) -> Hardware:
        """The hardware of a replica, and how a language model fits and performs on it."""
        from .language_models.accelerator import Hardware  # rarely needed, so imported late

        return Hardware(self)

    @cached_property
    def reaction(self) -> Reaction:
        """How it reacts to more load than its replicas answer."""
        return Reaction(self, self.live, self.scaling)

    @property
    def for_ramp(self) -> Because[int] | None:
        """The replicas that must be up before the rate rises; None if the spec does not say how fast it does."""
        return self.reaction.for_ramp

    @property
    def for_trough(self) -> Because[int] | None:
        """The replicas for the lowest rate of a day; None if the spec does not say how low it is."""
        return self.reaction.for_trough

    @cached_property
    def queue(self) -> Because[int] | None:
        """How many requests may wait on a replica; None if the runtime has no limit, or the service time is unknown."""
        given, able = self.part.queue.given, {feature.value for feature in self.runtime.features}
        if "queue" not in able:
            return None
        if "llm" in able and not self.generates.value:
            return None  # the server counts each text of a request, so a request of many would never be admitted
        if self.runtime.worker_batches.value and self.part.batching is None:
            return None  # what batches for all requests is also their queue
        if given is not None or self.mean_time is None:
            return given
        return waiting(self.slots, self.mean_time, self.timing.timeout)

    @cached_property
    def shadow(self) -> Shadow | None:
        """The version in the shadow stage, if the rollout has one and a version is in it."""
        return self.release.shadow if self.canary.shadow_stage is not None else None

    @cached_property
    def shadow_plan(self) -> ShadowPlan | None:
        """How a version that comes from the shadow stage is judged; None if nothing can judge it."""
        stage = self.canary.shadow_stage
        judges = self.canary.progressive.value and self.canary.capability.judges
        if stage is None or not judges or self.runtime.ports.metrics is None:
            return None
        return ShadowPlan(self.canary, stage, self.live)

    @cached_property
    def after_shadow(self) -> Because[bool]:
        """Whether the rollout of the live version begins with the judgment of its shadow stage."""
        skipped = self.release.skipped_shadow
        if self.shadow_plan is None:
            return because(False, "there is no shadow stage, or nothing to judge it by")
        if skipped.value:
            return because(False, "the version skipped the shadow stage", skipped)
        return because(True, "the rollout has a shadow stage", self.shadow_plan.stage.percent, skipped)

    @cached_property
    def live(self) -> VersionPlan:
        """The live version."""
        return VersionPlan(self, self.files)

    @cached_property
    def versions(self) -> tuple[VersionPlan, ...]:
        """Every version that runs: the live version first, then the shadow version."""
        if self.shadow is None:
            return (self.live,)
        return (self.live, VersionPlan(self, ModelFiles(self.scope, self.shadow, self.runtime)))

    @property
    def latest(self) -> VersionPlan:
        """The version in the shadow stage, or the live version, which the next one is taken to resemble."""
        return self.versions[-1]

    @cached_property
    def recorder(self) -> Recorder | None:
        """The sidecar that records predictions; None if nothing in the pods forwards requests."""
        return recorder(self.scope, self.part)

    @property
    def extras(self) -> dict[str, Asking]:
        """The containers next to the server, which are part of its price and of the quota."""
        own: dict[str, Asking] = {**self.part.sidecars}
        return own if self.recorder is None else {**own, "capture": self.recorder.part}

    # Workload and traffic

    @cached_property
    def workload(self) -> Workload:
        """The workload: the rollout provider's, or a plain Deployment if it could run a canary and there is none."""
        platform, steps = self.scope.platform, self.canary.progressive
        skipped = self.canary.can("canary") and not steps.value
        provider = because("none", steps.reason, steps) if skipped else platform.rollout.provider
        entry = platform.providers.rollout[provider.value]
        paired(provider, entry, platform)
        return workload(self.name, self.canary_name, provider, entry, steps)

    @cached_property
    def traffic_provider(self) -> Because[str]:
        """The provider that routes requests."""
        return self.scope.platform.traffic.provider

    @property
    def routed(self) -> Because[bool]:
        """Whether requests arrive through a gateway."""
        return self.arrival.by_gateway

    @property
    def meshed(self) -> Because[bool]:
        """Whether the requests of other pods follow a route whose parent is the Service."""
        return self.mesh.follows_routes

    @cached_property
    def siblings(self) -> tuple[Because[str], ...]:
        """What else in the system calls it, past the gateway: the names of the objects whose pods do."""
        return siblings(self.scope, self.part.own_name)

    @cached_property
    def mirroring(self) -> Because[str]:
        """The available mirroring: what both the gateway and the API that configures it support."""
        able = self.scope.platform.providers.traffic[self.traffic_provider.value].mirroring
        return min(self.gateway.mirroring, able, key=lambda one: MIRRORING.index(one.value))

    @cached_property
    def in_place(self) -> Because[bool]:
        """Whether to replace replicas in place, without a surge. A single replica is not: requests would fail."""
        accelerated, replicas = self.accelerated, self.min_replicas
        why = "an extra replica would need another accelerator, which may not be available"
        return because(accelerated.value and replicas.value > 1, why, accelerated, replicas)

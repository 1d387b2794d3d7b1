"""The facts about one online service that its other decisions depend on: its hardware, and its capacity."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Protocol

from ....schema.units import Cores, Duration, Percent, Rate
from ...because import Because, because, first
from ...system import Accelerator, AcceleratorRequest, AutoscalingCapability, OnlineService
from ..choose import assumed, or_else
from ..scope import Scope
from .arrival import Arrival
from .capacity import Care, Demand, care, measured, replicas, survives_zones
from .hops import Hops
from .identity import ServiceIdentity
from .promises import promises
from .replica import cores, threads
from .replica_range import capped, maximum

__all__ = ["ServiceFacts"]


class Estimates(Protocol):
    """What the planner can estimate about a replica's hardware."""

    @property
    def chosen(self) -> AcceleratorRequest | None:
        """The accelerators for a replica that needs them but does not name any; None if none are allowed."""

    @property
    def sequences(self) -> Because[int] | None:
        """The concurrent sequences of a replica; None if they cannot be estimated."""

    @property
    def in_flight(self) -> Because[float] | None:
        """The requests in flight on a replica at the planned throughput; None if its speed cannot be estimated."""

    @property
    def busy(self) -> Because[float] | None:
        """The replica time of one request, in seconds; None if the speed of a replica cannot be estimated."""

    def needed(self, rate: Because[Rate], availability: Because[Percent] | None) -> Because[int] | None:
        """The replicas that sustain a rate; None if the speed of a replica cannot be estimated."""


class ServiceFacts(ServiceIdentity, ABC):
    """One online service, with its hardware and its capacity."""

    def __init__(self, scope: Scope, part: OnlineService) -> None:
        super().__init__(scope, part)
        self.arrival = Arrival(self)
        self.hops = Hops(self)

    # Hardware of a replica

    @cached_property
    def image(self) -> Because[str] | None:
        """The runtime's image; None if it has none of its own, and the service sets none."""
        runtime = self.runtime
        if self.accelerated.value and runtime.accelerated_image is not None:
            return because(
                runtime.accelerated_image.value,
                "the runtime's image for accelerators",
                runtime.accelerated_image,
                self.accelerated,
            )
        return runtime.image

    @cached_property
    def accelerated(self) -> Because[bool]:
        """Whether replicas have accelerators."""
        if self.devices is None:
            return because(False, "no accelerator is requested")
        return because(True, "an accelerator is requested", self.devices.type)

    @property
    @abstractmethod
    def siblings(self) -> tuple[Because[str], ...]:
        """What else in the system calls it, past the gateway."""

    @property
    @abstractmethod
    def meshed(self) -> Because[bool]:
        """Whether the requests of other pods follow a route whose parent is the Service."""

    @property
    @abstractmethod
    def hardware(self) -> Estimates:
        """Estimates for the hardware of a replica."""

    @cached_property
    def devices(self) -> AcceleratorRequest | None:
        """The accelerators of one replica: the requested ones, else those that the planner chooses."""
        asked = self.part.resources.accelerator
        return asked if asked is not None or not self.runtime.needs_accelerator.value else self.hardware.chosen

    @cached_property
    def device(self) -> Accelerator | None:
        """The entry of the accelerator in the catalog or the platform file."""
        devices = self.devices
        return self.scope.platform.accelerators[devices.type.value] if devices is not None else None

    @cached_property
    def cpu(self) -> Because[Cores]:
        """The CPU request of a replica, in cores."""
        runtime = self.runtime
        return or_else(
            self.part.resources.cpu, lambda: cores(runtime.cpu, self.slots, runtime.cpu_bound, self.accelerated)
        )

    @cached_property
    def workers(self) -> Because[int]:
        """How many processes or instances of the model a replica has, if the runtime has one for each request."""
        if self.part.instances.given is not None:
            return self.part.instances.given
        batches, batching = self.runtime.worker_batches, self.part.batching
        if batches.value and self.accelerated.value:
            return because(1, "on an accelerator, one instance batches for all requests", batches, self.accelerated)
        if batches.value and batching is not None:
            return because(1, "one instance batches for all requests", batches, batching.max_size)
        return because(self.slots.value, "one per concurrent request", self.slots)

    @cached_property
    def threads(self) -> Because[int] | None:
        """The threads of each worker, or of the only process; None if they do not do the work of the model."""
        runtime = self.runtime
        if self.accelerated.value or not runtime.cpu_bound.value:
            return None
        return threads(self.cpu, self.workers if runtime.worker_memory is not None else None)

    # Capacity

    @cached_property
    def slots(self) -> Because[int]:
        """How many requests a replica handles concurrently."""
        time, batching = self.part.service_time, self.part.batching
        if time is not None and batching is not None and batching.max_size.value < time.at.value:
            language = [feature for feature in self.runtime.features if feature.value == "llm"]
            if language:
                why = "the server takes no more requests at once"
                return because(batching.max_size.value, why, batching.max_size, time.at, language)
        if time is not None:
            return time.at
        if self.sequences is not None:
            return self.sequences
        return assumed(f"{self.part.spec_path}.serviceTime.at", 1, "a replica handles one request at a time")

    @cached_property
    def sequences(self) -> Because[int] | None:
        """How many sequences of a language model a replica works on at once, as the planner estimates it. None if that
        was measured, or cannot be estimated.
        """
        if not self.is_language_model or not self.generates.value or self.part.service_time is not None:
            return None
        return self.hardware.sequences

    @cached_property
    def mean_time(self) -> Because[Duration] | None:
        """The mean service time of a request."""
        return measured(self.part.service_time) if self.part.service_time is not None else None

    @cached_property
    def demand(self) -> Demand | None:
        """What one replica does with a request, and what it promises; None without a measured service time."""
        time = self.part.service_time
        if self.mean_time is None or time is None:
            return None
        own = self.scope.platform.planning.own_tail
        tail, hops = self._selected_p99(), self.hops.before
        promised = promises(self.bounds("latency"), time, tail, self.part.batching, own, hops)
        return Demand(self.mean_time, self.slots, self.queues, promised)

    def _selected_p99(self) -> Because[Duration] | None:
        candidates = self.scope.system.models[self.model.value].candidates
        chosen = next((candidate for candidate in candidates if candidate.selected.value), None)
        return chosen.latency.p99 if chosen is not None and chosen.latency is not None else None

    @cached_property
    def queues(self) -> Because[str]:
        """Where requests wait: `least-request` in one queue for all replicas, `random` in one for each, `workers` in
        one for each worker.
        """
        apart = self.runtime.worker_queues
        if apart.value and self.slots.value > 1:
            return because("workers", "each worker of the server has its own queue", apart, self.slots)
        return self.scope.platform.gateway.load_balancing.also(apart)

    @property
    def care(self) -> Care:
        """The planner's safety margins."""
        return care(self.scope.platform.planning)

    @cached_property
    def survives_zones(self) -> Because[bool]:
        """Whether the plan counts on the replicas of all zones but one."""
        return survives_zones(self.availability, self.care.zones_from, self.care.zones)

    def needed(self, rate: Because[Rate]) -> Because[int] | None:
        """The replicas that sustain a rate; None if the service time is neither measured nor estimated."""
        if self.demand is None:
            return self.hardware.needed(rate, self.availability) if self.is_language_model else None
        return replicas(rate, self.demand, self.availability, self.care)

    @cached_property
    def for_mean(self) -> Because[int]:
        """The replicas for the mean rate."""
        rate = first(self.traffic("mean"), self.traffic("peak"))
        needed = self.needed(rate) if rate is not None else None
        if needed is None:
            why = "a starting point only, because the service time or the throughput is unknown"
            return assumed(f"{self.part.spec_path}.replicas.min", 2, why)
        return needed

    @cached_property
    def for_peak(self) -> Because[int]:
        """The replicas for the peak rate."""
        rate = first(self.traffic("peak"), self.traffic("mean"))
        needed = self.needed(rate) if rate is not None else None
        return needed if needed is not None else self.for_mean

    @cached_property
    def min_replicas(self) -> Because[int]:
        """The minimum replicas: enough for the trough, or for the mean rate without one, or for the peak without
        autoscaling.
        """
        return or_else(self.part.replicas.min, lambda: capped(self._always, self.most))

    @property
    @abstractmethod
    def for_ramp(self) -> Because[int] | None:
        """The replicas that must be up before the rate rises; None if the spec does not say how fast it does."""

    @property
    @abstractmethod
    def for_trough(self) -> Because[int] | None:
        """The replicas for the lowest rate of a day; None if the spec does not say how low it is."""

    @property
    def least_needed(self) -> Because[int]:
        """The replicas for the trough, or for the mean rate if the spec does not say how low it is."""
        trough = self.for_trough
        return trough if trough is not None else self.for_mean

    @property
    def _always(self) -> Because[int]:
        if self.scales.value:
            ramp, quiet = self.for_ramp, self.least_needed
            return quiet if ramp is None or ramp.value <= quiet.value else ramp
        why = f"{self.for_peak.reason}; sized for the peak because autoscaling is off"
        return because(self.for_peak.value, why, self.for_peak, self.scales)

    @cached_property
    def scaler(self) -> AutoscalingCapability:
        """The capabilities of the platform's autoscaling provider."""
        platform = self.scope.platform
        return platform.providers.autoscaling[platform.autoscaling.provider.value]

    @cached_property
    def scales(self) -> Because[bool]:
        """Whether an autoscaler adds replicas."""
        return self.scaler.scales.also(self.scope.platform.autoscaling.provider)

    @cached_property
    def max_replicas(self) -> Because[int]:
        """The maximum replicas."""
        estimated = self.sequences is not None and self.scales.value and self.part.replicas.target.given is None
        target = self.hardware.in_flight if estimated else None
        return or_else(
            self.part.replicas.max,
            lambda: maximum(self.for_peak, self.min_replicas, self.most, self._headroom, target),
        )

    @property
    def _headroom(self) -> Because[float]:
        return self.scope.platform.planning.headroom

    @cached_property
    def most(self) -> Because[int] | None:
        """The upper limit on replicas in the spec."""
        return first(self.part.constraints.max_replicas, self.scope.system.constraints.max_replicas)

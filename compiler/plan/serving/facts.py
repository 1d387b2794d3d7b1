"""The facts about one online service that its other decisions depend on."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import cached_property
from typing import Literal, Protocol

from ....schema.units import Cores, Duration, Percent, Rate
from ... import conventions
from ...because import Because, Unavailable, because, decision, first, text
from ...layer.usual import Usual
from ...part import Part
from ...system import (
    AcceleratorRequest,
    AutoscalingCapability,
    Latency,
    MetricVocabulary,
    OnlineService,
    Release,
    Runtime,
)
from ..choose import assumed, count, number, or_else
from ..scope import Scope
from .arrival import Arrival
from .capacity import Care, care, measured, patience, replicas
from .files import ModelFiles
from .replica import cores, threads

__all__ = ["Measured", "ServiceFacts", "service_name"]

Measured = Literal["latency", "first_token", "inter_token"]
"""The latencies that can be bounded: the whole response, its first token, and the time between tokens."""


def service_name(scope: Scope, key: Because[str]) -> Because[str]:
    """The name of a service's objects: the system name, plus the service name unless they are the same."""
    system = scope.system.metadata.name
    if key.value == system.value:
        return system
    return text("{system}-{service}", system=system, service=key)


class Estimates(Protocol):
    """What the planner can estimate about a replica's hardware."""

    @property
    def chosen(self) -> AcceleratorRequest | None:
        """The accelerators for a replica that needs them but does not name any; None if none are allowed."""

    def needed(self, rate: Because[Rate], availability: Because[Percent] | None) -> Because[int] | None:
        """The replicas that sustain a rate; None if the speed of a replica cannot be estimated."""


class ServiceFacts(ABC):
    """One online service: its names, its model and runtime, its hardware, and its capacity."""

    def __init__(self, scope: Scope, part: OnlineService) -> None:
        self.scope = scope
        self.part = part
        self.arrival = Arrival(self)

    @cached_property
    def scrape_interval(self) -> Because[Duration]:
        """How often Prometheus scrapes the replicas."""
        own = self.scope.system.monitoring.scrape_interval
        return self.scope.platform.prometheus.scrape_interval if own is None else own

    @cached_property
    def rate_window(self) -> Because[Duration]:
        """The shortest window that a rate can be computed over."""
        return _rate_window(self.scrape_interval)

    # Names

    @cached_property
    def name(self) -> Because[str]:
        """The name of the workload and of its Service."""
        return service_name(self.scope, self.part.own_name)

    def named(self, suffix: str) -> Because[str]:
        """The name of a related object."""
        return text(f"{{name}}-{suffix}", name=self.name)

    @cached_property
    def canary_name(self) -> Because[str]:
        """The name of the Service for the new version."""
        return self.named(conventions.CANARY)

    @cached_property
    def shadow_name(self) -> Because[str]:
        """The name of the workload and the Service for the shadow version."""
        return self.named(conventions.SHADOW)

    @cached_property
    def job(self) -> Because[str]:
        """The `job` label that the Prometheus Operator derives from a PodMonitor."""
        return text("{namespace}/{name}", namespace=self.scope.namespace, name=self.name)

    # Model and runtime

    @cached_property
    def model(self) -> Because[str]:
        """The model name that requests use."""
        return self.scope.model_of(self.part)

    @property
    def is_language_model(self) -> bool:
        """Whether the spec describes the model as a language model."""
        return self.scope.system.models[self.model.value].llm is not None

    @cached_property
    def release(self) -> Release:
        """The live release."""
        return self.scope.release_of(self.model)

    @cached_property
    def files(self) -> ModelFiles:
        """The files of the live release."""
        return ModelFiles(self.scope, self.release)

    @cached_property
    def runtime_name(self) -> Because[str]:
        """The name of the serving runtime: the author's choice, or the default for the model format."""
        name = self.part.runtime.given
        if name is None:
            raise Unavailable  # the runtime is unknown, which has been reported
        usual = any(isinstance(source, Usual) for source in name.sources)
        return because(name.value, "the default runtime for the model format", name) if usual else name

    @property
    def runtime(self) -> Runtime:
        """The serving runtime: the catalog entry with the overrides of the platform and the service."""
        return self.part.container

    @cached_property
    def metrics(self) -> MetricVocabulary:
        """The metrics that count the requests of the service's protocol."""
        own = self.runtime.grpc_metrics
        return own if own is not None and self.part.protocol.value == "grpc" else self.runtime.metrics

    @cached_property
    def image(self) -> Because[str]:
        """The runtime's image."""
        runtime = self.runtime
        if self.accelerated.value and runtime.accelerated_image is not None:
            return because(
                runtime.accelerated_image.value,
                "the runtime's image for accelerators",
                runtime.accelerated_image,
                self.accelerated,
            )
        assert runtime.image is not None
        return runtime.image

    # Hardware of a replica

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
    def cpu(self) -> Because[Cores]:
        """The CPU request of a replica, in cores."""
        runtime = self.runtime
        return or_else(
            self.part.resources.cpu, lambda: cores(runtime.cpu, self.slots, runtime.cpu_bound, self.accelerated)
        )

    @cached_property
    def workers(self) -> Because[int]:
        """How many processes or instances of the model a replica has, if the runtime has one for each request."""
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

    # Bounds: a service's own bounds override the system's

    def bounds(self, name: Measured) -> Latency:
        """The bounds on one kind of latency."""
        own: Latency = getattr(self.part.constraints, name)
        return own if own.node is not None else getattr(self.scope.system.constraints, name)

    @cached_property
    def latency_bounds(self) -> tuple[Because[Duration], ...]:
        """All bounds on the whole response, lowest percentile first."""
        latency = self.bounds("latency")
        return tuple(bound for name in latency.fields if (bound := getattr(latency, name)) is not None)

    @cached_property
    def availability(self) -> Because[Percent] | None:
        """The share of requests that must succeed."""
        return first(self.part.constraints.availability, self.scope.system.constraints.availability)

    def traffic(self, name: Literal["mean", "peak", "trough"]) -> Because[Rate] | None:
        """The mean, peak, or trough of the arrival rate."""
        own = self.part.constraints.throughput
        chosen: Part = own if own.node is not None else self.scope.system.constraints.throughput
        return getattr(chosen, name)  # type: ignore[no-any-return]

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
        return assumed(f"{self.part.spec_path}.serviceTime.at", 1, "a replica handles one request at a time")

    @cached_property
    def mean_time(self) -> Because[Duration] | None:
        """The mean service time of a request."""
        return measured(self.part.service_time) if self.part.service_time is not None else None

    @cached_property
    def patience(self) -> Because[Duration] | None:
        """How long a request may wait: the p99 bound minus the model's own tail latency."""
        bound = self.bounds("latency").p99
        if bound is None or self.part.service_time is None:
            return None
        return patience(bound, self.part.service_time, self._selected_p99())

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

    def needed(self, rate: Because[Rate]) -> Because[int] | None:
        """The replicas that sustain a rate; None if the service time is neither measured nor estimated."""
        if self.mean_time is None:
            return self.hardware.needed(rate, self.availability) if self.is_language_model else None
        return replicas(rate, self.mean_time, self.slots, self.patience, self.queues, self.availability, self.care)

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
        """The minimum replicas: enough for the mean rate, or for the peak without autoscaling."""
        return or_else(self.part.replicas.min, lambda: _capped(self._always, self.most))

    @property
    def _always(self) -> Because[int]:
        if self.scales.value:
            return self.for_mean
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
        return or_else(
            self.part.replicas.max, lambda: _max_replicas(self.for_peak, self.min_replicas, self.most, self._headroom)
        )

    @property
    def _headroom(self) -> Because[float]:
        return self.scope.platform.planning.headroom

    @cached_property
    def most(self) -> Because[int] | None:
        """The upper limit on replicas in the spec."""
        return first(self.part.constraints.max_replicas, self.scope.system.constraints.max_replicas)


@decision
def _rate_window(scrape: Because[Duration]) -> tuple[Duration, str]:
    least = max(60, 4 * math.ceil(scrape.value.amount))
    why = f"four scrape intervals of {scrape.value}, rounded up to minutes, so that a missed scrape does no harm"
    return Duration(-(-least // 60) * 60), why


@decision
def _capped(needed: Because[int], most: Because[int] | None) -> tuple[int, str]:
    if most is not None and most.value < needed.value:
        return most.value, f"{needed.reason}; limited to `maxReplicas: {most.value}`"
    return needed.value, needed.reason


@decision
def _max_replicas(
    peak: Because[int], least: Because[int], most: Because[int] | None, headroom: Because[float]
) -> tuple[int, str]:
    wanted = max(least.value, math.ceil(peak.value * headroom.value - 1e-9))
    why = f"{number(headroom.value)} times the {count(peak.value, 'replica')} for the peak"
    if most is not None and most.value < wanted:
        return max(most.value, 1), f"{why}; limited to `maxReplicas: {most.value}`"
    return wanted, why

"""Who one online service is and what is asked of it: its names, its model and runtime, and its bounds."""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cached_property
from typing import Literal

from ....schema.units import Duration, Percent, Rate
from ... import conventions
from ...because import Because, Unavailable, because, decision, first, text
from ...layer.usual import Usual
from ...system import Latency, MetricVocabulary, OnlineService, Release, Runtime, Throughput
from ..choose import number, significant
from ..scope import Scope
from .day import Day, Hours, day, hours_of, of_hours
from .files import ModelFiles

__all__ = ["OF_TOKENS", "Measured", "ServiceIdentity", "service_name"]

Measured = Literal["latency", "first_token", "inter_token"]
OF_TOKENS: tuple[Measured, ...] = ("first_token", "inter_token")
"""The latencies that can be bounded: the whole response, its first token, and the time between tokens."""


def service_name(scope: Scope, key: Because[str]) -> Because[str]:
    """The name of a service's objects: the system name, plus the service name unless they are the same."""
    system = scope.system.metadata.name
    if key.value == system.value:
        return system
    return text("{system}-{service}", system=system, service=key)


class ServiceIdentity:
    """One online service: its names, its model and runtime, and its bounds."""

    def __init__(self, scope: Scope, part: OnlineService) -> None:
        self.scope = scope
        self.part = part

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
        return ModelFiles(self.scope, self.release, self.runtime)

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
    def task(self) -> Because[str]:
        """What its language model does: `generation`, `embedding`, or `reranking`."""
        given: Because[str] | None = self.part.llm.task.given if self.part.llm is not None else None
        if given is not None:
            return given
        task, name = self.scope.system.problem.task, self.part.own_name
        if task.value == "embedding":
            return because("embedding", "the task is embedding", task)
        for part in self.scope.system.services.values():
            retrieval = part.llm.retrieval if isinstance(part, OnlineService) and part.llm is not None else None
            if retrieval is not None and retrieval.embedder.value == name.value:
                why = f"`{part.own_name.value}` embeds its queries with it"
                return because("embedding", why, retrieval.embedder, name)
        return because("generation", "the task is not embedding, and no other service embeds its queries with it", task)

    @cached_property
    def generates(self) -> Because[bool]:
        """Whether it generates tokens, rather than only reading them."""
        return self.task.map(lambda task: task == "generation")

    # Bounds: a service's own bounds override the system's

    def bounds(self, name: Measured) -> Latency:
        """The bounds on one kind of latency."""
        own: Latency = getattr(self.part.constraints, name)
        if name in OF_TOKENS and not self.generates.value:
            return own  # the system's bounds are for the services that generate tokens
        return own if own.node is not None else getattr(self.scope.system.constraints, name)

    @cached_property
    def latency_bounds(self) -> tuple[Because[Duration], ...]:
        """All bounds on the whole response, lowest percentile first."""
        latency = self.bounds("latency")
        return tuple(bound for name in latency.fields if (bound := getattr(latency, name)) is not None)

    @cached_property
    def latency_of_tokens(self) -> tuple[Because[Duration], ...]:
        """All bounds on the first token and between tokens."""
        kinds = (self.bounds("first_token"), self.bounds("inter_token"))
        return tuple(bound for kind in kinds for name in kind.fields if (bound := getattr(kind, name)) is not None)

    @cached_property
    def availability(self) -> Because[Percent] | None:
        """The share of requests that must succeed."""
        return first(self.part.constraints.availability, self.scope.system.constraints.availability)

    def traffic(self, name: Literal["mean", "peak", "trough"]) -> Because[Rate] | None:
        """The mean, peak, or trough of the arrival rate."""
        given: Because[Rate] | None = getattr(self._throughput, name)
        return of_hours(name, self.hours) if given is None and self.hours else given

    def requested(self, name: Literal["mean", "peak", "trough"]) -> Because[Rate] | None:
        """The same of requests as the counters of the server count them, which may bring several texts each."""
        rate, llm = self.traffic(name), self.part.llm
        if rate is None or llm is None or self.generates.value or llm.texts.kind == "default":
            return rate
        return _requested(rate, llm.texts)

    @cached_property
    def hours(self) -> Hours:
        """The rate of each hour of a day, if the spec gives them. Raises `Refusal` if they contradict the others."""
        return hours_of(self._throughput)

    @cached_property
    def day(self) -> Because[Day] | None:
        """The rate over a day; None if it is unknown."""
        mean = first(self.traffic("mean"), self.traffic("peak"))
        peak = first(self.traffic("peak"), mean)
        return day(mean, peak, self.traffic("trough"), self.hours) if mean is not None and peak is not None else None

    @property
    def ramp(self) -> Because[Duration] | None:
        """How long the rate takes to rise from the mean to the peak."""
        return self._throughput.ramp

    @property
    def _throughput(self) -> Throughput:
        own = self.part.constraints.throughput
        return own if own.node is not None else self.scope.system.constraints.throughput


@decision
def _rate_window(scrape: Because[Duration]) -> tuple[Duration, str]:
    least = max(60, 4 * math.ceil(scrape.value.amount))
    why = f"four scrape intervals of {scrape.value}, rounded up to minutes, so that a missed scrape does no harm"
    return Duration(-(-least // 60) * 60), why


@decision
def _requested(rate: Because[Rate], texts: Because[float]) -> tuple[Rate, str]:
    found = Decimal(significant(float(rate.value) / texts.value, 4))
    return Rate(found), f"{rate.value} texts, {number(texts.value)} in each request"

"""The accelerators of one replica: the ones in the spec, else the cheapest allowed ones that are sufficient.

The planner compares what all replicas cost over a day, because a device with a low hourly price is expensive if the
service needs ten of them, and a large one if its replicas idle at night. If the shape of a model is unknown, only the
size of its files counts. A replica never gets two slices of a device, because a process sees only one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import cached_property

from ....schema.units import Duration, Percent, Rate
from ...because import Because, because, decision, first
from ...finding import Refusal, refusal
from ...system import Accelerator, AcceleratorRequest, Latency
from ..accelerators import COUNTS, unfit
from ..choose import percentiles
from ..serving.day import average, follow
from ..serving.facts import ServiceFacts
from ..serving.hops import less
from .fit import Fit, LanguageModel
from .limits import Bounds, Targets
from .options import Option, against, cost, picked, too_many
from .proposals import Proposals
from .speed import Speed
from .tokens import Tokens

__all__ = ["Hardware"]

UNPROVEN = because(2, "two replicas, because the required rate or the speed of a replica is unknown")


class Hardware:
    """The hardware of one replica, and how a language model fits and performs on it."""

    def __init__(self, service: ServiceFacts) -> None:
        self._service = service

    @cached_property
    def tokens(self) -> Tokens:
        """The token counts of requests to a language model."""
        scope = self._service.scope
        model = scope.system.models[self._service.model.value]
        return Tokens(model, self._service.part, scope.platform, self._service.generates)

    @cached_property
    def model(self) -> LanguageModel | None:
        """The language model that is served, if its shape is known from the spec or from its family."""
        model, family = self.tokens.parent, self.tokens.family
        shape = first(model.llm.shape if model.llm is not None else None, family.shape if family is not None else None)
        return LanguageModel(shape, self.tokens) if shape is not None else None

    @cached_property
    def chosen(self) -> AcceleratorRequest | None:
        """The accelerators that the planner chooses from those the spec allows; None if it allows none."""
        allowed = self._service.scope.system.constraints.accelerators
        if not allowed:
            return None
        options = tuple(self._options(self.model, allowed))
        if all(option.unfit.value for option in options):
            raise self._none_fits(options)
        best = picked(options)
        chosen = AcceleratorRequest(f"{self._service.part.resources.spec_path}.accelerator", None)
        chosen.type, chosen.count = best.map(lambda pair: pair[0]), best.map(lambda pair: pair[1])
        return chosen

    @cached_property
    def fit(self) -> Fit | None:
        """How a language model fits; None if its shape or the device memory is unknown."""
        devices, device = self._service.devices, self._service.device
        if devices is None or device is None:
            return None
        return self._fit(self.model, device, devices.count)

    @cached_property
    def speed(self) -> Speed | None:
        """How fast a language model is; None if the memory bandwidth or the compute rate is unknown."""
        fit, device = self.fit, self._service.device
        return self._speed(fit, device) if fit is not None and device is not None else None

    @property
    def sequences(self) -> Because[int] | None:
        """The concurrent sequences of a replica; None if the speed is unknown, or the model does not fit."""
        return self.speed.sequences if self.speed is not None and self.speed.fit.fits.value else None

    @property
    def in_flight(self) -> Because[float] | None:
        """The requests in flight on a replica at the planned throughput; None if its speed is unknown."""
        return self.speed.in_flight if self.speed is not None and self.speed.fit.fits.value else None

    @property
    def busy(self) -> Because[float] | None:
        """The replica time of one request, in seconds; None if the speed is unknown."""
        return self.speed.busy if self.speed is not None and self.speed.fit.fits.value else None

    @cached_property
    def prompt_chunk(self) -> Because[int] | None:
        """The prompt tokens per step that the server is limited to; None if its own default is good enough."""
        service = self._service
        given = service.part.llm.prompt_chunk.given if service.part.llm is not None else None
        if given is not None or service.part.service_time is not None or not self._targets.inter_token:
            return given
        return self.speed.chunk if self.speed is not None and self.speed.fit.fits.value else None

    def needed(self, rate: Because[Rate], availability: Because[Percent] | None) -> Because[int] | None:
        """The replicas that sustain a rate; None if the speed is unknown."""
        return self.speed.needed(rate, availability) if self.speed is not None else None

    def _fit(self, model: LanguageModel | None, device: Accelerator, devices: Because[int]) -> Fit | None:
        return Fit(model, device.memory, devices) if model is not None and device.memory is not None else None

    def _speed(self, fit: Fit, device: Accelerator) -> Speed | None:
        service = self._service
        if device.bandwidth is None or device.compute is None:
            return None
        for speed in (device.bandwidth, device.compute, device.fp8_compute, device.link):
            if speed is not None and not speed.value.amount:
                raise refusal(
                    "MLS008",
                    f"an accelerator with {speed.value} is impossible",
                    speed,
                    note="a response would never complete, so no number of replicas could sustain any traffic",
                    help="write the data sheet value, or remove it",
                )
        chunks = any(feature.value == "llm.promptChunk" for feature in service.runtime.features)
        return Speed(fit, device, self._targets, service.scope.platform.planning, chunks=chunks)

    @cached_property
    def _targets(self) -> Targets:
        bounds = self._service.bounds
        generates, hops = self._service.generates.value, self._service.hops.before
        return Targets(
            answer=_given(bounds("latency"), hops),
            first_token=_given(bounds("first_token"), hops) if generates else (),
            inter_token=_given(bounds("inter_token")) if generates else (),
            utilization=self._service.scope.platform.planning.utilization,
        )

    @cached_property
    def proposals(self) -> Proposals | None:
        """What would cost less; None if the planner does not estimate what the accelerators can do."""
        devices = self._service.devices
        if devices is None or self.model is None or self._service.part.service_time is not None:
            return None
        return Proposals(
            self._service, self.model, self._option(self.model, devices.type, devices.count), self._options
        )

    # The choice

    def _options(self, model: LanguageModel | None, allowed: Iterable[Because[str]]) -> Iterator[Option]:
        """Every number of devices of each type."""
        for name in allowed:
            for devices in self._counts(self._service.scope.platform.accelerators[name.value]):
                yield self._option(model, name, devices)

    def _counts(self, device: Accelerator) -> Iterator[Because[int]]:
        slice_, most = device.slice, device.per_node
        if slice_.value:
            yield because(1, "a process sees one slice", slice_)
            return
        for devices in COUNTS if self.model is not None else COUNTS[:1]:
            if most is None or devices <= most.value:
                yield because(devices, "the cheapest number of devices for the whole load", slice_, most)

    def _option(self, model: LanguageModel | None, name: Because[str], devices: Because[int]) -> Option:
        service, device = self._service, self._service.scope.platform.accelerators[name.value]
        fit = self._fit(model, device, devices)
        speed = self._speed(fit, device) if fit is not None and fit.fits.value else None
        mean = first(service.traffic("mean"), service.traffic("peak"))
        peak = first(service.traffic("peak"), mean)
        for_peak = speed.needed(peak, service.availability) if speed is not None and peak is not None else UNPROVEN
        return Option(
            name=name,
            devices=devices,
            cost=cost(device.price, devices, self._on_average(speed, for_peak)) if device.price is not None else None,
            at_peak=float(device.price.value) * devices.value * for_peak.value
            if device.price is not None
            else math.inf,
            busy=speed.busy if speed is not None else None,
            unfit=unfit(
                service.scope.platform.cloud,
                (device.node_selector, device.selectors),
                fit.fits if fit is not None else None,
                device.memory,
                service.files.artifact.size,
                device.slice,
                device.bfloat16 if model is not None else None,
                model.shape if model is not None else None,
                devices,
            ),
            late=speed.late if speed is not None and speed.late.value else too_many(for_peak, service.most),
        )

    def _on_average(self, speed: Speed | None, for_peak: Because[int]) -> Because[Decimal]:
        """The mean replicas over the day that the bill follows, never fewer than the autoscaler keeps. A maximum does
        not count, or else it would make a replica cheap that is too slow for the peak.
        """
        service, given = self._service, self._service.part.replicas
        mean, whole = first(service.traffic("mean"), service.traffic("peak")), service.day
        if speed is None or mean is None or whole is None:
            return for_peak.map(Decimal)
        quiet = speed.needed(mean, service.availability) if service.traffic("trough") is None else None
        least = first(given.min.given, quiet if service.scales.value else for_peak)

        def needed(rate: Because[Rate]) -> Because[int]:
            return _at_least(speed.needed(rate, service.availability), least)

        return average(whole, follow(whole, needed))

    def _none_fits(self, options: tuple[Option, ...]) -> Refusal:
        most = {option.name.value: option for option in options}  # the last of each type has the most devices
        return refusal(
            "MLS408",
            f"`{self._service.model.value}` fits on none of the allowed accelerators",
            tuple(option.name for option in options),
            note="; ".join(against(option) for option in most.values()),
            help="allow a larger one under `constraints.accelerators`, or limit `llm.tokens.context` of the service",
        )


@decision
def _at_least(needed: Because[int], least: Because[int] | None) -> tuple[int, str]:
    """The replicas that an autoscaler runs, of those that a rate needs."""
    return max(needed.value, least.value if least is not None else 0), needed.reason


def _given(bounds: Latency, hops: tuple[Because[Duration], ...] = ()) -> Bounds:
    """The bounds that are set, without what hops take of them, lowest percentile first."""
    return tuple((name, less(bound, hops)) for name, bound in percentiles(bounds).items())

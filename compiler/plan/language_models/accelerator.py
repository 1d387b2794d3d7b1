"""The accelerators of one replica: the ones in the spec, else the cheapest allowed ones that are sufficient.

The planner compares the cost of all replicas for the mean rate, because a device with a low hourly price is expensive
if the service needs ten of them. If the shape of a model is unknown, only the size of its files counts. A replica never
gets two slices of a device, because a process sees only one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from ....schema.money import HourlyPrice
from ....schema.units import Memory, Percent, Rate
from ...because import Because, because, decision, first
from ...finding import Refusal, refusal
from ...part import Named
from ...system import Accelerator, AcceleratorRequest, Latency, LlmShape
from ..choose import count
from ..serving.facts import ServiceFacts
from .fit import Fit, LanguageModel, shares
from .limits import Bounds, Targets
from .speed import Speed
from .tokens import Tokens

__all__ = ["COUNTS", "Hardware", "called"]

COUNTS = (1, 2, 4, 8)
"""The possible device counts per replica: tensors split into powers of two, and most nodes have at most 8 devices."""

UNPROVEN = because(2, "two replicas, because the required rate or the speed of a replica is unknown")


class Option(NamedTuple):
    """A number of accelerators of one type for each replica."""

    name: Because[str]
    devices: Because[int]
    cost: Because[float] | None
    """The hourly cost of all replicas for the mean rate; None without a price."""
    at_peak: float
    """The hourly cost of those for the peak, which decides between options of the same cost."""
    busy: Because[float] | None
    """Seconds of replica time per request; None if they cannot be estimated."""
    unfit: Because[str]
    """Why the accelerators cannot run the model; empty if they can."""
    late: Because[str]
    """Why the replicas would be too slow or too many; empty if they are neither."""


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
        options = tuple(self._options(allowed))
        if all(option.unfit.value for option in options):
            raise self._none_fits(options)
        picked = _picked(options)
        chosen = AcceleratorRequest(f"{self._service.part.resources.spec_path}.accelerator", None)
        chosen.type, chosen.count = picked.map(lambda pair: pair[0]), picked.map(lambda pair: pair[1])
        return chosen

    @cached_property
    def device(self) -> Accelerator | None:
        """The entry of the accelerator in the catalog or the platform file."""
        devices = self._service.devices
        return self._service.scope.platform.accelerators[devices.type.value] if devices is not None else None

    @cached_property
    def fit(self) -> Fit | None:
        """How a language model fits; None if its shape or the device memory is unknown."""
        devices = self._service.devices
        if devices is None or self.device is None:
            return None
        return self._fit(self.device, devices.count)

    @cached_property
    def speed(self) -> Speed | None:
        """How fast a language model is; None if the memory bandwidth or the compute rate is unknown."""
        return self._speed(self.fit, self.device) if self.fit is not None and self.device is not None else None

    @property
    def sequences(self) -> Because[int] | None:
        """The concurrent sequences of a replica; None if the speed is unknown, or the model does not fit."""
        return self.speed.sequences if self.speed is not None and self.speed.fit.fits.value else None

    @property
    def in_flight(self) -> Because[float] | None:
        """The requests in flight on a replica at the planned throughput; None if its speed is unknown."""
        return self.speed.in_flight if self.speed is not None and self.speed.fit.fits.value else None

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

    def _fit(self, device: Accelerator, devices: Because[int]) -> Fit | None:
        if self.model is None or device.memory is None:
            return None
        return Fit(self.model, device.memory, devices)

    def _speed(self, fit: Fit, device: Accelerator) -> Speed | None:
        service = self._service
        if device.bandwidth is None or device.compute is None:
            return None
        for speed in (device.bandwidth, device.compute):
            if not speed.value.amount:
                raise refusal(
                    "MLS008",
                    f"an accelerator with {speed.value} is impossible",
                    speed,
                    note="a response would never complete, so no number of replicas could sustain any traffic",
                    help="write the data sheet value for 16-bit numbers, or remove it",
                )
        chunks = any(feature.value == "llm.promptChunk" for feature in service.runtime.features)
        return Speed(fit, device, self._targets, service.scope.platform.planning, chunks=chunks)

    @cached_property
    def _targets(self) -> Targets:
        bounds = self._service.bounds
        generates = self._service.generates.value
        return Targets(
            answer=_given(bounds("latency")),
            first_token=_given(bounds("first_token")) if generates else (),
            inter_token=_given(bounds("inter_token")) if generates else (),
            utilization=self._service.scope.platform.planning.utilization,
        )

    # The choice

    def _options(self, allowed: tuple[Because[str], ...]) -> Iterator[Option]:
        """Every number of devices of each type."""
        for name in allowed:
            for devices in self._counts(self._service.scope.platform.accelerators[name.value]):
                yield self._option(name, devices)

    def _counts(self, device: Accelerator) -> Iterator[Because[int]]:
        slice_, most = device.slice, device.per_node
        if slice_.value:
            yield because(1, "a process sees one slice", slice_)
            return
        for devices in COUNTS if self.model is not None else COUNTS[:1]:
            if most is None or devices <= most.value:
                yield because(devices, "the cheapest number of devices for the whole load", slice_, most)

    def _option(self, name: Because[str], devices: Because[int]) -> Option:
        service, device = self._service, self._service.scope.platform.accelerators[name.value]
        fit = self._fit(device, devices)
        speed = self._speed(fit, device) if fit is not None and fit.fits.value else None
        mean = first(service.traffic("mean"), service.traffic("peak"))
        peak = first(service.traffic("peak"), mean)
        replicas = speed.needed(mean, service.availability) if speed is not None and mean is not None else UNPROVEN
        for_peak = speed.needed(peak, service.availability) if speed is not None and peak is not None else UNPROVEN
        return Option(
            name=name,
            devices=devices,
            cost=_cost(device.price, devices, replicas) if device.price is not None else None,
            at_peak=float(device.price.value) * devices.value * for_peak.value
            if device.price is not None
            else math.inf,
            busy=speed.busy if speed is not None else None,
            unfit=_unfit(
                service.scope.platform.cloud,
                (device.node_selector, device.selectors),
                fit.fits if fit is not None else None,
                device.memory,
                service.files.artifact.size,
                device.slice,
                device.bfloat16 if self.model is not None else None,
                self.model.shape if self.model is not None else None,
                devices,
            ),
            late=speed.late if speed is not None and speed.late.value else _too_many(for_peak, service.most),
        )

    def _none_fits(self, options: tuple[Option, ...]) -> Refusal:
        most = {option.name.value: option for option in options}  # the last of each type has the most devices
        return refusal(
            "MLS408",
            f"`{self._service.model.value}` fits on none of the allowed accelerators",
            tuple(option.name for option in options),
            note="; ".join(_against(option) for option in most.values()),
            help="allow a larger one under `constraints.accelerators`, or limit `llm.tokens.context` of the service",
        )


def _given(bounds: Latency) -> Bounds:
    """The bounds that are set, lowest percentile first."""
    return tuple((name, bound) for name in bounds.fields if (bound := getattr(bounds, name)) is not None)


@decision
def _unfit(
    cloud: Because[str],
    nodes: tuple[dict[str, Because[str]], dict[str, Named[Because[str]]]],
    fits: Because[bool] | None,
    memory: Because[Memory] | None,
    size: Because[Memory] | None,
    slice_: Because[bool],
    bfloat16: Because[bool] | None,
    shape: LlmShape | None,
    devices: Because[int],
) -> tuple[str, str]:
    own, by_cloud = nodes
    if shape is not None and not shares(shape, devices.value):
        both = f"{shape.heads.value} query heads and " if shape.heads is not None else ""
        return f"{both}{shape.kv_heads.value} key-value heads cannot be divided", "tensor parallelism divides the heads"
    if bfloat16 is not None and not bfloat16.value:
        return "it does not compute in bfloat16", "most language models are stored in bfloat16"
    if not own and cloud.value not in by_cloud:
        return f"its node labels on `{cloud.value}` are unknown", "nodes are selected by their labels"
    if fits is not None:
        alone = ", and one model cannot span several slices" if slice_.value else ""
        return ("" if fits.value else f"does not fit: {fits.reason}{alone}"), fits.reason
    if memory is not None and size is not None and memory.value < size.value:
        return f"{memory.value} is less than the {size.value} of files", "a model is at least as large as its files"
    return "", "no known reason that it does not fit"


@decision
def _cost(price: Because[HourlyPrice], devices: Because[int], replicas: Because[int]) -> tuple[float, str]:
    cost = float(price.value) * devices.value * replicas.value
    times = f"{devices.value} x " if devices.value > 1 else ""
    return cost, f"{count(replicas.value, 'replica')} x {times}{price.value} = {cost:,.2f} {price.value.currency}/h"


@decision
def _too_many(needed: Because[int], most: Because[int] | None) -> tuple[str, str]:
    """Why the replicas for the peak exceed the limit; empty if they do not."""
    if most is None or needed.value <= most.value:
        return "", "within the replica limit"
    why = f"the peak needs {count(needed.value, 'replica')}, but `maxReplicas` allows only {most.value:,}"
    return why, "more replicas than the limit"


@decision
def _picked(options: tuple[Option, ...]) -> tuple[tuple[str, int], str]:
    """The cheapest option that meets the bounds; if none does, the fastest one."""
    timely = any(_keeps(option) for option in options)
    ranked = sorted(options, key=_price if timely else _time)
    best = ranked[0]
    first_of = "the cheapest that fits and meets the bounds" if timely else "the fastest, because none meets the bounds"
    others = {option.name.value: option for option in reversed(ranked)}  # the best number of each type
    others.pop(best.name.value)
    lost = "".join(f"; {_against(option)}" for option in others.values())
    paid = f": {best.cost.reason}" if best.cost is not None else ", but its price is unknown"
    chosen = (best.name.value, best.devices.value)
    return chosen, (
        f"{called(best.devices.value, best.name.value)} is {first_of}{paid}{lost}; "
        f"set `resources.accelerator` to override the choice"
    )


def _keeps(option: Option) -> bool:
    return not option.unfit.value and not option.late.value


def _price(option: Option) -> tuple[bool, float, float]:
    return not _keeps(option), option.cost.value if option.cost is not None else math.inf, option.at_peak


def _time(option: Option) -> tuple[bool, float]:
    return bool(option.unfit.value), option.busy.value if option.busy is not None else math.inf


def called(devices: int, name: str) -> str:
    """Some accelerators in words: `l4`, 2 x `l4`."""
    return f"`{name}`" if devices == 1 else f"{devices} x `{name}`"


def _against(option: Option) -> str:
    """Why an option was not chosen."""
    name = called(option.devices.value, option.name.value)
    if option.unfit.value:
        return f"{name}: {option.unfit.value}"
    if option.late.value:
        return f"{name}: {option.late.value}"
    return f"{name}: {option.cost.reason if option.cost is not None else 'its price is unknown'}"

"""The accelerators of one replica: those that the spec names, else the cheapest allowed ones that do.

What counts is what all replicas for the mean rate cost: a device that is cheap by the hour is dear when it takes ten of
them. A model whose shape nobody knows is judged by the size of its files alone. A slice of a device is never taken
twice: a process sees one of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from ....schema.money import HourlyPrice
from ....schema.units import Duration, Memory, Percent, Rate
from ...because import Because, because, decision, first
from ...finding import Refusal, refusal
from ...part import Named
from ...system import Accelerator, AcceleratorRequest, Latency
from ..choose import count
from ..serving.facts import ServiceFacts
from .fit import Fit, LanguageModel, Tokens
from .speed import Speed, Targets

__all__ = ["COUNTS", "Hardware", "called"]

COUNTS = (1, 2, 4, 8)
"""How many devices a replica may have: tensors divide by powers of two, and most nodes hold eight at most."""

UNPROVEN = because(2, "two replicas, as no rate is given or none can be estimated")


class Option(NamedTuple):
    """Some accelerators of one kind for each replica."""

    name: Because[str]
    devices: Because[int]
    cost: Because[float] | None
    """What all replicas cost an hour; None without a price."""
    busy: Because[float] | None
    """Seconds of a replica for each request, where they can be estimated."""
    unfit: Because[str]
    """Why they cannot run it; empty when they can."""
    late: Because[str]
    """Why they would be too slow or too many; empty when they are neither."""


class Hardware:
    """What one replica runs on, and how a language model does on it."""

    def __init__(self, service: ServiceFacts) -> None:
        self._service = service

    @cached_property
    def tokens(self) -> Tokens:
        """What requests to a language model consist of."""
        scope = self._service.scope
        return Tokens(scope.system.models[self._service.model.value], self._service.part, scope.platform)

    @cached_property
    def model(self) -> LanguageModel | None:
        """What is served, if it is a language model whose shape is known: its own, or its family's."""
        model, family = self.tokens.parent, self.tokens.family
        shape = first(model.llm.shape if model.llm is not None else None, family.shape if family is not None else None)
        return LanguageModel(shape, model, self.tokens.part, self.tokens.platform) if shape is not None else None

    @cached_property
    def chosen(self) -> AcceleratorRequest | None:
        """The accelerators for a replica that needs some, where the spec allows several; None where it allows none."""
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
        """The entry of the accelerator in the catalogue or the platform file."""
        devices = self._service.devices
        return self._service.scope.platform.accelerators[devices.type.value] if devices is not None else None

    @cached_property
    def fit(self) -> Fit | None:
        """How a language model fits; None while its shape or the memory is not known."""
        devices = self._service.devices
        if devices is None or self.device is None:
            return None
        return self._fit(self.device, devices.count)

    @cached_property
    def speed(self) -> Speed | None:
        """How fast a language model is; None while the bandwidth or the rate is not known."""
        return self._speed(self.fit, self.device) if self.fit is not None and self.device is not None else None

    def needed(self, rate: Because[Rate], availability: Because[Percent] | None) -> Because[int] | None:
        """The replicas that carry a rate; None while the speed is not known."""
        return self.speed.needed(rate, availability) if self.speed is not None else None

    def _fit(self, device: Accelerator, devices: Because[int]) -> Fit | None:
        if self.model is None or device.memory is None:
            return None
        return Fit(self.model, device.memory, devices)

    def _speed(self, fit: Fit, device: Accelerator) -> Speed | None:
        service = self._service
        if device.bandwidth is None or device.compute is None:
            return None
        targets = Targets(
            answer=service.latency_bounds,
            first_token=_given(service.bounds("first_token")),
            inter_token=_given(service.bounds("inter_token")),
        )
        for speed in (device.bandwidth, device.compute):
            if not speed.value.amount:
                raise refusal(
                    "MLS008",
                    f"no accelerator works at {speed.value}",
                    speed,
                    note="an answer would never end, so no number of replicas carries any traffic",
                    help="write what its data sheet says of 16-bit numbers, or leave it out",
                )
        return Speed(fit, device.bandwidth, device.compute, targets, service.scope.platform.planning)

    # The choice

    def _options(self, allowed: tuple[Because[str], ...]) -> Iterator[Option]:
        """Of each kind the fewest that do, and all that do not."""
        for name in allowed:
            for devices in self._counts(self._service.scope.platform.accelerators[name.value].slice):
                option = self._option(name, devices)
                yield option
                if _keeps(option):
                    break

    def _counts(self, slice_: Because[bool]) -> Iterator[Because[int]]:
        if slice_.value:
            yield because(1, "a process sees one slice", slice_)
            return
        for devices in COUNTS if self.model is not None else COUNTS[:1]:
            yield because(devices, "the fewest that do: more cost time to exchange numbers", slice_)

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
            busy=speed.busy if speed is not None else None,
            unfit=_unfit(
                service.scope.platform.cloud,
                (device.node_selector, device.selectors),
                fit.fits if fit is not None else None,
                device.memory,
                service.files.artifact.size,
                device.slice,
            ),
            late=speed.late if speed is not None and speed.late.value else _too_many(for_peak, service.most),
        )

    def _none_fits(self, options: tuple[Option, ...]) -> Refusal:
        most = {option.name.value: option for option in options}  # the last of each kind has the most devices
        return refusal(
            "MLS408",
            f"`{self._service.model.value}` fits on none of the accelerators that are allowed",
            tuple(option.name for option in options),
            note="; ".join(_against(option) for option in most.values()),
            help="allow a larger one under `constraints.accelerators`, or limit `llm.tokens.context` of the service",
        )


def _given(bounds: Latency) -> tuple[Because[Duration], ...]:
    """The bounds that are set, lowest percentile first."""
    return tuple(bound for name in bounds.fields if (bound := getattr(bounds, name)) is not None)


@decision
def _unfit(
    cloud: Because[str],
    nodes: tuple[dict[str, Because[str]], dict[str, Named[Because[str]]]],
    fits: Because[bool] | None,
    memory: Because[Memory] | None,
    size: Because[Memory] | None,
    slice_: Because[bool],
) -> tuple[str, str]:
    own, by_cloud = nodes
    if not own and cloud.value not in by_cloud:
        return f"nobody knows how `{cloud.value}` names its nodes", "nodes are selected by their labels"
    if fits is not None:
        alone = ", and several slices cannot hold one model" if slice_.value else ""
        return ("" if fits.value else f"does not fit: {fits.reason}{alone}"), fits.reason
    if memory is not None and size is not None and memory.value < size.value:
        return f"{memory.value} are less than the {size.value} of files", "a model is as large as its files at least"
    return "", "nothing says that it does not fit"


@decision
def _cost(price: Because[HourlyPrice], devices: Because[int], replicas: Because[int]) -> tuple[float, str]:
    cost = float(price.value) * devices.value * replicas.value
    times = f"{devices.value} x " if devices.value > 1 else ""
    return cost, f"{count(replicas.value, 'replica')} x {times}{price.value} = {cost:.2f} {price.value.currency}/h"


@decision
def _too_many(needed: Because[int], most: Because[int] | None) -> tuple[str, str]:
    """An empty text while the replicas for the peak are allowed."""
    if most is None or needed.value <= most.value:
        return "", "as many replicas as are allowed"
    return f"the peak needs {needed.value:,} replicas, and {most.value:,} are allowed", "more replicas than are allowed"


@decision
def _picked(options: tuple[Option, ...]) -> tuple[tuple[str, int], str]:
    """The cheapest that keeps the bounds; if none does, the one that is soonest done with a request."""
    timely = any(_keeps(option) for option in options)
    ranked = sorted(options, key=_price if timely else _time)
    best = ranked[0]
    first_of = "the cheapest that fits and keeps the bounds" if timely else "the fastest, as none keeps the bounds"
    others = {option.name.value: option for option in reversed(ranked)}  # the best of each kind
    others.pop(best.name.value)
    lost = "".join(f"; {_against(option)}" for option in others.values())
    paid = f": {best.cost.reason}" if best.cost is not None else ", without a known price"
    chosen = (best.name.value, best.devices.value)
    return chosen, (
        f"{called(best.devices.value, best.name.value)} is {first_of}{paid}{lost}; "
        f"`resources.accelerator` overrides the choice"
    )


def _keeps(option: Option) -> bool:
    return not option.unfit.value and not option.late.value


def _price(option: Option) -> tuple[bool, float]:
    return not _keeps(option), option.cost.value if option.cost is not None else math.inf


def _time(option: Option) -> tuple[bool, float]:
    return bool(option.unfit.value), option.busy.value if option.busy is not None else math.inf


def called(devices: int, name: str) -> str:
    """Some accelerators in words: `l4`, 2 x `l4`."""
    return f"`{name}`" if devices == 1 else f"{devices} x `{name}`"


def _against(option: Option) -> str:
    """What speaks against one that was not chosen."""
    name = called(option.devices.value, option.name.value)
    if option.unfit.value:
        return f"{name}: {option.unfit.value}"
    if option.late.value:
        return f"{name}: {option.late.value}"
    return f"{name}: {option.cost.reason if option.cost is not None else 'no known price'}"

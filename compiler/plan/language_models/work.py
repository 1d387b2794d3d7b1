"""What a decode step and a prompt cost on some accelerators, estimated from their data sheets.

A decode step reads all weights, and the cache of every sequence, to generate one token per sequence. A prompt takes two
operations per token and weight, and in each head, every token is compared with all earlier ones (Pope et al.,
Efficiently Scaling Transformer Inference, arXiv:2211.05102, section 2). Devices that share a model exchange the hidden
states of all tokens twice per layer (Shoeybi et al., Megatron-LM, arXiv:1909.08053, section 3).

The shares of data-sheet values that are achieved, and the times per layer, are fitted to tests/data/llm_rows.tsv.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property

from ....schema.hardware import Bandwidth, Compute
from ....schema.units import Percent
from ...because import Because, Holder, decision
from ...system import Accelerator, LlmShape, Planning
from ..choose import assumed
from .fit import Fit, seen_by

__all__ = ["LINK", "Work"]

LINK = Bandwidth.parse("25 GB/s")
"""The assumed bandwidth between devices: version 4 of PCI Express with 16 lanes."""

FP8 = ("fp8", "modelopt")
"""The methods whose products are computed in FP8 where the device can."""

EXPANDED = 160
"""The assumed dimension of a head with latent attention: 192 for keys and 128 for values."""

SHARED = 2
"""The most devices that exchange at the full bandwidth of PCI Express; more of them share the path."""


class Work(Holder):
    """One language model on accelerators whose memory bandwidth and compute rate are known. Times are in seconds."""

    __slots__ = ("__dict__",)

    def __init__(self, fit: Fit, device: Accelerator, planning: Planning) -> None:
        assert device.bandwidth is not None
        assert device.compute is not None
        self.fit = fit
        self.shape = fit.model.shape
        self.planning = planning
        self._device = device
        self._bandwidth = device.bandwidth
        self._compute = device.compute

    def leaves(self) -> Iterator[object]:
        """What a step and a prompt depend on."""
        planning, model = self.planning, self.fit.model
        yield from (self.reads, self.multiplies, self.hidden, self.heads, self.fit.each, model.weights, self.link)
        yield from (planning.link_efficiency, planning.exchange, planning.step_layer, planning.prompt_layer)
        yield from (self.shape.layers, self.shape.active_parameters, self.shape.experts, self.shape.experts_per_token)
        yield from (self._device.interconnect, self.width, self.shape.sliding_window)

    @property
    def mixes(self) -> bool:
        """Whether the model is a mixture of experts."""
        return self.shape.active_parameters is not None

    @cached_property
    def in_fp8(self) -> Because[Compute] | None:
        """The rate at which the devices compute in FP8; None if the model's products are in 16 bits."""
        method, bits = self.fit.model.quantized
        eight = method is not None and method.value in FP8 and (bits is None or bits.value == 8)
        return self._device.fp8_compute if eight else None

    @cached_property
    def memory_share(self) -> Because[Percent]:
        """The share of its bandwidth that a device achieves."""
        return _share(self.planning.memory_efficiency, self._device.memory_efficiency)

    @cached_property
    def compute_share(self) -> Because[Percent]:
        """The share of its compute rate in the model's number format that a device achieves."""
        own = self._device.compute_efficiency
        if self.in_fp8 is not None and self._device.fp8_efficiency is not None:
            own = self._device.fp8_efficiency
        return _share(self.planning.compute_efficiency, own)

    def at(self, fit: Fit, memory_share: Because[Percent], compute_share: Because[Percent]) -> Work:
        """The same devices, if they achieve these shares, with this model."""
        other = Work(fit, self._device, self.planning)
        other.memory_share, other.compute_share = memory_share, compute_share
        return other

    @cached_property
    def reads(self) -> Because[float]:
        """The effective memory bandwidth of the devices, in bytes per second."""
        return _reached(self._bandwidth, self.fit.devices, self.memory_share)

    @cached_property
    def mixture(self) -> Because[Percent] | None:
        """What a mixture of experts achieves, as a share of what other models do; None for those."""
        few = self.in_fp8 is not None
        mixed = self.planning.fp8_mixture_efficiency if few else self.planning.mixture_efficiency
        return mixed if self.mixes else None

    @cached_property
    def multiplies(self) -> Because[float]:
        """The effective compute rate of the devices, in operations per second."""
        method, _ = self.fit.model.quantized
        rate, format_ = (self._compute, "") if self.in_fp8 is None else (self.in_fp8, " in FP8")
        return _computed(rate, format_, self.fit.devices, self.compute_share, self.mixture, method)

    @cached_property
    def link(self) -> Because[Bandwidth]:
        """The bandwidth between two devices of a node, in one direction."""
        name = self._device.spec_path
        return self._device.link if self._device.link is not None else assumed(f"{name}.link", LINK, "PCI Express 4")

    @cached_property
    def hidden(self) -> Because[int]:
        """The width of the hidden state."""
        return self.shape.hidden if self.shape.hidden is not None else _wide(self.shape, self.shape.spec_path)

    @cached_property
    def heads(self) -> Because[int]:
        """The number of query heads."""
        if self.shape.heads is not None:
            return self.shape.heads
        path = f"{self.shape.spec_path}.heads"
        found = max(1, round(self.hidden.value / (128 if self._latent else self.shape.head_dim.value)))
        return assumed(path, found, "as many as the hidden state has room for", self.hidden, self.shape.head_dim)

    @cached_property
    def width(self) -> Because[int]:
        """The dimension of a head while a prompt is read."""
        if not self._latent:
            return self.shape.head_dim
        if self.shape.attention_dim is not None:
            return self.shape.attention_dim
        return assumed(f"{self.shape.spec_path}.attentionDim", EXPANDED, "as in DeepSeek-V3", self.shape.attention)

    @property
    def _latent(self) -> bool:
        return self.shape.attention.value == "latent"

    # Pure numbers, for the many loads that the planner tries

    @cached_property
    def _each(self) -> float:
        return self.fit.each.value / self.reads.value

    @cached_property
    def _experts(self) -> tuple[float, float]:
        """The share of the parameters in experts, and the share of experts that one token uses; 0 without experts."""
        shape = self.shape
        if shape.active_parameters is None or shape.experts is None or shape.experts_per_token is None:
            return 0.0, 1.0
        used = min(1.0, shape.experts_per_token.value / shape.experts.value)
        inactive = 1 - float(shape.active_parameters.value) / float(shape.parameters.value)
        return (min(1.0, inactive / (1 - used)), used) if used < 1 else (0.0, 1.0)

    @cached_property
    def floor(self) -> float:
        """What all layers add to a step, in seconds."""
        return self.shape.layers.value * float(self.planning.step_layer.value)

    def read(self, sequences: float) -> float:
        """The bytes of weights that a step reads: all but the experts that no sequence uses."""
        experts, used = self._experts
        return self.fit.model.weights.value * (1 - experts * float((1 - used) ** sequences))

    def step(self, sequences: float) -> float:
        """(weights + sequences · cache) / bandwidth + a floor for each layer + the exchanges."""
        took = self.read(sequences) / self.reads.value + sequences * self._each
        return took + self.floor + self.exchanges(sequences)

    def added(self, tokens: int, known: int = 0) -> float:
        """What reading a prompt up to `tokens` adds to a decode step, if the first `known` are in the cache:

        (2 · active parameters · new tokens + 2 · layers · heads · width · (tokens² - known²)) / rate + the exchanges.
        """
        new = max(0, tokens - known)
        return self._computed(tokens, known, new) + self.exchanges(new) if new else 0.0

    def prompt(self, tokens: int, known: int = 0) -> float:
        """The time to read that prompt without any decode step: the same, but not less than the time for reading the
        weights, or for launching the operations of each layer.
        """
        new = max(0, tokens - known)
        if not new:
            return 0.0
        launched = self.shape.layers.value * float(self.planning.prompt_layer.value)
        least = max(self.read(new) / self.reads.value, launched)
        return max(self._computed(tokens, known, new), least) + self.exchanges(new)

    def _computed(self, tokens: int, known: int, new: int) -> float:
        active = self.shape.active_parameters if self.shape.active_parameters is not None else self.shape.parameters
        operations = 2 * float(active.value) * new + self._compared(tokens) - self._compared(known)
        return operations / self.multiplies.value

    def reading(self, tokens: int, known: int, chunk: int | None) -> float:
        """What reading a prompt in chunks adds to the decode steps."""
        size = tokens if chunk is None else chunk
        return sum(self.added(min(tokens, start + size), start) for start in range(known, tokens, size))

    def _compared(self, tokens: int) -> float:
        """The operations of attention for a prompt."""
        return 2 * self.heads.value * self.width.value * seen_by(self.shape, tokens)

    def exchanges(self, tokens: float) -> float:
        """2 · layers · (latency + 2 · (devices - 1) / devices · tokens · hidden · 2 bytes / bandwidth)."""
        devices = self.fit.devices.value
        if devices < 2:
            return 0.0
        sent = 2 * (devices - 1) / devices * tokens * self.hidden.value * 2 / self._sends
        return 2 * self.shape.layers.value * (self._exchange + sent)

    @cached_property
    def _exchange(self) -> float:
        return float(self.planning.exchange.value)

    @cached_property
    def _sends(self) -> float:
        """The bandwidth that each device has; PCI Express is one path that more than two devices share."""
        rate = float(self.link.value) * float(self.planning.link_efficiency.value)
        shared = self._device.interconnect.value == "pcie" and self.fit.devices.value > SHARED
        return rate / self.fit.devices.value if shared else rate


def _share(planned: Because[Percent], own: Because[Percent] | None) -> Because[Percent]:
    """The share for all accelerators if the platform file has it, else the accelerator's own."""
    return planned if own is None or planned.kind != "default" else own


def _wide(shape: LlmShape, path: str) -> Because[int]:
    """A transformer has about 12 · layers · hidden² parameters (arXiv:2001.08361, section 2.1)."""
    active = shape.active_parameters if shape.active_parameters is not None else shape.parameters
    whole = float(shape.embedding_parameters.value) if shape.embedding_parameters is not None else 0.0
    each = max(1.0, float(active.value) - whole) / shape.layers.value
    found = max(1, round(math.sqrt(each / 12)))
    return assumed(f"{path}.hidden", found, "that of a transformer with as many parameters per layer", active)


@decision
def _reached(rate: Because[Bandwidth], devices: Because[int], share: Because[Percent]) -> tuple[float, str]:
    all_ = str(rate.value) if devices.value == 1 else f"{devices.value} x {rate.value}"
    return float(rate.value) * devices.value * float(share.value), f"{share.value} of {all_}"


@decision
def _computed(
    rate: Because[Compute],
    format_: str,
    devices: Because[int],
    share: Because[Percent],
    mixed: Because[Percent] | None,
    method: Because[str] | None,  # noqa: ARG001 - the number format follows from it
) -> tuple[float, str]:
    all_ = str(rate.value) if devices.value == 1 else f"{devices.value} x {rate.value}"
    reached = float(rate.value) * devices.value * float(share.value)
    if mixed is None:
        return reached, f"{share.value} of {all_}{format_}"
    return reached * float(mixed.value), f"{mixed.value} (a mixture of experts) of {share.value} of {all_}{format_}"

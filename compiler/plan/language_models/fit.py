"""Whether a language model fits on its accelerators, by the memory of its weights and its KV cache.

Traps that this module handles: a driver reports less memory than the data sheet; the KV cache of one long context can
be larger than the weights; latent attention and sliding-window attention cache less than the standard formula; with
more devices than key-value heads, several devices hold a copy of each head; embeddings stay in 16 bits when the rest is
quantized.
"""

from __future__ import annotations

from functools import cached_property

from ....schema.units import Memory, Percent
from ...because import Because, because, decision
from ...system import LlmShape
from ..choose import assumed, count, counted, gibibytes
from .tokens import Tokens

__all__ = ["Fit", "LanguageModel", "kept", "seen_by"]

BYTES = 2
"""Bytes per weight without quantization: 16 bits, as most models are published."""

WIDTHS = {"16-bit": BYTES, "fp8": 1}
"""Bytes per key or value in the cache."""

BITS = {"awq": 4.16, "gptq": 4.16, "mxfp4": 4.25}
"""Bits per 4-bit weight, including its share of the scales: 20 bits per 128 weights (AWQ, GPTQ), 8 per 32 (MXFP4)."""

UTILIZATION = Percent.parse("92%")
OVERHEAD = Memory.parse("1536Mi")
"""The assumed memory utilization and overhead on a device if the catalog does not know the runtime's, as for vLLM."""


class LanguageModel(Tokens):
    """A language model of known shape as one service serves it, independent of the hardware."""

    def __init__(
        self, shape: LlmShape, tokens: Tokens, method: Because[str] | None = None, family: Because[str] | None = None
    ) -> None:
        super().__init__(tokens.parent, tokens.part, tokens.platform, tokens.generates)
        self.shape = shape
        self._method = method
        self._family = family

    @property
    def named(self) -> Because[str] | None:
        """The name of its family."""
        return self._family if self._family is not None else super().named

    def quantized_by(self, method: Because[str]) -> LanguageModel:
        """The same model with another quantization."""
        return LanguageModel(self.shape, self, method, self._family)

    @property
    def smaller(self) -> LanguageModel | None:
        """The next smaller model of its series, with the same quantization; None if the catalog knows none."""
        family = self.family.smaller if self.family is not None else None
        if family is None:
            return None
        return LanguageModel(self.platform.families[family.value].shape, self, self._method, family)

    @cached_property
    def quantized(self) -> tuple[Because[str] | None, Because[int] | None]:
        """The method and the bits of its quantization, if it has one."""
        if self._method is not None:
            return self._method, None
        optimization = self.parent.optimization
        few = optimization.quantization if optimization is not None else None
        return (few.method, few.bits) if few is not None else (None, None)

    @cached_property
    def weights(self) -> Because[int]:
        """The size of its weights in bytes."""
        return _weights(self.shape, self.named, *self.quantized)

    @cached_property
    def kept_as(self) -> Because[str]:
        """The data type of the KV cache."""
        caching = self.part.llm.caching if self.part.llm is not None else None
        usual = "the precision of most published models"
        path = f"{self.part.spec_path}.llm.caching.dtype"
        return caching.dtype if caching is not None else assumed(path, "16-bit", usual)


class Fit:
    """A language model on accelerators of one type that share its tensors."""

    def __init__(self, model: LanguageModel, memory: Because[Memory], devices: Because[int]) -> None:
        self.model = model
        self.memory = memory
        self.devices = devices
        self.taken = model.part.container.device_memory

    def on(self, memory: Because[Memory], devices: Because[int]) -> Fit:
        """The same model on other accelerators."""
        return Fit(self.model, memory, devices)

    @cached_property
    def budget(self) -> Because[int]:
        """The bytes left for the KV cache on all devices; negative if the weights alone are too large."""
        usual = "the default of vLLM"
        utilization = self.taken.utilization if self.taken is not None else because(UTILIZATION, usual)
        overhead = self.taken.overhead if self.taken is not None else because(OVERHEAD, usual)
        return _budget(self.model.weights, self.memory, utilization, overhead, self.devices)

    @cached_property
    def whole(self) -> Because[int]:
        """The cache bytes of one sequence that fills the context."""
        context = self.model.context
        length = context if context is not None else self.model.length
        return _cache(self.model.shape, length, self.devices, self.model.kept_as)

    @cached_property
    def each(self) -> Because[int]:
        """The cache bytes of one typical sequence."""
        return _cache(self.model.shape, self.model.mean_length, self.devices, self.model.kept_as)

    @cached_property
    def fits(self) -> Because[bool]:
        """Whether the weights and one full context fit."""
        return _fits(self.budget, self.whole)

    @cached_property
    def sequences(self) -> Because[int]:
        """How many typical sequences fit concurrently."""
        return _sequences(self.budget, self.each)

    @cached_property
    def longest(self) -> int:
        """The longest context that would fit, in tokens; 0 if none does."""
        each, low, high = WIDTHS[self.model.kept_as.value], 0, 2**27
        while low + 1 < high:
            middle = (low + high) // 2
            needed = kept(self.model.shape, middle, self.devices.value, each)
            low, high = (middle, high) if needed <= self.budget.value else (low, middle)
        return low


def kept(shape: LlmShape, length: int, devices: int, each: int = BYTES) -> int:
    """The cache bytes of one sequence over all devices, with `each` bytes per key or value.

    The cache holds keys and values of all heads: 2 · layers · heads · width · bytes per token, as vLLM counts them.
    With more devices than heads, each device holds one head. Latent attention caches one latent vector for both keys
    and values, on every device (DeepSeek-V2, arXiv:2405.04434, section 2.1.3). A layer with a sliding window caches no
    more than the window.
    """
    layers, width = shape.layers.value, shape.head_dim.value * each
    if shape.attention.value == "latent":
        return layers * width * length * devices
    seen = layers * length
    if shape.attention.value == "sliding-window" and shape.sliding_window is not None:
        whole = min(shape.global_layers.value, layers) if shape.global_layers is not None else 0
        seen = whole * length + (layers - whole) * min(length, shape.sliding_window.value)
    return 2 * seen * max(shape.kv_heads.value, devices) * width


def seen_by(shape: LlmShape, length: int) -> float:
    """How many pairs of tokens all layers compare as a prompt is read: half of length² per layer, times two products.

    A layer with a sliding window compares each token with no more than the window.
    """
    layers, whole = shape.layers.value, shape.layers.value
    if shape.attention.value != "sliding-window" or shape.sliding_window is None:
        return float(layers) * length**2
    whole = min(shape.global_layers.value, layers) if shape.global_layers is not None else 0
    near = min(length, shape.sliding_window.value)
    return whole * length**2 + (layers - whole) * (2.0 * length * near - near**2)


@decision
def _weights(
    shape: LlmShape, named: Because[str] | None, method: Because[str] | None, bits: Because[int] | None
) -> tuple[int, str]:
    """Parameters times bytes; quantized weights, which exclude the embedding and the head, count with their bits."""
    total, of = float(shape.parameters.value), f" of `{named.value}`" if named is not None else ""
    if method is None:
        size = int(total * BYTES)
        return size, f"{counted(total)} parameters{of} x {BYTES} bytes = {gibibytes(size)}"
    usual = 4 if method.value in BITS else 8
    plain = bits.value if bits is not None else usual
    few = BITS.get(method.value, plain) if plain == 4 else plain
    whole = float(shape.embedding_parameters.value) if shape.embedding_parameters is not None else 0.0
    size = int((total - whole) * few / 8 + whole * BYTES)
    rest = f" + {counted(whole)} embedding parameters x {BYTES} bytes" if whole else ""
    return size, f"{counted(total - whole)} parameters{of} x {few:g} bits{rest} = {gibibytes(size)}"


@decision
def _budget(
    weights: Because[int],
    memory: Because[Memory],
    utilization: Because[Percent],
    overhead: Because[Memory],
    devices: Because[int],
) -> tuple[int, str]:
    """(utilization · reported memory - overhead) · devices - weights, as vLLM and SGLang split it at startup."""
    usable = float(utilization.value) * float(memory.value) - float(overhead.value)
    left = usable * devices.value - weights.value
    times = f" x {devices.value}" if devices.value > 1 else ""
    rest = f"leaves {gibibytes(left)} for the KV cache" if left >= 0 else f"is {gibibytes(-left)} short"
    return int(left), (
        f"({utilization.value} of {gibibytes(float(memory.value))} - {gibibytes(float(overhead.value))}){times} "
        f"- {gibibytes(weights.value)} of weights {rest}"
    )


@decision
def _cache(shape: LlmShape, length: Because[int], devices: Because[int], kept_as: Because[str]) -> tuple[int, str]:
    size = kept(shape, length.value, devices.value, WIDTHS[kept_as.value])
    few = f" as `{kept_as.value}`" if WIDTHS[kept_as.value] < BYTES else ""
    return size, f"{gibibytes(size)} of cache{few} for {length.value:,} tokens with {shape.attention.value} attention"


@decision
def _fits(budget: Because[int], whole: Because[int]) -> tuple[bool, str]:
    return whole.value <= budget.value, f"{budget.reason}; a full context needs {whole.reason}"


@decision
def _sequences(budget: Because[int], each: Because[int]) -> tuple[int, str]:
    found = max(0, budget.value // each.value)
    return found, f"{budget.reason}: {count(found, 'sequence')} with {each.reason} each"

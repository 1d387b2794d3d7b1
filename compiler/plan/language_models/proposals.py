"""What would cost less than the accelerators of a replica: fewer bits, a smaller model, or other accelerators.

Each is tried on every number of devices of each type that the spec allows, like the choice itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

from ...because import Because, because
from ...system import Accelerator
from ..serving.facts import ServiceFacts
from .fit import LanguageModel
from .options import Option, cheaper, proposed

__all__ = ["Proposals"]

FEWER = {"fp8": 8, "awq": 4}
"""The quantization methods that the planner compares with the given one, and their bits per weight."""

MEASURE = "measure the quality first, and then set `{field}` of the model"
"""What to do about a proposal that changes the model."""

Options = Callable[[LanguageModel | None, Iterable[Because[str]]], Iterator[Option]]
"""A model on every number of devices of some types."""


class Proposals:
    """What would cost less than the present accelerators, by the planner's estimates. Nothing without their price."""

    def __init__(self, service: ServiceFacts, model: LanguageModel, now: Option, options: Options) -> None:
        self._service = service
        self._model = model
        self._now = now
        self._tried = options

    @cached_property
    def bits(self) -> dict[int, Because[str]]:
        """What the model would cost in fewer bits per weight, where each is cheaper than more of them."""
        cheapest, found = self._now, {}
        for method, bits in FEWER.items():
            fewer = self._model.quantized_by(because(method, f"{bits} bits per weight"))
            if fewer.weights.value < self._model.weights.value:
                best = cheaper(cheapest, self._options(fewer, fp8=method == "fp8"))
                if best is not None:
                    advice = MEASURE.format(field="optimization.quantization")
                    cheapest, found[bits] = best, self._proposed(best, f"with `{method}`", advice)
        return found

    @cached_property
    def smaller(self) -> Because[str] | None:
        """What the next smaller model of the series would cost; None if there is none, or if it costs no less."""
        other = self._model.smaller
        best = cheaper(self._now, self._options(other)) if other is not None else None
        if best is None or other is None or other.named is None:
            return None
        return self._proposed(best, f"with `{other.named.value}`", MEASURE.format(field="llm.family"))

    @cached_property
    def other(self) -> Because[str] | None:
        """What other accelerators that the spec allows would cost, if it names more expensive ones; otherwise None."""
        named = self._service.part.resources.accelerator is not None
        best = cheaper(self._now, self._options(self._model)) if named else None
        if best is None:
            return None
        return self._proposed(best, "with other accelerators", "to use them, set `resources.accelerator`")

    def _options(self, model: LanguageModel, *, fp8: bool = False) -> tuple[Option, ...]:
        """On the types that the spec allows, and on the present one."""
        scope = self._service.scope
        names = {name.value: name for name in (self._now.name, *scope.system.constraints.accelerators)}
        able = [
            name
            for name in names.values()
            if self._comparable(scope.platform.accelerators[name.value])
            and (not fp8 or scope.platform.accelerators[name.value].fp8_compute is not None)
        ]
        return tuple(self._tried(model, able))

    def _comparable(self, device: Accelerator) -> bool:
        """Whether a device has a price in the currency of the present one."""
        now = self._service.scope.platform.accelerators[self._now.name.value].price
        return now is not None and device.price is not None and device.price.value.currency == now.value.currency

    def _proposed(self, best: Option, way: str, advice: str) -> Because[str]:
        price = self._service.scope.platform.accelerators[best.name.value].price
        assert price is not None
        return proposed(self._now, best, way, advice, price)

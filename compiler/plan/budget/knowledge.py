"""Where a language model gets what it must know from: the prompt, retrieval, or fine-tuning, and what each costs.

- What fits into the context needs neither an index nor a training run.
- A fine-tuned model knows what was there when it was trained, so it is as old as the model is when it is replaced.
- Retrieval adds facts more reliably than fine-tuning, which teaches form and behavior (O. Ovadia et al., Fine-tuning or
  retrieval? Comparing knowledge injection in LLMs, 2023, section 5).

Only declared facts count. How good the answers are is not among them: candidates compare that.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from ....schema.money import Budget, HourlyPrice
from ....schema.units import Count, Duration, Rate
from ...because import Because, decision, first
from ...system import Knowledge
from ..choose import count, number, readable, seconds
from .prices import MONTH, money

if TYPE_CHECKING:
    from .. import Plan
    from ..language_models.tokens import Tokens
    from ..language_models.work import Work
    from ..service import ServicePlan

__all__ = ["KnowledgePlan"]


class KnowledgePlan:
    """What the answers of one service must know."""

    def __init__(self, plan: Plan, service: ServicePlan) -> None:
        self.plan = plan
        self.service = service

    @property
    def asked(self) -> Knowledge | None:
        """What the spec says about it."""
        llm = self.service.part.llm
        return llm.knowledge if llm is not None else None

    @property
    def _lengths(self) -> Tokens:
        return self.service.hardware.tokens

    @property
    def retrieved(self) -> Because[int] | None:
        """The tokens that retrieval adds to each prompt; None without retrieval."""
        return self._lengths.retrieved

    @property
    def room(self) -> Because[int] | None:
        """The tokens of the context that are left for it, next to the answer; None if the context is unknown."""
        lengths = self._lengths
        if lengths.context is None:
            return None
        others = {name: part for name, part in lengths.parts.items() if name not in ("chunks", "answer")}
        return _room(lengths.context, {**others, "answer": lengths.output})

    @property
    def fits(self) -> Because[bool] | None:
        """Whether all of it fits into the context; None if one of the sizes is unknown."""
        tokens, room = self.asked.tokens if self.asked is not None else None, self.room
        return _fits(tokens, room) if tokens is not None and room is not None else None

    @cached_property
    def held(self) -> Because[float] | None:
        """The share of it that one prompt holds, from 0 to 1; None if one of the sizes is unknown."""
        tokens, room = self.asked.tokens if self.asked is not None else None, self.room
        return _held(tokens, room) if tokens is not None and room is not None and int(tokens.value) else None

    @cached_property
    def refreshed(self) -> Because[Duration] | None:
        """The longest time between two updates of the prompt, or of the index; None if answers may be of any age."""
        max_age = self.asked.max_age if self.asked is not None else None
        return _refreshed(max_age, self.proposed) if max_age is not None else None

    @property
    def method(self) -> Because[str] | None:
        """How the spec fine-tunes the model; None if it does not."""
        llm = self.plan.system.models[self.service.model.value].llm
        method = llm.tuning.method if llm is not None and llm.tuning is not None else None
        return method if method is not None and method.value != "prompting" else None

    @property
    def oldest(self) -> Because[Duration] | None:
        """How old a fine-tuned model gets; None if no scheduled run of this environment replaces it."""
        cadence = self.plan.cadence
        if cadence is None or cadence.training.model.value != self.service.model.value:
            return None
        return cadence.oldest

    @cached_property
    def proposed(self) -> Because[str]:
        """Where answers should get what they must know from."""
        if self.asked is None:
            return _unknown(f"{self.service.part.spec_path}.llm.knowledge", self.retrieved)
        return _proposed(self.asked.max_age, self.fits, self.oldest)

    # What it costs

    @cached_property
    def context_cost(self) -> Because[Budget] | None:
        """The monthly cost of reading what retrieval adds to prompts; None if the speed or the rate is unknown."""
        speed, rate = self.service.hardware.speed, first(self.service.traffic("mean"), self.service.traffic("peak"))
        if self.retrieved is None or speed is None or rate is None:
            return None
        price = self.plan.cost.online[self.service.part.own_name.value].price
        return _context_cost(speed.work, self.retrieved, self._lengths.usual_prompt, rate, price)

    @property
    def tuning_cost(self) -> Because[Budget] | None:
        """The monthly cost of fine-tuning the model; None if the system does not fine-tune it."""
        training = self.plan.training
        if training is None or self.method is None or training.model.value != self.service.model.value:
            return None
        return self.plan.cost.parts["training"].also(self.method)


@decision
def _room(context: Because[int], others: dict[str, Because[int]]) -> tuple[int, str]:
    left = max(0, context.value - sum(part.value for part in others.values()))
    taken = "".join(f" - {part.value:,} for `{name}`" for name, part in others.items())
    return left, f"the {left:,} that are left of the context ({context.value:,}{taken})"


@decision
def _fits(tokens: Because[Count], room: Because[int]) -> tuple[bool, str]:
    size = int(tokens.value)
    able = size <= room.value
    return able, f"{count(size, 'token')} {'fit' if able else 'do not fit'} into {room.reason}"


@decision
def _held(tokens: Because[Count], room: Because[int]) -> tuple[float, str]:
    size = int(tokens.value)
    return min(1.0, room.value / size), f"of {count(size, 'token')}, a prompt can hold {room.reason}"


@decision
def _refreshed(max_age: Because[Duration], proposed: Because[str]) -> tuple[Duration, str]:
    where = {"retrieval": "the index", "the prompt": "the prompt"}[proposed.value]
    return max_age.value, f"an answer may be {readable(max_age.value)} old, so update {where} at least this often"


@decision
def _unknown(path: str, retrieved: Because[int] | None) -> tuple[str, str]:
    if retrieved is None:
        return "the model itself", f"`{path}` does not say that answers must know more than the model does"
    return "retrieval", f"as declared; `{path}` would say whether it fits into the prompt, and how old it may be"


@decision
def _proposed(
    max_age: Because[Duration] | None, fits: Because[bool] | None, oldest: Because[Duration] | None
) -> tuple[str, str]:
    if fits is not None and fits.value:
        return "the prompt", f"{fits.reason}, without an index or a training run"
    size = f"{fits.reason}; " if fits is not None else ""
    if max_age is None:
        return "retrieval", f"{size}it adds facts more reliably than fine-tuning"
    asked = f"it may be {readable(max_age.value)} old"
    if oldest is None:
        return "retrieval", f"{size}{asked}, and no scheduled run replaces a fine-tuned model"
    if oldest.value > max_age.value:
        return "retrieval", f"{size}{asked}, and a fine-tuned model gets {readable(oldest.value)} old: {oldest.reason}"
    also = f"fine-tuning would keep it at most {readable(oldest.value)} old: {oldest.reason}"
    return "retrieval", f"{size}it adds facts more reliably than fine-tuning, although {also}"


@decision
def _context_cost(
    work: Work, retrieved: Because[int], prompt: Because[int], rate: Because[Rate], price: Because[HourlyPrice]
) -> tuple[Budget, str]:
    tokens = min(retrieved.value, prompt.value)
    took = work.added(prompt.value, prompt.value - tokens)
    busy = took * float(rate.value)
    amount = money(Decimal(busy) * MONTH * price.value.amount, price)
    return amount, (
        f"{count(tokens, 'token')} of a prompt take {seconds(took)} x {rate.value} = {number(busy)} busy replicas x "
        f"{MONTH} h x {price.value}; more with the time that replicas wait"
    )

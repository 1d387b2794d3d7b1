"""What labels cost: those of one evaluation, and those of a month.

An evaluation needs as many labels as its most demanding gate: its minimum sample, for each value of a segment. Without
a minimum, all test rows need one. A run evaluates on rows that are newer than the last run, so each needs new labels.
If the source that delivers labels says how many arrive per day, the month pays for those.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from ....schema.money import Budget, UnitPrice
from ....schema.units import Count
from ...because import Because, decision, first, text
from ...finding import refusal
from ..budget.prices import MONTH, in_one_currency, money, rounded, times
from ..choose import count, number
from .samples import GateSample

if TYPE_CHECKING:
    from .. import Plan

__all__ = ["LabelingPlan"]


class LabelingPlan:
    """The labels of the trained model, where it is trained."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @cached_property
    def price(self) -> Because[UnitPrice] | None:
        """The price of a label. Refuses one per something else, and another currency than that of the other prices."""
        labels = self.plan.system.data.labels
        price = labels.cost if labels is not None else None
        if price is None or self.plan.training is None:
            return None
        if price.value.per != "label":
            raise refusal(
                "MLS008",
                f"a label that costs {price.value} is impossible",
                price,
                note="the bill multiplies the price of a label by the number of labels",
                help="write it like `0.05 USD/label`",
            )
        in_one_currency(self.plan.platform.prices.core, price)
        return price

    @cached_property
    def evaluation(self) -> Because[int] | None:
        """The labels that one evaluation needs; None if neither a gate nor the history says it."""
        needs = tuple(need for gate in self.plan.samples.gates if (need := self._of_gate(gate)) is not None)
        if needs:
            return max(needs, key=lambda need: need.value).also(*needs)
        rows = self.plan.history.test
        return _of_rows(rows) if rows is not None else None

    def _of_gate(self, gate: GateSample) -> Because[int] | None:
        least = first(gate.gate.min_samples, gate.evaluation.min_samples)
        return _of_gate(gate.name, least, gate.values) if least is not None else None

    @cached_property
    def paid(self) -> Because[str] | None:
        """What the labels of one evaluation cost; None if their price or their number is unknown."""
        if self.price is None or self.evaluation is None:
            return None
        amount = _paid(self.evaluation, self.price)
        return text(f"{{amount}} {self.price.value.currency}", amount.reason, amount=amount)

    @property
    def parts(self) -> dict[str, Because[Budget]]:
        """The part of the bill, if it is known."""
        if self.price is None:
            return {}
        if self._daily is not None:
            return {"labels": _by_day(self._daily, self.price)}
        return (
            {"labels": _by_run(self.plan.cost.runs, self.evaluation, self.price)} if self.evaluation is not None else {}
        )

    @property
    def _daily(self) -> Because[Count] | None:
        """The labels that arrive per day, if a source of their own delivers them."""
        labels = self.plan.system.data.labels
        sources = {source.name.value: source.volume for source in self.plan.system.data.sources}
        volume = sources.get(labels.source.value) if labels is not None and labels.source is not None else None
        return volume.daily if volume is not None else None


@decision
def _of_gate(name: str, least: Because[Count], values: Because[int] | None) -> tuple[int, str]:
    each = int(least.value)
    if values is None:
        return each, f"the minimum sample of the gate on {name}"
    return each * values.value, f"{count(each, 'label')} for each of {count(values.value, 'value')} in {name}"


@decision
def _of_rows(rows: Because[int]) -> tuple[int, str]:
    return rows.value, f"every test row needs one: {rows.reason}"


@decision
def _paid(labels: Because[int], price: Because[UnitPrice]) -> tuple[str, str]:
    amount = rounded(labels.value * price.value.amount, 2)
    return f"{amount:,}", f"{count(labels.value, 'label')} x {price.value}"


@decision
def _by_day(daily: Because[Count], price: Because[UnitPrice]) -> tuple[Budget, str]:
    days = Decimal(MONTH) / 24
    why = f"{number(float(daily.value))} labels per day x {number(float(days))} days x {price.value}"
    return money(daily.value.amount * days * price.value.amount, price), why


@decision
def _by_run(runs: Because[Decimal], labels: Because[int], price: Because[UnitPrice]) -> tuple[Budget, str]:
    why = f"{times(runs.value, 'run')} x {count(labels.value, 'label')} x {price.value}; {runs.reason}; {labels.reason}"
    return money(runs.value * labels.value * price.value.amount, price), why

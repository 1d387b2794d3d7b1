"""The rule on cost: a budget is a promise to whoever pays, and a spec can break it with one word."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import TYPE_CHECKING

from ..because import Because
from ..diagnostics import Diagnostic
from ..finding import finding
from ..lint import rule
from ..plan import Plan
from ..system import MLSystem

if TYPE_CHECKING:
    from ...schema.units import Budget

__all__ = ["over_budget"]


@rule("MLS405", "error", "constraints.budget", "platform.prices", "platform.accelerators.*.price")
def over_budget(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Cost above the budget.

    Why: capacity is paid for while it is reserved. The first bill arrives a month after the change that caused it, and
    by then nobody remembers which change that was.

    Bad:
        constraints:
          throughput: {mean: 2000/s, peak: 9000/s}
          budget: 50 USD/month
    Good:
        constraints:
          throughput: {mean: 2000/s, peak: 9000/s}
          budget: 500 USD/month
    """
    budget = system.constraints.budget
    if budget is None:
        return
    total = plan.cost.total
    if budget.value.currency != total.value.currency:
        yield _other_currency(budget, total)
    elif plan.cost.left is not None and plan.cost.left.value.amount < 0:
        yield _over(budget, total, plan.cost.parts)


def _other_currency(budget: Because[Budget], total: Because[Budget]) -> Diagnostic:
    return finding(
        "MLS405",
        f"the budget is in {budget.value.currency}, and prices are in {total.value.currency}",
        budget,
        note=f"the cost of {total.value} cannot be compared with it: nothing is converted, as rates of exchange move",
        help=f"write the budget in {total.value.currency}, or give `prices` in {budget.value.currency} in the platform "
        "file",
    )


def _over(budget: Because[Budget], total: Because[Budget], parts: dict[str, Because[Budget]]) -> Diagnostic:
    largest = sorted(parts.items(), key=lambda part: part[1].value.amount, reverse=True)
    name, most = largest[0]
    listed = ", ".join(f"{name} {part.value.amount:,}" for name, part in largest if part.value.amount)
    enough = f"{ceil(total.value.amount)} {total.value.currency}/month"
    return finding(
        "MLS405",
        f"a month costs {total.value.amount:,} {total.value.currency}, which is over the budget of {budget.value}",
        budget,
        others=((most, f"{name} costs the most"),),
        note=f"{listed}; {name}: {most.why}",
        help=f"make `{name}` cheaper, or write `budget: {enough}`",
    )

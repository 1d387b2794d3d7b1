"""The rule on cost: a budget is a promise, and one word in a spec can break it."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import TYPE_CHECKING

from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import MLSystem, OnlineService
from ..lint import rule

if TYPE_CHECKING:
    from ....schema.money import Budget
    from ...plan.budget.cost import Share

__all__ = ["over_budget"]


@rule(
    "MLS405",
    "error",
    "constraints.budget",
    "services.*.constraints.budget",
    "services.*.rate",
    "retraining.schedule",
    "services.*.endpoint.responseSize",
    "data.labels.cost",
    "platform.prices",
    "platform.accelerators.*.price",
)
def over_budget(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Cost above the budget.

    Why: reserved capacity costs money whether it is used or not. The bill arrives a month after the change that caused
    it, when it is hard to tell which change that was.

    Bad:
        constraints:
          throughput: {mean: 2000/s, peak: 9000/s}
          budget: 50 USD/month
    Good:
        constraints:
          throughput: {mean: 2000/s, peak: 9000/s}
          budget: 500 USD/month
    """
    if not _any_budget(system):
        return  # without a budget, no price is needed
    for share in plan.cost.budgets:
        if share.left is None:
            yield _other_currency(share.budget, share.total)
        elif share.left.value.amount < 0:
            yield _over(plan, share)


def _any_budget(system: MLSystem) -> bool:
    online = [service for service in system.services.values() if isinstance(service, OnlineService)]
    return any(part.constraints.budget is not None for part in (system, *online))


def _other_currency(budget: Because[Budget], total: Because[Budget]) -> Diagnostic:
    return finding(
        "MLS405",
        f"the budget is in {budget.value.currency}, but prices are in {total.value.currency}",
        budget,
        note=f"it cannot be compared with the cost of {total.value}: exchange rates move, so mlspec does not convert",
        help=f"write the budget in {total.value.currency}, or set `platform.prices` in {budget.value.currency}",
    )


def _over(plan: Plan, share: Share) -> Diagnostic:
    from .cheaper import cheaper  # rarely needed, so imported late

    budget, total = share.budget, share.total
    largest = sorted(share.parts.items(), key=lambda part: part[1].value.amount, reverse=True)
    name, most = largest[0]
    listed = ", ".join(f"{name} {part.value.amount:,}" for name, part in largest if part.value.amount)
    room, instead = cheaper(plan, share, name)
    enough = f"{ceil(total.value.amount)} {total.value.currency}/month"
    return finding(
        "MLS405",
        f"the monthly cost{f' of `{share.service}`' if share.service else ''} is {total.value.amount:,} "
        f"{total.value.currency}, over the budget of {budget.value}",
        budget,
        others=((most, f"{name} costs the most"),),
        note=f"{listed}; {room}; {name}: {most.reason}",
        help=f"{instead}, or write `budget: {enough}`",
    )

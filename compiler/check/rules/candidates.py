"""Rules on the numbers that the selected candidate declares: against the naive baseline, and against the plan."""

from __future__ import annotations

from collections.abc import Iterator

from ....schema.money import UnitPrice
from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import Refusal, finding
from ...plan import Plan
from ...plan.choose import number
from ...system import MLSystem
from ..lint import rule

__all__ = ["cost_of_another_system", "no_gain"]

FAR = 3
"""How many times the declared cost may be above the plan's, or below that of busy replicas: a contract is a third below
list prices (1.5 times), a benchmark keeps replicas busier than the planned 70% (1.4 times), and not every hour fills
whole replicas (1.4 times).
"""


@rule("MLS212", "error", "models.*.candidates", "evaluation.primary")
def no_gain(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Selected candidate that is no better than the naive baseline.

    Why: the naive baseline costs next to nothing and needs no one on call. A model that does not beat it adds cost,
    latency, and failures, and no value.

    Bad:
        evaluation: {primary: roc_auc}
        model:
          candidates:
            - {name: deep, complexity: high, metrics: {roc_auc: 0.55}, selected: true}
            - {name: mean, role: naive, complexity: low, metrics: {roc_auc: 0.9}}
    Good:
        evaluation: {primary: roc_auc}
        model:
          candidates:
            - {name: deep, complexity: high, metrics: {roc_auc: 0.95}, selected: true}
            - {name: mean, role: naive, complexity: low, metrics: {roc_auc: 0.9}}
    """
    for selection in plan.selections.values():
        beaten, selected = selection.beaten, selection.selected
        if beaten is None or selected is None:
            continue
        reached, naive = (f"{value.value:g}" for value in (beaten.reached, beaten.naive))
        yield finding(
            "MLS212",
            f"the selected `{selected.name.value}` has no gain: it reaches {reached} in {beaten.metric}, and the naive "
            f"baseline {naive}",
            beaten.reached,
            others=((beaten.naive, "the naive baseline"),),
            note="the baseline serves as well without a model to train, host, and watch",
            help=f"move `selected: true` to `{better.name.value}`, or serve the baseline"
            if (better := selection.best(beaten.metric)) is not None
            else "serve the baseline, or add a candidate that beats it",
        )


@rule(
    "MLS213",
    "warning",
    "models.*.candidates",
    "services.*.rate",
    "platform.prices",
)
def cost_of_another_system(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Declared cost far from the cost of the planned system.

    Why: candidates are compared by their declared cost, and the budget is judged with it. A cost that was measured on
    busy hardware says little about replicas that wait for traffic, so the comparison favors the wrong candidate.

    Bad:
        constraints: {throughput: {mean: 20/s, peak: 60/s}}
        model:
          candidates: [{name: deep, cost: 90 USD/1M predictions, selected: true}]
    Good:
        constraints: {throughput: {mean: 20/s, peak: 60/s}}
        model:
          candidates: [{name: deep, cost: 1.2 USD/1M predictions, selected: true}]
    """
    for name, selection in plan.selections.items():
        declared = selection.selected.cost if selection.selected is not None else None
        if declared is not None and declared.value.amount:
            yield from (
                d for service, model in _serving(plan) if model == name for d in _judged(plan, service, declared)
            )


def _serving(plan: Plan) -> Iterator[tuple[str, str]]:
    """Every service with the name of its model."""
    yield from ((name, service.model.value) for name, service in plan.online.items())
    yield from ((name, batch.model.value) for name, batch in plan.batch.items())


def _judged(plan: Plan, service: str, declared: Because[UnitPrice]) -> Iterator[Diagnostic]:
    """A cost that is above that at the traffic of this environment, or below that of replicas that are always busy."""
    try:
        planned = plan.cost.of_serving(service)
        busy = plan.cost.of_busy(service) if planned is not None else None
    except Refusal:
        return  # without a price there is nothing to compare; MLS405 asks for it if there is a budget
    if planned is None or not planned.value.amount:
        return
    if (declared.value.currency, declared.value.per) != (planned.value.currency, planned.value.per):
        return
    least = busy if busy is not None and busy.value.amount < planned.value.amount else planned
    if declared.value.amount > FAR * planned.value.amount:
        yield _differs(service, declared, planned, "serving costs")
    elif declared.value.amount * FAR < least.value.amount:
        yield _differs(service, declared, least, "serving costs" if least is planned else "busy replicas cost")


def _differs(service: str, declared: Because[UnitPrice], planned: Because[UnitPrice], what: str) -> Diagnostic:
    share = declared.value.amount / planned.value.amount
    said = f"`{service}` costs {planned.value}, {number(float(1 / share))} times the declared {declared.value}"
    if share > 1:
        said = f"the declared {declared.value} is {number(float(share))} times what `{service}` costs, {planned.value}"
    return finding(
        "MLS213",
        said,
        declared,
        note=f"{what} {planned.reason}; candidates and the budget are judged by what they declare",
        help=f"write `cost: {planned.value}`, or correct what the plan rests on, such as `serviceTime` or prices",
    )

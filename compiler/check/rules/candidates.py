"""Rules on the numbers that the selected candidate declares: against the naive baseline, and against the plan."""

from __future__ import annotations

from collections.abc import Iterator

from ....schema.money import UnitPrice
from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import Refusal, finding
from ...plan import Plan
from ...plan.budget.alternatives import Alternative
from ...plan.choose import number
from ...system import MLSystem
from ..lint import rule

__all__ = ["cost_of_another_system", "costly_way", "no_gain"]

TWICE = 2
"""How many times the selected way must cost what the other one does: list prices and contracts differ by less."""

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


@rule("MLS218", "info", "models.*.candidates", "retraining.schedule", "platform.prices")
def costly_way(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Hosting that costs twice what an API costs, or an API that costs twice what hosting costs.

    Why: replicas cost the same with and without requests, and an API costs every request. At little traffic, the
    replicas wait for it most of the time. At much traffic, the API costs a multiple of them.

    Bad:
        constraints: {throughput: {mean: 20/s, peak: 60/s}}
        model:
          candidates:
            - {name: own, selected: true}
            - {name: vendor, api: {request: 0.2 USD/1M predictions}}
    Good:
        constraints: {throughput: {mean: 20/s, peak: 60/s}}
        model:
          candidates:
            - {name: own, selected: true}
            - {name: vendor, api: {request: 5 USD/1M predictions}}
    """
    try:
        found = plan.cost.alternatives
    except Refusal:
        return  # without a price there is nothing to compare; MLS405 asks for it if there is a budget
    for service in dict.fromkeys(other.service for other in found):
        others = [other for other in found if other.service == service]
        selected = [other for other in others if other.candidate.selected.value]
        yield from _costs_twice(min(selected or others, key=lambda other: other.costs.value.amount), bool(selected))


def _costs_twice(other: Alternative, api: bool) -> Iterator[Diagnostic]:
    """Whether the selected way, the `api` or hosting, costs twice the other one."""
    name, hosting, costs = other.candidate.name, other.hosting.value, other.costs.value
    chosen, instead = (costs, hosting) if api else (hosting, costs)
    if not instead.amount or chosen.amount < TWICE * instead.amount:
        return
    factor = number(float(chosen.amount / instead.amount))
    said = f"the API `{name.value}` costs {costs}, {factor} times what hosting `{other.service}` costs, {hosting}"
    if not api:
        said = f"hosting `{other.service}` costs {hosting}, {factor} times what the API `{name.value}` costs, {costs}"
    other_way = "the candidate that is hosted" if api else f"`{name.value}`"
    yield finding(
        "MLS218",
        said,
        name,
        others=((other.candidate.selected, "selected"),) if api else (),
        note=f"both cost the same at {other.even.value}: {other.even.reason}",
        help=f"move `selected: true` to {other_way}, or suppress this finding and say what is worth the difference",
    )

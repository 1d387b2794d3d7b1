"""What would make the most expensive part of a bill cheaper, with what the budget has room for."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from ...because import first
from ...plan import Plan
from ...plan.budget.prices import MONTH
from ...plan.choose import count, number
from ...plan.serving.capacity import for_a_guess

if TYPE_CHECKING:
    from ...plan.budget.cost import Share
    from ...plan.budget.online import OnlineCost

__all__ = ["cheaper"]


def cheaper(plan: Plan, share: Share, part: str) -> tuple[str, str]:
    """The room that the budget leaves for a part, and what to change, each in words."""
    cost = share.parts[part].value.amount
    room = max(Decimal(0), share.budget.value.amount - share.total.value.amount + cost)
    online = next((one for one in plan.cost.online.values() if one.title == part), None)
    if online is not None:
        return _replicas(online, room), ", or ".join(_ways(plan, online))
    if part == "training" and plan.training is not None:
        each = cost / plan.cost.runs.value if plan.cost.runs.value else cost
        fewer = "fewer trials or folds" if plan.training.fits.value > 1 else "a cheaper pod"
        said = f"{number(float(room / each))} of {number(float(plan.cost.runs.value))} runs" if each else "its runs"
        return f"the budget has room for {said} per month", f"train less often, or with {fewer}"
    return f"the budget leaves {number(float(room))} {share.total.value.currency} for it", f"reduce the cost of {part}"


def _replicas(online: OnlineCost, room: Decimal) -> str:
    month = online.price.value.amount * MONTH
    fits = number(float(room / month)) if month else "all"
    each = f"a replica costs {number(float(month))} {online.price.value.currency}/month"
    return f"{each}, so the budget has room for {fits} of {number(float(online.replicas.value))}"


def _ways(plan: Plan, online: OnlineCost) -> list[str]:
    """What would help, the most effective first: fewer bits and cheaper devices where they are most of the price."""
    service = online.service
    least, needed = service.part.replicas.min.given, service.least_needed.value
    model, ways = plan.system.models[service.model.value], []
    if least is not None and least.value > needed:
        rate = "mean rate" if service.for_trough is None else "trough"
        enough = f"the {count(needed, 'replica')} that the {rate} needs"
        ways.append(f"lower `replicas.min` from {least.value} to {enough}")
    peak, demand = first(service.traffic("peak"), service.traffic("mean")), service.demand
    if peak is not None and demand is not None and for_a_guess(float(peak.value), demand, service.for_peak.value):
        ways.append("measure the slow requests, too (`serviceTime.p99`)")
    if service.devices is not None:
        bits = model.optimization.quantization if model.optimization is not None else None
        if service.is_language_model and bits is None:
            ways.append("serve the model in fewer bits (`optimization.quantization`)")
        ways.append(f"try other accelerators than {service.devices.count.value} x `{service.devices.type.value}`")
    elif not ways and service.slots.value == 1 and needed > 2:
        ways.append("let a replica handle several requests at once (`serviceTime.at`, `instances`)")
    elif not ways:
        ways.append("request less CPU and memory per replica")
    from ...plan.budget.modes import precomputed

    found = precomputed(online)
    if found is not None and found.cost is not None and found.cost.value.amount < online.serving.value.amount:
        ways.append(f"compute the answers in batch runs, for {found.cost.value}")
    return ways

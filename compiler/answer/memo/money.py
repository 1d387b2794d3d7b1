"""The monthly cost of the system, by part, and the unit prices."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ....schema.money import Budget
from ...because import Because
from ...plan import Plan
from ...plan.budget.modes import precomputed, served_online
from ...plan.budget.online import Parts
from ...record import Record
from .line import Line

__all__ = ["CostPart", "bill", "cost"]


class CostPart(Record):
    """One part of the monthly cost, or the total. The three amounts are equal unless an autoscaler moves them."""

    title: str
    floor: Decimal
    """With the minimum replicas all month."""
    expected: Decimal
    """Over the days that the spec describes."""
    peak: Decimal
    """As if the peak lasted all month."""
    currency: str
    """The currency of all amounts, such as `USD`."""

    @property
    def varies(self) -> bool:
        """Whether the replicas follow the load."""
        return self.floor < self.peak

    def said(self, amount: Decimal) -> str:
        """One of the amounts in words: `59.88 USD/month`."""
        return str(Budget(amount, self.currency, "month"))


def cost(plan: Plan) -> Iterator[Line]:
    """The parts, largest first; then the total, the unused budget, and the price of a million predictions."""
    parts = plan.cost.parts
    if not parts:
        return
    for name, price in _largest_first(parts):
        yield Line(title=name, value=price)
    for name, service in plan.cost.online.items():
        if service.floor.value.amount < service.peak.value.amount:
            yield Line(title=f"serving {name}, floor", value=service.floor)
            yield Line(title=f"serving {name}, peak", value=service.peak)
    yield Line(title="total", value=plan.cost.total)
    for share in plan.cost.budgets:
        if share.left is not None:
            of = f" of {share.service}" if share.service else ""
            path = f"services.{share.service}.constraints.budget" if share.service else "constraints.budget"
            yield Line(title=f"headroom: unused budget{of}", value=share.left, field=path)
    for name, each in plan.cost.units.items():
        yield Line(title=f"unit price, {name}", value=each)
    for other in plan.cost.alternatives:
        yield Line(title=f"break-even of {other.service} with {other.candidate.name.value}", value=other.even)
    yield from _other_modes(plan)


def _other_modes(plan: Plan) -> Iterator[Line]:
    """What online services would cost as batch runs, and batch runs as online services."""
    for name, online in plan.cost.online.items():
        found = precomputed(online)
        if found is None:
            continue
        yield Line(title=f"precomputed answers of {name}", value=found.cost if found.cost is not None else found.late)
        if found.even is not None:
            yield Line(title=f"break-even of {name} with precomputed answers", value=found.even)
    for name, batch in plan.batch.items():
        instead = served_online(plan, batch)
        if instead is not None:
            yield Line(title=f"items of {name}, scored online", value=instead)


def bill(plan: Plan) -> Iterator[CostPart]:
    """The parts, largest first, then the total; nothing if no part has a price."""
    if not plan.cost.parts:
        return
    spans = {service.title: service.span for service in plan.cost.online.values()}
    found = [_part(name, *spans.get(name, (price, price, price))) for name, price in _largest_first(plan.cost.parts)]
    yield from found
    ends = {end: sum((getattr(part, end) for part in found), Decimal(0)) for end in ("floor", "expected", "peak")}
    yield CostPart(title="total", currency=found[0].currency, **ends)


def _part(title: str, *span: Because[Budget]) -> CostPart:
    floor, expected, peak = (end.value.amount for end in span)
    return CostPart(title=title, floor=floor, expected=expected, peak=peak, currency=span[0].value.currency)


def _largest_first(parts: Parts) -> list[tuple[str, Because[Budget]]]:
    return sorted(parts.items(), key=lambda part: -part[1].value.amount)

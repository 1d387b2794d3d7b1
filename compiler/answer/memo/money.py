"""The monthly cost of the system, by part, and the unit prices."""

from __future__ import annotations

from collections.abc import Iterator

from ...plan import Plan
from .line import Line

__all__ = ["cost"]


def cost(plan: Plan) -> Iterator[Line]:
    """The parts, largest first; then the total, the unused budget, and the price of a million predictions."""
    parts = plan.cost.parts
    if not parts:
        return
    for name, price in sorted(parts.items(), key=lambda part: -part[1].value.amount):
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

"""What the system costs in a month, by part, and what a prediction costs."""

from __future__ import annotations

from collections.abc import Iterator

from ...plan import Plan
from .line import Line

__all__ = ["cost"]


def cost(plan: Plan) -> Iterator[Line]:
    """The largest part first; then the sum, what the budget leaves, and the price of a million predictions."""
    parts = plan.cost.parts
    if not parts:
        return
    for name, price in sorted(parts.items(), key=lambda part: -part[1].value.amount):
        yield Line(title=name, value=price)
    yield Line(title="all together", value=plan.cost.total)
    for share in plan.cost.budgets:
        if share.left is not None:
            of = f" of {share.service}" if share.service else ""
            path = f"services.{share.service}.constraints.budget" if share.service else "constraints.budget"
            yield Line(title=f"headroom: left of the budget{of}", value=share.left, field=path)
    for name, each in plan.cost.units.items():
        yield Line(title=f"price, {name}", value=each)

"""What the system is for, and what is known of its models."""

from __future__ import annotations

from collections.abc import Iterator

from ..because import text
from ..plan import Plan
from .line import Line, shown

__all__ = ["choice", "problem"]


def problem(plan: Plan) -> Iterator[Line]:
    """The task, and the number that the organisation wants to move."""
    system = plan.system
    yield Line(title="use case", value=system.problem.use_case)
    yield Line(title="task", value=system.problem.task)
    business = system.problem.business_metric
    if business is not None and business.target is not None:
        parts = {"name": business.name, "target": business.target.map(shown)}
        if business.unit is not None:
            parts["unit"] = business.unit
        template = "{name}: {target} {unit}" if business.unit is not None else "{name}: {target}"
        yield Line(
            title="business metric, target", value=text(template, "what the organisation wants to reach", **parts)
        )


def choice(plan: Plan, name: str) -> Iterator[Line]:
    """The model, and the candidate that was selected."""
    model = plan.system.models[name]
    if model.approach is not None:
        yield Line(title="approach", value=model.approach)
    chosen = next((candidate for candidate in model.candidates if candidate.selected.value), None)
    if chosen is not None:
        yield Line(title="selected", value=chosen.name)
    release = plan.system.releases.get(name)
    if release is not None:
        yield Line(title="version in service", value=release.version)

"""What the system is for, and what is known of its models."""

from __future__ import annotations

from collections.abc import Iterator

from ...because import Because, text
from ...plan import Plan
from ...plan.training.selection import Selection
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
    if name in plan.selections:
        yield from _selection(plan.selections[name], plan)
    release = plan.system.releases.get(name)
    if release is not None:
        yield Line(title="version in service", value=release.version)


def _selection(selection: Selection, plan: Plan) -> Iterator[Line]:
    """The candidates side by side, and the best of those that are simpler or cheaper."""
    if selection.selected is not None:
        yield Line(title="selected", value=selection.selected.name)
    for name, row in selection.compared.items():
        chosen = selection.selected is not None and name == selection.selected.name.value
        for what, value in row.items():
            if not (chosen and what in _SHARES):  # it is compared with itself
                yield _compared(name, what, value, plan)
    if selection.challenged_by is not None:
        yield Line(title="challenger", value=selection.challenged_by)


def _compared(name: str, what: str, value: Because[object], plan: Plan) -> Line:
    if what in _SHARES:
        return Line(title=f"{name}, {_SHARES[what]}", value=value.map(_per_cent))
    what = what.removeprefix("bounded ")
    metric = plan.system.metrics.get(what.partition("@")[0])
    unit = metric.unit.value if metric is not None and metric.unit is not None else ""
    return Line(title=f"{name}, {what}", value=value, unit=unit)


_SHARES = {"gain": "share of the gain", "cost": "share of the cost"}


def _per_cent(share: object) -> str:
    return f"{float(str(share)) * 100:.3g} %"

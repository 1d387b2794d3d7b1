"""The problem that the system solves, and the selection of its models."""

from __future__ import annotations

from collections.abc import Iterator

from ...because import Because, text
from ...plan import Plan
from ...plan.training.interpretability import readable, reasons
from ...plan.training.selection import Selection
from ...system import Model
from .line import Line, percent, shown

__all__ = ["choice", "problem"]


def problem(plan: Plan) -> Iterator[Line]:
    """The task, and the business metric with its target."""
    system = plan.system
    yield Line(title="use case", value=system.problem.use_case)
    yield Line(title="task", value=system.problem.task)
    business = system.problem.business_metric
    if business is not None and business.target is not None:
        parts = {"name": business.name, "target": business.target.map(shown)}
        if business.unit is not None:
            parts["unit"] = business.unit
        template = "{name}: {target}" if business.unit is None else "{name}: {target} {unit}"
        if business.unit is not None and business.unit.value.startswith("%"):
            template = "{name}: {target}{unit}"
        yield Line(title="business metric, target", value=text(template, "the business target in the spec", **parts))


def choice(plan: Plan, name: str) -> Iterator[Line]:
    """The approach, the selected candidate, and the live version."""
    model = plan.system.models[name]
    if model.approach is not None:
        yield Line(title="approach", value=model.approach)
    yield from _interpretability(plan, model)
    if name in plan.selections:
        yield from _selection(plan.selections[name], plan)
    release = plan.system.releases.get(name)
    if release is not None:
        yield Line(title="live version", value=release.version)


def _interpretability(plan: Plan, model: Model) -> Iterator[Line]:
    """What people see of how an answer is reached, if the spec requires it."""
    asked, output = plan.system.constraints.interpretability, reasons(model)
    selected = next((candidate for candidate in model.candidates if candidate.selected.value), None)
    able = readable(plan.system, model, selected)
    if asked is None:
        return
    if asked.value == "reasons" and output is not None:
        yield Line(title="reasons of an answer", value=text("output {name}", "marked with `carries`", name=output.name))
    elif able is not None:
        yield Line(title="readable", value=able)


def _selection(selection: Selection, plan: Plan) -> Iterator[Line]:
    """The candidates side by side, and those that are simpler or cheaper and have nearly all of the gain."""
    if selection.selected is not None:
        yield Line(title="selected", value=selection.selected.name)
    for name, row in selection.compared.items():
        chosen = selection.selected is not None and name == selection.selected.name.value
        for what, value in row.items():
            if not (chosen and what in _SHARES):  # relative to itself, it is 100%
                yield _compared(name, what, value, plan)
    for what, rival in (("simplest", selection.simplest), ("cheapest", selection.cheapest)):
        if rival is not None:
            yield Line(title=f"{what} sufficient candidate", value=selection.named(rival))


def _compared(name: str, what: str, value: Because[object], plan: Plan) -> Line:
    if what in _SHARES:
        return Line(title=f"{name}, {_SHARES[what]}", value=value.map(percent))
    what = what.removeprefix("bounded ")
    metric = plan.system.metrics.get(what.partition("@")[0])
    return Line(title=f"{name}, {what}", value=value, unit=_UNITS.get(metric.unit.value, "") if metric else "")


_UNITS = {"seconds": "s", "per-second": "per second"}
"""The units that a number needs; a share or a score is a plain number."""

_SHARES = {"gain": "relative gain", "cost": "relative cost"}

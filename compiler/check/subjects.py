"""What bounds in production are on: `of` names an output, a column, a view, or a service, and which one depends on the
metric.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..because import Because, Unavailable
from ..diagnostics import Diagnostic
from ..exported import condition
from ..finding import Refusal, finding, guess
from ..plan import Plan
from ..plan.measuring import measures
from ..system import AlertRule, Condition
from ..words import closest, listing

__all__ = ["columns", "unknown_subjects"]


def unknown_subjects(plan: Plan) -> Iterator[Diagnostic]:
    """An error for each `of` that names nothing of the spec."""
    try:
        asked = plan.system.monitoring
        bounds: list[Condition | AlertRule] = [*asked.rules]
        bounds += [asked.quality] if asked.quality is not None else []
        for bound in bounds:
            if bound.of is not None:
                yield from _unknown(plan, bound, bound.of)
    except (Unavailable, Refusal):
        return  # the mistake has been reported, or will be where the value is needed


def _unknown(plan: Plan, bound: Condition | AlertRule, of: Because[str]) -> Iterator[Diagnostic]:
    what, names = _known(plan, bound)
    if not names or of.value in names or of.value in plan.system.services:
        return
    near = closest(of.value, names)
    yield finding(
        "MLS010",
        f"unknown {what} `{of.value}`",
        of,
        label="not declared",
        others=((bound.metric, f"is measured of each {what}"),),
        note="nothing would measure it, and its alert would never fire",
        help=f"write `{near}`" if near else f"write {listing(names)}, or remove `of`",
    ).but(fix=guess((of, near)) if near else None)


def _known(plan: Plan, bound: Condition | AlertRule) -> tuple[str, list[str]]:
    """What `of` of a bound names, and the names that there are; none if the spec does not have to say them."""
    system = plan.system
    metric = system.metrics[bound.metric.value.partition("@")[0]]
    exported = condition(bound.metric.value)
    if metric.query is not None:
        return "service", []
    if exported is None:
        return "output", _outputs(plan, bound) if metric.needs_labels.value else []
    if exported.of == "view":
        return "view", [view.name.value for view in system.features.views] if system.features is not None else []
    return "column", columns(plan) if exported.of == "column" else []


def _outputs(plan: Plan, bound: Condition | AlertRule) -> list[str]:
    process = plan.measuring if measures(plan, bound) else None
    models = [process.model] if process is not None else [*plan.system.models.values()]
    return [one.name.value for model in models if model.signature is not None for one in model.signature.outputs]


def columns(plan: Plan) -> list[str]:
    """The columns of the data, and what requests, answers, and the feature store add to them."""
    system = plan.system
    signatures = [model.signature for model in system.models.values() if model.signature is not None]
    views = system.features.views if system.features is not None else ()
    found = [column.name.value for column in system.data.columns]
    found += [one.name.value for view in views for one in view.features]
    found += [one.name.value for signature in signatures for one in (*signature.inputs, *signature.outputs)]
    return [*dict.fromkeys(found)]

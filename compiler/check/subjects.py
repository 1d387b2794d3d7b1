"""What bounds are on: `of` names an output, a column, a view, a currency, a type of tokens, or a service, and which one
depends on the metric. That of a gate names an output of the trained model.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..because import Because, Unavailable
from ..diagnostics import Diagnostic
from ..exported import Exported, condition
from ..finding import Refusal, finding, guess
from ..plan import Plan
from ..plan.measuring import measures
from ..system import AlertRule, Condition
from ..words import closest, listing

__all__ = ["columns", "unknown_subjects"]


def unknown_subjects(plan: Plan) -> Iterator[Diagnostic]:
    """An error for each `of` that names nothing of the spec."""
    for section in (_in_production, _of_gates):
        try:
            yield from section(plan)
        except (Unavailable, Refusal):
            continue  # the mistake has been reported, or will be where the value is needed


def _in_production(plan: Plan) -> Iterator[Diagnostic]:
    asked = plan.system.monitoring
    bounds: list[Condition | AlertRule] = [*asked.rules]
    bounds += [asked.quality] if asked.quality is not None else []
    for bound in bounds:
        if bound.of is not None:
            what, names = _known(plan, bound)
            yield from _unknown(plan, bound, bound.of, what, names, _WHOLE if what == "service" else _SILENT)


def _of_gates(plan: Plan) -> Iterator[Diagnostic]:
    judged = plan.system.evaluation
    for gate in judged.gates if judged is not None else ():
        if gate.of is not None:
            yield from _unknown(plan, gate, gate.of, "output", _trained(plan), _FAILED)


_SILENT = "nothing would measure it, and its alert would never fire"
_WHOLE = "the metric has one value, so the alert would be on something else than it says"
_FAILED = "no evaluation would have a result of it, so no model could pass"


def _unknown(
    plan: Plan, bound: Condition | AlertRule, of: Because[str], what: str, names: list[str], note: str
) -> Iterator[Diagnostic]:
    if not names or of.value in names or of.value in plan.system.services:
        return
    if what == "currency" and _is_currency(of.value):
        return
    near = of.value.upper() if of.value.upper() in names else closest(of.value, names)
    yield finding(
        "MLS010",
        f"unknown {what} `{of.value}`",
        of,
        label="not declared",
        others=((bound.metric, f"is measured of each {what}"),),
        note=note,
        help=f"write `{near}`" if near else f"write {listing(names)}, or remove `of`",
    ).but(fix=guess((of, near)) if near else None)


def _known(plan: Plan, bound: Condition | AlertRule) -> tuple[str, list[str]]:
    """What `of` of a bound names, and the names that there are; none if the spec does not have to say them."""
    system = plan.system
    metric = system.metrics[bound.metric.value.partition("@")[0]]
    exported = condition(bound.metric.value)
    if metric.query is not None:
        return "service", [*system.services]
    if exported is None:
        return "output", _outputs(plan, bound) if metric.needs_labels.value else []
    return _group(plan, exported)


def _group(plan: Plan, exported: Exported) -> tuple[str, list[str]]:
    """What `of` selects of a metric that jobs export: the values of one of its labels, otherwise a service."""
    if exported.of == "column":
        return "column", columns(plan)
    if exported.of == "view":
        features = plan.system.features
        return "view", [view.name.value for view in features.views] if features is not None else []
    if exported.of == "currency":
        return "currency", _currencies(plan)
    return ("type of tokens", [*exported.values]) if exported.of else ("service", [*plan.system.services])


def _currencies(plan: Plan) -> list[str]:
    budget = plan.system.constraints.budget
    return [budget.value.currency if budget is not None else "USD"]


def _is_currency(code: str) -> bool:
    """Whether it is a code of ISO 4217: jobs may export costs in another currency than that of the budget."""
    return len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()


def _outputs(plan: Plan, bound: Condition | AlertRule) -> list[str]:
    process = plan.measuring if measures(plan, bound) else None
    models = [process.model] if process is not None else [*plan.system.models.values()]
    return [one.name.value for model in models if model.signature is not None for one in model.signature.outputs]


def _trained(plan: Plan) -> list[str]:
    """The outputs of the model that gates judge: the one that is trained, else any."""
    models = [plan.training.trained] if plan.training is not None else [*plan.system.models.values()]
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

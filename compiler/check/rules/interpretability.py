"""Rules on interpretability: the spec requires that people see how answers are reached, and the model shows it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.training.interpretability import approach, readable, reasons
from ...plan.training.selection import Selection
from ...system import Candidate, MLSystem, Model
from ..lint import rule

__all__ = ["unreadable_model"]


@rule(
    "MLS220",
    "error",
    "constraints.interpretability",
    "models.*.approach",
    "models.*.candidates",
    "models.*.signature",
    "evaluation.primary",
    "platform.approaches",
)
def unreadable_model(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Model that is not interpretable, although the spec requires it.

    Why: an applicant who is declined, a doctor, or a regulator asks why. Gradient boosting and neural networks have no
    answer that people can check, and an explanation by another model is an approximation that can be wrong. `model`
    requires an interpretable approach; `reasons` requires an output with the reason codes of each answer.

    Bad:
        constraints: {interpretability: model}
        evaluation: {primary: roc_auc}
        model:
          candidates:
            - {name: trees, approach: gradient-boosting, metrics: {roc_auc: 0.943}, selected: true}
            - {name: additive, approach: explainable-boosting, metrics: {roc_auc: 0.94}}
            - {name: mean, role: naive, approach: constant, complexity: low, metrics: {roc_auc: 0.5}}
    Good:
        constraints: {interpretability: model}
        evaluation: {primary: roc_auc}
        model:
          candidates:
            - {name: trees, approach: gradient-boosting, metrics: {roc_auc: 0.943}}
            - {name: additive, approach: explainable-boosting, metrics: {roc_auc: 0.94}, selected: true}
            - {name: mean, role: naive, approach: constant, complexity: low, metrics: {roc_auc: 0.5}}
    """
    asked = system.constraints.interpretability
    if asked is None:
        return
    for name, model in system.models.items():
        if asked.value == "reasons":
            yield from _without_reasons(name, model, asked)
            continue
        selection = plan.selections.get(name)
        selected = selection.selected if selection is not None else None
        found = approach(model, selected)
        able = readable(system, model, selected)
        if found is None or able is None:
            yield _unknown(name, selected, asked)
        elif not able.value:
            yield _opaque(selection, selected, found, asked, able)


def _without_reasons(name: str, model: Model, asked: Because[str]) -> Iterator[Diagnostic]:
    if reasons(model) is None:
        yield finding(
            "MLS220",
            f"no output of `{name}` carries the reasons of an answer",
            asked,
            others=((model.signature, "its outputs"),),
            note="callers could not say why an answer is what it is",
            help="mark the output of the model that carries them with `carries: reasons`, or add one to the model",
        )


def _unknown(name: str, selected: Candidate | None, asked: Because[str]) -> Diagnostic:
    what = f"the selected `{selected.name.value}`" if selected is not None else f"`{name}`"
    return finding(
        "MLS220",
        f"nothing says which approach {what} takes",
        selected.name if selected is not None else asked,
        others=((asked, "it must be interpretable"),),
        note="whether a model is interpretable follows from its approach",
        help="add `approach: ...` to it, such as `logistic-regression` or `gradient-boosting`",
    )


def _opaque(
    selection: Selection | None,
    selected: Candidate | None,
    found: Because[str],
    asked: Because[str],
    able: Because[bool],
) -> Diagnostic:
    best = _best(selection) if selection is not None else None
    what = f"the selected `{selected.name.value}` is" if selected is not None else "the model is"
    instead = "compare an interpretable candidate, such as `explainable-boosting`, or require `reasons` instead"
    if best is not None:
        instead = f"move `selected: true` to `{best.name.value}`, or require `reasons` instead"
    return finding(
        "MLS220",
        f"{what} of type `{found.value}`, which is not interpretable",
        found,
        others=((asked, "required here"), *(((best.name, "the best interpretable one"),) if best is not None else ())),
        note=able.reason,
        help=instead,
    )


def _best(selection: Selection) -> Candidate | None:
    """The best interpretable candidate: one that is no baseline, that misses the fewest bounds, and then the one
    with the best value of the primary metric.
    """

    def merit(candidate: Candidate) -> tuple[bool, int, float]:
        metric, value = selection.primary, -math.inf
        if metric is not None and metric.value in candidate.metrics:
            reached = candidate.metrics[metric.value].value
            value = reached if selection.maximized(metric).value else -reached
        return candidate.role.value != "naive", -len(selection.missed(candidate)), value

    able = [c for c in selection.model.candidates if (found := selection.readable(c)) is not None and found.value]
    return max(able, key=merit, default=None)

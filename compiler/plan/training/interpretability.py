"""Whether people can see how a model reaches its answers: in the model itself, or by the reasons that come with them.

The catalog says which approaches people can read. C. Rudin, Stop explaining black box machine learning models for high
stakes decisions and use interpretable models instead, Nature Machine Intelligence 1, 2019, says why an explanation of
another model is no substitute.
"""

from __future__ import annotations

from ...because import Because, decision, first
from ...system import Candidate, MLSystem, Model, Output

__all__ = ["approach", "readable", "reasons"]


def approach(model: Model, candidate: Candidate | None) -> Because[str] | None:
    """The approach of a candidate. The model's is that of the selected candidate, and of a model without candidates."""
    if candidate is None:
        return model.approach
    return first(candidate.approach, model.approach if candidate.selected.value else None)


def readable(system: MLSystem, model: Model, candidate: Candidate | None) -> Because[bool] | None:
    """Whether people can read a candidate, or the model; None if its approach is unknown, or if nothing requires it."""
    asked, found = system.constraints.interpretability, approach(model, candidate)
    if asked is None or asked.value != "model" or found is None:
        return None
    return _readable(found, system.platform.approaches[found.value].interpretable, asked)


def reasons(model: Model) -> Output | None:
    """The output that carries the reasons of an answer."""
    outputs = model.signature.outputs if model.signature is not None else ()
    return next((output for output in outputs if output.carries is not None), None)


@decision
def _readable(name: Because[str], interpretable: Because[bool], _: Because[str]) -> tuple[bool, str]:
    able = "can" if interpretable.value else "cannot"
    return interpretable.value, f"people {able} read how a model of type `{name.value}` reaches an answer"

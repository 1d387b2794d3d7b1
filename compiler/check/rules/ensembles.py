"""A rule on ensembles of models: their members, weights, and signatures."""

from __future__ import annotations

from collections.abc import Iterator

from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.choose import count
from ...system import Input, MLSystem, Model, ModelEnsemble, Output, Signature
from ..lint import rule

__all__ = ["ensemble_that_does_not_fit"]

ROUNDING = 0.001
"""How far the sum of weights may be from 1: thirds are written with a few digits."""


@rule("MLS225", "error", "models.*.ensemble", "models.*.signature")
def ensemble_that_does_not_fit(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Ensemble whose members, weights, or signatures do not fit together.

    Why: members get the inputs of the ensemble, and their outputs are combined by name. A member with another input or
    output fails at its first request, or changes the score. Weights that do not add up to 1 scale the score, so its
    threshold means something else.

    Bad:
        models:
          trees: {approach: gradient-boosting}
          network: {approach: neural-network}
          blend: {ensemble: {method: weighted, members: [trees, network], weights: [0.7, 0.2]}}
    Good:
        models:
          trees: {approach: gradient-boosting}
          network: {approach: neural-network}
          blend: {ensemble: {method: weighted, members: [trees, network], weights: [0.7, 0.3]}}
    """
    for model in system.models.values():
        if model.ensemble is not None:
            yield from _members(system, model, model.ensemble)
            yield from _weights(model.ensemble)
            yield from _signatures(system, model, model.ensemble)


def _members(system: MLSystem, model: Model, ensemble: ModelEnsemble) -> Iterator[Diagnostic]:
    if len({one.value for one in ensemble.members}) < 2:
        yield finding(
            "MLS225",
            f"the ensemble `{model.own_name.value}` has fewer than two different members",
            ensemble.members[0] if ensemble.members else ensemble.method,
            note="there is nothing to combine",
            help="name the models to combine in `members`, or remove `ensemble`",
        )
    for member in ensemble.members:
        if model.own_name.value in _within(system, member.value, set()):
            yield finding(
                "MLS225",
                f"the ensemble `{model.own_name.value}` contains itself",
                member,
                label="through this member" if member.value != model.own_name.value else "as this member",
                note="no artifact can contain itself",
                help="remove the member, or declare the model that it stands for under a name of its own",
            )


def _within(system: MLSystem, name: str, seen: set[str]) -> set[str]:
    """The names of a model and of everything that it combines."""
    if name not in seen and name in system.models:
        seen.add(name)
        ensemble = system.models[name].ensemble
        for member in ensemble.members if ensemble is not None else ():
            _within(system, member.value, seen)
    return seen


def _weights(ensemble: ModelEnsemble) -> Iterator[Diagnostic]:
    weights, many = ensemble.weights, len(ensemble.members)
    if ensemble.method.value != "weighted":
        if weights:
            yield finding(
                "MLS225",
                f"an ensemble by `{ensemble.method.value}` has no weights",
                weights[0],
                others=((ensemble.method, "how predictions are combined"),),
                note="they would have no effect",
                help="remove `weights`, or write `method: weighted`",
            )
        return
    if many < 2:
        return  # that is a finding of its own
    if len(weights) != many:
        yield finding(
            "MLS225",
            f"there are {many} members and {count(len(weights), 'weight')}",
            weights[0] if weights else ensemble.method,
            note="a member without a weight would count by chance",
            help=f"write one weight for each member, in the same order, such as `weights: [{_equal(many)}]`",
        )
        return
    total = sum(one.value for one in weights)
    if min(one.value for one in weights) < 0 or abs(total - 1) > ROUNDING:
        yield finding(
            "MLS225",
            f"the weights add up to {total:.6g}, not to 1" if abs(total - 1) > ROUNDING else "a weight is negative",
            weights[0],
            note="the score of the ensemble would have another range than those of its members, so a threshold would "
            "mean something else",
            help="write shares of 1, such as `weights: [0.7, 0.3]`",
        )


def _equal(many: int) -> str:
    """The same weight for each member, with digits enough for their sum."""
    return ", ".join([f"{1 / many:.4g}"] * many)


def _signatures(system: MLSystem, model: Model, ensemble: ModelEnsemble) -> Iterator[Diagnostic]:
    own = model.signature
    for name in ensemble.members if own is not None else ():
        member = system.models.get(name.value)
        if own is None or member is None or member.signature is None or member is model:
            continue
        yield from _inputs(own, member.signature, name)
        if ensemble.method.value != "stack":
            yield from _outputs(own, member.signature, name, ensemble)


def _inputs(own: Signature, of_member: Signature, name: Because[str]) -> Iterator[Diagnostic]:
    known = {one.name.value: one for one in own.inputs}
    for one in of_member.inputs:
        given = known.get(one.name.value)
        if given is None or _form(given) != _form(one):
            other = "does not have" if given is None else f"has as {_told(given)}"
            yield finding(
                "MLS225",
                f"the member `{name.value}` reads `{one.name.value}` as {_told(one)}, which the ensemble {other}",
                name,
                others=((one.name, "the input of the member"),),
                note="the ensemble passes its own inputs to its members, so each prediction of this one would fail",
                help=f"add `{{{_written(one)}}}` to the inputs of the ensemble, or correct the input of the member"
                if given is None
                else f"give `{one.name.value}` the same `dtype` and `shape` in both",
            )


def _outputs(own: Signature, of_member: Signature, name: Because[str], by: ModelEnsemble) -> Iterator[Diagnostic]:
    known = {one.name.value: one for one in of_member.outputs}
    for one in own.outputs:
        given = known.get(one.name.value)
        if one.carries is None and (given is None or _sizes(given) != _sizes(one)):
            other = "does not have" if given is None else f"has as {_told(given)}"
            yield finding(
                "MLS225",
                f"the ensemble combines `{one.name.value}` as {_told(one)}, which the member `{name.value}` {other}",
                name,
                others=((one.name, "the output of the ensemble"), (by.method, "how predictions are combined")),
                note="outputs are combined by name, so this member would not count",
                help=f"give both an output `{one.name.value}` of the same `shape`, or write `method: stack` for a "
                "model that learns from different outputs",
            )


def _sizes(tensor: Input | Output) -> tuple[int, ...]:
    return tuple(size.value for size in tensor.shape)


def _form(tensor: Input | Output) -> tuple[str, tuple[int, ...]]:
    return tensor.dtype.value, _sizes(tensor)


def _written(tensor: Input) -> str:
    sizes = _sizes(tensor)
    return f"name: {tensor.name.value}, dtype: {tensor.dtype.value}" + (f", shape: {list(sizes)}" if sizes else "")


def _told(tensor: Input | Output) -> str:
    sizes = _sizes(tensor)
    return f"`{tensor.dtype.value}`" + (f" of the shape {list(sizes)}" if sizes else "")

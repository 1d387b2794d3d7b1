"""The rules on hyperparameter searches: what the algorithm ignores or requires, and trials that share a pod."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor, prod, sqrt
from typing import TypeAlias

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.choose import count
from ...system import (
    Algorithm,
    CategoricalParameter,
    DoubleParameter,
    IntParameter,
    MLSystem,
    Parameter,
    Training,
    Tuning,
)
from ..lint import rule

__all__ = ["beyond_the_algorithm", "trials_share"]

NumericParameter: TypeAlias = DoubleParameter | IntParameter


@rule(
    "MLS427",
    "warning",
    "training.tuning.parallel",
    "training.resources.accelerator.count",
    "training.resources.cpu",
    "training.distributed",
)
def trials_share(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Parallel trials that share the devices of one pod.

    Why: the trials of a search run in the pod of the training run. More of them than accelerators, or than cores, take
    turns, so the search takes as long and costs as much as before. But the memory of the pod and of its devices must
    hold all of them at once. With `distributed`, a single trial takes all accelerators of the pod.

    Bad:
        training:
          fit: 3h
          resources: {cpu: 16, accelerator: {type: l4, count: 4}}
          tuning: {trials: 40, parallel: 40}
    Good:
        training:
          fit: 3h
          resources: {cpu: 16, accelerator: {type: l4, count: 4}}
          tuning: {trials: 40, parallel: 4}
    """
    training = system.training
    if training is None or training.tuning is None:
        return
    parallel, devices = training.tuning.parallel, training.resources.accelerator
    has = devices.count.value if devices is not None else max(1, floor(training.resources.cpu.value.amount))
    room = max(1, has // _taken(training, has))
    if parallel.value <= room:
        return
    what = count(has, "accelerator" if devices is not None else "core")
    yield finding(
        "MLS427",
        f"{count(parallel.value, 'trial')} at once share {what}",
        parallel,
        others=((devices.count if devices is not None else training.resources.cpu, "what a pod has"),),
        note="they take turns, so the search is no faster and no cheaper, and memory must hold all of them at once",
        help=f"write `parallel: {room}`, or suppress this finding if {parallel.value} at once fit in memory",
    )


def _taken(training: Training, has: int) -> int:
    """How many accelerators or cores a trial takes. One whose processes train together takes all accelerators, also if
    it is a single process, as in JAX.
    """
    spread = training.distributed
    if spread is None or spread.nodes.value > 1:  # the author's code searches on several nodes
        return 1
    return has if training.resources.accelerator is not None else spread.processes_per_node.value


@rule(
    "MLS706",
    "warning",
    "training.tuning.algorithm",
    "training.tuning.resource",
    "training.tuning.trials",
    "training.tuning.parameters",
    "platform.algorithms",
)
def beyond_the_algorithm(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Search settings that the algorithm does not support.

    Why: an algorithm silently ignores what it does not support. A grid is counted on a linear scale, where nine in ten
    learning rates from 0.0001 to 0.1 are above 0.01. An evolution strategy draws categories at random, and no trial
    tells it which is better. Without `resource`, hyperband gives every trial the full budget. The catalog describes
    each algorithm as the search of mlspec runs it, with Optuna; `platform.algorithms` describes those of another
    library, with which your own code searches.

    Bad:
        training:
          tuning:
            algorithm: cma-es
            parameters:
              learning_rate: {type: double, min: 0.0001, max: 0.1, scale: log}
              booster: {type: categorical, values: [gbtree, dart]}
    Good:
        training:
          tuning:
            algorithm: tpe
            parameters:
              learning_rate: {type: double, min: 0.0001, max: 0.1, scale: log}
              booster: {type: categorical, values: [gbtree, dart]}
    """
    tuning = system.training.tuning if system.training is not None else None
    if tuning is None:
        return
    algorithm = system.platform.algorithms[tuning.algorithm.value]
    for name, parameter in tuning.parameters.items():
        if isinstance(parameter, CategoricalParameter):
            yield from _categories(tuning, algorithm, name, parameter)
        else:
            yield from _scale(tuning, algorithm, name, parameter)
            yield from _step(tuning, algorithm, name, parameter)
    yield from _combinations(tuning, algorithm)
    yield from _numbers(tuning, algorithm)
    yield from _resource(tuning, algorithm)


def _found(tuning: Tuning, message: str, *at: object, note: str, help_: str) -> Diagnostic:
    by = (tuning.algorithm, "the algorithm")
    return finding("MLS706", message, *at, tuning.algorithm, tuning, others=(by,), note=note, help=help_)


# Single parameters


def _scale(tuning: Tuning, algorithm: Algorithm, name: str, parameter: NumericParameter) -> Iterator[Diagnostic]:
    """A scale that the algorithm does not sample on. If it lists no scales for a type, any may work."""
    scales = algorithm.double_scales if isinstance(parameter, DoubleParameter) else algorithm.int_scales
    scale, chosen = parameter.scale.value, tuning.algorithm.value
    if not scales or scale in {one.value for one in scales}:
        return
    low, high = float(parameter.min.value), float(parameter.max.value)
    if scale == "log":
        message = f"`{chosen}` ignores the log scale of `{name}`"
        note, instead = _drawn_evenly(low, high), "search the exponent on a linear scale"
    else:
        message = f"`{chosen}` samples `{name}` on a log scale"
        note, instead = _drawn_by_logarithm(low, high), "write `scale: log` if that is what you want"
    help_ = "write `algorithm: tpe`" + (f", or {instead}" if low > 0 else "")
    yield _found(tuning, message, parameter.scale, parameter, note=note, help_=help_)


def _drawn_evenly(low: float, high: float) -> str:
    """How many values of a uniform sample are above the middle of the log scale."""
    if not 0 < low < high:
        return "it would sample uniformly between the bounds"
    middle = sqrt(low * high)
    share = (high - middle) / (high - low)
    return f"sampled uniformly, {share:.0%} of the trials are above {_short(middle)}, where half should be"


def _drawn_by_logarithm(low: float, high: float) -> str:
    """How many values of a uniform sample are below the middle of the log scale."""
    if not 0 < low < high:
        return f"{_short(low)} has no logarithm, so the search fails at startup"
    middle = sqrt(low * high)
    share = (middle - low) / (high - low)
    return f"sampled on a log scale, half of the trials are below {_short(middle)}, where {share:.0%} should be"


def _short(number: float) -> str:
    return f"{float(f'{number:.2g}'):g}"


def _step(tuning: Tuning, algorithm: Algorithm, name: str, parameter: NumericParameter) -> Iterator[Diagnostic]:
    """A step that the algorithm ignores, or one that it requires."""
    kept, chosen = algorithm.steps.value, tuning.algorithm.value
    if parameter.step is None:
        if algorithm.exhaustive.value and isinstance(parameter, DoubleParameter):
            yield _found(
                tuning,
                f"`{chosen}` needs a step for `{name}`",
                parameter,
                note="without one, the grid counts in steps of 1 from the smallest value, so it tries "
                f"{count(floor(parameter.max.value - parameter.min.value + 1e-9) + 1, 'value')}",
                help_=f"add a step, such as `step: {_short((parameter.max.value - parameter.min.value) / 10)}`",
            )
    elif isinstance(parameter, IntParameter) and parameter.step.value == 1:
        return
    elif kept == "none" or (kept == "linear" and parameter.scale.value == "log"):
        on = " on a log scale" if kept == "linear" else ""
        instead = "write `scale: linear`" if kept == "linear" else "write `algorithm: tpe`"
        yield _found(
            tuning,
            f"`{chosen}` ignores the step of `{name}`{on}",
            parameter.step,
            note="values between the steps are tried, which the training code may not expect",
            help_=f"remove the step, or {instead}",
        )


def _categories(
    tuning: Tuning, algorithm: Algorithm, name: str, parameter: CategoricalParameter
) -> Iterator[Diagnostic]:
    if not algorithm.learns_categories.value:
        yield _found(
            tuning,
            f"`{tuning.algorithm.value}` samples `{name}` at random",
            parameter.type,
            note="it learns only from numbers, so no trial tells it which category is better",
            help_=f"write `algorithm: tpe`, or fix `{name}` before the search",
        )


# All of them


def _combinations(tuning: Tuning, algorithm: Algorithm) -> Iterator[Diagnostic]:
    """More trials than combinations, if there are finitely many combinations."""
    values = [_values(parameter) for parameter in tuning.parameters.values()]
    if not algorithm.exhaustive.value or not values or None in values:
        return
    known = prod(many for many in values if many is not None)
    trials = tuning.trials.value
    if trials > known:
        yield _found(
            tuning,
            f"`{tuning.algorithm.value}` has only {count(known, 'combination')} for {count(trials, 'trial')}",
            tuning.trials,
            note=(f"{' x '.join(str(many) for many in values)} = {known}; " if len(values) > 1 else "")
            + "the search ends with the last of them, so the plan counts time and money of trials that never run",
            help_=f"write `trials: {known}`",
        )


def _values(parameter: Parameter) -> int | None:
    """How many values a parameter has on its grid; None for a real number without a step."""
    if isinstance(parameter, CategoricalParameter):
        return len(parameter.values)
    step = parameter.step.value if parameter.step is not None else None
    if step is None:
        step = 1 if isinstance(parameter, IntParameter) else None
    return floor((parameter.max.value - parameter.min.value) / step + 1e-9) + 1 if step is not None else None


def _numbers(tuning: Tuning, algorithm: Algorithm) -> Iterator[Diagnostic]:
    least = algorithm.least_numbers.value
    numbers = sum(not isinstance(parameter, CategoricalParameter) for parameter in tuning.parameters.values())
    if numbers < least:
        yield _found(
            tuning,
            f"`{tuning.algorithm.value}` needs {count(least, 'numeric parameter')} or more; the search has {numbers}",
            tuning.algorithm,
            note="with fewer, there is nothing that it could search",
            help_="write `algorithm: tpe`",
        )


def _resource(tuning: Tuning, algorithm: Algorithm) -> Iterator[Diagnostic]:
    if algorithm.needs_resource.value and tuning.resource is None:
        yield _found(
            tuning,
            f"`{tuning.algorithm.value}` needs to know which parameter sets the budget of a trial",
            tuning.algorithm,
            note="it gives most trials a small budget and the best ones more; without `resource`, every trial gets the "
            "full one, and none is pruned",
            help_="add `resource: epochs` under `tuning`, with the name of such a parameter, or write `algorithm: tpe`",
        )

"""The input of the gate: the conditions, the properties of their metrics, and the results of the rivals.

No model can pass a gate against a rival without a known result. So mlspec refuses it at compile time, instead of after
the first run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...compiler.because import Because, because
from ...compiler.finding import refusal
from ...compiler.plan.training import TrainingPlan
from ...compiler.system import Candidate, Condition, FairnessBound
from ...compiler.words import listing
from ..plain import as_data, quantity

__all__ = ["evaluation", "gated", "metrics", "rivals"]


def gated(training: TrainingPlan) -> tuple[Condition | FairnessBound, ...]:
    """What a trained model must meet. It needs the `evaluate` step, which measures the metrics."""
    gates: tuple[Condition | FairnessBound, ...] = (*_conditions(training), *_fairness(training))
    if gates and training.part.steps.evaluate is None:
        raise refusal(
            "MLS009",
            "no step measures the metrics that the gates judge",
            gates[0],
            others=((training.part.steps.train.command, "the model is trained here"),),
            note="the gate reads `metrics.json`, which the `evaluate` step writes",
            help="add `evaluate: {command: [...]}` under `training.steps`",
        )
    return gates


def _conditions(training: TrainingPlan) -> tuple[Condition, ...]:
    judged = training.scope.system.evaluation
    return judged.gates if judged is not None else ()


def _fairness(training: TrainingPlan) -> tuple[FairnessBound, ...]:
    """The bounds on gaps; a rule reports those that no evaluation judges."""
    system = training.scope.system
    return system.constraints.fairness if system.evaluation is not None else ()


def evaluation(training: TrainingPlan) -> dict[str, Any] | None:
    """The `evaluation` section, with bounds as numbers."""
    judged = training.scope.system.evaluation
    if judged is None:
        return None
    gates = [_gap(gate) if isinstance(gate, FairnessBound) else _gate(gate) for gate in gated(training)]
    return {**as_data(judged, without=("gates",)), "gates": gates or None}


def _gate(gate: Condition) -> dict[str, Any]:
    margin = gate.margin if gate.versus is not None else None
    return {
        **{key: value.map(quantity) if value is not None else None for key, value in _bounds(gate)},
        "margin": margin.map(quantity) if margin is not None else None,
        "relative": margin.map(lambda given: given.relative) if margin is not None else None,
        "minSamples": gate.min_samples.map(quantity) if gate.min_samples is not None else None,
    }


def _gap(gate: FairnessBound) -> dict[str, Any]:
    return {
        "metric": gate.metric,
        "segment": gate.between,
        "maxGap": gate.max_gap.map(quantity),
        "minSamples": gate.min_samples.map(quantity) if gate.min_samples is not None else None,
    }


def _bounds(gate: Condition) -> Iterator[tuple[str, Because[Any] | None]]:
    yield "metric", gate.metric
    yield "of", gate.of
    yield "segment", gate.segment
    yield "min", gate.min
    yield "max", gate.max
    yield "versus", gate.versus


def metrics(training: TrainingPlan) -> dict[str, Any] | None:
    """The properties of the metrics of the evaluation, by name."""
    judged = training.scope.system.evaluation
    if judged is None:
        return None
    named = (judged.primary, *(gate.metric for gate in (*judged.gates, *_fairness(training))))
    return {name.value: because(_metric(training, name), "a metric of the evaluation", name) for name in named}


def _metric(training: TrainingPlan, name: Because[str]) -> dict[str, Any]:
    """The entry of a metric. A metric with a cutoff, such as `ndcg@10`, shares the entry of the metric without it."""
    entry = training.scope.system.metrics[name.value.partition("@")[0]]
    fields = as_data(entry, without=("query", "needsLabels", "twoSided", "description"))
    return {key: value.also(name) for key, value in fields.items() if value is not None}


def rivals(training: TrainingPlan) -> dict[str, Because[dict[str, Because[float]]]] | None:
    """The known results of the rivals, by rival and metric. A gate against any other rival is refused."""
    known = {rival: reached for rival, reached in _known(training) if reached}
    for gate in _conditions(training):
        if gate.versus is not None:
            _check(training, gate, gate.versus, known)
    found = {rival: because(reached, "the known results of the rival", reached) for rival, reached in known.items()}
    return found or None


def _known(training: TrainingPlan) -> Iterator[tuple[str, dict[str, Because[float]]]]:
    for candidate in training.trained.candidates:
        named = candidate.name
        yield (
            named.value,
            {metric: _of(value, "the result of a candidate", named) for metric, value in candidate.metrics.items()},
        )
    yield "naive", _best_baselines(training)
    people = training.scope.system.problem.human_performance
    if people is not None:
        yield "human", {people.metric.value: _of(people.value, "human performance", people.metric)}
    release = training.scope.system.releases.get(training.model.value)
    if release is not None:
        yield "champion", dict(release.metrics)


def _of(value: Because[float], why: str, *also: Because[Any]) -> Because[float]:
    return because(value.value, why, value, also)


def _best_baselines(training: TrainingPlan) -> dict[str, Because[float]]:
    """By metric, the best result of the candidates with `role: naive`: a model must beat all of them."""
    naive = [candidate for candidate in training.trained.candidates if candidate.role.value == "naive"]
    return {metric: _best(training, metric, naive) for candidate in naive for metric in candidate.metrics}


def _best(training: TrainingPlan, metric: str, naive: list[Candidate]) -> Because[float]:
    direction = training.scope.system.metrics[metric.partition("@")[0]].direction
    reached = [(candidate.metrics[metric], candidate) for candidate in naive if metric in candidate.metrics]
    value, best = (max if direction.value == "maximize" else min)(reached, key=lambda pair: pair[0].value)
    roles = [candidate.role for candidate in naive]
    return because(value.value, f"`{best.name.value}` is the best naive baseline", reached, roles, direction)


def _check(training: TrainingPlan, gate: Condition, versus: Because[str], known: dict[str, Any]) -> None:
    metric = gate.metric.value
    if gate.of is not None:
        raise refusal(
            "MLS012",
            f"`{versus.value}` has no known `{metric}` of `{gate.of.value}`",
            gate.of,
            others=((versus, "the rival"),),
            note="the results of rivals are known by metric, for the model as a whole",
            help="set the bound with `min` or `max`, or leave `of` out",
        )
    if versus.value == "champion" and training.elsewhere.value and training.champion is None:
        return  # the `evaluate` step reports it: only the system that serves the model knows which version is live
    if metric not in known.get(versus.value, {}):
        raise refusal(
            "MLS009",
            f"`{versus.value}` has no known `{metric}`",
            versus,
            others=((_asked(training, versus.value), "expected here"),),
            note="the gate compares the model against it, so no model could pass",
            help=_missing(training, versus.value, metric),
        )


def _asked(training: TrainingPlan, rival: str) -> object:
    """The part of the spec that should set the result."""
    if rival == "champion":
        release = training.scope.system.releases.get(training.model.value)
        return release.version if release is not None else None
    return training.scope.system.problem.human_performance if rival == "human" else training.trained.candidates


def _missing(training: TrainingPlan, rival: str, metric: str) -> str:
    if rival == "champion" and training.model.value not in training.scope.system.releases:
        return f"release a first model with `mlspec promote --to {training.scope.name}`"
    if rival == "champion":
        return f"add `{metric}` to the release's `metrics`"
    if rival == "human":
        return f"write `humanPerformance: {{metric: {metric}, value: ...}}` under `problem`"
    named = [candidate.name.value for candidate in training.trained.candidates if rival == candidate.role.value]
    if rival == "naive" and not named:
        return "mark a candidate with `role: naive`"
    return f"add `{metric}` to the `metrics` of {listing(named) if named else f'the candidate `{rival}`'}"

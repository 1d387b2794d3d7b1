"""Tests that the gate of training runs makes: quality before serving, the naive baseline, slices, and groups.

The gate proves a test if the schedule that runs it is not suspended, if the gate stands between the steps that measure
and publish the model, and if its configuration, a ConfigMap in the bundle, has a condition for the test that a model
can fail. A bound at the end of its metric's range is one that every model passes.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from ...kinds import Object
from ...row import Row
from .runs import configured, containers, started, suspended, trained
from .seen import Lacking, Objects, Proof, Seen, Shown, at, each, number

__all__ = ["FILE", "baseline", "can_fail", "groups", "slices", "validated"]

STEPS = ("evaluate", "gate", "register")
"""The containers that must run in this order: the gate judges what was measured, before it is published."""

COMMAND = ["mlspec", "runtime", "gate", "--in-job"]
FILE = "training.json"
"""The configuration of a run."""


class Run(Row):
    """A training run with a gate."""

    objects: Objects
    job: Object
    config: Object
    content: dict[str, Any]
    """The configuration that the gate reads."""

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """The job that runs the gate, and its configuration."""
        return self.objects.proof(self.job), self.objects.proof(self.config)

    def gates(self, fits: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """The conditions of a kind that a model can fail."""
        found = [gate for gate in each(self.content, "evaluation", "gates") if fits(gate)]
        return [gate for gate in found if can_fail(gate, at(self.content, "metrics", str(gate.get("metric"))))]


def validated(seen: Seen) -> Shown | Lacking:
    """I4. A fixed bound finds a slow decline over many versions, and the live model finds a sudden drop."""
    run = _run(seen)
    if isinstance(run, Lacking):
        return run
    if not run.gates(_against_the_live_model):
        return _lacks("no gate compares a new model with the live one", "a gate with `versus: champion`")
    if not run.gates(_against_a_fixed_bound):
        why = "no gate has a fixed bound, so quality may decline a little with each version"
        return _lacks(why, "a gate with `min`, `max`, or `versus: naive`")
    return Shown(
        proofs=run.proofs,
        why="the gate judges each new model by a fixed bound and by the live model, before `register`. `register` is "
        "your code, which must publish only what passed",
    )


def baseline(seen: Seen) -> Shown | Lacking:
    """M5. The model must be at least as good as the naive baseline."""
    run = _run(seen)
    if isinstance(run, Lacking):
        return run
    if not run.gates(_against_the_baseline):
        return _lacks(
            "no gate compares a new model with a naive baseline", "a gate with `versus: naive` and no negative `margin`"
        )
    return Shown(
        proofs=run.proofs,
        why="the gate compares each new model with the naive baseline: with its result on the same rows if `evaluate` "
        "measures it, else with the one in the spec",
    )


def slices(seen: Seen) -> Shown | Lacking:
    """M6. Quality must be sufficient for each value of a column."""
    run = _run(seen)
    if isinstance(run, Lacking):
        return run
    gates = run.gates(lambda gate: isinstance(gate.get("segment"), str) and "maxGap" not in gate)
    if not gates:
        return _lacks("no gate judges the values of a column", "a gate with `segment`")
    return Shown(proofs=run.proofs, why=f"the gate judges each new model for each value of {_columns(gates)}")


def groups(seen: Seen) -> Shown | Lacking:
    """M7. The gap between groups must be small."""
    run = _run(seen)
    if isinstance(run, Lacking):
        return run
    gates = run.gates(lambda gate: isinstance(gate.get("segment"), str) and "maxGap" in gate)
    if not gates:
        why = "no gate judges the gap between groups of people"
        return Lacking(why=why, path="constraints.fairness", help="add a bound with `metric`, `between`, and `maxGap`")
    return Shown(proofs=run.proofs, why=f"the gate judges the gap between the groups of {_columns(gates)}")


def _lacks(why: str, gate: str) -> Lacking:
    return Lacking(why=why, path="evaluation.gates", help=f"add {gate}, which a model can fail")


def _columns(gates: list[dict[str, Any]]) -> str:
    return ", ".join(f"`{name}`" for name in dict.fromkeys(gate["segment"] for gate in gates))


# Kinds of conditions


def _against_the_live_model(gate: dict[str, Any]) -> bool:
    return gate.get("versus") == "champion"


def _against_a_fixed_bound(gate: dict[str, Any]) -> bool:
    return "maxGap" not in gate and not _against_the_live_model(gate)


def _against_the_baseline(gate: dict[str, Any]) -> bool:
    margin = number(gate.get("margin", 0))
    return gate.get("versus") == "naive" and margin is not None and margin >= 0


def can_fail(gate: dict[str, Any], metric: object) -> bool:
    """Whether a value in the range of the metric violates the condition."""
    low, high = (number(at(metric, key)) for key in ("min", "max"))
    low, high = (-inf if low is None else low), (inf if high is None else high)
    bound = number(gate.get(next((key for key in ("maxGap", "min", "max") if key in gate), "margin"), 0))
    if bound is None:
        return False
    if "maxGap" in gate:
        return bound < high - low
    if "min" in gate:
        return bound > low
    if "max" in gate:
        return bound < high
    return bound > (-1 if gate.get("relative") else low - high)


# The run


def _run(seen: Seen) -> Run | Lacking:
    """The scheduled run whose gate judges every model that is served here."""
    trainer = trained(seen, "so no gate judges a new model", "add `training`, and `gates` under `evaluation`")
    return trainer if isinstance(trainer, Lacking) else _gated(trainer.objects)


def _gated(objects: Objects) -> Run | Lacking:
    job = next((job for job in started(objects) if _judges(job)), None)
    if job is None:
        return Lacking(
            why="no training run has the steps `evaluate`, `gate`, and `register`, in this order",
            path="training.steps",
            help="add `evaluate` and `register`, and `gates` under `evaluation`",
            effort="days",
        )
    if suspended(job, objects):
        why = "training runs have no schedule, so the gate runs only when someone starts it"
        return Lacking(why=why, path="retraining.schedule", help="write a schedule")
    config, content = configured(job, objects, FILE)
    if config is None or content is None:
        return Lacking(why="the configuration of the gate is not in the bundle")
    return Run(objects, job, config, content)


def _judges(job: Object) -> bool:
    """Whether the gate runs after the model is measured, and before it is published."""
    steps = [step for step in containers(job) if step.get("name") in STEPS]
    return [step["name"] for step in steps] == list(STEPS) and steps[1].get("command") == COMMAND

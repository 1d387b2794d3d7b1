"""The rule on online learning: it needs everything that keeps it from learning a fault, and from going live alone."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...system import MLSystem
from ..lint import rule

__all__ = ["learning_without_a_guard"]

CAPTURE = "add `capture: {by: sidecar, to: s3://BUCKET/FOLDER, id: COLUMN}` under `monitoring`"
DRIFT = "add `drift: {prediction: {method: psi}}` under `monitoring`"
GATES = "add `gates: [{metric: METRIC, versus: champion}]` under `evaluation`"


@rule(
    "MLS717",
    "error",
    "retraining.online",
    "monitoring.capture",
    "monitoring.measured",
    "monitoring.drift",
    "data.labels",
    "evaluation.gates",
    "training",
    "models.*.llm",
)
def learning_without_a_guard(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Online learning without what it learns from, what freezes it, or what judges its result.

    Why: a model that learns all the time also learns every fault, within hours. It must stop when inputs drift or data
    are broken, and no checkpoint may go live that no gate has judged.

    Bad:
        access: {learner: {kind: s3, secret: learner-keys}}
        retraining:
          schedule: "0 3 * * 1"
          maxModelAge: 30d
          online: {algorithm: sgd, command: [python, -m, fraud.learn], to: s3://models/online, access: learner}
    Good:
        retraining: {schedule: "0 3 * * 1", maxModelAge: 30d}
    """
    retraining = system.retraining
    online = retraining.online if retraining is not None else None
    if online is None:
        return
    for missing, why, what in _missing(system, plan):
        if missing:
            yield finding(
                "MLS717",
                f"online learning {why}",
                online.algorithm,
                note="it would learn faults as well, or its checkpoints could not become a version",
                help=f"{what}, or remove `online`",
            )
            return


def _missing(system: MLSystem, plan: Plan) -> Iterator[tuple[bool, str, str]]:
    """What is missing, in the order in which to add it."""
    asked, evaluation = system.monitoring, system.evaluation
    language = any(model.llm is not None for model in system.models.values())
    yield language, "does not work for language models: no label says what a better answer is", "train on a schedule"
    yield system.training is None, "has no training runs that take its checkpoints", "add `training`"
    gates = evaluation is not None and (evaluation.gates or system.constraints.fairness)
    yield not gates, "has no gate that judges its checkpoints", GATES
    yield system.data.labels is None, "has no labels to learn from", "add `labels: {column: COLUMN}` under `data`"
    if plan.training is None:
        return
    elsewhere = asked.measured.value == "elsewhere"
    yield asked.capture is None or elsewhere, "has no captured predictions to learn from", CAPTURE
    yield asked.drift is None, "has nothing that freezes it when inputs drift", DRIFT
    here = plan.runs("monitoring").value
    yield not here, "has no process here that says when to freeze", "add `monitoring` to `runs` of this environment"

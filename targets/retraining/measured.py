"""mlspec's own steps around what is measured: `diagnose` before everything, and `profile` after `evaluate`.

`diagnose` asks the process that measures captured predictions. It ends the run before hours of training if the data, a
feature, the labels, or serving is broken, because a new model would learn the fault. `profile` makes the reference that
drift is measured against from the test rows, so that production never needs the training data.
"""

from __future__ import annotations

from typing import Any

from ...compiler import conventions
from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Body
from ...compiler.finding import refusal
from ...compiler.plan.measuring import REQUESTS
from ...compiler.plan.training import TrainingPlan
from ..monitored import measuring
from ..pod.own import own_image
from ..pod.security import container_security

__all__ = ["diagnose", "profile"]


def diagnose(training: TrainingPlan, env: list[Any], mounts: list[Body]) -> Because[Body] | None:
    """The first step, if predictions are measured here."""
    found = measuring(training)
    if found is None:
        return None
    why = "a run that trains on a fault learns it"
    url = text(f"http://{{name}}:{REQUESTS}/diagnosis", "the process that measures", name=found.name)
    body = _container(training, "diagnose", ["--from", url], env, mounts, found.asked[0])
    return because(body, why, found.part.to, found.asked)


def profile(training: TrainingPlan, env: list[Any], mounts: list[Body]) -> Because[Body] | None:
    """The step that makes the reference of drift, if drift is measured here without another reference."""
    found = measuring(training)
    drift = found.drift if found is not None else None
    if drift is None or drift.part.reference is not None:
        return None
    if training.part.steps.evaluate is None:
        raise refusal(
            "MLS009",
            "no step writes the predictions that the reference of drift is made from",
            drift.part.window,
            others=((training.part.steps.train.command, "the model is trained here"),),
            note="without a reference of the new model, its drift would be measured against that of the old one",
            help="add `evaluate: {command: [...]}` under `training.steps`, which writes `predictions.parquet` "
            "(docs/training-contract.md), or set `monitoring.drift.reference`",
        )
    body = _container(training, "profile", [], env, mounts, drift.part.window)
    return because(body, "drift is measured against it", drift.part.window, training.part.steps.evaluate.command)


def _container(
    training: TrainingPlan, step: str, args: list[Any], env: list[Any], mounts: list[Body], at: Because[Any]
) -> Body:
    why = "it reads one answer" if step == "diagnose" else "it reads the test rows in pieces"
    memory = "256Mi" if step == "diagnose" else "1Gi"
    disk = training.part.resources.ephemeral_storage.map(str)
    return {
        "name": step,
        "image": own_image(
            training.scope,
            f"the step `{step}` needs mlspec's own image",
            at,
            others=((training.part.steps.train.command, "the model is trained here"),),
            instead="write `measured: elsewhere` under `monitoring`",
        ),
        "command": ["mlspec", "runtime", step, "--in-job"],
        "args": args or None,
        "env": env,
        "resources": {
            "requests": {
                "cpu": fixed(conventions.HELPER_CPU, why),
                "memory": fixed(conventions.HELPER_MEMORY, why),
                "ephemeral-storage": disk,
            },
            "limits": {"memory": fixed(memory, why), "ephemeral-storage": disk},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": container_security(),
        "volumeMounts": mounts,
    }

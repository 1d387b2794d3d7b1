"""A hyperparameter search on its own schedule: a Job whose pod runs trials, several at once if the spec says so.

The workers share one Optuna study on the volume of the pod (docs/training-contract.md), so the search needs neither a
database nor an operator. The best parameters end up in a ConfigMap that the search creates. Training runs mount it, if
it exists: the compiled output does not contain it, so no GitOps tool reverts it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.emit.dump import Lines
from ...compiler.emit.jsontext import json_lines
from ...compiler.finding import Refusal, refusal
from ...compiler.plan import cron
from ...compiler.plan.training import TrainingPlan
from ...compiler.system import Tuning
from .. import naming
from ..plain import as_data
from ..pod import access
from ..providers import OrchestrationProvider, Runs
from .config import ConfigFile, labels
from .job import of_a_run
from .pods import search_pod
from .queue import queue_labels
from .steps import grants

__all__ = ["FILE", "files", "permissions", "runs"]

FILE = "search.json"


def files(training: TrainingPlan, tuning: Tuning) -> dict[str, Lines]:
    """The file of the search, next to the configuration."""
    return {FILE: json_lines(_settings(training, tuning))}


def _settings(training: TrainingPlan, tuning: Tuning) -> Body:
    steps, judged = training.part.steps, training.scope.system.evaluation
    evaluate = steps.evaluate
    if judged is None or evaluate is None:
        raise _unmeasured(training, tuning)
    for step in (steps.train, evaluate):
        if step.image is not None and step.image.value != training.part.image.value:
            raise _elsewhere(step.image, tuning)
    if training.spread is not None:
        raise _too_large(training.spread.nodes, tuning)
    if all(name == _budget(tuning) for name in tuning.parameters):
        raise _nothing(tuning)
    direction = training.scope.system.metrics[judged.primary.value.partition("@")[0]].direction
    given = as_data(tuning, without=("when", "schedule"))
    return {
        "version": fixed(1, "the version of the training contract"),
        "trials": given["trials"],
        "parallel": given["parallel"],
        "algorithm": given["algorithm"],
        "resource": given["resource"],
        "seed": training.part.seed,
        "metric": judged.primary,
        "maximize": because(direction.value == "maximize", "the direction of the metric", direction, judged.primary),
        "folds": training.search_folds,
        "parameters": given["parameters"],
        "train": list(steps.train.command),
        "evaluate": list(evaluate.command),
        "result": training.search_name,
    }


def _budget(tuning: Tuning) -> str | None:
    """The parameter that the algorithm sets itself. Others ignore `resource`, and search the parameter."""
    return tuning.resource.value if tuning.resource is not None and tuning.algorithm.value == "hyperband" else None


def _nothing(tuning: Tuning) -> Refusal:
    return refusal(
        "MLS009",
        "the search has no parameters to choose",
        tuning.when,
        others=((tuning.trials, "each of them would train the same model"),),
        note="the trials would differ only by chance, and the best of them would win",
        help="add `parameters` under `tuning`, such as `learning_rate: {type: double, min: 0.001, max: 0.1}`",
    )


def _unmeasured(training: TrainingPlan, tuning: Tuning) -> Refusal:
    return refusal(
        "MLS009",
        "nothing measures the trials of the search",
        tuning.when,
        others=((training.part.steps.train.command, "each trial runs this"),),
        note="a search keeps the parameters with the best primary metric, which `evaluate` writes to `metrics.json`",
        help="add `evaluate` under `training.steps`, and `primary` under `evaluation`",
    )


def _elsewhere(image: Because[str], tuning: Tuning) -> Refusal:
    return refusal(
        "MLS012",
        "a trial runs `train` and `evaluate` in one container",
        image,
        label="this step has an image of its own",
        others=((tuning.when, "the search has its own schedule"),),
        note="a worker starts the commands of both steps for each trial, and the container has one image",
        help="put both steps into `training.image`, or write `when: manual`",
    )


def _too_large(nodes: Because[int], tuning: Tuning) -> Refusal:
    return refusal(
        "MLS012",
        f"a trial runs in one pod, and training needs {nodes.value} nodes",
        tuning.when,
        others=((nodes, "the nodes"),),
        note="the trials would wait for nodes that nothing starts",
        help="write `when: every-run`, and search in the training code, or write `nodes: 1`",
    )


def runs(training: TrainingPlan, file: ConfigFile) -> Iterable[Artifact]:
    """The objects that start the searches: a CronJob, or those of another provider."""
    tuning, schedule = training.searched, training.search_schedule
    if tuning is None or schedule is None:
        return ()
    queue = training.part.queue
    return training.scope.providers.chosen(OrchestrationProvider, training.orchestration.provider).objects(
        Runs(
            scope=training.scope,
            name=training.search_name,
            labels=labels(training),
            schedule=schedule,
            time_zone=training.time_zone,
            cadence=cron.cadence(schedule, training.time_zone),
            late=fixed(3600, "a search that starts an hour late is still useful"),
            kept=training.search_kept,
            job_labels={**labels(training), **queue_labels(training)},
            job=_job(training, tuning, file.name),
            queue=queue.name if queue is not None else None,
            scheduling=training.part.scheduling,
            user=training.part.user,
            priority=training.scope.platform.priorities.training,
            why=lambda kind: because(kind, "the search has its own schedule", schedule, tuning.when),
        )
    )


def _job(training: TrainingPlan, tuning: Tuning, config: Because[str]) -> Body:
    return {
        "backoffLimit": training.retries,
        "activeDeadlineSeconds": training.search_deadline,
        **of_a_run(),
        "ttlSecondsAfterFinished": training.search_kept,
        "template": search_pod(training, tuning, config),
    }


def permissions(training: TrainingPlan) -> Iterator[Artifact]:
    """The search may create ConfigMaps, because a new one has no name to grant, and change only its own."""
    scope, tuning = training.scope, training.searched
    if tuning is None:
        return
    name = training.search_name
    metadata = naming.metadata(scope, name, labels(training))
    maps: dict[str, Any] = {"apiGroups": [""], "resources": ["configmaps"]}
    role: Body = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": metadata,
        "rules": [{**maps, "verbs": ["create"]}, {**maps, "verbs": ["update"], "resourceNames": [name]}],
    }
    binding: Body = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [
            {
                "kind": "ServiceAccount",
                "name": access.account_of(grants(training), training.name),
                "namespace": scope.namespace,
            }
        ],
    }
    for body in (role, binding):
        kind = str(body["kind"])
        why = because(kind, "the search writes the best parameters", tuning.when)
        yield Artifact(path=naming.path_of(scope, "retraining", kind, name), body=body, why=why)

"""The CronJob of training runs.

Kubernetes traps handled here:

- CronJob: without a time zone, the schedule is in the time zone of the controller. Without a starting deadline, a
  hundred missed starts stop the CronJob forever, and a resumed CronJob catches up on the starts that it missed.
  `Allow`, the default, lets a slow run overlap with the next one.
- Job: a pod failure policy requires pods that never restart, and that are replaced only once they have failed. Without
  that policy, a node drain costs a retry. Exit codes must be an ordered list without 0. Without a deadline, a hung run
  runs forever; a pod's own deadline would not count the time that it waits for a node.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan.training import TrainingPlan
from .. import naming
from .config import ConfigFile, labels
from .pods import PERMANENT, run_pod
from .queue import deadline, queue_labels

__all__ = ["cron_job", "job", "of_a_run"]


def cron_job(training: TrainingPlan, file: ConfigFile) -> Iterator[Artifact]:
    """The CronJob that starts the runs."""
    scope = training.scope
    kept = fixed(1, "only the last one, to read its logs; each finished pod keeps its volume")
    body: Body = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": naming.metadata(scope, training.name, labels(training), _annotations(training)),
        "spec": {
            "schedule": training.schedule,
            "timeZone": training.time_zone,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": training.late,
            "suspend": training.suspended if training.suspended.value else None,
            "successfulJobsHistoryLimit": kept,
            "failedJobsHistoryLimit": kept,
            "jobTemplate": {"metadata": {"labels": _labels(training)}, "spec": job(training, file.name)},
        },
    }
    why = because(
        "CronJob", "training runs are created from it", training.given_schedule, training.part.steps.train.command
    )
    yield Artifact(path=naming.path_of(scope, "retraining", "CronJob", training.name), body=body, why=why)


def _annotations(training: TrainingPlan) -> Body:
    metadata = training.scope.system.metadata
    return {
        "kubernetes.io/description": _description(training),
        "mlspec/owner": metadata.owner,
        "mlspec/source": metadata.links.source,
        "mlspec/runbook": metadata.links.runbook,
    }


def _description(training: TrainingPlan) -> Because[str]:
    """For engineers who find the CronJob in a cluster and wonder why it never runs."""
    what = "trains a new model and judges it"
    if not training.suspended.value:
        return _of_the_system(because(what, "the purpose of the CronJob", training.suspended), training)
    by_hand = text(
        f"{what}; to start a run: kubectl create job -n {{namespace}} --from=cronjob/{{name}} {{name}}-1",
        training.suspended.reason,
        namespace=training.scope.namespace,
        name=training.name,
    )
    return _of_the_system(by_hand, training)


def _of_the_system(what: Because[str], training: TrainingPlan) -> Because[str]:
    """The same with the description of the system, if it has one; a service shows that, but not each system has one."""
    about = training.scope.system.metadata.description
    if about is None:
        return what
    sentence = about.map(lambda words: words if words.endswith((".", "!", "?")) else f"{words}.")
    return text("{about} This CronJob {what}", about=sentence, what=what)


def _labels(training: TrainingPlan) -> Body:
    """The labels of the Jobs. A run on several nodes waits for them in the queue, and not for its own pod."""
    return {**labels(training), **(queue_labels(training) if training.spread is None else {})}


def job(training: TrainingPlan, config: Because[str]) -> Body:
    """The Job of one run, with its retries and its deadline."""
    return {
        "backoffLimit": training.retries,
        "activeDeadlineSeconds": deadline(training),
        **of_a_run(),
        "ttlSecondsAfterFinished": training.kept,
        "template": run_pod(training, config),
    }


def of_a_run() -> Body:
    """How the Job of a run treats the exit statuses of the training contract, and disruptions."""
    return {
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "FailJob",
                    "onExitCodes": {
                        "operator": "In",
                        "values": [fixed(PERMANENT, "the training contract: a retry would fail, too")],
                    },
                },
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            ]
        },
    }

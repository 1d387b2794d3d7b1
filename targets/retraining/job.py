"""The Job of a training run, and what starts it.

Kubernetes traps handled here:

- Job: a pod failure policy requires pods that never restart, and that are replaced only once they have failed. Without
  that policy, a node drain costs a retry. Exit codes must be an ordered list without 0. Without a deadline, a hung run
  runs forever; a pod's own deadline would not count the time that it waits for a node.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan.training import TrainingPlan
from ..providers import OrchestrationProvider, Runs
from .config import ConfigFile, labels
from .pods import PERMANENT, run_pod
from .queue import deadline, queue_labels

__all__ = ["job", "of_a_run", "runs"]


def runs(training: TrainingPlan, file: ConfigFile) -> Iterable[Artifact]:
    """The objects that start the runs: a CronJob, or those of another provider."""
    return _provider(training).objects(
        Runs(
            scope=training.scope,
            name=training.name,
            labels=labels(training),
            annotations=_annotations(training),
            schedule=training.schedule,
            suspended=training.suspended,
            time_zone=training.time_zone,
            cadence=training.cadence,
            late=training.late,
            kept=training.kept,
            job_labels=_labels(training),
            job=job(training, file.name),
            queue=training.part.queue.name if training.part.queue is not None and training.spread is None else None,
            scheduling=training.part.scheduling,
            user=training.part.user,
            priority=training.scope.platform.priorities.training,
            why=lambda kind: because(
                kind, "training runs are created from it", training.given_schedule, training.part.steps.train.command
            ),
        )
    )


def _provider(training: TrainingPlan) -> OrchestrationProvider:
    return training.scope.providers.chosen(OrchestrationProvider, training.orchestration.provider)


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
    what, provider = "trains a new model and judges it", _provider(training)
    if not training.suspended.value:
        return _of_the_system(because(what, f"the purpose of the {provider.kind}", training.suspended), training)
    by_hand = text(
        f"{what}; to start a run: {provider.by_hand}",
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
    return text(f"{{about}} This {_provider(training).kind} {{what}}", about=sentence, what=what)


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

"""The CronJob of training runs.

Kubernetes traps handled here:

- CronJob: without a time zone, the schedule is in the time zone of the controller. Without a starting deadline, a
  hundred missed starts stop the CronJob forever, and a resumed CronJob catches up on the starts that it missed.
  `Allow`, the default, lets a slow run overlap with the next one.
- Job: a pod failure policy requires pods that never restart, and that are replaced only once they have failed. Without
  that policy, a node drain costs a retry. Exit codes must be an ordered list without 0. Without a deadline, a hung run
  runs forever; a pod's own deadline would not count the time that it waits for a node.
- Pod: node autoscalers evict long-running pods. A volume on the node's own disk is small. A named user of an image is
  no proof that it is not root.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.finding import refusal
from ...compiler.plan.training import TrainingPlan
from .. import naming
from ..pod import access, extras, placement, trust
from ..pod.credentials import pull_secrets
from ..pod.security import pod_security
from . import carried
from .config import ConfigFile, labels
from .steps import containers, grants, shares_memory

__all__ = ["cron_job"]

PERMANENT = 42
"""The exit code that tells Kubernetes that a retry would fail, too."""


def cron_job(training: TrainingPlan, file: ConfigFile) -> Iterator[Artifact]:
    """The CronJob that starts the runs."""
    scope = training.scope
    _on_one_node(training)
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
            "jobTemplate": {"metadata": {"labels": labels(training)}, "spec": _job(training, file.name)},
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


def _on_one_node(training: TrainingPlan) -> None:
    spread = training.part.distributed
    if spread is not None and spread.nodes.value > 1:
        raise refusal(
            "MLS012",
            f"a training run is one pod, and cannot run on {spread.nodes.value} nodes",
            spread.nodes,
            note="the training code would wait forever for the other nodes",
            help="write `nodes: 1`, with several `processesPerNode`",
        )


def _job(training: TrainingPlan, config: Because[str]) -> Body:
    return {
        "backoffLimit": training.retries,
        "activeDeadlineSeconds": training.deadline.map(lambda deadline: max(1, int(deadline.amount))),
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
        "ttlSecondsAfterFinished": training.kept,
        "template": _pod(training, config),
    }


def _pod(training: TrainingPlan, config: Because[str]) -> Body:
    scope, asked, allowed = training.scope, training.part.resources.accelerator, grants(training)
    *before, last = containers(training)
    why = "an interrupted run loses all its work"
    return {
        "metadata": naming.pod_metadata(
            scope,
            training.part,
            labels(training),
            access.pod_labels(access.identity(allowed)),
            {
                "cluster-autoscaler.kubernetes.io/safe-to-evict": fixed("false", why),
                "karpenter.sh/do-not-disrupt": fixed("true", why),
            },
        ),
        "spec": {
            "restartPolicy": "Never",
            "priorityClassName": scope.platform.priorities.training,
            "serviceAccountName": access.account_of(allowed, training.name),
            "automountServiceAccountToken": fixed(False, "a training run does not use the API server"),
            "enableServiceLinks": fixed(False, "a Service named like a setting would override it"),
            "imagePullSecrets": pull_secrets(scope.platform.images.pull_secret, allowed),
            "securityContext": pod_security(scope.users, training.part.user),
            "initContainers": [*extras.sidecars(training.part), *before] or None,
            "containers": [last],
            "volumes": _volumes(training, config),
            **placement.placed(scope, training.part.scheduling, asked),
        },
    }


def _volumes(training: TrainingPlan, config: Because[str]) -> list[Any]:
    """The volume of a run lives as long as its pod. On the node's own disk, it would crowd out other pods."""
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": training.scope.platform.storage.storage_class,
        "resources": {"requests": {"storage": training.part.storage.map(str)}},
    }
    return [
        {"name": "config", "configMap": {"name": config}},
        {"name": "run", "ephemeral": {"volumeClaimTemplate": {"spec": claim}}},
        {"name": "tmp", "emptyDir": {"sizeLimit": training.part.resources.ephemeral_storage.map(str)}},
        *_shared_memory(training),
        *carried.volumes(training),
        *trust.volumes(training.scope),
        *extras.volumes(training.part),
    ]


def _shared_memory(training: TrainingPlan) -> list[Because[Body]]:
    why = shares_memory(training)
    volume = {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": training.shared_memory.map(str)}}
    return [because(volume, "processes exchange tensors through it", why)] if why else []

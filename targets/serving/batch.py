"""Batch inference: a CronJob whose pods each score one partition of the input.

Kubernetes traps handled here:

- CronJob: without a time zone, the schedule is in the time zone of the controller. Without a starting deadline, a
  hundred missed starts stop the CronJob forever. `Allow`, the default, lets a slow run overlap with the next one.
- Job: a pod failure policy requires pods that never restart, and that are replaced only once they have failed. Without
  that policy, a node drain costs a retry. Only Indexed Jobs have retries per partition; without them, one bad partition
  would use up the retries of all. Kubernetes rejects an Indexed Job if the name of its last pod does not fit into a DNS
  label, which is a tighter limit than the CronJob's own.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import because, fixed
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.finding import refusal
from ...compiler.plan.choose import count
from ...compiler.plan.serving.batch import BatchPlan
from .. import naming
from ..pod import access
from ..pod.egress import egress
from .annotations import version_annotations
from .batch_pod import COMPONENT, SCORER, grants, template

__all__ = ["cron_job", "network_policy", "service_account"]

_INDEXED = ("Indexed", "each pod gets the number of its partition as an index")
_WHOLE = ("NonIndexed", "one pod scores all the input")

PERMANENT = 42
"""The exit code that tells Kubernetes that a retry would fail, too."""

LONGEST_LABEL = 63
ADDED_TO_JOB = 11
"""The controller appends a dash and ten digits to the name of a run (kubernetes.io, cron jobs)."""


def cron_job(batch: BatchPlan) -> Iterator[Artifact]:
    """The CronJob that starts the runs."""
    scope, part = batch.scope, batch.part
    _fits(batch)
    kept = fixed(3, "enough to compare with the previous run; keeping 0 failed runs would hide failures from the alert")
    body: Body = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": naming.metadata(scope, batch.name, _labels(batch), version_annotations(scope, batch.release)),
        "spec": {
            "schedule": part.schedule,
            "timeZone": part.time_zone,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": batch.late,
            "successfulJobsHistoryLimit": kept,
            "failedJobsHistoryLimit": kept,
            "jobTemplate": {"metadata": {"labels": _labels(batch)}, "spec": _job(batch)},
        },
    }
    why = because("CronJob", "it scores on a schedule", part.mode, part.own_name, batch.model)
    yield Artifact(path=naming.path_of(scope, "serving", "CronJob", batch.name), body=body, why=why)


def _labels(batch: BatchPlan) -> Body:
    return naming.labels(batch.scope, COMPONENT, batch.name, batch.release.version)


def _fits(batch: BatchPlan) -> None:
    """The last pod of an Indexed Job is named `<cronjob>-<minutes>-<index>`, which must be a valid hostname."""
    longest = LONGEST_LABEL - ADDED_TO_JOB - 1 - len(str(batch.part.partitions.value - 1))
    if batch.partitioned.value and len(batch.name.value) > longest:
        raise refusal(
            "MLS032",
            f"the name of the CronJob `{batch.name.value}` is too long: {len(batch.name.value)} characters",
            batch.name,
            others=((batch.part.partitions, "the Job appends the index of the partition"),),
            note=f"with the index and the time of the run, more than {longest} characters exceed a pod's hostname",
            help=f"shorten the system's or the service's name by {count(len(batch.name.value) - longest, 'character')}",
        )


def _job(batch: BatchPlan) -> Body:
    parts, indexed = batch.part.partitions, batch.partitioned
    mode = because(*_INDEXED if indexed.value else _WHOLE, indexed)
    retries = {"backoffLimitPerIndex": batch.retries, "maxFailedIndexes": batch.failed_parts}
    return {
        "completionMode": mode,
        "completions": parts,
        "parallelism": batch.parallel,
        **(retries if indexed.value else {"backoffLimit": batch.retries}),
        "activeDeadlineSeconds": batch.deadline.map(lambda deadline: max(1, int(deadline.amount))),
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {"rules": _failures(batch)},
        "ttlSecondsAfterFinished": batch.kept,
        "template": template(batch),
    }


def _failures(batch: BatchPlan) -> list[Body]:
    """What a failed pod means: the first matching rule applies. Any other failure counts as a retry."""
    part_only = batch.partitioned.value
    return [
        {
            "action": because("FailIndex" if part_only else "FailJob", "a retry would fail, too", batch.partitioned),
            "onExitCodes": {
                "containerName": SCORER,
                "operator": "In",
                "values": [fixed(PERMANENT, "the batch contract: a retry would fail, too")],
            },
        },
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]


def service_account(batch: BatchPlan) -> Iterator[Artifact]:
    """The identity of the pods, with only the access that they need."""
    scope, granted = batch.scope, grants(batch)
    name = access.account_of(granted, batch.name)
    body: Body = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": naming.metadata(
            scope,
            name,
            naming.labels(scope, COMPONENT, batch.name),
            access.identity_annotations(access.identity(granted)),
        ),
        "automountServiceAccountToken": fixed(False, "a batch run does not use the API server"),
    }
    why = because("ServiceAccount", "pods get an identity without other permissions", batch.model, name)
    yield Artifact(path=naming.path_of(scope, "serving", "ServiceAccount", name), body=body, why=why)


def network_policy(batch: BatchPlan) -> Iterator[Artifact]:
    """A run accepts no connections. It connects to its stores and nothing else."""
    scope, part = batch.scope, batch.part
    if not scope.platform.network.policies.value:
        return
    fetched = [batch.release.artifact.uri] if batch.files.fetched else []
    body: Body = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": naming.metadata(scope, batch.name, naming.labels(scope, COMPONENT, batch.name)),
        "spec": {
            "podSelector": {"matchLabels": naming.selector(scope, COMPONENT, batch.name)},
            "policyTypes": ["Ingress", "Egress"],
            "egress": egress(scope, [*fetched, part.input.uri, part.output.uri], grants(batch)),
        },
    }
    why = because("NetworkPolicy", "limits what a run may connect to", scope.platform.network.policies, batch.model)
    yield Artifact(path=naming.path_of(scope, "serving", "NetworkPolicy", batch.name), body=body, why=why)

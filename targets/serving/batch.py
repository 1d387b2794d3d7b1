"""Batch inference: a CronJob whose pods each score one part of the input.

Traps of Kubernetes that are handled here. Of a CronJob: without a time zone the schedule is read in the zone of the
controller; without a starting deadline a hundred missed starts stop it for ever; `Allow`, the default, lets a slow run
overlap the next one. Of its Jobs: a policy on failed pods wants pods that never restart, and pods that are replaced
only once they have failed; without that policy a drained node costs a retry; retries by part exist only where parts
are indexed, and one bad part would otherwise use up the retries of all; an Indexed Job is refused when the name of its
last pod does not fit a DNS label, which leaves less room than the CronJob's own limit.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import because, fixed
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.finding import refusal
from ...compiler.plan.serving.batch import BatchPlan
from .. import naming
from ..pod import access
from ..pod.egress import egress
from .annotations import version_annotations
from .batch_pod import COMPONENT, SCORER, grants, template

__all__ = ["cron_job", "network_policy", "service_account"]

_INDEXED = ("Indexed", "each pod is told its part by an index")
_WHOLE = ("NonIndexed", "one pod does it all")

HOPELESS = 42
"""The exit code by which a container says that trying again is of no use."""

LONGEST_LABEL = 63
ADDED_TO_JOB = 11
"""What the controller appends to the name of a run: a dash and ten digits (kubernetes.io, cron jobs)."""


def cron_job(batch: BatchPlan) -> Iterator[Artifact]:
    """What starts the runs."""
    scope, part = batch.scope, batch.part
    _fits(batch)
    kept = fixed(3, "enough to compare with the run before; 0 failed ones would hide a failure from its alert")
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
    why = because("CronJob", "it scores by the clock", part.mode, part.own_name, batch.model)
    yield Artifact(path=naming.path_of(scope, "serving", "CronJob", batch.name), body=body, why=why)


def _labels(batch: BatchPlan) -> Body:
    return naming.labels(batch.scope, COMPONENT, batch.name, batch.release.version)


def _fits(batch: BatchPlan) -> None:
    """The last pod of an Indexed Job is called `<cronjob>-<minutes>-<index>`, and that is a host name."""
    longest = LONGEST_LABEL - ADDED_TO_JOB - 1 - len(str(batch.part.partitions.value - 1))
    if batch.partitioned.value and len(batch.name.value) > longest:
        raise refusal(
            "MLS032",
            f"the CronJob `{batch.name.value}` has a name of {len(batch.name.value)} characters",
            batch.name,
            others=((batch.part.partitions, "the number of parts is added to it"),),
            note=f"with it and the time of the run, more than {longest} characters are no host name of a pod",
            help=f"shorten the name of the system or the service by {len(batch.name.value) - longest}",
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
    """What a failed pod means, the first rule that fits. Everything else is counted as a try."""
    part_only = batch.partitioned.value
    return [
        {
            "action": because("FailIndex" if part_only else "FailJob", "trying again is of no use", batch.partitioned),
            "onExitCodes": {
                "containerName": SCORER,
                "operator": "In",
                "values": [fixed(HOPELESS, "the batch contract: what is wrong will be wrong again")],
            },
        },
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]


def service_account(batch: BatchPlan) -> Iterator[Artifact]:
    """The identity of the pods, with the access that they need and no other."""
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
        "automountServiceAccountToken": fixed(False, "a batch run has nothing to ask of the API server"),
    }
    why = because("ServiceAccount", "pods run as somebody who may do nothing else", batch.model, name)
    yield Artifact(path=naming.path_of(scope, "serving", "ServiceAccount", name), body=body, why=why)


def network_policy(batch: BatchPlan) -> Iterator[Artifact]:
    """Nobody calls a run; it reaches its stores and nothing else."""
    scope, part = batch.scope, batch.part
    if not scope.platform.network.policies.value:
        return
    fetched = [] if batch.files.source.value == "image" else [batch.release.artifact.uri]
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
    why = because("NetworkPolicy", "what a run may talk to is said", scope.platform.network.policies, batch.model)
    yield Artifact(path=naming.path_of(scope, "serving", "NetworkPolicy", batch.name), body=body, why=why)

"""CronJobs of Kubernetes.

Traps handled here: without a time zone, the schedule is in the time zone of the controller. Without a starting
deadline, a hundred missed starts stop the CronJob forever, and a resumed CronJob catches up on the starts that it
missed. `Allow`, the default, lets a slow run overlap with the next one.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...compiler.because import fixed
from ...compiler.emit.artifact import Artifact, Body
from .. import naming
from ..providers import OrchestrationProvider, Runs

__all__ = ["PROVIDER"]


def _objects(runs: Runs) -> Iterable[Artifact]:
    kept = fixed(1, "only the last one, to read its logs; each finished pod keeps its volume")
    suspended = runs.suspended
    body: Body = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": naming.metadata(runs.scope, runs.name, runs.labels, runs.annotations),
        "spec": {
            "schedule": runs.schedule,
            "timeZone": runs.time_zone,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": runs.late,
            "suspend": suspended if suspended is not None and suspended.value else None,
            "successfulJobsHistoryLimit": kept,
            "failedJobsHistoryLimit": kept,
            "jobTemplate": {"metadata": {"labels": runs.job_labels}, "spec": runs.job},
        },
    }
    path = naming.path_of(runs.scope, "retraining", "CronJob", runs.name)
    yield Artifact(path=path, body=body, why=runs.why("CronJob"))


PROVIDER = OrchestrationProvider(
    name="cronjob",
    kind="CronJob",
    objects=_objects,
    by_hand="kubectl create job -n {namespace} --from=cronjob/{name} {name}-1",
    shown="kubectl describe cronjob {name}",
)

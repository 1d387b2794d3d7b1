"""A WorkflowTemplate that runs a Job, and a CronWorkflow that starts it (argoproj/argo-workflows v4.1).

A workflow has one step: it creates the same Job that a CronJob would create, and waits for it. So the retries, the exit
status 42, evictions, queues, and the steps of a run are the same (docs/decisions/argo-runs-a-job.md).

Traps handled here:

- CronWorkflow: `schedule`, and `mutex` in `synchronization`, no longer exist since 4.0. The time zone is `timezone`,
  and without one it is that of the controller. Without a starting deadline, runs that are missed are lost. `Allow` is
  the default. On the day when clocks go back, a local time comes twice, and Argo starts a run each time. The name of a
  workflow ends with its time, 11 characters.
- Workflows wait for a mutex in a queue. Those of the CronWorkflow are dropped instead (`Forbid`), and so are requests
  of the alert (`runtime/exporter/requests.py`).
- Resource template: conditions are label selectors, which cannot search a list, so each place in it is named
  (workflow/executor/resource.go). Each of several failure conditions is enough. Everything in `{{` and `}}` is replaced
  in a manifest. A retry of the waiting pod finds the Job again, because its name is that of the workflow, and `apply`
  does not fail if it exists.
- An expression of the exit hook of a workflow has no effect, so a task with `when` decides (workflow/controller/
  operator.go). Argo does not end the Job of a workflow that it ends early, so the exit handler does that.
- The pods of a workflow have a token of the API server, which may create Jobs. So they have their own account.
- An owner reference that blocks deletion needs a right on the finalizers of its owner, on OpenShift.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ...compiler.because import Because, because, fixed
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.emit.jsontext import manifest_lines
from ...compiler.finding import refusal
from .. import naming
from ..pod import placement
from ..pod.credentials import pull_secrets
from ..pod.security import pod_security
from ..providers import Runs
from . import argo_access

__all__ = ["objects"]

API = "argoproj.io/v1alpha1"
RUN, EXIT, STOP = "run", "exit", "stop"
WORKFLOW = "{{workflow.name}}"

CONDITIONS = 4
"""A Job has at most the conditions Suspended, FailureTarget or SuccessCriteriaMet, and Failed or Complete."""

FAILED = ",".join(f"status.conditions.{place}.type=Failed" for place in range(CONDITIONS))

LEAVES = 3600
"""Seconds that the workflow leaves its Job to end, to start, and to be looked at after an eviction."""

TWICE = 7200
"""Seconds after a run within which another one is the repeated hour of a day on which clocks go back."""


def objects(runs: Runs) -> Iterable[Artifact]:
    """A WorkflowTemplate, and a CronWorkflow that starts it."""
    _plain(runs)
    for body in (*argo_access.objects(runs), _template(runs), _cron(runs)):
        kind, name = str(body["kind"]), body["metadata"]["name"]
        path = naming.path_of(runs.scope, "retraining", kind, name)
        yield Artifact(path=path, body=body, why=runs.why(kind))


# The schedule


def _cron(runs: Runs) -> Body:
    kept = fixed(1, "only the last one, to read its logs; each finished pod keeps its volume")
    return {
        "apiVersion": API,
        "kind": "CronWorkflow",
        "metadata": naming.metadata(runs.scope, runs.name, runs.labels, runs.annotations),
        "spec": {
            "schedules": [runs.schedule],
            "timezone": runs.time_zone,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": runs.late,
            "when": _once(runs),
            "suspend": runs.suspended if runs.suspended is not None and runs.suspended.value else None,
            "successfulJobsHistoryLimit": kept,
            "failedJobsHistoryLimit": kept,
            "workflowMetadata": {"labels": runs.labels},
            "workflowSpec": {"workflowTemplateRef": {"name": runs.name}},
        },
    }


def _once(runs: Runs) -> Because[str] | None:
    """Skip the second of two runs in the hour that clocks repeat; None if runs are due more often anyway."""
    if runs.time_zone.value == "UTC" or runs.cadence is None or runs.cadence.value.amount <= TWICE:
        return None
    last = "cronworkflow.lastScheduledTime"
    guard = f"{{{{= {last} == nil || (now() - {last}).Seconds() > {TWICE} }}}}"
    return because(guard, "clocks repeat an hour on one day of the year", runs.time_zone, runs.cadence)


# The run


def _template(runs: Runs) -> Body:
    return {
        "apiVersion": API,
        "kind": "WorkflowTemplate",
        "metadata": naming.metadata(runs.scope, runs.name, runs.labels, runs.annotations),
        "spec": {
            "entrypoint": RUN,
            "onExit": EXIT,
            "serviceAccountName": argo_access.account(runs),
            "activeDeadlineSeconds": _deadline(runs),
            "synchronization": {"mutexes": [{"name": runs.name}]},
            "ttlStrategy": {"secondsAfterCompletion": runs.kept},
            "podGC": {"strategy": "OnWorkflowSuccess"},
            "podMetadata": {"labels": argo_access.labels(runs)},
            "podPriorityClassName": runs.priority,
            "imagePullSecrets": pull_secrets(runs.scope.platform.images.pull_secret, []),
            "securityContext": pod_security(runs.scope.users, runs.user),
            **_placed(runs),
            "templates": [_run(runs), _exit(), _stop(runs)],
        },
    }


def _placed(runs: Runs) -> Body:
    """Where its pods run, as far as a workflow can say it."""
    found = placement.placed(runs.scope, runs.scheduling, None)
    return {key: found[key] for key in ("nodeSelector", "tolerations", "affinity")}


def _deadline(runs: Runs) -> Because[int] | None:
    """A limit after that of the Job, for a Job that does not end. In a queue, the Job's own limit waits, too."""
    job: Because[int] = runs.job["activeDeadlineSeconds"]
    if runs.queue is not None:
        return None
    return because(job.value + LEAVES, f"the deadline of the Job, plus {LEAVES // 60} minutes around it", job)


def _run(runs: Runs) -> Body:
    """The step that creates the Job and waits for it."""
    given_up = "lastRetry.message contains 'failure condition' || lastRetry.message contains 'has been deleted'"
    return {
        "name": RUN,
        "retryStrategy": {
            "limit": fixed(5, "evictions of the pod that waits; the Job goes on meanwhile"),
            "backoff": {"duration": "30s", "factor": fixed(2, "a node that is drained takes minutes")},
            "expression": fixed(f"!({given_up})", "a run that failed, or that someone deleted, is not repeated"),
        },
        "resource": {
            "action": "apply",
            "setOwnerReference": fixed(True, "Kubernetes deletes the Job with the workflow"),
            "successCondition": "status.succeeded > 0",
            "failureCondition": FAILED,
            "manifest": manifest_lines(_job(runs)),
        },
    }


def _job(runs: Runs) -> Body:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": WORKFLOW, "namespace": runs.scope.namespace, "labels": runs.job_labels},
        "spec": runs.job,
    }


def _exit() -> Body:
    ended = "{{workflow.status}} != Succeeded"
    return {"name": EXIT, "dag": {"tasks": [{"name": STOP, "template": STOP, "when": ended}]}}


def _stop(runs: Runs) -> Body:
    """A deadline of one second ends a Job that still runs, and keeps its logs. One that has ended stays as it is."""
    patch = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": WORKFLOW, "namespace": runs.scope.namespace},
        "spec": {"activeDeadlineSeconds": fixed(1, "it ends now")},
    }
    return {"name": STOP, "resource": {"action": "patch", "mergeStrategy": "merge", "manifest": manifest_lines(patch)}}


def _plain(runs: Runs) -> None:
    """Refuse a value in which Argo would replace something."""
    for value in _texts([runs.job, runs.job_labels]):
        if "{{" in value.value:
            raise refusal(
                "MLS012",
                "Argo Workflows would replace what is in `{{` and `}}` here",
                value,
                others=((runs.scope.platform.orchestration.provider, "the runs are its workflows"),),
                note="the container would get another text, or the workflow would be refused when a run is due",
                help="put this text into a file of the image, or build it in the code",
            )


def _texts(value: Any, inside: Because[Any] | None = None) -> Iterator[Because[str]]:
    if isinstance(value, Because):
        yield from _texts(value.value, value)
    elif isinstance(value, dict):
        for child in value.values():
            yield from _texts(child, inside)
    elif isinstance(value, (list, tuple)):
        for child in value:
            yield from _texts(child, inside)
    elif isinstance(value, str) and inside is not None:
        yield Because(value, inside.why, inside.sources, inside.kind, inside.path)

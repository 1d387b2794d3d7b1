"""Alerts on a batch service: runs start, runs succeed, and Prometheus has the metrics to tell.

All of them depend on what kube-state-metrics exports about the CronJob: see `cronjob`.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import because, fixed, text
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan.serving.batch import BatchPlan
from . import cronjob, gpus
from .alert import alert
from .files import rule_files
from .proofs import schedules as proofs
from .version import age, info

__all__ = ["rules"]


def rules(batch: BatchPlan) -> Iterator[Artifact]:
    """The same group twice: for the Prometheus Operator, and as a plain rule file."""
    groups = [
        {
            "name": text("mlspec-{service}-batch", service=batch.name),
            "interval": fixed("1m", "schedules have a resolution of one minute"),
            "rules": [
                info(batch, batch.model, batch.release),
                _absent(batch),
                _missed(batch),
                _failed(batch),
                *_late(batch),
                _stale(batch),
                *age(batch, batch.release),
                *gpus.of_job(batch, batch.part.resources.accelerator),
            ],
        }
    ]
    why = because("rules", "alerts on the service's runs", batch.model, batch.part.mode)
    yield from rule_files(batch.scope, batch.name, groups, why)


def _absent(batch: BatchPlan) -> Body:
    """Missing data has its own alert, because without these series no other alert here can fire."""
    absent = alert(
        batch,
        "BatchJobAbsent",
        "page",
        "monitoring",
        cronjob.absent(batch),
        text("{service}: Prometheus has no metrics for the CronJob, so no other alert can fire", service=batch.name),
        wait=fixed("30m", "longer than an upgrade of kube-state-metrics"),
    )
    return proofs.absent(batch, absent)


def _missed(batch: BatchPlan) -> Body:
    """Also fires if the CronJob was suspended by hand and forgotten, or if its time zone does not exist."""
    missed = alert(
        batch,
        "BatchRunMissed",
        "ticket",
        "runs",
        cronjob.missed(batch),
        text("{service}: no run has started for {{{{ $value | humanizeDuration }}}}", service=batch.name),
    )
    return proofs.overdue(batch, missed, "status_last_schedule_time", batch.overdue)


def _failed(batch: BatchPlan) -> Body:
    """The latest failed run started after the last success."""
    failed = alert(
        batch,
        "BatchRunFailed",
        "ticket",
        "runs",
        cronjob.failed(batch),
        text("{service}: a run failed after all retries, and no run has succeeded since", service=batch.name),
    )
    return proofs.failed(batch, failed)


def _late(batch: BatchPlan) -> Iterator[Body]:
    """Consumers need the scores by the deadline, so the on-call engineer gets paged then, not after the next run."""
    if batch.late_from is None or batch.late_without is None:
        return
    late = alert(
        batch,
        "BatchDeadlineMissed",
        "page",
        "availability",
        cronjob.late(batch, batch.late_from, batch.late_without),
        text(
            "{service}: no run has succeeded since one was due {{{{ $value | humanizeDuration }}}} ago; "
            "the deadline is {deadline}",
            service=batch.name,
            deadline=batch.deadline.map(str),
        ),
        action=text(
            "`kubectl describe cronjob {service} -n {namespace}` shows its last runs. The batch contract in the "
            "documentation says how to run a day again.",
            service=batch.name,
            namespace=batch.scope.namespace,
        ),
    )
    yield proofs.late(batch, late, batch.late_from, batch.late_without, batch.deadline, batch.shortest_gap)


def _stale(batch: BatchPlan) -> Body:
    """Consumers have old scores. The limit is two runs and a deadline, because a single failure may resolve itself
    (prometheus.io, alerting practices: at least enough time for two full runs).
    """
    stale = alert(
        batch,
        "BatchScoresStale",
        "page",
        "staleness",
        cronjob.stale(batch),
        text(
            "{service}: no run has succeeded for {{{{ $value | humanizeDuration }}}}, so the scores are stale",
            service=batch.name,
        ),
    )
    return proofs.overdue(batch, stale, "status_last_successful_time", batch.stale)

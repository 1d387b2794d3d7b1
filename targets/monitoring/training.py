"""Alerts on training runs: runs start, and runs finish.

None of them pages, because the live model keeps serving. A run whose model fails the gate has succeeded. If no model
passes for too long, the alert on the age of the live model fires.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan.alerting.failures import Failure
from ...compiler.plan.training import TrainingPlan
from . import cronjob, gpus
from .alert import alert
from .dcgm import of_nodes
from .files import rule_files
from .proof import Alert
from .proofs import schedules as proofs

__all__ = ["rules"]


def rules(training: TrainingPlan) -> Iterator[Artifact]:
    """The same group twice: for the Prometheus Operator, and as a plain rule file. Runs started by hand have none."""
    if training.suspended.value:
        return
    scope = training.scope
    groups = [
        {
            "name": text("mlspec-{name}", name=training.name),
            "interval": fixed("1m", "schedules have a resolution of one minute"),
            "rules": [
                _absent(training),
                _missed(training),
                _failed(training),
                _stale(training),
                *gpus.of_job(training, training.part.resources.accelerator, of_nodes(training)),
            ],
        }
    ]
    why = because("rules", "alerts on training runs", training.given_schedule)
    yield from rule_files(scope, training.name, groups, why)


def _ticket(
    training: TrainingPlan,
    name: str,
    failure: Failure,
    expression: Because[str],
    said: str,
    wait: Because[str] | None = None,
) -> Alert:
    summary = text(f"{{name}}: {said}", name=training.name)
    return alert(training, name, "ticket", failure, expression, summary, wait=wait)


def _absent(training: TrainingPlan) -> Body:
    """Missing data has its own alert, because without these series no other alert here can fire."""
    seen = "the CronJob" if cronjob.by_jobs(training) is None else "training runs"
    said = f"Prometheus has no metrics for {seen}, so no other alert can fire"
    wait = fixed("30m", "longer than an upgrade of kube-state-metrics")
    return proofs.absent(
        training, _ticket(training, "TrainingJobAbsent", "monitoring", cronjob.absent(training), said, wait)
    )


def _missed(training: TrainingPlan) -> Body:
    said = "no run has started for {{{{ $value | humanizeDuration }}}}"
    missed = _ticket(training, "TrainingRunMissed", "runs", cronjob.missed(training), said)
    return proofs.overdue(training, missed, "status_last_schedule_time", training.overdue)


def _failed(training: TrainingPlan) -> Body:
    said = "a run failed after all retries, and no run has succeeded since"
    return proofs.failed(training, _ticket(training, "TrainingRunFailed", "runs", cronjob.failed(training), said))


def _stale(training: TrainingPlan) -> Body:
    """The limit is two runs and a deadline: a single failure may resolve itself (prometheus.io, alerting practices)."""
    said = "no run has succeeded for {{{{ $value | humanizeDuration }}}}"
    stale = _ticket(training, "TrainingStale", "staleness", cronjob.stale(training), said)
    return proofs.overdue(training, stale, "status_last_successful_time", training.stale)

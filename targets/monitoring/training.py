"""What is watched of training runs: that they are started, and that they come to their end.

Nobody is paged: the model in service goes on answering. A run whose model is refused by the gate has succeeded; when no
model passes for too long, the alert on the age of the model in service says so.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan.training import TrainingPlan
from .. import naming
from . import cronjob
from .alert import alert

__all__ = ["rules"]


def rules(training: TrainingPlan) -> Iterator[Artifact]:
    """The same group twice: for the operator, and for everybody else. Runs that are started by hand have none."""
    if training.suspended.value:
        return
    scope = training.scope
    groups = [
        {
            "name": text("mlspec-{name}", name=training.name),
            "interval": fixed("1m", "schedules have minutes"),
            "rules": [_absent(training), _missed(training), _failed(training), _stale(training)],
        }
    ]
    why = because("rules", "training runs are watched", training.given_schedule)
    body: Body = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": naming.metadata(
            scope, training.name, {**naming.labels(scope, "rules", training.name), **scope.platform.prometheus.labels}
        ),
        "spec": {"groups": groups},
    }
    yield Artifact(path=naming.path_of(scope, "monitoring", "PrometheusRule", training.name), body=body, why=why)
    yield Artifact(path=naming.path_of(scope, "monitoring", "Rules", training.name), body={"groups": groups}, why=why)


def _ticket(training: TrainingPlan, name: str, expression: Because[str], said: str, wait: Because[str] | None) -> Body:
    return alert(training, name, "ticket", expression, text(f"{{name}}: {said}", name=training.name), wait=wait)


def _absent(training: TrainingPlan) -> Body:
    """No data is an alert of its own: without the series below nothing else here can fire."""
    said = "Prometheus knows of no such CronJob, so nothing else can alert"
    wait = fixed("30m", "longer than an update of kube-state-metrics")
    return _ticket(training, "TrainingJobAbsent", cronjob.absent(training), said, wait)


def _missed(training: TrainingPlan) -> Body:
    said = "no run has been started for {{{{ $value | humanizeDuration }}}}"
    return _ticket(training, "TrainingRunMissed", cronjob.missed(training), said, None)


def _failed(training: TrainingPlan) -> Body:
    said = "a run failed after all its tries, and none has succeeded since"
    return _ticket(training, "TrainingRunFailed", cronjob.failed(training), said, None)


def _stale(training: TrainingPlan) -> Body:
    """Two runs and a deadline, as a single failure may mend itself (prometheus.io, practices of alerting)."""
    said = "no run has succeeded for {{{{ $value | humanizeDuration }}}}"
    return _ticket(training, "TrainingStale", cronjob.stale(training), said, None)

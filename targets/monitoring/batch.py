"""What is watched of a batch service: that runs are started, that they succeed, and that somebody can tell.

All of it rests on what kube-state-metrics exports of its CronJob: see `cronjob`.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import because, fixed, text
from ...compiler.emit.artifact import Artifact, Body
from ...compiler.plan.serving.batch import BatchPlan
from .. import naming
from . import cronjob
from .alert import alert
from .version import age, info

__all__ = ["rules"]


def rules(batch: BatchPlan) -> Iterator[Artifact]:
    """The same group twice: for the operator, and for everybody else."""
    scope = batch.scope
    groups = [
        {
            "name": text("mlspec-{service}-batch", service=batch.name),
            "interval": fixed("1m", "schedules have minutes"),
            "rules": [
                info(batch, batch.model, batch.release),
                _absent(batch),
                _missed(batch),
                _failed(batch),
                _stale(batch),
                *age(batch, batch.release),
            ],
        }
    ]
    why = because("rules", "the runs of the service are watched", batch.model, batch.part.mode)
    body: Body = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": naming.metadata(
            scope, batch.name, {**naming.labels(scope, "rules", batch.name), **scope.platform.prometheus.labels}
        ),
        "spec": {"groups": groups},
    }
    yield Artifact(path=naming.path_of(scope, "monitoring", "PrometheusRule", batch.name), body=body, why=why)
    yield Artifact(path=naming.path_of(scope, "monitoring", "Rules", batch.name), body={"groups": groups}, why=why)


def _absent(batch: BatchPlan) -> Body:
    """No data is an alert of its own: without the series below nothing else here can fire."""
    return alert(
        batch,
        "BatchJobAbsent",
        "page",
        cronjob.absent(batch),
        text("{service}: Prometheus knows of no such CronJob, so nothing else can alert", service=batch.name),
        wait=fixed("30m", "longer than an update of kube-state-metrics"),
    )


def _missed(batch: BatchPlan) -> Body:
    """Also when it was suspended by hand and forgotten, or when no time zone of its name exists."""
    return alert(
        batch,
        "BatchRunMissed",
        "ticket",
        cronjob.missed(batch),
        text("{service}: no run has been started for {{{{ $value | humanizeDuration }}}}", service=batch.name),
    )


def _failed(batch: BatchPlan) -> Body:
    """The newest failed run is younger than the last success."""
    return alert(
        batch,
        "BatchRunFailed",
        "ticket",
        cronjob.failed(batch),
        text("{service}: a run failed after all its tries, and none has succeeded since", service=batch.name),
    )


def _stale(batch: BatchPlan) -> Body:
    """Whoever uses the scores has old ones. Two runs and a deadline, as a single failure may mend itself
    (prometheus.io, practices of alerting: at least enough time for two full runs).
    """
    return alert(
        batch,
        "BatchScoresStale",
        "page",
        cronjob.stale(batch),
        text("{service}: no run has succeeded for {{{{ $value | humanizeDuration }}}}", service=batch.name),
    )

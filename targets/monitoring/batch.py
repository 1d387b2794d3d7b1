"""What is watched of a batch service: that runs are started, that they succeed, and that somebody can tell.

All of it rests on what kube-state-metrics exports, scraped with `honor_labels` so that `namespace` is the object's:
`kube_cronjob_info`, `kube_cronjob_created`, `kube_cronjob_status_last_schedule_time` and
`kube_cronjob_status_last_successful_time` by `namespace` and `cronjob`; `kube_job_failed` by `namespace`, `job_name`
and `condition`; `kube_job_status_start_time` by `namespace` and `job_name`.

Traps that are handled here: `kube_job_status_failed` counts pods, so a part that was tried again would alert in a run
that succeeds; a failed Job stays in the history, so an alert on it would go on after the next success;
`kube_cronjob_next_schedule_time` ignores the time zone in older versions (kube-state-metrics, issue 2206), so the gap
between two runs is known here instead; a CronJob that has never run or never succeeded has no time of it, so its
creation counts.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.artifact import Artifact, Body
from ...compiler.because import Because, because, fixed, text
from ...compiler.plan.batch import BatchPlan
from ...compiler.promql import promql
from .. import naming
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
        text("absent({info})", info=_cronjob(batch, "info")),
        text("{service}: Prometheus knows of no such CronJob, so nothing else can alert", service=batch.name),
        wait=fixed("30m", "longer than an update of kube-state-metrics"),
    )


def _missed(batch: BatchPlan) -> Body:
    """Also when it was suspended by hand and forgotten, or when no time zone of its name exists."""
    return alert(
        batch,
        "BatchRunMissed",
        "ticket",
        _since(batch, "status_last_schedule_time", batch.overdue.map(lambda overdue: int(overdue.amount))),
        text("{service}: no run has been started for {{{{ $value | humanizeDuration }}}}", service=batch.name),
    )


def _failed(batch: BatchPlan) -> Body:
    """The newest failed run is younger than the last success."""
    expression = promql(
        'max(kube_job_status_start_time{{namespace="{namespace}",job_name=~"{service}-[0-9]+"}}\n'
        '  and on (namespace, job_name) kube_job_failed{{namespace="{namespace}",condition="true"}} == 1)\n'
        "> (max({succeeded}) or vector(0))",
        namespace=batch.scope.namespace,
        service=batch.name,
        succeeded=_cronjob(batch, "status_last_successful_time"),
    )
    return alert(
        batch,
        "BatchRunFailed",
        "ticket",
        expression,
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
        _since(batch, "status_last_successful_time", batch.stale.map(lambda stale: int(stale.amount))),
        text("{service}: no run has succeeded for {{{{ $value | humanizeDuration }}}}", service=batch.name),
    )


def _cronjob(batch: BatchPlan, what: str) -> Because[str]:
    return promql(
        f'kube_cronjob_{what}{{{{namespace="{{namespace}}",cronjob="{{service}}"}}}}',
        namespace=batch.scope.namespace,
        service=batch.name,
    )


def _since(batch: BatchPlan, what: str, longest: Because[int]) -> Because[str]:
    """Whether too many seconds have passed since something happened, or since there was anything to happen."""
    return text(
        "time() - (max({happened}) or max({created})) > {longest}",
        happened=_cronjob(batch, what),
        created=_cronjob(batch, "created"),
        longest=longest,
    )

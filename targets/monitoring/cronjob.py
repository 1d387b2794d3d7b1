"""Alert expressions for anything that runs on a schedule: do its runs start, and do they succeed?

All of them depend on kube-state-metrics, scraped with `honor_labels` so that `namespace` is the object's:
`kube_cronjob_info`, `kube_cronjob_created`, `kube_cronjob_status_last_schedule_time` and
`kube_cronjob_status_last_successful_time` by `namespace` and `cronjob`; `kube_job_failed` by `namespace`, `job_name`
and `condition`; `kube_job_status_start_time` by `namespace` and `job_name`.

Traps handled here: `kube_job_status_failed` counts pods, so a retried pod would alert in a run that succeeds. A failed
Job stays in the history, so an alert on it would keep firing after the next success. `kube_cronjob_next_schedule_time`
ignores the time zone in older versions (kube-state-metrics, issue 2206), so the planner computes the gap between two
runs instead. A CronJob that has never run, or never succeeded, has no timestamp for it, so its creation time counts.

Without a CronJob (`platform.orchestration`), the Jobs of the runs say when one last started and succeeded, as long as
they are kept (`compiler.plan.orchestration`). Before the first one, the oldest ConfigMap of the training configuration
says since when there should be runs: `kube_configmap_info` and `kube_configmap_created` by `namespace` and `configmap`;
`kube_job_created` and `kube_job_status_completion_time` by `namespace` and `job_name`. A Job that waits in a queue has
been created, and has no start time. Only Jobs that succeed have a completion time.
"""

from __future__ import annotations

from typing import Protocol

from ...compiler.because import Because, text
from ...compiler.plan.choose import whole_seconds
from ...compiler.plan.orchestration import Orchestration
from ...compiler.plan.scope import Scope
from ...compiler.promql import promql, span
from ...schema.units import Duration

__all__ = [
    "JOBS",
    "Scheduled",
    "absent",
    "ago",
    "by_jobs",
    "failed",
    "failures",
    "finished",
    "late",
    "missed",
    "running",
    "stale",
]


class Scheduled(Protocol):
    """Anything that runs on a schedule."""

    @property
    def scope(self) -> Scope:
        """The environment that it runs in."""
        ...

    @property
    def name(self) -> Because[str]:
        """The name of its CronJob."""
        ...

    @property
    def overdue(self) -> Because[Duration]:
        """The time since the last start after which a run counts as missed."""
        ...

    @property
    def stale(self) -> Because[Duration]:
        """The age of the last success above which an alert fires."""
        ...


def absent(runs: Scheduled) -> Because[str]:
    """Whether Prometheus has no metrics for it. Then none of the other expressions can be true."""
    return text("absent({info})", info=_series(runs, "info"))


def missed(runs: Scheduled) -> Because[str]:
    """Whether a due run has not started, also because someone suspended the CronJob or its time zone is unknown."""
    return _since(runs, "status_last_schedule_time", runs.overdue)


def failed(runs: Scheduled) -> Because[str]:
    """Whether the latest failed run started after the last success."""
    return promql(
        'max(kube_job_status_start_time{{namespace="{namespace}",job_name=~"{name}-[0-9]+"}}\n'
        '  and on (namespace, job_name) kube_job_failed{{namespace="{namespace}",condition="true"}} == 1)\n'
        "> (max({succeeded}) or vector(0))",
        namespace=runs.scope.namespace,
        name=runs.name,
        succeeded=_series(runs, "status_last_successful_time"),
    )


def late(runs: Scheduled, limit: Because[Duration], never: Because[Duration]) -> Because[str]:
    """Whether no run has succeeded since one that was due `limit` ago, whether it failed, hangs, or waits.

    Kubernetes records when a run was due, not when it started (`lastScheduleTime`), and only of runs that start. One
    that never starts is due `never` after the one before, at the latest. The next run replaces the time, so what counts
    is the time that was recorded `limit` ago: otherwise the alert would end, or never fire, if runs are close together.
    The last success is that of the whole time since, because a CronJob that was deleted and created again has none.
    """
    due, created, succeeded = (
        _series(runs, what) for what in ("status_last_schedule_time", "created", "status_last_successful_time")
    )
    return text(
        "(time() - max({due} offset {limit})\n"
        "unless max(max_over_time({succeeded}[{limit}])) > max({due} offset {limit}))\n"
        "or\ntime() - (max({due}) or max({created})) > {never}",
        due=due,
        created=created,
        succeeded=succeeded,
        limit=limit.map(span),
        never=never.map(whole_seconds),
    )


def stale(runs: Scheduled) -> Because[str]:
    """Whether the last success is too old."""
    return _since(runs, "status_last_successful_time", runs.stale)


def ago(runs: Scheduled) -> Because[str]:
    """The seconds since the last success, or, without one, since the CronJob was created."""
    return _ago(runs, "status_last_successful_time")


def finished(runs: Scheduled) -> Because[str]:
    """How long each run took that succeeded, in seconds, by `job_name`, as long as its Job is kept."""
    return text(
        "max by (job_name) ({completed}) - max by (job_name) ({started})",
        completed=_jobs(runs, "kube_job_status_completion_time"),
        started=_jobs(runs, "kube_job_status_start_time"),
    )


def running(runs: Scheduled) -> Because[str]:
    """How long each run has taken that has not ended, in seconds, by `job_name`."""
    return text(
        "time() - max by (job_name) ({started})\nunless max by (job_name) ({completed})\n"
        "unless max by (job_name) ({failed} == 1)",
        started=_jobs(runs, "kube_job_status_start_time"),
        completed=_jobs(runs, "kube_job_status_completion_time"),
        failed=_jobs(runs, "kube_job_failed", ',condition="true"'),
    )


def failures(runs: Scheduled) -> Because[str]:
    """How many failed runs are kept: those that failed after all of their retries."""
    return text("count({failed} == 1) or vector(0)", failed=_jobs(runs, "kube_job_failed", ',condition="true"'))


def _jobs(runs: Scheduled, series: str, more: str = "") -> Because[str]:
    return promql(
        f'{series}{{{{namespace="{{namespace}}",job_name=~"{{name}}-[0-9]+"{more}}}}}',
        namespace=runs.scope.namespace,
        name=runs.name,
    )


def by_jobs(runs: Scheduled) -> Because[str] | None:
    """The reason why only the Jobs of the runs are known, and no CronJob; None if there is one."""
    started: Orchestration | None = getattr(runs, "orchestration", None)  # batch services have CronJobs anywhere
    return started.observed if started is not None and started.observed.value == "runs" else None


JOBS = {
    "info": "kube_configmap_info",
    "created": "kube_configmap_created",
    "status_last_schedule_time": "kube_job_created",
    "status_last_successful_time": "kube_job_status_completion_time",
}
"""What stands for a series of a CronJob, if there is none."""


def _series(runs: Scheduled, what: str) -> Because[str]:
    if (observed := by_jobs(runs)) is not None:
        config = 'configmap=~"{system}-training-[0-9a-f]+"'
        own = config if "configmap" in JOBS[what] else 'job_name=~"{name}-[0-9]+"'
        return promql(
            f'{JOBS[what]}{{{{namespace="{{namespace}}",{own}}}}}',
            namespace=runs.scope.namespace,
            **({"system": runs.scope.system.metadata.name} if own is config else {"name": runs.name}),
        ).also(observed)
    return promql(
        f'kube_cronjob_{what}{{{{namespace="{{namespace}}",cronjob="{{name}}"}}}}',
        namespace=runs.scope.namespace,
        name=runs.name,
    )


def _since(runs: Scheduled, what: str, longest: Because[Duration]) -> Because[str]:
    """Whether too many seconds have passed since an event, or, if there was none, since the CronJob was created."""
    return text("{ago} > {longest}", ago=_ago(runs, what), longest=longest.map(whole_seconds))


def _ago(runs: Scheduled, what: str) -> Because[str]:
    first = "max" if by_jobs(runs) is None else "min"
    return text(
        f"time() - (max({{happened}}) or {first}({{created}}))",
        happened=_series(runs, what),
        created=_series(runs, "created"),
    )

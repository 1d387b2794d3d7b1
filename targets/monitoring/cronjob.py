"""Whether runs by the clock are started and succeed: expressions for whatever runs as a CronJob.

All of them rest on what kube-state-metrics exports, scraped with `honor_labels` so that `namespace` is the object's:
`kube_cronjob_info`, `kube_cronjob_created`, `kube_cronjob_status_last_schedule_time` and
`kube_cronjob_status_last_successful_time` by `namespace` and `cronjob`; `kube_job_failed` by `namespace`, `job_name`
and `condition`; `kube_job_status_start_time` by `namespace` and `job_name`.

Traps that are handled here: `kube_job_status_failed` counts pods, so a pod that was tried again would alert in a run
that succeeds; a failed Job stays in the history, so an alert on it would go on after the next success;
`kube_cronjob_next_schedule_time` ignores the time zone in older versions (kube-state-metrics, issue 2206), so the gap
between two runs is known here instead; a CronJob that has never run or never succeeded has no time of it, so its
creation counts.
"""

from __future__ import annotations

from typing import Protocol

from ...compiler.because import Because, text
from ...compiler.plan.scope import Scope
from ...compiler.promql import promql
from ...schema.units import Duration

__all__ = ["Clocked", "absent", "failed", "missed", "stale"]


class Clocked(Protocol):
    """What runs by the clock."""

    scope: Scope

    @property
    def name(self) -> Because[str]:
        """The name of its CronJob."""
        ...

    @property
    def overdue(self) -> Because[Duration]:
        """The time since the last start at which a run has been missed."""
        ...

    @property
    def stale(self) -> Because[Duration]:
        """The age of the last success at which somebody is told."""
        ...


def absent(runs: Clocked) -> Because[str]:
    """Whether Prometheus knows nothing of it: then none of the others can be true."""
    return text("absent({info})", info=_series(runs, "info"))


def missed(runs: Clocked) -> Because[str]:
    """Whether a run that was due has not started: also when it was suspended by hand, or has an unknown time zone."""
    return _since(runs, "status_last_schedule_time", runs.overdue)


def failed(runs: Clocked) -> Because[str]:
    """Whether the newest failed run is younger than the last success."""
    return promql(
        'max(kube_job_status_start_time{{namespace="{namespace}",job_name=~"{name}-[0-9]+"}}\n'
        '  and on (namespace, job_name) kube_job_failed{{namespace="{namespace}",condition="true"}} == 1)\n'
        "> (max({succeeded}) or vector(0))",
        namespace=runs.scope.namespace,
        name=runs.name,
        succeeded=_series(runs, "status_last_successful_time"),
    )


def stale(runs: Clocked) -> Because[str]:
    """Whether the last success is too long ago."""
    return _since(runs, "status_last_successful_time", runs.stale)


def _series(runs: Clocked, what: str) -> Because[str]:
    return promql(
        f'kube_cronjob_{what}{{{{namespace="{{namespace}}",cronjob="{{name}}"}}}}',
        namespace=runs.scope.namespace,
        name=runs.name,
    )


def _since(runs: Clocked, what: str, longest: Because[Duration]) -> Because[str]:
    """Whether too many seconds have passed since something happened, or since there was anything to happen."""
    return text(
        "time() - (max({happened}) or max({created})) > {longest}",
        happened=_series(runs, what),
        created=_series(runs, "created"),
        longest=longest.map(lambda longest: int(longest.amount)),
    )

"""Alerts on jobs that a model depends on: the search of hyperparameters, and the job that fills the feature store.

None of them pages, because the live model keeps serving.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Artifact
from ...compiler.plan import cron
from ...compiler.plan.alerting.failures import Failure
from ...compiler.plan.data.store import UTC, StorePlan
from ...compiler.plan.orchestration import Orchestration
from ...compiler.plan.scope import Scope
from ...compiler.plan.training import TrainingPlan
from ...compiler.record import Record
from ...schema.units import Duration
from . import cronjob
from .alert import alert
from .files import rule_files
from .proof import Alert
from .proofs import schedules as proofs

__all__ = ["of_features", "of_search"]


class Runs(Record):
    """The runs of one schedule."""

    scope: Scope
    name: Because[str]
    overdue: Because[Duration]
    stale: Because[Duration]
    prefix: str
    """The start of the names of its alerts."""
    what: str
    """What a run is, in a sentence."""
    then: Because[str]
    """What to do if one fails."""
    orchestration: Orchestration | None = None
    """What starts the runs; None for a CronJob, whatever the platform's provider is."""


def of_search(training: TrainingPlan) -> Iterator[Artifact]:
    """The rules on a search that has its own schedule."""
    schedule = training.search_schedule
    if training.searched is None or schedule is None:
        return
    runs = Runs(
        scope=training.scope,
        name=training.search_name,
        overdue=cron.overdue(training.search_gap, training.time_zone),
        stale=training.search_stale,
        orchestration=training.orchestration,
        prefix="Search",
        what="search of hyperparameters",
        then=fixed(
            "Read the log of its last Job. Until a search succeeds, training runs use the parameters before.",
            "the ConfigMap with the best parameters changes only at the end of a search",
        ),
    )
    yield from _rules(runs, because("rules", "alerts on the search of hyperparameters", schedule))


def of_features(store: StorePlan) -> Iterator[Artifact]:
    """The rules on the job that fills the feature store."""
    runs = Runs(
        scope=store.scope,
        name=store.name,
        overdue=cron.overdue(store.longest_gap, UTC),
        stale=cron.stale(store.longest_gap, store.deadline),
        prefix="Feature",
        what="materialization of features",
        then=fixed(
            "Read the log of its last Job: it names the view. Until a run succeeds, features get older.",
            "the online store keeps the last values",
        ),
    )
    yield from _rules(runs, because("rules", "alerts on the job that fills the feature store", store.schedule))


def _rules(runs: Runs, why: Because[str]) -> Iterator[Artifact]:
    """The same group twice: for the Prometheus Operator, and as a plain rule file."""
    groups = [
        {
            "name": text("mlspec-{name}", name=runs.name),
            "interval": fixed("1m", "schedules have a resolution of one minute"),
            "rules": [_absent(runs), _missed(runs), _failed(runs)],
        }
    ]
    yield from rule_files(runs.scope, runs.name, groups, why)


def _ticket(
    runs: Runs, name: str, failure: Failure, expression: Because[str], said: str, *,
    action: Because[str] | None = None, wait: Because[str] | None = None,
) -> Alert:  # fmt: skip
    summary = text(f"{{name}}: {said}", name=runs.name)
    return alert(runs, f"{runs.prefix}{name}", "ticket", failure, expression, summary, action=action, wait=wait)


def _absent(runs: Runs) -> Alert:
    seen = "the CronJob" if cronjob.by_jobs(runs) is None else "its Jobs"
    said = f"Prometheus has no metrics for {seen}, so no other alert on its runs can fire"
    wait = fixed("30m", "longer than an upgrade of kube-state-metrics")
    return proofs.absent(runs, _ticket(runs, "JobAbsent", "monitoring", cronjob.absent(runs), said, wait=wait))


def _missed(runs: Runs) -> Alert:
    said = f"no {runs.what} has started for {{{{{{{{ $value | humanizeDuration }}}}}}}}"
    action = fixed("Look at the events of its schedule: it may be suspended.", "what keeps a run from starting")
    missed = _ticket(runs, "RunMissed", "runs", cronjob.missed(runs), said, action=action)
    return proofs.overdue(runs, missed, "status_last_schedule_time", runs.overdue)


def _failed(runs: Runs) -> Alert:
    said = f"a {runs.what} failed after all retries, and none has succeeded since"
    return proofs.failed(runs, _ticket(runs, "RunFailed", "runs", cronjob.failed(runs), said, action=runs.then))

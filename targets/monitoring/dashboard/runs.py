"""Whether what runs on a schedule runs and succeeds: batch inference and training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ....compiler.because import Because, because, fixed, text
from ....compiler.plan.choose import readable
from ....compiler.plan.training import TrainingPlan
from ....schema.units import Duration
from ...providers import OrchestrationProvider
from .. import cronjob
from ..alert import Watched
from .panel import Line, Panel, Query, seconds

__all__ = ["Runs", "runs"]


class Runs(cronjob.Scheduled, Watched, Protocol):
    """What runs on a schedule, and has alerts."""

    @property
    def deadline(self) -> Because[Duration]:
        """How long a run may take."""
        ...


def shown(job: Runs) -> str:
    """The command that shows the last runs, with `{name}`."""
    if not isinstance(job, TrainingPlan):
        return "kubectl describe cronjob {name}"
    return job.scope.providers.chosen(OrchestrationProvider, job.orchestration.provider).shown


def runs(job: Runs) -> Iterator[Panel]:
    """The panels of what runs on a schedule."""
    why = because("runs", "it runs on a schedule", job.stale)
    yield Panel(
        key="since",
        kind="graph",
        title="Time since the last success",
        about=text(
            "How long ago a run last succeeded. At the line, {limit}, an alert fires. "
            f"`{shown(job)}` shows the last runs.",
            limit=job.stale.map(readable),
            name=job.name,
        ),
        unit="s",
        queries=(Query(asks=cronjob.ago(job), legend="since the last success"),),
        why=why,
        lines=(Line(at=job.stale.map(seconds), color="red"),),
        empty="No metrics of kube-state-metrics",
    )
    yield Panel(
        key="durations",
        kind="graph",
        title="Duration of runs",
        about=text(
            "How long each run took, or has taken. At the line, {deadline}, Kubernetes ends it. If runs get longer, "
            "raise the deadline or give them more resources.",
            deadline=job.deadline.map(readable),
        ),
        unit="s",
        queries=(
            Query(asks=cronjob.finished(job), legend="{{job_name}}"),
            Query(asks=cronjob.running(job), legend="{{job_name}}, running"),
        ),
        why=why,
        lines=(Line(at=job.deadline.map(seconds), color="red"),),
        empty="No run is kept",
    )
    yield Panel(
        key="failures",
        kind="graph",
        title="Failed runs",
        about=fixed(
            "The runs that failed after all retries and whose Jobs still exist. `kubectl logs` shows what the last one "
            "wrote.",
            "what it shows",
        ),
        unit="short",
        queries=(Query(asks=cronjob.failures(job), legend="failed"),),
        why=why,
        lines=(Line(at=fixed(1, "one is enough to look at"), color="red"),),
    )

"""Alerts on online learning: it falls behind, it is frozen for too long, or Prometheus does not see it.

None of them pages: the served model does not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Artifact
from ...compiler.plan.alerting.failures import Failure
from ...compiler.plan.choose import whole_seconds
from ...compiler.plan.learning import LearningPlan
from ...compiler.promql import promql
from ...compiler.scenes.notation import labeled
from ...schema.units import Duration
from .alert import alert
from .files import rule_files
from .proof import Alert
from .proofs import learner as proofs

__all__ = ["rules"]


def rules(found: LearningPlan) -> Iterator[Artifact]:
    """The same group twice: for the Prometheus Operator, and as a plain rule file."""
    groups = [
        {
            "name": text("mlspec-{name}", name=found.name),
            "interval": fixed("1m", "the same as for objectives"),
            "rules": [_late(found), _frozen(found), _absent(found)],
        }
    ]
    why = because("rules", "alerts on online learning", found.part.algorithm)
    yield from rule_files(found.plan, found.name, groups, why)


def _series(found: LearningPlan, what: str) -> Because[str]:
    return promql(
        f'mlspec_learner_{what}_timestamp_seconds{{{{namespace="{{namespace}}",service="{{service}}"}}}}',
        namespace=found.plan.namespace,
        service=found.measuring.service.name,
    )


def _sampled(found: LearningPlan, what: str) -> str:
    own = {"namespace": found.plan.namespace.value, "service": found.measuring.service.name.value}
    return labeled(f"mlspec_learner_{what}_timestamp_seconds", own)


def _ticket(
    found: LearningPlan, name: str, failure: Failure, expression: Because[str], said: str, action: Because[str],
    wait: Because[str] | None = None,
) -> Alert:  # fmt: skip
    summary = text(f"{{name}}: {said}", name=found.name)
    return alert(found, name, "ticket", failure, expression, summary, action=action, wait=wait)


def _late(found: LearningPlan) -> Alert:
    """The limit is three intervals: a single failure may resolve itself. While it is frozen, another alert says so."""
    limit = found.part.checkpoint.map(lambda one: Duration(3 * one.amount + 900))
    late = _ticket(
        found,
        "LearnerLate",
        "staleness",
        text(
            "time() - max({caught_up}) > {limit}\nunless max({frozen})",
            caught_up=_series(found, "caught_up"),
            limit=limit.map(whole_seconds),
            frozen=_series(found, "frozen"),
        ),
        "new labels have waited for {{{{ $value | humanizeDuration }}}} to be learned",
        fixed("Read the log of the learner: its command fails, or its store is away.", "what keeps a checkpoint away"),
    )
    return proofs.late(late, _sampled(found, "caught_up"), _sampled(found, "frozen"), whole_seconds(limit.value))


def _frozen(found: LearningPlan) -> Alert:
    frozen = _ticket(
        found,
        "LearnerFrozen",
        "staleness",
        text(
            "time() - min({frozen}) > {limit}",
            frozen=_series(found, "frozen"),
            limit=found.part.frozen.map(whole_seconds),
        ),
        "learning has been frozen for {{{{ $value | humanizeDuration }}}}",
        fixed(
            "The log of the learner has the signals. Fix their cause, or train: it starts again once none is raised.",
            "what is frozen learns nothing until a diagnosis is clear",
        ),
    )
    return proofs.frozen(frozen, _sampled(found, "frozen"), whole_seconds(found.part.frozen.value))


def _absent(found: LearningPlan) -> Alert:
    absent = _ticket(
        found,
        "LearnerAbsent",
        "monitoring",
        text("absent({caught_up})", caught_up=_series(found, "caught_up")),
        "Prometheus sees no learner, so no other alert on it can fire",
        fixed("Look at the pod of the Deployment and at its PodMonitor.", "one of them is missing, or does not start"),
        fixed("30m", "longer than a change of the spec takes to start it again"),
    )
    return proofs.absent(absent, _sampled(found, "caught_up"), found)

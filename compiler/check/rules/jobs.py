"""Rules on what this version leaves to your own jobs and engineers: it compiles the alerts on models, no more."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...exported import condition
from ...finding import finding
from ...plan import Plan
from ...plan.alerting.due import ALERT, read
from ...system import MLSystem
from ..lint import rule
from .capture import uncaptured
from .watching import of_quality

__all__ = ["jobs_of_yours", "triggers_open_a_ticket"]


@rule(
    "MLS735",
    "info",
    "monitoring.capture",
    "monitoring.measured",
    "monitoring.quality.metric",
    "monitoring.rules.*.metric",
)
def jobs_of_yours(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Alerts on what your own jobs have to export.

    Why: this version of mlspec compiles the alerts on quality, drift, and data, but not the jobs that measure them.
    Until a job exports the series, an alert on its absence opens a ticket.

    Bad:
        monitoring:
          capture: {by: client, to: s3://feedback/fraud, id: payment_id}
          quality: {metric: recall, min: 0.6}
          rules: [{metric: null-rate, max: 5%}]
    Good:
        metrics:
          abstained: {direction: minimize, query: sum(abstained)}
        monitoring:
          rules: [{metric: abstained, max: 3}]
    """
    asked = system.monitoring
    if not plan.runs("monitoring").value or asked.measured.value == "elsewhere" or uncaptured(system, plan):
        return
    jobs = [bound.metric for bound in asked.rules if condition(bound.metric.value) or of_quality(system, bound)]
    subjects: list[tuple[str, object]] = []
    if asked.quality is not None:
        subjects.append(("the quality", asked.quality.metric))
    if asked.drift is not None:
        subjects.append(("drift", asked.drift))
    subjects += [(f"`{jobs[0].value}`", jobs[0])] if jobs else []
    if not subjects:
        return
    (_, first), *others = subjects
    *names, last = [name for name, _ in subjects]
    said = f"{', '.join(names)}{',' if len(names) > 1 else ''} and {last}" if names else last
    yield finding(
        "MLS735",
        f"your own jobs have to measure {said}",
        first,
        others=tuple((place, "needs a job, too") for _, place in others),
        note="this version compiles the alerts, but not the jobs; while a series is missing, an alert says so",
        help="export the metrics of docs/reference/metrics.md, and write `# mlspec: ignore[MLS735] ...` with the name "
        "of the job",
    )


@rule("MLS736", "info", "retraining.triggers", "platform.alerting.retraining")
def triggers_open_a_ticket(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Trigger that opens a ticket and starts no training run.

    Why: this version of mlspec finds out when training is due, and tells the owner. Until an engineer or a webhook
    starts the run, the model keeps its quality.

    Bad:
        evaluation:
          primary: recall
          gates: [{metric: recall, versus: champion, margin: 0.05, minSamples: 1000}]
        monitoring:
          quality: {metric: recall, min: 0.6}
        retraining: {triggers: [quality-drop]}
    Good:
        evaluation:
          primary: recall
          gates: [{metric: recall, versus: champion, margin: 0.05, minSamples: 1000}]
        monitoring:
          quality: {metric: recall, min: 0.6}
        retraining: {}
    """
    triggers = read(system)
    if triggers and plan.runs("monitoring").value and "retraining" not in plan.alerting.wanted:
        yield finding(
            "MLS736",
            f"`{triggers[0].value}` opens a ticket, and starts no training run",
            triggers[0],
            others=tuple((each, "so does this one") for each in triggers[1:]),
            note=f"`{ALERT}` fires if nothing else explains the drop; this version leaves the start to you",
            help="start a run when the alert asks for it, and write `# mlspec: ignore[MLS736] ...` with who does, or "
            "set `platform.alerting.retraining` to a receiver whose webhook starts it",
        )

"""Rules on what is left to your own jobs and engineers."""

from __future__ import annotations

from collections.abc import Iterator

from ...diagnostics import Diagnostic
from ...exported import condition
from ...finding import finding
from ...plan import Plan
from ...plan.alerting.due import ALERT, read
from ...plan.measuring import measures
from ...system import AlertRule, MLSystem
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

    Why: mlspec measures what captured predictions show: drift, quality, and data. It cannot see what is not in them,
    such as training-serving skew or the cost. Until a job exports such a series, an alert on its absence opens a
    ticket.

    Bad:
        monitoring:
          rules: [{metric: daily-tokens, max: 5000000}]
    Good:
        metrics:
          abstained: {direction: minimize, query: sum(abstained)}
        monitoring:
          rules: [{metric: abstained, max: 3}]
    """
    asked = system.monitoring
    if not plan.runs("monitoring").value or asked.measured.value == "elsewhere" or uncaptured(system, plan):
        return
    found = [bound.metric for bound in asked.rules if _left_to_jobs(plan, bound)]
    if plan.measuring is None:
        found = [*(bound.metric for bound in (asked.quality,) if bound is not None), *found]
    if not found:
        return
    first, *others = found
    yield finding(
        "MLS735",
        f"your own job has to measure {_all([*dict.fromkeys(one.value for one in found)])}",
        first,
        others=tuple((one, "needs a job, too") for one in others),
        note="mlspec does not measure it here; while its series is missing, an alert says so",
        help="export the metrics of docs/reference/metrics.md, and write `# mlspec: ignore[MLS735] ...` with the name "
        "of the job",
    )


def _all(names: list[str]) -> str:
    *some, last = [f"`{name}`" for name in names]
    return f"{', '.join(some)}{',' if len(some) > 1 else ''} and {last}" if some else last


def _left_to_jobs(plan: Plan, bound: AlertRule) -> bool:
    """Whether a bound is on something that a job exports, and that nothing of mlspec measures here."""
    if plan.measuring is not None:
        return condition(bound.metric.value) is not None and not measures(plan, bound)
    return condition(bound.metric.value) is not None or of_quality(plan.system, bound)


@rule("MLS736", "info", "retraining.triggers", "platform.alerting.retraining", "monitoring.measured")
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
    routed = "retraining" in plan.alerting.wanted or plan.alerting.own is not None
    if triggers and plan.runs("monitoring").value and not routed:
        yield finding(
            "MLS736",
            f"`{triggers[0].value}` opens a ticket, and starts no training run",
            triggers[0],
            others=tuple((each, "so does this one") for each in triggers[1:]),
            note=f"`{ALERT}` fires if nothing else explains the drop; this version leaves the start to you",
            help="start a run when the alert asks for it, and write `# mlspec: ignore[MLS736] ...` with who does, or "
            "set `platform.alerting.retraining` to a receiver whose webhook starts it",
        )

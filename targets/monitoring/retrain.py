"""The alert that a training run is due: the model got worse and nothing else explains it, or enough labels are new.

It reads the other alerts. Quality or drift alone starts nothing: as long as the data, the features, the labels, or a
monitor is broken, or may be, the cause is unknown, and a new model would learn the fault. A group with few observations
does not count as such, because some groups always have few. New labels start nothing on a fault either.

Its rules are files of their own, so that their tests show only the alerts that it reads. Prometheus evaluates them at
another moment than those alerts, so a fault may be seen one evaluation later than its effect; `for` is much longer.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Artifact
from ...compiler.plan import Plan
from ...compiler.plan.alerting.due import ALERT, NEW_LABELS, read
from ...compiler.plan.data.diagnosis import vetoes
from ...compiler.promql import promql, span
from ..plain import quantity
from .alert import Watched
from .jobs import Judged, Needed, one_group, sampled, series, told
from .proof import Alert
from .proofs import monitors as proofs
from .proofs.contract import Well
from .proofs.monitors import Raised

__all__ = ["artifacts", "needed"]

LOW = Raised(alert="ModelQualityLow", signal="quality-drop")
ESTIMATE = Raised(alert="ModelQualityEstimateLow", signal="estimate-drop")
RAISED = {
    "quality-drop": (LOW,),
    "data-drift": (Raised(alert="ModelFeatureDrift", signal="feature-drift"), ESTIMATE),
    "prediction-drift": (Raised(alert="ModelPredictionDrift", signal="prediction-drift"), ESTIMATE),
}
"""The alerts that must fire for each trigger: drift is damage only if the estimate of the quality falls, too."""

COUNT = "mlspec_label_new_rows"


def artifacts(plan: Plan, watched: Watched) -> Iterator[Artifact]:
    """The rule files, if the spec lists triggers whose alerts exist."""
    rules: list[Alert | Because[Alert]] = [*_worse(plan, watched), *_fresh(plan, watched)]
    yield from one_group(plan, watched, "due", rules, "when training is due")


def needed(plan: Plan, watched: Watched) -> Iterator[Judged]:
    """The series that the alert reads itself."""
    trigger = _new_labels(plan)
    if trigger is not None:
        well = Well(series=sampled(watched, COUNT), alone=True)
        counted, interval = series(watched, COUNT).also(trigger), plan.system.monitoring.interval
        yield Judged(needed=(Needed(name=COUNT, selected=counted, interval=interval, well=well),))


def _new_labels(plan: Plan) -> Because[str] | None:
    """The trigger, if the spec has it."""
    return next((trigger for trigger in read(plan.system) if trigger.value == NEW_LABELS), None)


def _worse(plan: Plan, watched: Watched) -> Iterator[Alert]:
    """The alert because the model got worse."""
    triggers = [trigger for trigger in read(plan.system) if trigger.value != NEW_LABELS]
    if not triggers:
        return
    raised = [RAISED[trigger.value] for trigger in triggers]
    reasons = [_reason(watched, some).also(trigger) for trigger, some in zip(triggers, raised, strict=True)]
    yield proofs.due(_due(plan, watched, tuple(reasons)), _own(plan, watched), raised, vetoes(watched.scope))


def _fresh(plan: Plan, watched: Watched) -> Iterator[Because[Alert]]:
    """The same alert because enough labels are new. Its label `trigger` distinguishes it, because both may fire."""
    trigger, retraining = _new_labels(plan), plan.system.retraining
    if trigger is None or retraining is None:
        return
    least = retraining.diagnosis.min_new_labels
    assert least is not None, "without it, the trigger is not read"
    due = told(
        watched,
        ALERT,
        "ticket",
        None,
        text(
            "max({selected}) >= {least}\n{unless}",
            selected=series(watched, COUNT).also(trigger),
            least=least.map(quantity),
            unless=_unless(plan, watched),
        ),
        text("{service}: {{{{ $value }}}} labels are new since the live version was trained", service=watched.name),
        action=fixed("Train on the new labels, and let the gates and the canary decide.", "more data, and no fault"),
        failure="model-quality",
        labels={"retrain": "due", "trigger": trigger},
        wait=plan.system.monitoring.interval.map(span),
    )
    enough = int(quantity(least.value))
    proofs.enough(due, _own(plan, watched), sampled(watched, COUNT), enough, vetoes(watched.scope))
    yield because(due, "what is watched decides which alerts there are", least, trigger)


def _own(plan: Plan, watched: Watched) -> dict[str, str]:
    """The labels of the alerts that it reads."""
    return {"namespace": plan.namespace.value, "service": watched.name.value}


def _reason(watched: Watched, raised: tuple[Raised, ...]) -> Because[str]:
    """That all of these alerts fire."""
    firing = {f"a{index}": _firing(watched, one) for index, one in enumerate(raised)}
    template = " and ".join(f"{{{key}}}" for key in firing)
    return text(f"({template})" if len(firing) > 1 else template, **firing)


def _firing(watched: Watched, one: Raised) -> Because[str]:
    return promql(
        f'max(ALERTS{{{{alertstate="firing",namespace="{{namespace}}",service="{{service}}",alertname="{one.alert}",'
        f'signal="{one.signal}"}}}})',
        namespace=watched.scope.namespace,
        service=watched.name,
    )


def _due(plan: Plan, watched: Watched, reasons: tuple[Because[str], ...]) -> Alert:
    named = {f"r{index}": reason for index, reason in enumerate(reasons)}
    either = "\n  or ".join(f"{{{key}}}" for key in named)
    expression = text(f"(\n  {either}\n)\n{{unless}}", unless=_unless(plan, watched), **named)
    return told(
        watched,
        ALERT,
        "ticket",
        None,
        expression,
        text(
            "{service}: the model got worse, and neither the data, nor features, nor labels, nor a silent monitor "
            "explains it",
            service=watched.name,
        ),
        action=fixed(
            "Rule out a bad version, a season, and a changed mix of requests. Then train on newer rows, and let the "
            "gates and the canary decide.",
            "what no alert can rule out",
        ),
        failure="model-quality",
        labels={"retrain": "due"},
        wait=plan.system.monitoring.interval.map(span),
    )


def _unless(plan: Plan, watched: Watched) -> Because[str]:
    """Unless a fault is there, or may be."""
    faults = because("|".join(vetoes(watched.scope)), "signals that no training run answers", plan.platform.diagnoses)
    return promql(
        'unless max(ALERTS{{namespace="{namespace}",service="{service}",segment="",signal=~"{faults}"}})',
        namespace=watched.scope.namespace,
        service=watched.name,
        faults=faults,
    )

"""The alert that a training run is due: the model got worse and nothing else explains it, or enough labels are new.

It reads the other alerts. Quality or drift alone starts nothing: as long as the data, the features, the labels, or a
monitor is broken, or may be, the cause is unknown, and a new model would learn the fault. A group with few observations
does not count as such, because some groups always have few. New labels start nothing on a fault either.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because, fixed, text
from ...compiler.plan import Plan
from ...compiler.plan.alerting.due import ALERT, NEW_LABELS, read
from ...compiler.plan.data.diagnosis import vetoes
from ...compiler.promql import promql, span
from ..plain import quantity
from .alert import Watched
from .jobs import Judged, Needed, sampled, series, told
from .proof import Alert
from .proofs import monitors as proofs
from .proofs.contract import Well
from .proofs.monitors import Raised

__all__ = ["judged"]

LOW = Raised(alert="ModelQualityLow", signal="quality-drop")
ESTIMATE = Raised(alert="ModelQualityEstimateLow", signal="estimate-drop")
RAISED = {
    "quality-drop": (LOW,),
    "data-drift": (Raised(alert="ModelFeatureDrift", signal="feature-drift"), ESTIMATE),
    "prediction-drift": (Raised(alert="ModelPredictionDrift", signal="prediction-drift"), ESTIMATE),
}
"""The alerts that must fire for each trigger: drift is damage only if the estimate of the quality falls, too."""

COUNT = "mlspec_label_new_rows"


def judged(plan: Plan, watched: Watched) -> Iterator[Judged]:
    """The alert, if the spec lists triggers whose alerts exist."""
    triggers = [trigger for trigger in read(plan.system) if trigger.value != NEW_LABELS]
    raised = [RAISED[trigger.value] for trigger in triggers]
    if triggers:
        reasons = [_reason(watched, some).also(trigger) for trigger, some in zip(triggers, raised, strict=True)]
        due = _due(plan, watched, tuple(reasons))
        own = {"namespace": plan.namespace.value, "service": watched.name.value}
        faults = vetoes(watched.scope)
        yield Judged(rules=(due,), prove=lambda every: proofs.due(due, own, raised, faults, every))
    for trigger in read(plan.system):
        if trigger.value == NEW_LABELS:
            yield _fresh(plan, watched, trigger)


def _fresh(plan: Plan, watched: Watched, trigger: Because[str]) -> Judged:
    """The same alert because enough labels are new. Its label `trigger` distinguishes it, because both may fire."""
    retraining, interval = plan.system.retraining, plan.system.monitoring.interval
    least = retraining.diagnosis.min_new_labels if retraining is not None else None
    assert least is not None
    selected = series(watched, COUNT).also(trigger)
    due = told(
        watched,
        ALERT,
        "ticket",
        None,
        text(
            "max({selected}) >= {least}\n{unless}",
            selected=selected,
            least=least.map(quantity),
            unless=_unless(plan, watched),
        ),
        text("{service}: {{{{ $value }}}} labels are new since the live version was trained", service=watched.name),
        action=fixed("Train on the new labels, and let the gates and the canary decide.", "more data, and no fault"),
        failure="model-quality",
        labels={"retrain": "due", "trigger": trigger},
        wait=interval.map(span),
    )
    counted, faults = sampled(watched, COUNT), vetoes(watched.scope)
    own = {"namespace": plan.namespace.value, "service": watched.name.value}
    needed = Needed(name=COUNT, selected=selected, interval=interval, well=Well(series=counted, alone=True))
    enough = int(quantity(least.value))
    return Judged(
        rules=(due,),
        needed=(needed,),
        prove=lambda every: proofs.enough(due, own, counted, enough, faults, every),
        causes=(least, trigger),
    )


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

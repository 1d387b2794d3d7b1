"""The alert that a new training run is the answer: the model got worse, and nothing else explains it.

It reads the other alerts. Quality or drift alone starts nothing: as long as the data, the features, the labels, or a
monitor is broken, or may be, the cause is unknown, and a new model would learn the fault. A group with few observations
does not count as such, because some groups always have few.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because, fixed, text
from ...compiler.plan import Plan
from ...compiler.plan.alerting.due import ALERT, read
from ...compiler.plan.data.diagnosis import vetoes
from ...compiler.promql import promql, span
from .alert import Watched
from .jobs import Judged, told
from .proof import Alert
from .proofs import monitors as proofs
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


def judged(plan: Plan, watched: Watched) -> Iterator[Judged]:
    """The alert, if the spec lists triggers whose alerts exist."""
    triggers = read(plan.system)
    raised = [RAISED[trigger.value] for trigger in triggers]
    if triggers:
        reasons = [_reason(watched, some).also(trigger) for trigger, some in zip(triggers, raised, strict=True)]
        due = _due(plan, watched, tuple(reasons))
        own = {"namespace": plan.namespace.value, "service": watched.name.value}
        faults = vetoes(watched.scope)
        yield Judged(rules=(due,), prove=lambda every: proofs.due(due, own, raised, faults, every))


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
    faults = because("|".join(vetoes(watched.scope)), "signals that no training run answers", plan.platform.diagnoses)
    either = "\n  or ".join(f"{{{key}}}" for key in named)
    expression = promql(
        f"(\n  {either}\n)\n"
        'unless max(ALERTS{{namespace="{namespace}",service="{service}",segment="",signal=~"{faults}"}})',
        namespace=watched.scope.namespace,
        service=watched.name,
        faults=faults,
        **named,
    )
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

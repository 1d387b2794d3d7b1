"""The alert that a new training run is the answer: the model got worse, and nothing else explains it.

It reads the other alerts. Quality or drift alone starts nothing: as long as the data, the features, the labels, or a
monitor is broken, or may be, the cause is unknown, and a new model would learn the fault. A group with few observations
does not count as such, because some groups always have few.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, because, fixed, text
from ...compiler.emit.artifact import Body
from ...compiler.exported import Signal
from ...compiler.plan import Plan
from ...compiler.plan.data.diagnosis import vetoes
from ...compiler.promql import promql, span
from .alert import Watched
from .jobs import Judged, told

__all__ = ["judged"]

DROP: tuple[Signal, ...] = ("quality-drop",)
DRIFT: dict[str, Signal] = {"data-drift": "feature-drift", "prediction-drift": "prediction-drift"}
"""The signal of each trigger that is drift."""


def judged(plan: Plan, watched: Watched) -> Iterator[Judged]:
    """The alert, if the spec lists triggers whose alerts exist."""
    asked = plan.system.monitoring
    triggers = plan.system.retraining.triggers if plan.system.retraining is not None else ()
    reasons = []
    if asked.quality is not None:
        for trigger in triggers:
            if trigger.value == "quality-drop":
                reasons.append(_firing(watched, "ModelQualityLow", "quality-drop").also(trigger))
            elif trigger.value in DRIFT and asked.drift is not None:
                reasons.append(_drift(watched, trigger))
    if reasons:
        yield Judged(rules=(_due(plan, watched, tuple(reasons)),))


def _firing(watched: Watched, alert: str, signal: Signal) -> Because[str]:
    return promql(
        f'max(ALERTS{{{{alertstate="firing",namespace="{{namespace}}",service="{{service}}",alertname="{alert}",'
        f'signal="{signal}"}}}})',
        namespace=watched.scope.namespace,
        service=watched.name,
    )


def _drift(watched: Watched, trigger: Because[str]) -> Because[str]:
    """Drift is damage only if the estimated quality falls, too."""
    signal = DRIFT[trigger.value]
    alert = "ModelFeatureDrift" if signal == "feature-drift" else "ModelPredictionDrift"
    return text(
        "({drift} and {estimate})",
        drift=_firing(watched, alert, signal),
        estimate=_firing(watched, "ModelQualityEstimateLow", "estimate-drop"),
    ).also(trigger)


def _due(plan: Plan, watched: Watched, reasons: tuple[Because[str], ...]) -> Body:
    named = {f"r{index}": reason for index, reason in enumerate(reasons)}
    faults = because("|".join(vetoes(watched.scope)), "signals that no training run answers", plan.platform.diagnoses)
    expression = promql(
        f"({' or '.join(f'{{{key}}}' for key in named)})\n"
        'unless max(ALERTS{{namespace="{namespace}",service="{service}",segment="",signal=~"{faults}"}})',
        namespace=watched.scope.namespace,
        service=watched.name,
        faults=faults,
        **named,
    )
    return told(
        watched,
        "ModelRetrainingDue",
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

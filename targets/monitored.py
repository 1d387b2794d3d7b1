"""What the jobs of an environment measure, as the key `monitoring` of their configuration.

The process that measures and the first step of a training run read the same content, so that both see the same facts.
"""

from __future__ import annotations

from typing import Any

from ..compiler.because import Because, because
from ..compiler.plan import Plan
from ..compiler.plan.measuring import MeasuringPlan
from ..compiler.plan.training import TrainingPlan
from ..compiler.system import AlertRule, Cause, Condition
from .plain import as_data, epoch, quantity

__all__ = ["measuring", "monitoring"]


def measuring(training: TrainingPlan) -> MeasuringPlan | None:
    """The process that measures next to a training run; None if there is none."""
    found = training.measuring
    assert found is None or isinstance(found, MeasuringPlan)
    return found


def monitoring(found: MeasuringPlan | None) -> dict[str, Any] | None:
    """The content; None if nothing is measured in this environment."""
    if found is None:
        return None
    plan, asked = found.plan, found.plan.system.monitoring
    return {
        "service": found.service.name,
        "namespace": plan.namespace,
        "interval": asked.interval.map(quantity),
        "capture": _capture(found),
        "segments": list(asked.segments) or None,
        "features": _features(plan) or None,
        "featureResults": found.feature_results,
        "drift": _drift(found),
        "labels": _labels(found),
        "prediction": _prediction(found),
        "quality": _quality(found),
        "retraining": _retraining(found),
        "diagnoses": {name: _cause(cause) for name, cause in plan.platform.diagnoses.items()},
    }


def _capture(found: MeasuringPlan) -> dict[str, Any]:
    part = found.part
    return {
        "uri": part.to,
        "id": part.id,
        "sample": part.sample.map(quantity),
        "retention": part.retention.map(quantity),
        "personalData": list(part.personal_data) or None,
        "unwrapped": list(found.unwrapped) or None,
    }


def _quality(found: MeasuringPlan) -> dict[str, Any] | None:
    """The bounds, and the columns that only they name."""
    if not found.bounds:
        return None
    listed = {column.value for column in found.plan.system.monitoring.segments}
    own = {one.segment.value: one.segment for one in found.bounds if one.segment is not None}
    columns = [column for name, column in own.items() if name not in listed]
    return {"bounds": [_bound(found, bound) for bound in found.bounds], "segments": columns or None}


def _features(plan: Plan) -> list[dict[str, Any]]:
    features = plan.system.features
    views = features.views if features is not None else ()
    return [{"view": view.name, "maxAge": view.max_age.map(quantity)} for view in views if view.max_age is not None]


def _drift(found: MeasuringPlan) -> dict[str, Any] | None:
    if found.drift is None:
        return None
    part = found.drift.part
    return {
        "window": part.window.map(quantity),
        "bins": part.bins,
        "falseAlarms": part.false_alarms.map(quantity),
        "reference": found.reference,
        "columns": [
            {
                "column": one.column,
                "subject": because(one.subject, "what kind of column it is", one.column),
                "method": one.method,
                "threshold": one.limits.threshold,
                "minSamples": one.limits.least,
            }
            for one in found.columns
        ],
    }


def _labels(found: MeasuringPlan) -> dict[str, Any] | None:
    source, labels = found.labels, found.plan.system.data.labels
    if source is None or labels is None:
        return None
    return {
        "uri": source.uri,
        "format": source.format if source.format is not None else because("parquet", "the default format", source.uri),
        "column": labels.column,
        "id": because(found.part.id.value, "labels name the prediction by the same ID", found.part.id),
        "delay": labels.delay.map(quantity) if labels.delay is not None else None,
        "unlabeled": labels.unlabeled,
    }


def _prediction(found: MeasuringPlan) -> dict[str, Any]:
    point = found.model.operating_point
    return {"output": found.output, "threshold": point.threshold if point is not None else None}


def _bound(found: MeasuringPlan, bound: Condition | AlertRule) -> dict[str, Any]:
    margin = bound.margin if bound.versus is not None else None
    return {
        "metric": bound.metric,
        "output": found.judged(bound),
        "segment": bound.segment,
        "min": bound.min.map(quantity) if bound.min is not None else None,
        "max": bound.max.map(quantity) if bound.max is not None else None,
        "versus": bound.versus,
        "margin": margin.map(quantity) if margin is not None else None,
        "relative": margin.map(lambda given: given.relative) if margin is not None else None,
        "minSamples": bound.min_samples.map(quantity) if bound.min_samples is not None else None,
    }


def _retraining(found: MeasuringPlan) -> dict[str, Any] | None:
    part = found.plan.system.retraining
    if part is None:
        return None
    diagnosis = part.diagnosis
    least, live = diagnosis.min_new_labels, found.live
    trained = live.trained_at if live is not None and found.labels is not None and least is not None else None
    return {
        "triggers": because(list(found.triggers), "those whose alerts exist", part.triggers) if part.triggers else None,
        "cooldown": part.cooldown.map(quantity) if part.cooldown is not None else None,
        "onDataFault": diagnosis.on_data_fault,
        "onFeatureChange": diagnosis.on_feature_change,
        "minNewLabels": least.map(quantity) if least is not None else None,
        "trainedAt": trained.map(epoch) if trained is not None else None,
    }


def _cause(cause: Cause) -> Because[dict[str, Any]]:
    said = cause.cause if cause.cause is not None else because(cause.own_name.value, "its name", cause.own_name)
    return because({**as_data(cause), "cause": said}, "a cause in the catalog", cause.own_name)

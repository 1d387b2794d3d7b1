"""What jobs export about the model: its quality by group, and the drift of columns."""

from __future__ import annotations

from ...plan import Plan
from .answers import Answers, Sample
from .questions import key
from .report import Drift, Quality

__all__ = ["drift_of", "quality_of"]

LIVE = "live"
"""The role of the version that serves."""


def quality_of(name: str, answers: Answers) -> tuple[Quality, ...]:
    """The quality of a service's model: each metric, for all rows first, then for each segment."""
    found = _by_group(name, "mlspec_quality", answers)
    ends = {end: _by_group(name, f"mlspec_quality_{end}", answers) for end in ("low", "high", "samples")}
    made = [
        Quality(
            metric=metric,
            group=group,
            value=value,
            low=ends["low"].get(it),
            high=ends["high"].get(it),
            samples=ends["samples"].get(it),
            rivals=_rivals(found, metric, group),
        )
        for it, value in sorted(found.items())
        for metric, group, role in (it,)
        if role == LIVE
    ]
    return tuple(made)


def _rivals(found: dict[tuple[str, str, str], float], metric: str, group: str) -> dict[str, float]:
    """The values of the baselines on the same rows."""
    return {
        role: value for (of, who, role), value in sorted(found.items()) if (of, who) == (metric, group) and role != LIVE
    }


def _by_group(name: str, series: str, answers: Answers) -> dict[tuple[str, str, str], float]:
    return {
        (_metric(one), _group(one), one.labels.get("role", LIVE)): one.value
        for one in answers.samples(key(name, series))
    }


def _metric(sample: Sample) -> str:
    output = sample.labels.get("output", "")
    metric = sample.labels.get("metric", "")
    return f"{metric} of {output}" if output else metric


def _group(sample: Sample) -> str:
    segment, value = sample.labels.get("segment", ""), sample.labels.get("segment_value", "")
    return f"{segment}={value}" if segment else ""


def drift_of(name: str, plan: Plan, answers: Answers) -> tuple[Drift, ...]:
    """The drift of each column, farthest above its threshold first."""
    samples = {_column(one): one.value for one in answers.samples(key(name, "mlspec_drift_samples"))}
    found = [
        Drift(
            subject=one.labels.get("subject", ""),
            column=one.labels.get("column", ""),
            method=one.labels.get("method", ""),
            group=_group(one),
            value=one.value,
            threshold=_threshold(plan, one),
            samples=samples.get(_column(one)),
        )
        for one in answers.samples(key(name, "mlspec_drift_distance"))
    ]
    return tuple(sorted(found, key=lambda one: (-one.value / (one.threshold or 1.0), one.column, one.group)))


def _column(sample: Sample) -> tuple[str, ...]:
    return tuple(sample.labels.get(one, "") for one in ("subject", "column", "method", "segment", "segment_value"))


def _threshold(plan: Plan, sample: Sample) -> float | None:
    drift = plan.system.monitoring.drift
    if drift is None:
        return None
    usual = drift.prediction if sample.labels.get("subject") == "prediction" else drift.features
    method = drift.columns.get(sample.labels.get("column", ""), usual)
    return method.threshold.value if method is not None else None

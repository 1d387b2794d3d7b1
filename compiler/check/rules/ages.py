"""The rule on ages: one that is measured more rarely than its bound allows is beyond it while all is well."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from ....schema.units import Duration, Measure
from ...because import Because
from ...diagnostics import Diagnostic
from ...exported import Exported, condition
from ...finding import finding
from ...plan import Plan
from ...plan.choose import readable
from ...plan.measuring import pause, seen
from ...system import MLSystem
from ..lint import rule

__all__ = ["age_between_two_looks"]

Limit = Because[Duration] | Because[Measure]

SOONER = {
    "label-age": ", or measure more often with a shorter `monitoring.interval`",
    "capture-age": ", or finish files sooner with `monitoring.capture.every`",
}
"""What else makes an age shorter, by metric, unless most of it is the time between two predictions."""


@rule(
    "MLS795",
    "error",
    "monitoring.rules.*.metric",
    "monitoring.rules.*.max",
    "monitoring.capture",
    "monitoring.interval",
    "data.labels.delay",
    "monitoring.rules.*.of",
    "features.views.*.maxAge",
    "features.views.*.schedule",
    "data.sources.*.freshness",
    "data.sources.*.version",
)
def age_between_two_looks(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Bound on an age that is exceeded between two measurements.

    Why: an alert compares now with the newest time that was measured. That time stays as it is until the next
    measurement, so its age grows by the time between two of them. The newest record of a feature view stays until the
    view is materialized again. With a shorter bound, the alert fires while all is well, and may keep a training run
    from starting.

    Bad:
        data:
          columns: [{name: is_fraud, dtype: bool, available: after-outcome}]
          labels: {column: is_fraud, delay: 45d}
        monitoring:
          capture: {by: client, to: s3://feedback/fraud, id: payment_id}
          quality: {metric: recall, min: 0.6}
          rules: [{metric: label-age, max: 45d}]
    Good:
        data:
          columns: [{name: is_fraud, dtype: bool, available: after-outcome}]
          labels: {column: is_fraud, delay: 45d}
        monitoring:
          capture: {by: client, to: s3://feedback/fraud, id: payment_id}
          quality: {metric: recall, min: 0.6}
          rules: [{metric: label-age, max: 47d}]
    """
    for name, key, limit, view in _bounds(system):
        exported = condition(name)
        if exported is not None and exported.since == "age":
            yield from _between(plan, exported, key, limit, view)


def _bounds(system: MLSystem) -> Iterator[tuple[str, str, Limit, Because[str] | None]]:
    """Each bound that may be on an age: its metric, the field with its value, and the feature view that it names. The
    alert on the maximum age of a view that is materialized on a schedule has a limit that allows for that.
    """
    for bound in system.monitoring.rules:
        exported = condition(bound.metric.value)
        if bound.max is not None and exported is not None and exported.since == "age":
            yield exported.metric, "max", bound.max, bound.of
    for view in system.features.views if system.features is not None else ():
        if view.max_age is not None and view.schedule is None:
            yield "feature-age", "maxAge", view.max_age, view.name


def _between(plan: Plan, exported: Exported, key: str, limit: Limit, view: Because[str] | None) -> Iterator[Diagnostic]:
    how = seen(plan, exported, view)
    if how is None or limit.value.amount > how.oldest.value.amount:
        return
    paused = exported.monitor != "features" and pause(plan) is not None
    longer = _longer(float(how.oldest.value.amount + how.every.value.amount / 4))
    yield finding(
        "MLS795",
        f"`{exported.metric}` is up to {readable(how.oldest.value)} while all is well, so this alert fires then",
        limit,
        note=f"{how.oldest.reason}; an alert that fires without a fault hides one",
        help=f"write `{key}: {longer}`{'' if paused else SOONER.get(exported.metric, '')}",
    )


def _longer(seconds: float) -> str:
    """Rounded up to whole minutes, hours, or days."""
    for unit, size, most in (("m", 60, 7200), ("h", 3600, 259200)):
        if seconds < most:
            return f"{ceil(seconds / size)}{unit}"
    return f"{ceil(seconds / 86400)}d"

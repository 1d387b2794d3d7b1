"""Rules on monitoring: alerts need a runbook, labels need bounded values, and drift needs a reference."""

from __future__ import annotations

from collections.abc import Iterator

from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.data.segments import most_values
from ...system import Column, MLSystem, Release
from ..lint import rule

__all__ = ["drift_without_reference", "no_runbook", "unbounded_label"]

MOST_VALUES = 1000
"""The most values of a label. Prometheus advises alternatives above 100 (prometheus.io, instrumentation), but a column
has only one series per value and metric, and there are more countries or stores than that.
"""


@rule("MLS505", "warning", "metadata.links.runbook", "monitoring.alerts.runbook")
def no_runbook(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Alerts without a runbook.

    Why: the on-call engineer did not build the system. Without a page that says what to check and how to roll back, the
    first half hour is lost.

    Bad:
        metadata:
          links: {}
    Good:
        metadata:
          links: {runbook: https://runbooks.example.com/fraud-scorer}
    """
    if system.metadata.links.runbook is None and system.monitoring.alerts.runbook is None:
        yield finding(
            "MLS505",
            "alerts have no runbook",
            system.metadata.owner,
            label="is paged without a runbook",
            note="the on-call engineer did not build the system, and needs to know what to check and how to roll back",
            help="add `links: {runbook: https://...}` under `metadata`",
        )


@rule("MLS506", "error", "monitoring.segments", "data.columns.*.name", "data.columns.*.dtype", "data.columns.*.values")
def unbounded_label(system: MLSystem, _: Plan) -> Iterator[Diagnostic]:
    """Segment with too many values.

    Why: each value becomes a time series of every metric. An identifier or free text fills the memory of the Prometheus
    that all teams share.

    Bad:
        data:
          columns: [{name: city, dtype: string}]
        monitoring:
          segments: [city]
    Good:
        data:
          columns: [{name: city, dtype: string, values: {max: 300}}]
        monitoring:
          segments: [city]
    """
    columns = {column.name.value: column for column in system.data.columns}
    for segment in _labels(system):
        column = columns.get(segment.value)
        most = most_values(column)
        if most is not None and most <= MOST_VALUES:
            continue
        bound = column.values.max if column is not None and column.values is not None else None
        known = "can take any number of values" if most is None else f"can take {most:,} values"
        yield finding(
            "MLS506",
            f"the segment `{segment.value}` {known}",
            segment,
            others=((bound if bound is not None else column.name if column is not None else None, "declared here"),),
            note=f"each is a time series of every metric; more than {MOST_VALUES:,} overload the shared Prometheus",
            help=_bound_it(segment.value, column, most),
        )


def _bound_it(name: str, column: Column | None, most: int | None) -> str:
    if most is not None:
        return "segment by a coarser column"
    if column is not None:
        return f"add `values: {{max: 250}}` to the column `{name}` if it has no more, or segment by a coarser column"
    return f"add `{{name: {name}, dtype: category, values: {{max: 250}}}}` to `data.columns`"


def _labels(system: MLSystem) -> Iterator[Because[str]]:
    """The columns that become labels of time series."""
    yield from system.monitoring.segments
    conditions = [*system.monitoring.rules, *([system.monitoring.quality] if system.monitoring.quality else [])]
    yield from (condition.segment for condition in conditions if condition.segment is not None)


@rule(
    "MLS701", "error", "monitoring.drift.reference", "releases.*.profile", "monitoring.capture", "monitoring.measured"
)
def drift_without_reference(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Drift detection without a reference.

    Why: drift is the distance from a reference. Without the distribution that the model was trained on, there is
    nothing to compare with, and the monitor never fires.

    Bad:
        monitoring:
          drift: {prediction: {method: psi, threshold: 0.2}}
    Good:
        release:
          profile: s3://models/fraud-scorer/13/profile.json
        monitoring:
          drift: {prediction: {method: psi, threshold: 0.2}}
    """
    drift = system.monitoring.drift
    if drift is None or drift.reference is not None or not plan.runs("monitoring").value:
        return
    compared = (drift.features, drift.prediction, *drift.columns.values())
    first = next((method for method in compared if method is not None), drift)
    for release in _compared(system, plan):
        if release.profile is None:
            yield finding(
                "MLS701",
                f"version `{release.version.value}` has no reference to measure drift against",
                first,
                drift,
                others=((release.version, "in production without a `profile`"),),
                note="the monitor would never fire",
                help="set `profile` in the release to the URI of the model's reference profile, or set "
                "`monitoring.drift.reference`",
            )


def _compared(system: MLSystem, plan: Plan) -> list[Release]:
    """The releases whose predictions are compared: the one that is measured here, or all that jobs of yours measure."""
    if plan.measuring is None:
        return [*system.releases.values()]
    live = plan.measuring.live
    return [live] if live is not None else []

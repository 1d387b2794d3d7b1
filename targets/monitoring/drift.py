"""Alerts on the distance of features and predictions from their reference.

A distance raises an alert if it is above its threshold and above the noise in two windows in a row, with enough rows. A
threshold is the configured one, or the noise floor of the plan if that is higher. If a job exports the noise of a
window, the alert also stays silent up to that.

Each column of `monitoring.segments` has the same alerts on the rows with each of its values. A column that is as far on
all rows has one cause and one alert, that on all rows. Segments with few rows have no alert: some always have few.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...compiler.because import Because, fixed, text
from ...compiler.exported import Signal
from ...compiler.plan.alerting.reach import remembered
from ...compiler.plan.data.diagnosis import Diagnosis
from ...compiler.plan.data.drift import DriftPlan
from ...compiler.plan.data.drift import Watched as Measure
from ...compiler.plan.data.segments import segments
from ...compiler.promql import span
from ...compiler.record import Record
from ...schema.units import Duration
from .alert import Watched, escaped
from .jobs import Judged, Needed, number, sampled, series, told
from .proof import Alert
from .proofs import drift as proofs
from .proofs.contract import ONE, OTHER, Well
from .proofs.drift import Distance, Whole

__all__ = ["judged"]

ALL = fixed("", "all rows")
VALUE = '{{{{ printf "%.3g" $value }}}}'


class _Subject(Record):
    """What one alert compares."""

    watched: Watched
    drift: DriftPlan
    measure: Measure
    subject: Because[str]
    column: Because[str] | None
    """The only column; None for all that have no measure of their own."""
    signal: Signal
    alert: str
    what: str
    segment: Because[str] | None = None
    """The column within whose values it is compared; None for all rows."""

    @property
    def by(self) -> str:
        """The labels that distinguish the series."""
        return "column" if self.segment is None else "column, segment_value"

    def of(self, name: str) -> Because[str]:
        """A series of this subject."""
        segment = self.segment if self.segment is not None else ALL
        labels = {"subject": self.subject, "method": self.measure.method, "segment": segment}
        if self.column is not None:
            labels["column"] = self.column
        others = () if self.column is not None or self.signal != "feature-drift" else self.drift.part.columns.values()
        names = "|".join(one.own_name.value for one in others)
        without = fixed("", "no column has its own measure")
        if names:
            without = text(f',column!~"{names}"', **{f"c{index}": one.own_name for index, one in enumerate(others)})
        return series(self.watched, name, without, **labels)


def judged(watched: Watched, drift: DriftPlan) -> Iterator[Judged]:
    """The alerts on each measure, and the series that they need."""
    whole: dict[str, tuple[_Subject, Whole]] = {}
    for name, measure in drift.watched.items():
        one = _subject(watched, drift, name, measure)
        distance, alert = _distance(one), _drifted(one)
        few = proofs.few(distance, _few(one), _remembered(one).value)
        yield _judged(one, distance, proofs.drifted(distance, alert), few)
        whole[name] = (one, Whole(distance=distance, alert=alert))
    for segment in segments(drift):
        for name, measure in segment.watched.items():
            all_rows, known = whole[name]
            one = all_rows.but(measure=measure, segment=segment.column)
            distance = _distance(one)
            yield _judged(one, distance, proofs.drifted(distance, _drifted(one, all_rows), known))


def _judged(one: _Subject, distance: Distance, *rules: Alert) -> Judged:
    """Some alerts on one subject, with the series that they read."""
    read = (("mlspec_drift_distance", distance.distance[0]), ("mlspec_drift_samples", distance.samples[0]))
    labels = {
        name: label.value for name, label in (("column", one.column), ("segment", one.segment)) if label is not None
    }
    return Judged(
        rules=rules,
        needed=tuple(
            Needed(
                name=name,
                selected=one.of(name),
                interval=one.drift.part.window,
                well=Well(series=own, value=float(distance.well[own]), labels=labels, alone=True),
            )
            for name, own in read
        ),
    )


def _distance(one: _Subject) -> Distance:
    """The same subject in scenes: its column, or two columns that have no measure of their own."""
    columns = (one.column.value,) if one.column is not None else (ONE, OTHER)
    group = {"segment": one.segment.value, "segment_value": ONE} if one.segment is not None else {}

    def of(name: str, column: str) -> str:
        labels = {"subject": one.subject.value, "method": one.measure.method.value, "column": column, **group}
        return sampled(one.watched, name, **labels)

    def minutes(length: Duration, times: float = 1) -> int:
        return max(1, round(float(length.amount) * times / 60))  # as `span` rounds

    return Distance(
        distance=tuple(of("mlspec_drift_distance", column) for column in columns),
        noise=of("mlspec_drift_noise_distance", columns[0]),
        samples=tuple(of("mlspec_drift_samples", column) for column in columns),
        threshold=float(number(one.measure.threshold.value)),
        least=int(one.measure.least.value),
        lookback=minutes(one.drift.lookback.value),
        quarter=minutes(one.drift.part.window.value, 0.25),
        columns=columns,
        group={name: value for name, value in group.items() if name == "segment_value"},
    )


def _subject(watched: Watched, drift: DriftPlan, name: str, measure: Measure) -> _Subject:
    predicted = name == "prediction"
    column = drift.part.columns[name].own_name if name in drift.part.columns else None
    return _Subject(
        watched=watched,
        drift=drift,
        measure=measure,
        subject=fixed("prediction" if predicted else "feature", "what is compared"),
        column=column,
        signal="prediction-drift" if predicted else "feature-drift",
        alert="ModelPredictionDrift" if predicted else "ModelFeatureDrift",
        what="the distribution of predictions" if predicted else "the feature {{{{ $labels.column }}}}",
    )


def _drifted(one: _Subject, whole: _Subject | None = None) -> Alert:
    """The first line compares all values since the window before; the second requires that there was one even before
    that, so that the first result of a new job is not taken for two. `whole` is the same subject on all rows.
    """
    window = one.drift.part.window
    distance = one.of("mlspec_drift_distance")
    expression = text(
        f"max by ({one.by}) (min_over_time({{distance}}[{{lookback}}])) > {{threshold}}\n"
        f"and max by ({one.by}) (present_over_time({{distance}}[{{quarter}}] offset {{lookback}}))\n"
        f"and max by ({one.by}) ({{samples}}) >= {{least}}\n"
        f"unless max by ({one.by}) ({{distance}}) <= max by ({one.by}) ({{noise}})",
        distance=distance,
        lookback=one.drift.lookback.map(span),
        threshold=one.measure.threshold.map(number),
        quarter=window.map(lambda length: span(length, 0.25)),
        samples=one.of("mlspec_drift_samples"),
        least=one.measure.least.map(str),
        noise=one.of("mlspec_drift_noise_distance"),
    )
    if whole is not None:
        expression = text(
            "{within}\nunless on (column) max by (column) (min_over_time({distance}[{lookback}])) > {threshold}",
            within=expression,
            distance=whole.of("mlspec_drift_distance"),
            lookback=one.drift.lookback.map(span),
            threshold=whole.measure.threshold.map(number),
        )
    return told(
        one.watched,
        one.alert,
        "ticket",
        one.signal,
        expression,
        text(
            f"{{service}}: {one.what}{{within}} is at least {VALUE} away from the reference for two windows of "
            "{window}, by {method}; the limit is {threshold}",
            service=one.watched.name,
            within=_within(one),
            window=window.map(str),
            method=one.measure.method,
            threshold=one.measure.threshold.map(number),
        ),
        action=_action(one),
        labels={"column": one.column, "segment": one.segment},
    )


def _within(one: _Subject) -> Because[str]:
    """The segment in words."""
    if one.segment is None:
        return fixed("", "all rows")
    return text(" within {segment} {{{{ $labels.segment_value }}}}", segment=one.segment)


def _action(one: _Subject) -> Because[str] | None:
    """The causes to rule out, and where the reference is."""
    profile = one.drift.profile
    if profile is None:
        return None
    steps = Diagnosis(one.watched.scope, one.signal).steps.map(escaped)
    return text("{steps} The reference is {profile}.", steps=steps, profile=profile.map(escaped))


def _remembered(one: _Subject) -> Because[str]:
    return remembered(one.drift.part.window, one.drift.plan.platform.prometheus.retention).map(span)


def _few(one: _Subject) -> Alert:
    """One alert for all columns, because a quiet day has too few rows in each of them."""
    window = one.drift.part.window
    return told(
        one.watched,
        "ModelDriftSamplesFew",
        "ticket",
        "monitor-silent",
        text(
            "count(\n  max by (column) ({samples}) < {least}\n"
            "  or max by (column) (last_over_time({samples}[{before}])) unless max by (column) ({samples})\n)",
            samples=one.of("mlspec_drift_samples"),
            least=one.measure.least.map(str),
            before=_remembered(one),
        ),
        text(
            "{service}: columns with too few rows for a verdict on {subject} drift: {{{{ $value }}}}; a window of "
            "{window} needs {least} rows",
            service=one.watched.name,
            subject=one.subject,
            least=one.measure.least.map(str),
            window=window.map(str),
        ),
        labels={"subject": one.subject, "column": one.column},
        wait=window.map(lambda length: span(length, 2)),
    )

"""The rule on drift: an alert that noise triggers is soon ignored, and one that cannot fire is useless."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import TYPE_CHECKING

from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding
from ...plan import Plan
from ...plan.choose import count
from ...system import DriftMethod, MLSystem
from ..lint import rule

if TYPE_CHECKING:
    from ...plan.data.drift import DriftPlan

__all__ = ["threshold_in_the_noise"]


@rule(
    "MLS704",
    "warning",
    "monitoring.drift",
    "monitoring.capture.sample",
    "data.sources.*.volume",
    "data.split",
    "data.labels",
)
def threshold_in_the_noise(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Drift threshold within the noise, or a minimum sample size that no window reaches.

    Why: two samples of the same distribution differ, and the fewer the rows, the more. With 200 rows, a population
    stability index of 0.2 is noise. An alert that noise triggers is soon ignored.

    Bad:
        monitoring:
          drift:
            reference: s3://models/fraud-scorer/profile.json
            minSamples: 200
            prediction: {method: psi, threshold: 0.2}
    Good:
        monitoring:
          drift:
            reference: s3://models/fraud-scorer/profile.json
            minSamples: 1000
            prediction: {method: psi, threshold: 0.2}
    """
    drift = plan.drift
    if drift is None:
        return
    part = drift.part
    methods = [(part.features, drift.of_features), *((method, drift.of_features) for method in part.columns.values())]
    for method, floor in (*methods, (part.prediction, drift.of_prediction)):
        if method is not None and floor is not None and method.method.value == "psi":
            yield from _noise(drift, method, floor)
    yield from _never(drift)


def _noise(drift: DriftPlan, method: DriftMethod, floor: Because[float]) -> Iterator[Diagnostic]:
    if method.threshold.value >= floor.value or drift.sample is None or drift.reference is None:
        return
    yield finding(
        "MLS704",
        f"a threshold of {method.threshold.value} is within the noise of {count(drift.sample.value, 'row')}, which "
        f"reaches {floor.value}",
        method.threshold,
        method,
        others=((drift.sample, drift.sample.reason),),
        note=f"windows without drift exceed it: {floor.reason}; {drift.reference.reason}",
        help=f"write `threshold: {ceil(floor.value * 1000) / 1000}` or more, or compare more rows with a longer "
        "`window` or a larger `minSamples`",
    )


def _never(drift: DriftPlan) -> Iterator[Diagnostic]:
    """A minimum sample size that no window reaches."""
    least = drift.part.min_samples
    if least is None or drift.seen is None or drift.seen.value >= int(least.value):
        return
    yield finding(
        "MLS704",
        f"a window never has the {int(least.value):,} rows that a verdict needs",
        least,
        others=((drift.part.window, drift.seen.reason),),
        note="each window ends with too few rows for a verdict, so drift is never detected",
        help="write a longer `window`, capture a larger share of predictions, or lower `minSamples`",
    )

"""Which interval a measured value has: the one that the file states, else the best one that its counts allow.

The gate prefers a stated interval too, and without one it uses the score interval of `events`. So both agree where the
gate has an interval at all.
"""

from __future__ import annotations

from math import hypot
from typing import Any

from ...runtime.conditions import wilson
from ...runtime.differences import Paired, tango
from ...runtime.intervals import FEW, Ends, of_auc, root_mean_square, student
from ..plan.data.precision import auc_half_width
from ..plan.distributions import normal_below, normal_quantile
from ..record import Record
from .metrics_file import LOSSES, MetricFacts, base

__all__ = ["ENOUGH", "ERROR", "Z", "Interval", "against", "apart", "evidence", "hanley_mcneil", "of_entry"]

ERROR = 0.05
"""The probability that one limit of an interval is on the wrong side of the true value, as for the gate."""

Z = normal_quantile(1 - ERROR)

COUNTS = ("samples", "events", "positives", "negatives")

ENOUGH = 30
"""The observations below which no interval is reliable enough for a verdict: DeLong's 95% interval of an area of 0.95
covers 89% with 10 positives, and 90% with 30.
"""

NO_MEANS = ("f1", "average_precision", "expected_calibration_error", "mean_average_precision", "dice", "iou")
"""Metrics between 0 and 1 that are no mean over their observations, so that no count gives an interval."""


class Interval(Record):
    """A value and the limits around it."""

    value: float
    ends: Ends
    """The limits that are `z` standard errors away."""
    method: str
    events: int | None
    """The observations behind it; None if they are unknown."""


def of_entry(metric: str, entry: dict[str, Any], known: MetricFacts) -> Interval | None:
    """The interval of an entry of `metrics.json`; None if it says too little for one."""
    found = _ends(base(metric), entry, known)
    if found is None:
        return None
    ends, method = found
    return Interval(value=entry["value"], ends=ends, method=method, events=events_of(entry))


def events_of(entry: dict[str, Any]) -> int | None:
    """The observations behind a value: its events, the rarer class, its errors, or its rows."""
    classes = [entry[key] for key in ("positives", "negatives") if key in entry]
    counted = entry.get("events", min(classes) if classes else None)
    many: int | None = counted if counted is not None else entry.get("samples")
    return many if many is not None or "errors" not in entry else len(entry["errors"])


def _ends(metric: str, entry: dict[str, Any], known: MetricFacts) -> tuple[Ends, str] | None:
    value, low, high = entry["value"], entry.get("low"), entry.get("high")
    if low is not None and high is not None:
        return _stated(value, low, high, entry.get("confidence", 0.95)), entry.get("method", "stated in the file")
    if metric == "roc_auc" and 0 < value < 1:
        if entry.get("variance"):
            variance = entry["variance"]
            return lambda z: of_auc(value, variance, z), "DeLong, logit scale"
        if entry.get("positives") and entry.get("negatives"):
            variance = hanley_mcneil(value, entry["positives"], entry["negatives"])
            return lambda z: of_auc(value, variance, z), "Hanley and McNeil from the counts, conservative"
    if metric in LOSSES and "errors" in entry:
        return _of_errors(metric, entry["errors"])
    events = entry.get("events", entry.get("samples") if known.share else None)
    if events and known.unit_interval and metric not in NO_MEANS and not (metric == "roc_auc" and value in (0, 1)):
        said = "Wilson" if known.share else "Wilson as for a share, conservative"
        return lambda z: wilson(value, events, z), said
    return None


def hanley_mcneil(auc: float, positives: int, negatives: int) -> float:
    """The variance of an area under the ROC curve, where only the rows of both classes are known: J. A. Hanley and
    B. J. McNeil, Radiology 143, 1982. It is wider than DeLong's.
    """
    return (auc_half_width(auc, positives, negatives) / normal_quantile(0.975)) ** 2


def _stated(value: float, low: float, high: float, confidence: float) -> Ends:
    """A stated interval at another confidence, rescaled as a normal interval, as the gate does."""
    stated = normal_quantile((1 + confidence) / 2)
    return lambda z: (value - (value - low) * z / stated, value + (high - value) * z / stated)


def _of_errors(metric: str, errors: list[float]) -> tuple[Ends, str]:
    if metric == "rmse":
        return root_mean_square(errors), "bootstrap (BCa)" if len(errors) <= FEW else "Student, of the mean square"
    losses = [LOSSES[metric](error) for error in errors]
    return lambda z: student(losses, z), "Student"


def against(
    metric: str, own: Interval | None, entry: dict[str, Any], rival: dict[str, Any], known: MetricFacts
) -> Interval | None:
    """The interval of the difference to a rival that was measured on the same rows; None if there is none."""
    value = entry["value"] - rival["value"]
    if "difference" in rival:
        given = rival["difference"]
        ends = _stated(value, given["low"], given["high"], given.get("confidence", 0.95))
        return _difference(value, ends, given.get("method", "stated in the file"), own, entry)
    if "paired" in rival:
        counts = Paired(**rival["paired"])
        return _difference(value, lambda z: tango(counts, z), "Tango, same rows", own, entry)
    if "covariance" in rival and "variance" in entry and "variance" in rival:
        spread = entry["variance"] + rival["variance"] - 2 * rival["covariance"]
        if spread > 0:
            half = spread**0.5
            return _difference(value, lambda z: (value - z * half, value + z * half), "DeLong, same rows", own, entry)
    # on the same rows, the rival has the same counts
    counted: dict[str, Any] = {
        key: entry[key] for key in ("samples", "events", "positives", "negatives") if key in entry
    }
    other = of_entry(metric, {**counted, **rival}, known)
    if own is None or other is None:
        return None
    return _difference(value, apart(own, other), "Newcombe, as if on different rows, conservative", own, entry)


def _difference(value: float, ends: Ends, method: str, own: Interval | None, entry: dict[str, Any]) -> Interval:
    events = own.events if own is not None else events_of(entry)
    return Interval(value=value, ends=ends, method=method, events=events)


def apart(one: Interval, other: Interval) -> Ends:
    """The limits of a difference from those of both values (Zou and Donner, 2008; Newcombe's for shares)."""

    def ends(z: float) -> tuple[float, float]:
        (low, high), (other_low, other_high) = one.ends(z), other.ends(z)
        value = one.value - other.value
        return (
            value - hypot(one.value - low, other_high - other.value),
            value + hypot(high - one.value, other.value - other_low),
        )

    return ends


def evidence(found: Interval, bar: float, *, least: bool) -> float:
    """The one-sided p-value of a true value that meets the bar, against one that misses it: the error of the limit that
    ends exactly at the bar.
    """
    side = 1 if least else 0
    low, high = -8.0, 8.0
    for _ in range(50):
        z = (low + high) / 2
        # for z below 0, the ends have changed places
        end = found.ends(abs(z))[side if z >= 0 else 1 - side]
        beyond = end >= bar if least else end <= bar
        low, high = (low, z) if beyond else (z, high)
    return 1 - normal_below((low + high) / 2)

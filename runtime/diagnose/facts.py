"""What the measurements show, one fact after the other, without an opinion about causes.

A step is a change from one measurement to the next, and a ramp takes several. A value before is the median of the
earlier measurements, which one bad day does not move.
"""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from statistics import median

from ...compiler.record import Record
from ..measure.measured import Measured, Series
from .settings import Bar, Column, Settings
from .view import Evidence, Point, View

__all__ = [
    "RARE", "STEP", "Drifted", "Low", "drifted", "estimate_low", "evidence", "jumped", "low", "moved", "prior_moved",
    "shares", "silent", "skewed", "stale", "stepped", "violated", "violated_then",
]  # fmt: skip

RARE = 0.01
"""The share of rows up to which a violation or a difference is not worth an alarm by itself."""

STEP = 0.5
"""The part of a change that happens between two measurements, from which on it is a step rather than a ramp."""

SURE = 3.0
"""The standard errors from which on a change of a share is no chance, among the dozens that are looked at."""

LARGE = 0.25
"""The relative change of the share of positives that matters."""


class Drifted(Record):
    """A column that is farther from its reference than chance explains."""

    column: Column
    series: Series
    limit: float
    step: bool


class Low(Record):
    """A metric that misses its bar with both ends of its interval."""

    bar: Bar
    series: Series
    limit: float
    onset: float
    """When it was first measured too low without a good measurement since."""
    before: bool
    """Whether it met the bar at some time before."""
    step: bool


def evidence(says: str, series: Series | None = None, limit: float | None = None) -> Evidence:
    """One observation."""
    return Evidence(says=says, series=series, limit=limit)


# Monitors and data


def silent(view: View, settings: Settings) -> tuple[Evidence, ...]:
    """The monitors that have not measured for two intervals."""
    found = []
    for monitor in settings.monitors:
        newest = view.newest(monitor)
        if newest is None:
            found.append(evidence(f"the monitor `{monitor}` has no measurement"))
        elif view.at - newest.time > 2 * settings.interval:
            late = (view.at - newest.time) / settings.interval
            found.append(evidence(f"the monitor `{monitor}` measured last {late:.1f} intervals ago"))
    return tuple(found)


def violated(view: View, settings: Settings) -> tuple[Evidence, ...]:
    """The columns with more violations or nulls than allowed, or than before."""
    found = []
    for name, what in (("mlspec_data_violation_ratio", "violates its expectations"), ("mlspec_null_ratio", "is null")):
        for one in view.series(name):
            column = one.labels.get("column", "")
            allowed = settings.nulls.get(column) if name == "mlspec_null_ratio" else None
            limit = allowed if allowed is not None else (view.before(one) or 0.0) + RARE
            if one.value > limit:
                found.append(evidence(f"`{column}` {what} in more rows than expected", one, limit))
    return tuple(found)


def violated_then(view: View, settings: Settings) -> tuple[Evidence, ...]:
    """The columns that had more violations or nulls than allowed in the rows whose labels are complete now. Labels
    arrive late: by then, the data may be as expected again.
    """
    quality = view.newest("quality")
    if quality is None:
        return ()
    begin, end = quality.window
    found: dict[str, Evidence] = {}
    for measured in view.history.get("data", ()):
        if measured.window[0] < end and measured.window[1] > begin:
            earlier = View(at=measured.time, history={**view.history, "data": _until(view, measured.time)})
            found |= {one.says: one for one in violated(earlier, settings)}
    return tuple(one.but(says=f"{one.says}, among the rows whose labels arrived") for one in found.values())


def _until(view: View, time: float) -> tuple[Measured, ...]:
    return tuple(one for one in view.history["data"] if one.time <= time)


def skewed(view: View, settings: Settings) -> tuple[Evidence, ...]:  # noqa: ARG001 - all facts have one signature
    """The columns that serving computes differently from training."""
    return tuple(
        evidence(f"`{one.labels.get('column', '')}` differs between serving and training", one, RARE)
        for one in view.series("mlspec_skew_ratio")
        if one.value > RARE
    )


def stale(view: View, settings: Settings) -> tuple[Evidence, ...]:
    """The feature views whose newest record is too old: by their limit, or by three times the age of before."""
    found = []
    measured = view.newest("features")
    for one in view.series("mlspec_feature_newest_timestamp_seconds"):
        name = one.labels.get("view", "")
        ages = [point.time - point.value for point in view.past(one)]
        limit = settings.ages.get(name)
        if limit is None and ages:
            limit = 3 * median(ages) + settings.interval
        if measured is not None and limit is not None and measured.time - one.value > limit:
            found.append(evidence(f"the newest record of the feature view `{name}` is too old", one, limit))
    return tuple(found)


# Drift


def drifted(view: View, settings: Settings, subject: str) -> tuple[Drifted, ...]:
    """The columns whose distance is above the threshold and above chance, with enough rows."""
    found = []
    for column in settings.columns:
        if column.subject != subject:
            continue
        labels = {"subject": subject, "column": column.name, "method": column.method}
        for one in view.whole("mlspec_drift_distance", **labels):
            noise, rows = (view.like(one, f"mlspec_drift_{name}") for name in ("noise_distance", "samples"))
            limit = max(column.threshold, noise.value if noise is not None else 0.0)
            if one.value > limit and (rows is None or rows.value >= column.least):
                found.append(
                    Drifted(column=column, series=one, limit=limit, step=stepped(view.past(one), one.value, limit))
                )
    return tuple(found)


def stepped(past: tuple[Point, ...], value: float, limit: float) -> bool:
    """Whether a value went above its limit in one step: the first one above it made at least half of the way. Without
    earlier values, nothing says so.
    """
    points = [*(one.value for one in past), value]
    first = len(points) - 1
    while first > 0 and points[first - 1] > limit:
        first -= 1
    if first == 0:
        return False
    calm = median(points[:first])
    return points[first] - points[first - 1] >= STEP * (max(points[first:]) - calm)


# Quality


def low(view: View, settings: Settings, segment: str = "") -> tuple[Low, ...]:
    """The metrics that miss their bar with even the favorable end of their interval, and have enough observations."""
    found = []
    for bar in settings.bars:
        name = "mlspec_quality" if bar.value is not None else "mlspec_quality_difference"
        who = {"role": "live"} if bar.value is not None else {"versus": bar.versus}
        for one in view.series(name, metric=bar.metric, **({"output": bar.output} if bar.output else {}), **who):
            missed = _missed(view, bar, one)
            if one.labels.get("segment", "") != segment or not missed:
                continue
            history = _verdicts(view, bar, one)
            streak = [time for time, _ in history][_last_good(history) + 1 :]
            found.append(
                Low(
                    bar=bar,
                    series=one,
                    limit=bar.value if bar.value is not None else bar.margin,
                    onset=streak[0] if streak else view.at,
                    before=any(not bad for _, bad in history),
                    step=_step_down(view.points(one.name, one.labels), streak[0] if streak else view.at),
                )
            )
    return tuple(found)


def _step_down(points: tuple[Point, ...], onset: float) -> bool:
    """Whether the value changed in one step at the onset, against the change since the values before."""
    earlier = [one.value for one in points if one.time < onset]
    later = [one.value for one in points if one.time >= onset]
    if not earlier or not later:
        return False
    whole = median(later) - median(earlier)
    return abs(later[0] - earlier[-1]) >= STEP * abs(whole)


def _verdicts(view: View, bar: Bar, series: Series) -> list[tuple[float, bool]]:
    """When the series was measured, and whether it missed the bar then."""
    side = _end(bar, series)
    return [(one.time, _beyond(bar, one.value)) for one in view.points(side, series.labels)]


def _last_good(history: list[tuple[float, bool]]) -> int:
    return max((index for index, (_, bad) in enumerate(history) if not bad), default=-1)


def _end(bar: Bar, series: Series) -> str:
    """The favorable end of the interval: the upper one of a minimum, and of every difference."""
    more = bar.more or series.name.startswith("mlspec_quality_difference")
    return f"{series.name}_{'high' if more else 'low'}"


def _beyond(bar: Bar, value: float) -> bool:
    if bar.value is None:
        return value < bar.margin
    return value < bar.value if bar.more else value > bar.value


def _missed(view: View, bar: Bar, series: Series) -> bool:
    end = view.like(series, _end(bar, series))
    if end is None or not _beyond(bar, end.value):
        return False
    plain = {key: value for key, value in series.labels.items() if key != "versus"}
    counted = Series(name="mlspec_quality_samples", labels={**plain, "role": "live"}, value=0)
    samples = view.like(counted)
    return samples is None or samples.value >= bar.least


def estimate_low(view: View, settings: Settings) -> tuple[Evidence, ...]:
    """The metrics whose estimate before labels arrive misses the bar."""
    found = []
    for bar in settings.bars:
        if bar.value is None:
            continue
        labels = {"metric": bar.metric, **({"output": bar.output} if bar.output else {})}
        for one in view.whole("mlspec_quality_estimate", **labels):
            end = view.like(one, f"mlspec_quality_estimate_{'high' if bar.more else 'low'}")
            if end is not None and _beyond(bar, end.value):
                found.append(evidence(f"the estimate of {bar.metric} misses its bar", one, bar.value))
    return tuple(found)


# Labels


def prior_moved(view: View) -> tuple[Series, float, bool] | None:
    """The mean of the labels, the one before, and whether it changed in a step; None if it did not change.

    For a share, the change is larger than chance explains and at least a quarter of the earlier one.
    """
    for now in view.whole("mlspec_label_mean"):
        before, rows = view.before(now), view.like(now, "mlspec_label_rows")
        if before is None or rows is None or not rows.value or not 0 < before < 1:
            return None
        past = view.past(now)
        error = sqrt(before * (1 - before) * (1 / rows.value + 1 / (rows.value * len(past))))
        if abs(now.value - before) > max(SURE * error, LARGE * before):
            return now, before, moved(past, now.value, before)
    return None


def moved(past: tuple[Point, ...], value: float, before: float) -> bool:
    """Whether a value left its earlier level in one step: the largest change between two measurements is at least half
    of the whole one.
    """
    points = [*(one.value for one in past), value]
    steps = [abs(later - earlier) for earlier, later in pairwise(points)]
    return max(steps, default=0.0) >= STEP * abs(value - before) and len(points) > 1


def jumped(view: View, series: Series, share: float) -> bool:
    """Whether a value is away from its earlier median by this relative amount."""
    before = view.before(series)
    return before is not None and abs(series.value - before) > share * abs(before)


def shares(view: View, name: str, segment: str) -> tuple[dict[str, float], dict[str, float]]:
    """The share of rows of each value of a column, now and at the median of before."""
    now = {one.labels["segment_value"]: one for one in view.values_of(name, segment)}
    total = sum(one.value for one in now.values())
    earlier: dict[str, list[float]] = {}
    for measured in view.history.get("capture" if name == "mlspec_capture_rows" else "labels", ())[:-1]:
        rows = {
            one.labels["segment_value"]: one.value
            for one in measured.series
            if one.name == name and one.labels.get("segment") == segment
        }
        for value, many in rows.items():
            earlier.setdefault(value, []).append(many / sum(rows.values()) if sum(rows.values()) else 0.0)
    times = max((len(each) for each in earlier.values()), default=0)
    before = {value: median([*each, *([0.0] * (times - len(each)))]) for value, each in earlier.items()}
    whole = sum(before.values())
    return (
        {value: one.value / total for value, one in now.items()} if total else {},
        {value: each / whole for value, each in before.items()} if whole else {},
    )

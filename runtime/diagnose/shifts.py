"""The causes that are no fault: the season, the mix of requests, the model's own effect, and a world that changed.

Each function says whether the facts show its cause. The table is that of `docs/diagnosing.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log

from ..measure.measured import Series
from . import facts
from .facts import Low, evidence
from .seen import Opinion, Seen
from .view import Evidence, Point

__all__ = [
    "concept_drift", "feedback_loop", "mixed", "population_shift", "prior_shift", "seasonal", "seasonality",
    "traffic_mix",
]  # fmt: skip

WEEK = 7 * 86_400.0

ENVELOPE = 1.25
"""How much farther than in earlier weeks a value may be, and still be the season."""

MIXED = 0.1
"""The population stability index of the shares of a column from which the mix of requests changed."""

WIDER = 1.5
"""How much wider than 95% the interval of a group is, as several are compared: about 3 standard errors."""

STILL = 0.1
"""The relative change of a mean that counts as none."""


# The season


def seasonality(seen: Seen) -> Opinion:
    """The same weekday of earlier weeks looks the same, and the days between do not."""
    found = seasonal(seen)
    return Opinion(yes=bool(found), why="the same weekday of earlier weeks did not look like this", evidence=found)


def seasonal(seen: Seen) -> tuple[Evidence, ...]:
    """What repeats itself, if everything that is raised does."""
    found: list[Evidence] = []
    for one in (*seen.features, *seen.predictions):
        limit = one.limit
        if not _repeats(seen, one.series, _above(limit), one.series.value):
            return ()
        found.append(evidence(f"`{one.column.name}` drifts on the same weekday of each week", one.series, limit))
    for low in seen.low:
        bad = _bad(low)
        if not _repeats(seen, low.series, bad, None):
            return ()
        found.append(evidence(f"{low.bar.metric} is low on the same weekday of each week", low.series, low.limit))
    return tuple(found)


def _above(limit: float) -> Callable[[float], bool]:
    return lambda value: value > limit


def _bad(low: Low) -> Callable[[float], bool]:
    more = low.bar.more or low.bar.value is None
    return (lambda value: value < low.limit) if more else (lambda value: value > low.limit)


def _repeats(seen: Seen, series: Series, bad: Callable[[float], bool], value: float | None) -> bool:
    """Whether the two earlier weeks have it on the same weekday, and most of the other days do not."""
    points, now = seen.view.past(series), seen.view.newest_time(series)
    same = [one for one in points if _phase(now - one.time, seen.settings.interval)]
    others = [one for one in points if one not in same and one.time > now - 3 * WEEK]
    if len(same) < 2 or not all(bad(one.value) for one in same[-2:]) or not others:
        return False
    calm = sum(not bad(one.value) for one in others) / len(others)
    return calm >= 0.6 and (value is None or value <= ENVELOPE * max(one.value for one in same[-2:]))


def _phase(age: float, interval: float) -> bool:
    """Whether something is whole weeks ago."""
    return age > WEEK / 2 and abs(age - WEEK * round(age / WEEK)) < interval / 2


# The mix of requests


def traffic_mix(seen: Seen) -> Opinion:
    """The shares of groups changed, and no group did."""
    if not seen.settings.segments:
        return Opinion(yes=False, why="no `monitoring.segments` say which groups there are")
    found = mixed(seen)
    return Opinion(yes=bool(found), why="the mix of requests does not explain it", evidence=found)


def mixed(seen: Seen) -> tuple[Evidence, ...]:
    """The change of the mix, if it explains everything that is raised."""
    for segment in seen.settings.segments:
        names = ("mlspec_label_rows",) if seen.low else ("mlspec_capture_rows",)
        moved = next((one for name in names for one in _moved(seen, name, segment)), None)
        if moved is not None and _stable_groups(seen, segment) and _same_inputs(seen, segment):
            return (moved, *(_weighted(seen, low, segment) for low in seen.low))
    return ()


def _moved(seen: Seen, name: str, segment: str) -> list[Evidence]:
    now, before = facts.shares(seen.view, name, segment)
    if not now or not before:
        return []
    least = 1e-4
    pairs = [(max(now.get(each, 0.0), least), max(before.get(each, 0.0), least)) for each in {*now, *before}]
    distance = sum((new - old) * log(new / old) for new, old in pairs)
    if distance <= MIXED:
        return []
    most = max({*now, *before}, key=lambda each: (abs(now.get(each, 0.0) - before.get(each, 0.0)), each))
    share = f"{before.get(most, 0.0):.1%} to {now.get(most, 0.0):.1%}"
    series = Series(name=name, labels={"segment": segment, "segment_value": most}, value=now.get(most, 0.0))
    return [evidence(f"the share of {segment} {most} changed from {share} of the rows", series, before.get(most, 0.0))]


def _stable_groups(seen: Seen, segment: str) -> bool:
    """Whether every metric that fell is as good as before in each group, and overall with the earlier mix."""
    for low in seen.low:
        found = False
        for one in _groups(seen, low, segment):
            before = seen.view.before(one)
            ends = [seen.view.like(one, f"{one.name}_{side}") for side in ("low", "high")]
            if before is None or ends[0] is None or ends[1] is None:
                continue
            found = True
            more = low.bar.more or low.bar.value is None
            low_end, high_end = (one.value + WIDER * (end.value - one.value) for end in (ends[0], ends[1]))
            if (high_end < before) if more else (low_end > before):
                return False
        value = _weighted_value(seen, low, segment)
        if not found or value is None or _bad(low)(value):
            return False
    return True


def _groups(seen: Seen, low: Low, segment: str) -> tuple[Series, ...]:
    return seen.view.series(low.series.name, **{**low.series.labels, "segment": segment})


def _weighted_value(seen: Seen, low: Low, segment: str) -> float | None:
    _, before = facts.shares(seen.view, "mlspec_label_rows", segment)
    known = [(before.get(one.labels["segment_value"], 0.0), one.value) for one in _groups(seen, low, segment)]
    total = sum(share for share, _ in known)
    return sum(share * value for share, value in known) / total if total > 0 else None


def _weighted(seen: Seen, low: Low, segment: str) -> Evidence:
    value = _weighted_value(seen, low, segment)
    series = low.series.but(value=value if value is not None else low.series.value)
    return evidence(f"with the earlier mix of {segment}, {low.bar.metric} meets its bar", series, low.limit)


def _same_inputs(seen: Seen, segment: str) -> bool:
    """Whether no feature drifts within a group. Columns that are groups themselves always do."""
    for one in (*seen.features, *seen.predictions):
        if one.column.name in seen.settings.segments:
            continue
        labels = {key: one.series.labels[key] for key in ("subject", "column", "method")}
        within = seen.view.series("mlspec_drift_distance", **labels, segment=segment)
        if not within or any(each.value > max(one.limit, _noise(seen, each)) for each in within):
            return False
    return True


def _noise(seen: Seen, series: Series) -> float:
    found = seen.view.like(series, "mlspec_drift_noise_distance")
    return found.value if found is not None else 0.0


# The model's own effect


def feedback_loop(seen: Seen) -> Opinion:
    """The labels depend on the model: fewer cases are decided without it, and its predictions moved or got worse."""
    if not seen.closing:
        why = "no job measures how many cases are decided without the model"
        known = bool(seen.view.series("mlspec_exploration_ratio"))
        return Opinion(yes=False, why="as many cases as before are decided without the model" if known else why)
    return Opinion(yes=True, why="", evidence=seen.closing)


# A world that changed


def prior_shift(seen: Seen) -> Opinion:
    """Outcomes became more or less frequent: scores are biased, and rank as well as before."""
    found = facts.prior_moved(seen.view)
    if found is None:
        return Opinion(yes=False, why="labels are as frequent as before")
    now, before, _ = found
    areas = seen.view.whole("mlspec_quality", metric="roc_auc", role="live")
    if not areas:
        return Opinion(yes=None, why="no area under the curve says whether scores still rank as well")
    if not all(_as_good(seen, one) for one in areas):
        return Opinion(yes=False, why="scores rank worse than before")
    biased = [one for one in seen.view.whole("mlspec_prediction_mean") if _biased(seen, one, now)]
    if not biased:
        return Opinion(yes=False, why="the scores moved as much as the outcomes, as their inputs say")
    says = "outcomes changed in frequency, and scores are biased but rank as well as before"
    return Opinion(yes=True, why="", evidence=(evidence(says, now, before), evidence("the mean score", biased[0])))


def _as_good(seen: Seen, series: Series) -> bool:
    before, top = seen.view.before(series), seen.view.like(series, "mlspec_quality_high")
    return before is None or top is None or top.value >= before


def _biased(seen: Seen, mean: Series, label: Series) -> bool:
    """Whether the mean score followed the labels by less than two thirds of their change, in their direction."""
    old_mean, old_label = seen.view.before(mean), seen.view.before(label)
    if old_mean is None or old_label is None:
        return False
    followed = (mean.value - old_mean) / (label.value - old_label)
    return STILL < followed < 2 / 3


def population_shift(seen: Seen) -> Opinion:
    """Other cases arrive: features drift, and the quality is as low as the estimate says."""
    if not seen.features:
        return Opinion(yes=False, why="no feature drifts")
    if not (seen.low or seen.estimated):
        return Opinion(yes=False, why="neither the measured quality nor the estimate fell")
    gaps = [_gap(seen, low) for low in seen.low]
    if any(gap is True for gap in gaps):
        return Opinion(
            yes=False, why="the measured quality is below the estimate, so the same inputs mean something else"
        )
    if None in gaps:
        return Opinion(yes=None, why="there is no estimate for the same rows to compare the measured quality with")
    found = seen.signals.get("feature-drift", ())
    lower = (*seen.estimated, *(evidence(f"{low.bar.metric} is low", low.series, low.limit) for low in seen.low))
    return Opinion(yes=True, why="", evidence=(*found, *lower))


def concept_drift(seen: Seen) -> Opinion:
    """The same inputs mean something else: the measured quality is below the estimate for the same rows."""
    if not seen.low:
        return Opinion(yes=False, why="the measured quality of all rows did not fall")
    if not all(low.before for low in seen.low):
        return Opinion(
            yes=None, why="the quality was never measured to be good enough, so that nothing says what changed"
        )
    for low in seen.low:
        gap = _gap(seen, low)
        if gap is True:
            says = f"{low.bar.metric} is below its estimate for the same rows, with both intervals"
            return Opinion(yes=True, why="", evidence=(evidence(says, low.series, low.limit),))
        if gap is None and seen.view.newest("drift") is not None and not (seen.features or seen.predictions):
            says = f"{low.bar.metric} fell, and neither the inputs nor the predictions drift"
            return Opinion(yes=True, why="", evidence=(evidence(says, low.series, low.limit),))
    return Opinion(yes=None, why="the measured quality agrees with the estimate, or drift is not measured")


def _gap(seen: Seen, low: Low) -> bool | None:
    """Whether the measured interval is beyond that of the estimate for the same rows, when the quality first fell; None
    if there was no estimate.
    """
    labels = {key: value for key, value in low.series.labels.items() if key not in ("role", "versus")}
    measured = {one.time: one for one in seen.view.history.get("quality", ())}
    more = low.bar.more or low.bar.value is None
    own, other = ("high", "low") if more else ("low", "high")
    ends = {one.time: one.value for one in seen.view.points(f"mlspec_quality_{own}", low.series.labels)}
    for time in sorted(each for each in ends if each >= low.onset):
        at = measured[time].window[1]
        estimates = seen.view.points(f"mlspec_quality_estimate_{other}", labels)
        near = _nearest(estimates, at, seen.settings.interval)
        if near is not None:
            return ends[time] < near.value if more else ends[time] > near.value
    return None


def _nearest(points: tuple[Point, ...], at: float, interval: float) -> Point | None:
    """The estimate of the rows up to a time."""
    near = [one for one in points if abs(one.time - at) <= interval / 2]
    return min(near, key=lambda one: abs(one.time - at)) if near else None

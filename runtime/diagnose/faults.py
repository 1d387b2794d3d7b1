"""The causes that training makes worse: something is broken, and a new model would learn the fault.

Each function says whether the facts show its cause. The table is that of `docs/diagnosing.md`.
"""

from __future__ import annotations

from . import facts
from .facts import Drifted, Low, evidence
from .seen import Opinion, Seen
from .shifts import mixed, seasonal
from .view import Evidence

__all__ = ["bad_version", "label_fault", "label_lag", "serving_skew", "silent_monitor", "upstream_change"]

FEW = 0.2
"""The share of the watched features up to which a change is that of a producer, not of the world."""

NO_ORDER = 0.55
"""The area under the curve below which scores have practically nothing to do with labels."""

STILL = 0.1
"""The relative change of a mean that counts as none."""

VERSION = "model_version"


def silent_monitor(seen: Seen) -> Opinion:
    """A job that measures no longer runs."""
    return Opinion(yes=bool(seen.silent), why="all monitors measured within two intervals", evidence=seen.silent)


def bad_version(seen: Seen) -> Opinion:
    """A new version is worse than the one before: on the same traffic, or since the moment it went live."""
    if not (seen.low or seen.low_segments):
        return Opinion(yes=False, why="the measured quality did not fall")
    versions = sorted(_first_seen(seen).items(), key=lambda pair: pair[1])
    if not versions:
        return Opinion(yes=None, why="no measurement says which version made the predictions")
    newest = versions[-1][0]
    worse = tuple(one for low in seen.low for one in _worse(seen, low, newest))
    if worse:
        return Opinion(yes=True, why="", evidence=worse)
    if len(versions) > 1 and not (seen.violated or seen.skewed or seen.features):
        since = tuple(one for low in seen.low for one in _since(low, newest, versions[-1][1], seen.settings.interval))
        if since:
            return Opinion(yes=True, why="", evidence=since)
    return Opinion(yes=False, why="the quality did not fall with a new version")


def _first_seen(seen: Seen) -> dict[str, float]:
    """When each version was first in measured predictions."""
    found: dict[str, float] = {}
    for measured in seen.view.history.get("quality", ()):
        for one in measured.series:
            if one.name == "mlspec_quality_samples" and one.labels.get("segment") == VERSION:
                found.setdefault(one.labels["segment_value"], measured.time)
    return found


def _worse(seen: Seen, low: Low, newest: str) -> list[Evidence]:
    """Where the whole interval of the newest version is worse than that of another one at the same time."""
    wanted = {key: value for key, value in low.series.labels.items() if not key.startswith("segment")}
    ends: dict[str, tuple[float, float]] = {}
    for one in seen.view.series(low.series.name, **wanted, segment=VERSION):
        lowest, highest = (seen.view.like(one, f"{one.name}_{side}") for side in ("low", "high"))
        if lowest is not None and highest is not None:
            ends[one.labels["segment_value"]] = (lowest.value, highest.value)
    if newest not in ends:
        return []
    bottom, top = ends.pop(newest)
    more = low.bar.more or low.bar.value is None
    shown = low.series.but(
        labels={**wanted, "segment": VERSION, "segment_value": newest}, value=top if more else bottom
    )
    return [
        evidence(f"version {newest} is worse than version {name} at the same time", shown, least if more else most)
        for name, (least, most) in sorted(ends.items())
        if (top < least if more else bottom > most)
    ]


def _since(low: Low, newest: str, first: float, interval: float) -> list[Evidence]:
    if not (low.before and low.step and abs(low.onset - first) < interval / 2):
        return []
    return [
        evidence(f"{low.bar.metric} fell in the measurement in which version {newest} appeared", low.series, low.limit)
    ]


def upstream_change(seen: Seen) -> Opinion:
    """A producer changed the data: values violate expectations, features are stale, or few of them moved in a step."""
    keeps = seen.settings.keeps_on
    violated = seen.violated or seen.violated_then
    if violated:
        if "data" not in keeps:
            return Opinion(yes=True, why="", evidence=violated, verdict="fix-data")
        return Opinion(yes=False, why="`onDataFault: continue`: values violate expectations, and training may go on")
    changed = seen.stale or _changed_features(seen)
    if changed:
        if "feature" not in keeps:
            return Opinion(yes=True, why="", evidence=changed, verdict="fix-features")
        return Opinion(yes=False, why="`onFeatureChange: continue`: a feature changed, and training may go on")
    return Opinion(yes=False, why="no value violates expectations, and no single source changed in a step")


def _changed_features(seen: Seen) -> tuple[Evidence, ...]:
    """A few features of one source that moved in a step, which neither the season nor the mix of requests explains."""
    columns = [one for one in seen.features if one.column.name not in seen.settings.segments]
    watched = {each.name for each in seen.settings.columns if each.subject == "feature"}
    few = max(1.0, FEW * len(watched))
    names = {one.column.name for one in columns}
    sources = {seen.settings.sources.get(name, "") for name in names}
    if not columns or len(names) > few or len(sources) > 1 or not all(one.step for one in columns):
        return ()
    if seasonal(seen) or mixed(seen):
        return ()
    return tuple(_changed(one) for one in columns)


def _changed(one: Drifted) -> Evidence:
    return evidence(f"`{one.column.name}` changed in a step, and most other features did not", one.series, one.limit)


def serving_skew(seen: Seen) -> Opinion:
    """Serving computes a feature differently from training."""
    why = "serving and training compute the same features" if seen.view.newest("skew") else "no job measures the skew"
    return Opinion(yes=bool(seen.skewed), why=why, evidence=seen.skewed)


def label_fault(seen: Seen) -> Opinion:
    """The labels changed, and neither the inputs nor the predictions did."""
    if not seen.low:
        return Opinion(yes=False, why="the measured quality of all rows did not fall")
    if seen.features:
        return Opinion(yes=False, why="the inputs changed as well")
    for one in seen.view.whole("mlspec_quality", metric="roc_auc", role="live"):
        top = seen.view.like(one, "mlspec_quality_high")
        before = seen.view.before(one)
        if top is not None and top.value < NO_ORDER and before is not None and before > NO_ORDER:
            says = "the scores have nothing to do with the labels any more, as if they belonged to other rows"
            return Opinion(yes=True, why="", evidence=(evidence(says, one, NO_ORDER),))
    found = facts.prior_moved(seen.view)
    if found is None:
        known = seen.view.whole("mlspec_label_mean")
        if not known or seen.view.before(known[0]) is None:
            return Opinion(yes=None, why="no earlier measurement says how frequent each label was")
        return Opinion(yes=False, why="labels are as frequent as before")
    now, before, step = found
    if not step:
        return Opinion(yes=False, why="the frequency of labels changed over several measurements, as the world does")
    if any(facts.jumped(seen.view, one, STILL) for one in seen.view.whole("mlspec_prediction_mean")):
        return Opinion(yes=False, why="the predictions moved as well")
    says = "the labels changed in a step, and neither the inputs nor the predictions did"
    return Opinion(yes=True, why="", evidence=(evidence(says, now, before),))


def label_lag(seen: Seen) -> Opinion:
    """Labels arrive later than they should."""
    return Opinion(
        yes=bool(seen.late), why="labels arrive in time, for as many predictions as before", evidence=seen.late
    )

"""From the facts to a verdict: the causes in the order of the catalog, each one confirmed, ruled out, or left open.

The first cause that the facts show is the verdict. Training is allowed only if that cause is answered by training, and
if every cause before it that training makes worse is ruled out. Whatever else is raised and not explained is "unknown",
which allows nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...compiler.record import Record
from ..measure.measured import Series
from . import faults, shifts
from .seen import Opinion, Seen
from .settings import Cause, Settings
from .view import Evidence, View

__all__ = ["BROKEN", "VERDICTS", "VERSION", "Diagnosis", "diagnose"]

VERSION = 1

Ask = Callable[[Seen], Opinion]
VERDICTS: dict[str, tuple[Ask, str]] = {
    "silent-monitor": (faults.silent_monitor, "fix-monitoring"),
    "bad-version": (faults.bad_version, "roll-back"),
    "upstream-change": (faults.upstream_change, "fix-data"),
    "serving-skew": (faults.serving_skew, "fix-features"),
    "label-fault": (faults.label_fault, "fix-labels"),
    "label-lag": (faults.label_lag, "wait"),
    "seasonality": (shifts.seasonality, "watch"),
    "traffic-mix": (shifts.traffic_mix, "watch"),
    "feedback-loop": (shifts.feedback_loop, "fix-labels"),
    "prior-shift": (shifts.prior_shift, "retrain"),
    "population-shift": (shifts.population_shift, "retrain"),
    "concept-drift": (shifts.concept_drift, "retrain"),
}
"""What decides each cause, and the verdict if it is one."""

BROKEN = ("fix-data", "fix-features", "fix-labels", "roll-back")
"""The verdicts with which no training run may start, not even a scheduled one."""

ACTIONS = {
    "healthy": "nothing: no signal is raised",
    "watch": "look at it again after the next measurement; the quality is still good enough",
    "unknown": "find the cause by hand: no measurement shows it, and training on an unknown fault would learn it",
    "wait": "wait until enough new labels arrived",
    "retrain": "train on the new labels, and let the gates and the canary decide",
}


class Diagnosis(Record):
    """The verdict, with what led to it."""

    time: float
    verdict: str
    cause: str | None
    retrain: bool
    evidence: tuple[Evidence, ...]
    ruled_out: tuple[tuple[str, str], ...]
    """The causes that are not it, each with the reason."""
    action: str
    signals: tuple[str, ...] = ()
    """The signals that are raised."""

    def document(self) -> dict[str, Any]:
        """The content of `diagnosis.json`."""
        return {
            "version": VERSION,
            "time": int(self.time) if self.time == int(self.time) else self.time,
            "verdict": self.verdict,
            "cause": self.cause,
            "retrain": self.retrain,
            "evidence": [_document(one) for one in self.evidence],
            "ruledOut": [{"cause": cause, "why": why} for cause, why in self.ruled_out],
            "action": self.action,
            "signals": list(self.signals),
        }


def _document(one: Evidence) -> dict[str, Any]:
    found: dict[str, Any] = {"says": one.says}
    if one.series is not None:
        found["series"] = {"name": one.series.name, "labels": dict(sorted(one.series.labels.items()))}
        found["value"] = one.series.value
    if one.limit is not None:
        found["limit"] = one.limit
    return found


def diagnose(view: View, settings: Settings) -> Diagnosis:
    """The diagnosis of what was measured up to `view.at`."""
    seen = Seen(view, settings)
    ruled_out: list[tuple[str, str]] = []
    left_open: list[tuple[Cause, str]] = []
    # whatever the order of a platform, what training makes worse is ruled out first
    for cause in sorted(settings.causes, key=lambda each: each.retrain):
        opinion = _opinion(seen, cause)
        if opinion.yes:
            return _concluded(seen, cause, opinion, ruled_out, left_open)
        if opinion.yes is None:
            left_open.append((cause, opinion.why))
        else:
            ruled_out.append((cause.name, opinion.why))
    raised = tuple(one for found in seen.signals.values() for one in found)
    verdict = "healthy" if not raised else "watch" if _harmless(seen) else "unknown"
    evidence = (*raised, *_open(left_open))
    enough = _enough(seen)
    if enough is not None and verdict != "unknown" and all(cause.retrain for cause, _ in left_open):
        return _made(seen, "retrain", None, evidence=(enough, *evidence), ruled_out=ruled_out, retrain=True)
    return _made(seen, verdict, None, evidence=evidence, ruled_out=ruled_out)


def _opinion(seen: Seen, cause: Cause) -> Opinion:
    if not set(cause.signals) & set(seen.signals):
        return Opinion(yes=False, why="none of its signals is raised")
    if cause.name not in VERDICTS:
        return Opinion(yes=None, why="no measurement decides it, only an engineer")
    return VERDICTS[cause.name][0](seen)


def _open(left_open: list[tuple[Cause, str]]) -> tuple[Evidence, ...]:
    return tuple(Evidence(says=f"{cause.name} is not ruled out: {why}") for cause, why in left_open)


def _concluded(
    seen: Seen, cause: Cause, opinion: Opinion, ruled_out: list[tuple[str, str]], left_open: list[tuple[Cause, str]]
) -> Diagnosis:
    blocking = [(one, why) for one, why in left_open if not one.retrain]
    evidence = (*opinion.evidence, *_open(left_open))
    if not cause.retrain:
        verdict = opinion.verdict or VERDICTS[cause.name][1]
        return _made(seen, verdict, cause, evidence=evidence, ruled_out=ruled_out)
    if blocking:
        return _made(seen, "unknown", None, evidence=evidence, ruled_out=ruled_out)
    unjudged = _unjudged(seen)
    if unjudged is not None:
        waits = (*evidence, Evidence(says=f"no prediction of the newest version, {unjudged}, has a complete label yet"))
        return _made(seen, "wait", cause, evidence=waits, ruled_out=ruled_out, action=ACTIONS["wait"])
    new = _new_labels(seen)
    if new < seen.settings.new_labels:
        says = f"{new:,.0f} new labels arrived since the live version, and `minNewLabels` asks for more"
        few = Evidence(says=says, series=_counted(new), limit=seen.settings.new_labels)
        return _made(seen, "wait", cause, evidence=(*evidence, few), ruled_out=ruled_out, action=ACTIONS["wait"])
    return _made(seen, "retrain", cause, evidence=evidence, ruled_out=ruled_out, retrain=True)


def _made(
    seen: Seen, verdict: str, cause: Cause | None, *, evidence: tuple[Evidence, ...],
    ruled_out: list[tuple[str, str]], retrain: bool = False, action: str = "",
) -> Diagnosis:  # fmt: skip
    said = action or (cause.action if cause is not None else "") or ACTIONS.get(verdict, verdict)
    return Diagnosis(
        time=seen.view.at,
        verdict=verdict,
        cause=cause.name if cause is not None else None,
        retrain=retrain,
        evidence=evidence,
        ruled_out=tuple(ruled_out),
        action=said,
        signals=tuple(sorted(seen.signals)),
    )


def _harmless(seen: Seen) -> bool:
    """Whether only drift or groups are raised, and the quality of all rows is known to be good enough.

    With a delay, the measured quality is about old rows. It needs an estimate next to it, which alone clears nothing.
    """
    if not set(seen.signals) <= {"feature-drift", "prediction-drift", "quality-drop"} or seen.low:
        return False
    measured = bool(seen.view.whole("mlspec_quality", role="live"))
    recent = not seen.settings.delay or bool(seen.view.whole("mlspec_quality_estimate"))
    return measured and recent


def _enough(seen: Seen) -> Evidence | None:
    """That there are enough new labels to train without any damage, if the trigger `new-labels` asks for it."""
    least, new = seen.settings.new_labels, _new_labels(seen)
    if not seen.settings.on_new_labels or not least or new < least:
        return None
    return Evidence(says=f"{new:,.0f} new labels arrived", series=_counted(new), limit=least)


def _counted(rows: float) -> Series:
    return Series(name="mlspec_label_rows", labels={}, value=rows)


def _new_labels(seen: Seen) -> float:
    """The rows with complete labels since the live version was trained, which the newest measurement counts.

    Where nothing says when that was, they are counted since the newest version went live, or since the first
    measurement. Windows that overlap count each of their rows once, by the part of the window that is new.
    """
    counted = next((one.value for one in seen.view.series("mlspec_label_new_rows")), None)
    if counted is not None:
        return counted
    found, last = 0.0, None
    start = max(_versions(seen).values(), default=0.0)
    for measured in seen.view.history.get("labels", ()):
        begin, end = measured.window
        rows = next((one.value for one in measured.series if one.name == "mlspec_label_rows" and not one.labels), 0.0)
        fresh = min(1.0, (end - last) / (end - begin)) if last is not None and end > begin else 1.0
        if measured.time >= start:
            found += rows * max(0.0, fresh)
        last = end
    return found


def _unjudged(seen: Seen) -> str | None:
    """The version that went live last, if the low quality is only that of versions before it: its own labels are not
    there yet. An estimate is about the newest predictions, so one that is low needs no labels.
    """
    times = _versions(seen)
    if not times or not seen.low or seen.estimated:
        return None
    newest = max(times, key=lambda version: (times[version], version))
    counted = seen.view.series("mlspec_quality_samples", segment="model_version", segment_value=newest)
    return None if any(one.value > 0 for one in counted) else newest


def _versions(seen: Seen) -> dict[str, float]:
    """When each version was first captured, without those that the history starts with."""
    found: dict[str, float] = {}
    history = seen.view.history.get("capture", ())
    for measured in history:
        for one in measured.series:
            if one.name == "mlspec_capture_rows" and one.labels.get("segment") == "model_version":
                found.setdefault(one.labels["segment_value"], measured.time)
    first = history[0].time if history else 0.0
    return {version: time for version, time in found.items() if time > first}

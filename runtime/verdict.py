"""The verdict on a model: what each gate of its system says, and what all of them say together.

A model is never passed for want of data: what is missing, is no number, or rests on too few samples is no pass, and
neither is a configuration without any gate.
"""

from __future__ import annotations

from typing import Any

from ..compiler.record import Record
from .conditions import Answer, Bound, Outcome, Rival, Unreadable, bound_of, judged, number

__all__ = ["Reason", "Verdict", "judge", "shown"]

VERSION = 1

SHOWN = 5
"""Values of a segment that one line names."""

GRAVEST: tuple[Answer, ...] = ("fail", "too-few", "pass")


class Reason(Record):
    """What one gate says."""

    metric: str
    segment: str | None = None
    bound: Bound
    found: float | None = None
    verdict: Answer
    words: str
    values: dict[str, Outcome] | None = None
    """Of a gate by segment, what each value says."""

    @property
    def line(self) -> str:
        """The reason for people."""
        by = f" by {shown(self.segment)}" if self.segment is not None else ""
        return f"{self.verdict:8} {shown(self.metric)}{by}: {self.words}; {self.bound.words}"

    def document(self) -> dict[str, Any]:
        """The reason for programs, in `verdict.json`."""
        said: dict[str, Any] = {
            "metric": self.metric,
            "segment": self.segment,
            "wanted": {"min" if self.bound.least else "max": float(self.bound.limit)},
            "found": self.found,
            "verdict": self.verdict,
            "words": f"{self.words}; {self.bound.words}",
        }
        if self.values is not None:
            said["values"] = {value: _document(outcome) for value, outcome in self.values.items()}
        return said


class Verdict(Record):
    """Whether a model may go into service, and why."""

    passed: bool
    reasons: tuple[Reason, ...]


def judge(config: Any, metrics: Any) -> Verdict:
    """Judge `metrics.json` by the training configuration; `Unreadable` where one has not the contract's shape."""
    config, metrics = _versioned(config, "the configuration"), _versioned(metrics, "metrics.json")
    evaluation = _mapping(config, "evaluation", "the configuration")
    values = _mapping(metrics, "metrics", "metrics.json")
    segments = _mapping({"segments": {}, **metrics}, "segments", "metrics.json")
    beside = _mapping({"rivals": {}, **metrics}, "rivals", "metrics.json")
    gates = evaluation.get("gates", [])
    if not isinstance(gates, list):
        raise Unreadable("the configuration has no list of gates")
    reasons = tuple(_reason(gate, config, values, segments, beside) for gate in gates)
    return Verdict(passed=bool(reasons) and all(reason.verdict == "pass" for reason in reasons), reasons=reasons)


def _versioned(document: Any, what: str) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise Unreadable(f"{what} is no mapping")
    if document.get("version") != VERSION:
        raise Unreadable(f"{what} is not of version {VERSION}")
    return document


def _mapping(document: dict[str, Any], key: str, what: str) -> dict[str, Any]:
    part = document.get(key)
    if not isinstance(part, dict):
        raise Unreadable(f"{what} has no mapping `{key}`")
    return part


def _reason(
    gate: Any, config: dict[str, Any], values: dict[str, Any], segments: dict[str, Any], beside: dict[str, Any]
) -> Reason:
    if not isinstance(gate, dict) or not isinstance(gate.get("metric"), str):
        raise Unreadable("the configuration has a gate without a metric")
    name, of, segment = gate["metric"], gate.get("of"), gate.get("segment")
    metric = name if of is None else f"{name}:{of}"
    bound = bound_of(gate, _entry(config.get("metrics"), name), _rival(gate, metric, config, beside))
    needed = (_least(gate), _least(config["evaluation"]))
    if segment is None:
        outcome = judged(values.get(metric), bound, needed)
        found = float(outcome.found) if outcome.found is not None else None
        return Reason(metric=metric, bound=bound, found=found, verdict=outcome.answer, words=outcome.words)
    each = _each(metric, _entry(segments, segment), bound, needed)
    answer, words = _together(each)
    return Reason(metric=metric, segment=str(segment), bound=bound, verdict=answer, words=words, values=each)


def _entry(section: Any, key: Any) -> dict[str, Any]:
    """A mapping in a mapping; an empty one where there is none."""
    entry = section.get(key) if isinstance(section, dict) and isinstance(key, str) else None
    return entry if isinstance(entry, dict) else {}


def _rival(gate: dict[str, Any], metric: str, config: dict[str, Any], beside: dict[str, Any]) -> Rival | None:
    """What the rival reached on the same test rows, if the evaluation measured it there, else what is known of it."""
    versus = gate.get("versus")
    measured = _entry(beside, versus)
    if metric in measured:
        value = number(_entry(measured, metric).get("value"))
        if value is None:
            raise Unreadable(f"metrics.json has no number for {shown(metric)} of {shown(str(versus))}")
        return Rival(value=value, words=f"{shown(str(versus))} on the same rows")
    known = number(_entry(config.get("rivals"), versus).get(metric))
    return Rival(value=known, words=shown(str(versus))) if known is not None else None


def _least(holder: dict[str, Any]) -> int | None:
    if "minSamples" not in holder:
        return None
    least = number(holder["minSamples"])
    if least is None:
        raise Unreadable("the configuration has `minSamples` that are no number")
    return int(least)


def _each(
    metric: str, values: dict[str, Any], bound: Bound, needed: tuple[int | None, int | None]
) -> dict[str, Outcome]:
    """What each value of a segment says."""
    entries = {value: entry.get(metric) if isinstance(entry, dict) else None for value, entry in values.items()}
    return {value: judged(entry, bound, needed, segments=len(entries)) for value, entry in entries.items()}


def _together(each: dict[str, Outcome]) -> tuple[Answer, str]:
    """One answer for all values of a segment: no if one says no, and not enough data if one has too little."""
    if not each:
        return "fail", "metrics.json has no values of it"
    answer = next(one for one in GRAVEST if any(outcome.answer == one for outcome in each.values()))
    if answer == "pass":
        return answer, "it holds for its only value" if len(each) == 1 else f"it holds for all {len(each)} values"
    named = [f"{shown(value)} {outcome.words}" for value, outcome in each.items() if outcome.answer == answer]
    more = f"; and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return answer, f"{'; '.join(named[:SHOWN])}{more}"


def _document(outcome: Outcome) -> dict[str, Any]:
    return {
        "found": float(outcome.found) if outcome.found is not None else None,
        "surely": float(outcome.surely) if outcome.surely is not None else None,
        "verdict": outcome.answer,
        "words": outcome.words,
    }


def shown(text: str) -> str:
    """A name out of an input, on one line and no longer than one, whatever it holds."""
    line = text if text.isprintable() else text.encode("unicode_escape").decode()
    return line if len(line) <= 60 else f"{line[:57]}..."

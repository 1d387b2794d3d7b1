"""The verdict on a model: the result of each gate of its system, and the combined result.

A model never passes for lack of data. A missing value, a value that is not a number, and too few samples are not a
pass, and neither is a configuration without gates.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ..compiler.record import Record
from .conditions import Answer, Bound, Outcome, Rival, Unreadable, bound_of, judged, number, shown
from .gaps import compared, gap_bound, largest_gap

__all__ = ["Reason", "Verdict", "is_version", "judge"]

VERSION = 1

SHOWN = 5
"""The maximum number of segment values that one line lists."""

GRAVEST: tuple[Answer, ...] = ("fail", "too-few", "pass")


class Reason(Record):
    """The result of one gate."""

    metric: str
    segment: str | None = None
    bound: Bound
    found: float | None = None
    verdict: Answer
    words: str
    values: dict[str, Outcome] | None = None
    """For a gate on a segment, the result of each value."""
    gap: bool = False
    """Whether the bound is on the largest difference between the values of the segment."""

    @property
    def line(self) -> str:
        """The result as a line of text."""
        by = f" by {shown(self.segment)}" if self.segment is not None else ""
        return f"{self.verdict:8} {shown(self.metric)}{by}: {self.words}; {self.bound.words}"

    def document(self) -> dict[str, Any]:
        """The result as JSON, for `verdict.json`."""
        key = "maxGap" if self.gap else "min" if self.bound.least else "max"
        content: dict[str, Any] = {
            "metric": self.metric,
            "segment": self.segment,
            "wanted": {key: float(self.bound.limit)},
            "found": self.found,
            "verdict": self.verdict,
            "words": f"{self.words}; {self.bound.words}",
        }
        if self.values is not None:
            content["values"] = {value: _document(outcome) for value, outcome in self.values.items()}
        return content


class Verdict(Record):
    """Whether a model may go live, and why."""

    passed: bool
    reasons: tuple[Reason, ...]


def judge(config: Any, metrics: Any) -> Verdict:
    """Judge `metrics.json` by the training configuration. Raises `Unreadable` if one of them violates the contract."""
    config, metrics = _versioned(config, "the configuration"), _versioned(metrics, "metrics.json")
    evaluation = _mapping(config, "evaluation", "the configuration")
    values = _mapping(metrics, "metrics", "metrics.json")
    segments = _mapping({"segments": {}, **metrics}, "segments", "metrics.json")
    rivals = _mapping({"rivals": {}, **metrics}, "rivals", "metrics.json")
    gates = evaluation.get("gates", [])
    if not isinstance(gates, list):
        raise Unreadable("the configuration has no list of gates")
    reasons = tuple(_reason(gate, config, values, segments, rivals) for gate in gates)
    return Verdict(passed=bool(reasons) and all(reason.verdict == "pass" for reason in reasons), reasons=reasons)


def _versioned(document: Any, what: str) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise Unreadable(f"{what} is not a mapping")
    if not is_version(document.get("version")):
        raise Unreadable(f"{what} does not have version {VERSION}")
    return document


def is_version(thing: object) -> bool:
    """Whether it is our version: in Python, `true` and `1.0` equal 1."""
    return type(thing) is int and thing == VERSION


def _mapping(document: dict[str, Any], key: str, what: str) -> dict[str, Any]:
    part = document.get(key)
    if not isinstance(part, dict):
        raise Unreadable(f"{what} has no mapping `{key}`")
    return part


def _reason(
    gate: Any, config: dict[str, Any], values: dict[str, Any], segments: dict[str, Any], rivals: dict[str, Any]
) -> Reason:
    if not isinstance(gate, dict) or not isinstance(gate.get("metric"), str):
        raise Unreadable("the configuration has a gate without a metric")
    name, of, segment = gate["metric"], gate.get("of"), gate.get("segment")
    metric = name if of is None else f"{name}:{of}"
    if "maxGap" in gate:
        return _gap(gate, metric, _entry(config.get("metrics"), name), values, segments)
    bound = bound_of(gate, _entry(config.get("metrics"), name), _rival(gate, metric, config, rivals))
    needed = (_least(gate), _least(config["evaluation"]))
    if segment is None:
        outcome = judged(values.get(metric), bound, needed)
        found = float(outcome.found) if outcome.found is not None else None
        return Reason(metric=metric, bound=bound, found=found, verdict=outcome.answer, words=outcome.words)
    each = _each(metric, _entry(segments, segment), bound, needed, _entry(values, metric).get("samples"))
    answer, words = _together(each)
    return Reason(metric=metric, segment=str(segment), bound=bound, verdict=answer, words=words, values=each)


def _gap(
    gate: dict[str, Any], metric: str, known: dict[str, Any], values: dict[str, Any], segments: dict[str, Any]
) -> Reason:
    """The result of a bound on the largest difference between the values of a segment."""
    segment = gate.get("segment")
    if not isinstance(segment, str):
        raise Unreadable("the configuration has a gate with a `maxGap` and without a segment")
    bound, rows, least = gap_bound(gate, known), number(_entry(values, metric).get("samples")), _least(gate)
    entries = _of_each(metric, _entry(segments, segment))
    both = {value: compared(entry, bound, least, rows) for value, entry in entries.items()}
    each = {value: outcome for value, (outcome, _) in both.items()}
    answer, words = _together(each)
    gap = Outcome(answer=answer, words=words)
    if answer == "pass":
        gap = largest_gap({value: group for value, (_, group) in both.items() if group is not None}, bound)
    return Reason(
        metric=metric,
        segment=segment,
        bound=bound,
        found=float(gap.found) if gap.found is not None else None,
        verdict=gap.answer,
        words=gap.words,
        values=each,
        gap=True,
    )


def _entry(section: Any, key: Any) -> dict[str, Any]:
    """A mapping inside a mapping; empty if there is none."""
    entry = section.get(key) if isinstance(section, dict) and isinstance(key, str) else None
    return entry if isinstance(entry, dict) else {}


def _rival(gate: dict[str, Any], metric: str, config: dict[str, Any], rivals: dict[str, Any]) -> Rival | None:
    """The rival's result on the same test rows, if the evaluation measured it, otherwise its known result."""
    versus = gate.get("versus")
    measured = _entry(rivals, versus)
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
        raise Unreadable("`minSamples` in the configuration is not a number")
    return int(least)


def _each(
    metric: str, values: dict[str, Any], bound: Bound, needed: tuple[int | None, int | None], rows: object
) -> dict[str, Outcome]:
    """The result of each value of a segment, which cannot have more than all `rows`."""
    entries = _of_each(metric, values)
    return {value: _part(entry, bound, needed, len(entries), number(rows)) for value, entry in entries.items()}


def _of_each(metric: str, values: dict[str, Any]) -> dict[str, object]:
    """What was measured in each value of a segment."""
    return {value: entry.get(metric) if isinstance(entry, dict) else None for value, entry in values.items()}


def _part(
    entry: object, bound: Bound, needed: tuple[int | None, int | None], segments: int, rows: Decimal | None
) -> Outcome:
    own = number(entry.get("samples")) if isinstance(entry, dict) else None
    if rows is not None and own is not None and own > rows:
        return Outcome(answer="fail", words=f"it has {own:,} samples, and the whole test set has {rows:,}")
    return judged(entry, bound, needed, segments=segments)


def _together(each: dict[str, Outcome]) -> tuple[Answer, str]:
    """One result for all values of a segment: a fail if one fails, and too few samples if one has too few."""
    if not each:
        return "fail", "metrics.json has no values for it"
    answer = next(one for one in GRAVEST if any(outcome.answer == one for outcome in each.values()))
    if answer == "pass":
        return answer, "its only value passes" if len(each) == 1 else f"all {len(each)} values pass"
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

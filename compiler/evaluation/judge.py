"""The verdict on each gate: ship if the limit of the interval clears the bar, reject if even the other limit misses it,
and otherwise iterate, with the observations that would decide.

The gate of a training run (`runtime/verdict.py`) judges first, by the same file. What it does not pass never ships, so
the report and the gate cannot contradict each other. The report asks for more: a value at the bar passes the gate half
of the time by chance.
"""

from __future__ import annotations

from typing import Any

from ...runtime.conditions import Unreadable
from ...runtime.differences import Paired, mcnemar
from ...runtime.verdict import Reason, judge
from ..record import Record
from ..words import shown
from .measures import ENOUGH, Interval, Z, against, of_entry
from .metrics_file import Facts, base
from .parts import gap_result, segment_result
from .report import Answer, Estimate, GateResult
from .said import deciding, estimate_of, figure, next_to, observations, rounded, signed, title

__all__ = ["Evidence", "gate_results", "together"]


class Evidence(Record):
    """What the gates are judged by."""

    config: dict[str, Any]
    """The configuration of the training run, which the gate reads."""
    metrics: dict[str, Any]
    """The content of the metrics file."""
    facts: Facts


def gate_results(evidence: Evidence) -> list[GateResult]:
    """The result of each gate, in the order of the spec, and the results that are missing."""
    evaluation = evidence.config.get("evaluation") or {}
    found = [_gate(gate, evidence) for gate in evaluation.get("gates") or ()]
    judged = {gate.get("segment") for gate in evaluation.get("gates") or ()}
    for column in evaluation.get("segments") or ():
        if column not in judged and not evidence.metrics.get("segments", {}).get(column):
            found.append(_missing(column))
    return found


def together(verdicts: list[Answer]) -> Answer:
    """One verdict for several: reject if one rejects, and ship only if all of them ship."""
    if "reject" in verdicts:
        return "reject"
    return "ship" if verdicts and set(verdicts) == {"ship"} else "iterate"


def _missing(column: str) -> GateResult:
    return GateResult(
        title=f"results by {shown(column)}",
        kind="missing",
        bar=None,
        least=True,
        asked=f"`evaluation.segments` asks for results by {shown(column)}",
        estimate=None,
        verdict="iterate",
        why=f"the file has no results by {shown(column)}",
        needs=f"evaluate the model for each value of {shown(column)}",
    )


def _gate(gate: dict[str, Any], evidence: Evidence) -> GateResult:
    """The result of one gate, which the gate of a training run judges alone."""
    evaluation = {**evidence.config["evaluation"], "gates": [gate]}
    try:
        (reason,) = judge({**evidence.config, "evaluation": evaluation}, evidence.metrics).reasons
    except Unreadable as why:
        return _unjudged(gate, str(why))
    if "maxGap" in gate:
        return gap_result(gate, reason, evidence.metrics, evidence.facts)
    if gate.get("segment") is not None:
        return segment_result(gate, reason, evidence.metrics, evidence.facts)
    return _overall(gate, reason, evidence)


def _unjudged(gate: dict[str, Any], why: str) -> GateResult:
    rival = shown(str(gate.get("versus")))
    needs = f"measure {rival} on the same rows, and add it under `rivals`" if gate.get("versus") is not None else ""
    known = f"no result of {rival} is known" if gate.get("versus") is not None else why
    return GateResult(
        title=title(gate),
        kind="difference",
        bar=None,
        least=True,
        asked=f"better than {rival}",
        estimate=None,
        verdict="iterate",
        why=known,
        needs=needs,
    )


def _overall(gate: dict[str, Any], reason: Reason, evidence: Evidence) -> GateResult:
    metric, least = reason.metric, reason.bound.least
    entry = evidence.metrics["metrics"].get(metric)
    known = evidence.facts.metrics[base(metric)]
    made = GateResult(
        title=title(gate),
        kind="difference" if gate.get("versus") is not None else "value",
        bar=float(reason.bound.limit),
        least=least,
        asked=reason.bound.words,
        estimate=None,
        verdict="iterate",
        why="",
        gate=reason.verdict,
    )
    if entry is None:
        return made.but(why=f"the file has no `{metric}`", needs=f"measure `{metric}` on all test rows")
    own = of_entry(metric, entry, known)
    found, bar = own, float(reason.bound.limit)
    more = ""
    if gate.get("versus") is not None:
        found, bar, more = _difference(gate, reason, evidence, own)
    estimate = estimate_of(found, entry, Z) if found is not None else Estimate(value=entry["value"])
    made = made.but(estimate=estimate, bar=bar)
    if found is None:
        return made.but(why=f"{figure(entry['value'])}, without an interval", needs=_for_an_interval(metric, entry))
    if reason.verdict == "too-few":
        return made.but(why=reason.words, needs="evaluate on more rows")
    return _judged(made, metric, found, bar, more)


def _difference(
    gate: dict[str, Any], reason: Reason, evidence: Evidence, own: Interval | None
) -> tuple[Interval | None, float, str]:
    """The interval of the difference to the rival, the bar for it, and what to add to the reason."""
    metric, versus = reason.metric, gate["versus"]
    entry = evidence.metrics["metrics"][metric]
    rival = evidence.metrics.get("rivals", {}).get(versus, {}).get(metric)
    limit = float(reason.bound.limit)
    if rival is not None:
        found = against(metric, own, entry, rival, evidence.facts.metrics[base(metric)])
        more = ""
        if "paired" in rival:
            more = f"; McNemar's mid-p value is {mcnemar(Paired(**rival['paired'])):.2g}"
        return found, rounded(limit - rival["value"]), more
    value = float((evidence.config.get("rivals") or {})[versus][metric])
    more = f"; the {figure(value)} of {shown(versus)} is from other rows, and counts as exact"
    if own is None:
        return None, rounded(limit - value), more
    moved = own.but(value=rounded(own.value - value), ends=_moved(own, value))
    return moved, rounded(limit - value), more


def _moved(own: Interval, by: float) -> Any:
    def ends(z: float) -> tuple[float, float]:
        low, high = own.ends(z)
        return low - by, high - by

    return ends


def _for_an_interval(metric: str, entry: dict[str, Any]) -> str:
    """What the file should say."""
    if base(metric) == "roc_auc" and not 0 < entry["value"] < 1:
        return "evaluate on more rows: at an area of exactly 0 or 1, no interval exists"
    if base(metric) == "roc_auc":
        return "add `positives` and `negatives`, or DeLong's `variance`"
    known = "`events`, or " if 0 <= entry["value"] <= 1 else ""
    return f"add {known}`low` and `high` with their `confidence`"


def _judged(made: GateResult, metric: str, found: Interval, bar: float, more: str) -> GateResult:
    """The verdict by the limits."""
    low, high = found.ends(Z)
    surely, at_best = (low, high) if made.least else (high, low)

    def written(value: float) -> str:
        return next_to(value, bar, signed if made.kind == "difference" else figure)

    side, other, beyond = ("lower", "upper", "below") if made.least else ("upper", "lower", "above")
    limit = f"{'at least' if made.least else 'at most'} {written(bar)}"
    if found.events is not None and found.events < ENOUGH:
        why = f"{observations(metric, found.events)} are too few for a verdict"
        return made.but(why=f"{why}{more}", needs=f"{observations(metric, ENOUGH)} or more")
    clears = surely >= bar if made.least else surely <= bar
    misses = at_best < bar if made.least else at_best > bar
    if clears and made.gate == "pass":
        return made.but(verdict="ship", why=f"the {side} limit {written(surely)} is {limit}{more}")
    if misses:
        return made.but(verdict="reject", why=f"the {other} limit {written(at_best)} is {beyond} {written(bar)}{more}")
    if clears:
        return made.but(why=f"the gate does not pass it{more}", needs="run `mlspec runtime gate` on the file")
    why = f"the limits {written(low)} and {written(high)} are on both sides of {written(bar)}{more}"
    return made.but(why=why, needs=deciding(metric, found, bar, least=made.least))

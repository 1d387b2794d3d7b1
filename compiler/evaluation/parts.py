"""Gates on the values of a column: on each of them, and on the largest gap between two.

Among many values, one looks bad by chance. So a value ships if the gate passes it, which widens its interval by their
number (Bonferroni), and it is rejected by p-values that are adjusted for their number (Holm).
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

from ...runtime.differences import holm
from ...runtime.verdict import Reason
from ..plan.distributions import normal_quantile
from ..words import shown
from .measures import ENOUGH, ERROR, Interval, Z, apart, evidence, of_entry
from .metrics_file import OTHER, Facts, base
from .report import Answer, Estimate, GatePart, GateResult
from .said import deciding, estimate_of, figure, next_to, observations, plain_estimate, title

__all__ = ["gap_result", "segment_result"]


def segment_result(gate: dict[str, Any], reason: Reason, metrics: dict[str, Any], facts: Facts) -> GateResult:
    """The result of a gate on each value of a column."""
    column, metric = gate["segment"], reason.metric
    groups = metrics.get("segments", {}).get(column, {})
    bar, least = float(reason.bound.limit), reason.bound.least
    found = _intervals(metric, groups, facts)
    judged = {name: one for name, one in found.items() if one is not None and _enough(one)}
    against = holm({name: evidence(one, bar, least=least) for name, one in judged.items()})
    z = normal_quantile(1 - ERROR / max(1, len(groups)))
    parts = [
        _part(name, entries.get(metric), found[name], reason, against.get(name), z) for name, entries in groups.items()
    ]
    parts += [_absent(name) for name in _lacking(column, groups, facts)]
    made = GateResult(
        title=title(gate),
        kind="segment",
        bar=bar,
        least=least,
        asked=f"{reason.bound.words}, for each value of {shown(column)}",
        estimate=None,
        verdict="iterate",
        why=f"the file has no results by {shown(column)}",
        needs=f"evaluate the model for each value of {shown(column)}",
        gate=reason.verdict,
        parts=tuple(parts),
    )
    return _combined(made, parts, column) if parts else made


def _intervals(metric: str, groups: dict[str, Any], facts: Facts) -> dict[str, Interval | None]:
    known = facts.metrics[base(metric)]
    return {
        name: of_entry(metric, entries[metric], known) if metric in entries else None
        for name, entries in groups.items()
    }


def _enough(one: Interval) -> bool:
    return one.events is None or one.events >= ENOUGH


def _lacking(column: str, groups: dict[str, Any], facts: Facts) -> list[str]:
    """The declared values of the column that the file does not have. `other` may contain them."""
    return [name for name in facts.columns.get(column, ()) if name not in groups and OTHER not in groups]


def _absent(name: str) -> GatePart:
    return GatePart(name=name, estimate=None, verdict="iterate", why="the file has no results for it")


def _part(
    name: str, entry: dict[str, Any] | None, found: Interval | None, reason: Reason, p: float | None, z: float
) -> GatePart:
    if entry is None:
        return _absent(name)
    estimate = estimate_of(found, entry, z) if found is not None else plain_estimate(entry)
    verdict, why = _of_part(estimate, found, reason, name, p, z)
    return GatePart(name=name, estimate=estimate, verdict=verdict, why=why)


def _of_part(
    estimate: Estimate, found: Interval | None, reason: Reason, name: str, p: float | None, z: float
) -> tuple[Answer, str]:
    outcome = (reason.values or {})[name]
    if found is None or estimate.low is None or estimate.high is None:
        return "iterate", "without an interval: add `events`, or `low` and `high`"
    bar, least = float(reason.bound.limit), reason.bound.least
    if not _enough(found) and found.events is not None:
        return "iterate", f"{observations(reason.metric, found.events)} are too few for a verdict"
    if p is not None and p < ERROR:
        side = "below" if least else "above"
        return "reject", f"clearly {side} {figure(bar)}, with an adjusted p-value {_p(p)}"
    if outcome.answer == "too-few":
        return "iterate", outcome.words
    surely = estimate.low if least else estimate.high
    side, limit = ("lower", "at least") if least else ("upper", "at most")
    if outcome.answer == "pass" and (surely >= bar if least else surely <= bar):
        return "ship", f"the {side} limit {figure(surely)} is {limit} {figure(bar)}"
    if surely >= bar if least else surely <= bar:
        return "iterate", f"the gate does not pass it: {outcome.words}"
    more = deciding(reason.metric, found, bar, least=least, z=z)
    beyond = "below" if least else "above"
    return "iterate", f"the {side} limit {next_to(surely, bar, figure)} is {beyond} {figure(bar)}; {more}"


def _p(p: float) -> str:
    return f"of {p:.2g}" if p >= 0.0001 else "below 0.0001"


def _combined(made: GateResult, parts: list[GatePart], column: str) -> GateResult:
    """One verdict for all values."""
    by = {answer: [part for part in parts if part.verdict == answer] for answer in ("reject", "iterate", "ship")}
    if by["reject"]:
        return made.but(verdict="reject", why=_named(by["reject"]), needs="")
    if by["iterate"] or made.gate != "pass":
        needs = f"evaluate on more rows of {_names(by['iterate'])}"
        return made.but(why=_named(by["iterate"]) or "the gate does not pass it", needs=needs)
    many = "its only value clears" if len(parts) == 1 else f"all {len(parts)} values of {shown(column)} clear"
    return made.but(verdict="ship", why=f"{many} the bar", needs="")


def _named(parts: list[GatePart]) -> str:
    few = "; ".join(f"{shown(part.name)}: {part.why}" for part in parts[:3])
    return f"{few}; and {len(parts) - 3} more" if len(parts) > 3 else few


def _names(parts: list[GatePart]) -> str:
    few = ", ".join(shown(part.name) for part in parts[:5])
    return f"{few}, and {len(parts) - 5} more" if len(parts) > 5 else few


# Gaps


def gap_result(gate: dict[str, Any], reason: Reason, metrics: dict[str, Any], facts: Facts) -> GateResult:
    """The result of a bound on the largest gap between two values of a column. The limits of a difference follow from
    those of both values, as for the gate (`runtime/gaps.py`).
    """
    column, metric = gate["segment"], gate["metric"]
    groups = metrics.get("segments", {}).get(column, {})
    found = _intervals(metric, groups, facts)
    lacking = _lacking(column, groups, facts)
    made = GateResult(
        title=title(gate),
        kind="gap",
        bar=float(reason.bound.limit),
        least=False,
        asked=f"{reason.bound.words} between any two values of {shown(column)}",
        estimate=None,
        verdict="iterate",
        why=f"the file has no results by {shown(column)}",
        needs=f"evaluate the model for each value of {shown(column)}",
        gate=reason.verdict,
        parts=(*_shown_parts(groups, metric, found), *map(_absent, lacking)),
    )
    whole = {name: one for name, one in found.items() if one is not None}
    if lacking:
        return made.but(why=f"the file has no results for {', '.join(map(shown, lacking))}")
    if len(whole) < 2 or len(whole) < len(found):
        return made.but(why=reason.words) if groups else made
    return _gap(made, metric, whole, reason)


def _shown_parts(groups: dict[str, Any], metric: str, found: dict[str, Interval | None]) -> list[GatePart]:
    """The value of each group; the gap decides, so none has a verdict."""
    parts = []
    for name, entries in groups.items():
        one, entry = found[name], entries.get(metric)
        if entry is None:
            parts.append(_absent(name))
            continue
        estimate = estimate_of(one, entry, Z) if one is not None else plain_estimate(entry)
        parts.append(GatePart(name=name, estimate=estimate, verdict=None, why=""))
    return parts


def _gap(made: GateResult, metric: str, found: dict[str, Interval], reason: Reason) -> GateResult:
    least, most = (end(found, key=lambda name: found[name].value) for end in (min, max))
    value = found[most].value - found[least].value
    pairs = list(combinations(found.values(), 2))
    high = max(max(apart(one, other)(Z)[1], apart(other, one)(Z)[1]) for one, other in pairs)
    # any of the pairs may be the one that is too far apart, so the lower limit is for all of them
    low = apart(found[most], found[least])(normal_quantile(1 - ERROR / len(pairs)))[0]
    bar = float(reason.bound.limit)
    few = [name for name, one in found.items() if not _enough(one)]
    estimate = Estimate(value=value, low=max(0.0, low), high=high, method="Newcombe, of the largest gap")
    made = made.but(estimate=estimate, needs="")
    between = f"{figure(value)} between {shown(most)} and {shown(least)}"
    if few:
        least_events = min(one.events or 0 for one in found.values())
        why = f"{observations(metric, least_events)} of {shown(few[0])} are too few for a verdict"
        return made.but(why=why, needs=f"{observations(metric, ENOUGH)} or more of each value")
    if reason.verdict == "pass" and high <= bar:
        return made.but(verdict="ship", why=f"{between}, and the upper limit {figure(high)} is at most {figure(bar)}")
    if low > bar:
        return made.but(
            verdict="reject", why=f"{between}, and the lower limit {next_to(low, bar, figure)} is above {figure(bar)}"
        )
    why = f"{between}, with limits {figure(max(0.0, low))} and {figure(high)} on both sides of {figure(bar)}"
    return made.but(why=why, needs=f"evaluate on more rows of {shown(most)} and {shown(least)}")

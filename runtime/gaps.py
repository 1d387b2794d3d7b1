"""Gaps: whether a metric differs between the groups of a segment by no more than a gate allows.

A gap is judged by the unfavorable end of its confidence interval, like the value of a segment: a small sample never
proves that groups are treated alike. A model passes only if every pair of groups does, so the probability that one with
a larger gap passes is at most that of a single pair. It needs no correction for the number of pairs (R. L. Berger,
Multiparameter hypothesis testing and acceptance sampling, Technometrics 24, 1982).

The interval of a difference follows from the intervals of both values: R. G. Newcombe, Interval estimation for the
difference between independent proportions, Statistics in Medicine 17, 1998, method 10, for shares; G. Y. Zou and
A. Donner, Construction of confidence limits about effect measures, Statistics in Medicine 27, 2008, for others.
"""

from __future__ import annotations

from decimal import Decimal
from math import hypot
from statistics import NormalDist
from typing import Any, NamedTuple

from .conditions import (
    ERROR,
    Answer,
    Bound,
    Outcome,
    Unreadable,
    Unusable,
    ends,
    measured,
    number,
    outside,
    plain,
    shown,
    too_few,
)

__all__ = ["Group", "compared", "gap_bound", "largest_gap"]

MOST = 1000
"""The maximum number of groups, because every pair is compared."""

Z = NormalDist().inv_cdf(1 - ERROR)


class Group(NamedTuple):
    """A group's value, and how far below and above it the true value can be."""

    value: Decimal
    below: float
    above: float


def gap_bound(gate: dict[str, Any], metric: dict[str, Any]) -> Bound:
    """The largest gap that a gate of the configuration allows. Raises `Unreadable` if it is not a positive number."""
    limit = number(gate.get("maxGap"))
    if limit is None or limit <= 0:
        raise Unreadable("`maxGap` in the configuration is not a positive number")
    low, high = (number(metric.get(end)) for end in ("min", "max"))
    return Bound(limit=limit, least=False, words=f"a gap of at most {plain(limit)}", low=low, high=high)


def compared(entry: object, bound: Bound, least: int | None, rows: Decimal | None) -> tuple[Outcome, Group | None]:
    """What was measured in one group, and whether it can be compared with others. It needs at least `least` events, and
    cannot have more than all `rows`.
    """
    try:
        found = measured(entry)
    except Unusable as wrong:
        return Outcome(answer="fail", words=str(wrong)), None
    wrong_value = outside(found.value, bound.low, bound.high)
    if wrong_value is None and rows is not None and found.samples is not None and found.samples > rows:
        wrong_value = f"it has {found.samples:,} samples, and the whole test set has {rows:,}"
    if wrong_value is not None:
        return Outcome(answer="fail", words=wrong_value, found=found.value), None
    few = too_few(found, least, None) or ("it is based on no events" if found.events == 0 else None)
    if few is not None:
        return Outcome(answer="too-few", words=f"not enough data: {few}", found=found.value), None
    both = ends(found, bound, Z)
    if both is None:
        words = "metrics.json has neither `low` and `high` nor `events`"
        return Outcome(answer="fail", words=words, found=found.value), None
    group = Group(found.value, float(found.value - both[0]), float(both[1] - found.value))
    return Outcome(answer="pass", words=plain(found.value), found=found.value), group


def largest_gap(groups: dict[str, Group], bound: Bound) -> Outcome:
    """Compare all groups, by their names, with each other. A gap that is small by chance alone is not a pass."""
    if not 2 <= len(groups) <= MOST:
        many = "1 group" if len(groups) == 1 else f"{len(groups):,} groups"
        return Outcome(answer="fail", words=f"metrics.json has {many}, and a gap needs 2 to {MOST:,}")
    low, high = (end(groups, key=lambda name: groups[name].value) for end in (min, max))
    found = groups[high].value - groups[low].value
    surely = max(_surely(one, other) for one in groups.values() for other in groups.values() if one is not other)
    pair = f"{shown(high)} and {shown(low)}" if found else "all groups"
    words = f"{plain(found)} between {pair}, upper confidence limit {surely:.6g}"
    answer: Answer = "pass"
    if not bound.keeps(found):
        answer = "fail"
    elif surely > float(bound.limit):
        answer, words = "too-few", f"not enough data: {words}"
    return Outcome(answer=answer, words=words, found=found, surely=Decimal(repr(surely)))


def _surely(one: Group, other: Group) -> float:
    """The upper confidence limit of how much larger the value of one group is than that of another."""
    return float(one.value - other.value) + hypot(one.above, other.below)

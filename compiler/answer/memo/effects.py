"""Which estimates have the largest effect: those that the cost depends on, then those that most decisions depend on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from ...because import Because

__all__ = ["MEASURABLE", "assumed_by"]

MEASURABLE = (
    "platform.planning.computeEfficiency",
    "platform.planning.download",
    "platform.planning.load",
    "platform.planning.memoryEfficiency",
    "platform.planning.nodeWait",
    "platform.planning.podWait",
    "platform.planning.trainingEfficiency",
)
"""The defaults that estimate something which can be measured. The others are a price, a policy, or a convention."""


def assumed_by(lines: Iterable[Because[Any]], costs: Iterable[Because[Any]]) -> list[str]:
    """The paths of the estimates that the values depend on, those with the largest effect first."""
    known: dict[int, frozenset[str]] = {}
    dear = frozenset[str]().union(*(_reached(cost, known) for cost in costs))
    many = Counter(path for line in lines for path in _reached(line, known))
    return sorted(many, key=lambda path: (path not in dear, -many[path], path))


def _reached(value: Because[Any], known: dict[int, frozenset[str]]) -> frozenset[str]:
    """The estimates that a value depends on; `known` has the answer for the values that were visited."""
    waiting = [value]
    while waiting:
        one = waiting[-1]
        sources = [source for source in one.sources if isinstance(source, Because)]
        open_ = [source for source in sources if id(source) not in known]
        if open_ and id(one) not in known:
            waiting += open_
            continue
        waiting.pop()
        own = {one.path} if one.kind == "assumed" or (one.kind == "default" and one.path in MEASURABLE) else set()
        known[id(one)] = frozenset(own).union(*(known[id(source)] for source in sources))
    return known[id(value)]

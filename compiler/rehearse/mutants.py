"""Put faults into the rules, one at a time, and see whether the tests find them.

A test that passes whatever the rules say proves nothing. The faults are those that people make: a threshold that is ten
times as high, a metric that an exporter has renamed, and a window that is half as long.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..link import Bundle
from ..record import Record
from .cases import EVERY, Case, cases
from .report import MutantsTested
from .run import Run

__all__ = ["OPERATORS", "Mutant", "found", "mutants"]

Body = dict[str, Any]

_THRESHOLD = re.compile(r"(?<=[<>=] )([0-9]+(?:\.[0-9]+)?)\b(?![0-9.]*[a-z\[])")
_METRIC = re.compile(r"(?<![a-zA-Z0-9_:])[a-zA-Z_:][a-zA-Z0-9_:]*(?=\{)")
_WINDOW = re.compile(r"(?<=\[)([0-9]+)([smhd])(?=[\]:])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _tenfold(expression: str) -> Iterator[tuple[str, str]]:
    for number in _THRESHOLD.finditer(expression):
        if float(number[1]):
            changed = f"{float(number[1]) * 10:.10g}"
            yield f"{number[1]} -> {changed}", expression[: number.start()] + changed + expression[number.end() :]


def _renamed(expression: str) -> Iterator[tuple[str, str]]:
    for name in dict.fromkeys(_METRIC.findall(expression)):
        yield f"{name} -> {name}_v2", re.sub(rf"(?<![a-zA-Z0-9_:]){re.escape(name)}(?=\{{)", f"{name}_v2", expression)


def _halved(expression: str) -> Iterator[tuple[str, str]]:
    for window in dict.fromkeys(each[0] for each in _WINDOW.finditer(expression)):
        length = int(window[:-1]) * _SECONDS[window[-1]] // 2
        yield f"{window} -> {length}s", re.sub(rf"(?<=\[){window}(?=[\]:])", f"{length}s", expression)


OPERATORS: dict[str, Callable[[str], Iterator[tuple[str, str]]]] = {
    "thresholds tenfold": _tenfold,
    "metrics renamed": _renamed,
    "windows halved": _halved,
}


class Mutant(Record):
    """One fault in one rule."""

    operator: str
    where: str
    cases: tuple[Case, ...]
    """The cases that could find it, the likeliest first."""
    rule: Body
    expression: str

    def files(self, name: str, turn: int) -> dict[str, str]:
        """The files of one of its cases."""
        case = self.cases[turn]
        groups = tuple({**group, "rules": [self._changed(rule) for rule in group["rules"]]} for group in case.groups)
        return case.files(name, groups)

    def _changed(self, rule: Body) -> Body:
        return {**rule, "expr": self.expression} if rule == self.rule else rule


def mutants(bundle: Bundle) -> Iterator[Mutant]:
    """Every fault of every rule that a case reads."""
    read = list(cases(bundle))
    rules: dict[str, tuple[str, Body]] = {}
    for case in read:
        for group in case.groups:
            for rule in group["rules"]:
                rules.setdefault(f"{case.rules}{group['name']}{rule}", (case.rules, rule))
    for file, rule in rules.values():
        reading = sorted((case for case in read if case.rules == file and _reads(case, rule)), key=_order(rule))
        name = rule.get("alert") or rule["record"]
        labels = ", ".join(rule["labels"][key] for key in ("slo", "severity") if key in rule.get("labels", {}))
        for operator, change in OPERATORS.items():
            for said, expression in change(rule["expr"]):
                where = f"{file}: {name} ({labels}): {said}" if labels else f"{file}: {name}: {said}"
                yield Mutant(operator=operator, where=where, cases=tuple(reading), rule=rule, expression=expression)


def _reads(case: Case, rule: Body) -> bool:
    return any(rule in group["rules"] for group in case.groups)


def _order(rule: Body) -> Callable[[Case], tuple[bool, bool, bool, int]]:
    """First a case that asks for the record, then those that fire, with few rules, and last all alerts together."""

    def order(case: Case) -> tuple[bool, bool, bool, int]:
        asked = any(f"{rule.get('record')}{{" in check["expr"] for check in case.test.get("promql_expr_test", ()))
        size = sum(len(group["rules"]) for group in case.groups)
        return case.alert == EVERY, not asked, not case.fires, size

    return order


def found(every: Sequence[Mutant], run: Run) -> tuple[MutantsTested, ...]:
    """Run the cases of each fault until one fails, all faults side by side."""
    alive, turn = list(range(len(every))), 0
    while left := [number for number in alive if turn < len(every[number].cases)]:
        files = {name: text for number in left for name, text in every[number].files(f"{number}", turn).items()}
        told = run(files, [f"{number}.json" for number in left])
        killed = {number for number in left if not told[f"{number}.json"][0]}
        alive, turn = [number for number in alive if number not in killed], turn + 1
    survived = set(alive)
    return tuple(_counted(operator, every, survived) for operator in OPERATORS)


def _counted(operator: str, every: Sequence[Mutant], survived: set[int]) -> MutantsTested:
    numbers = [number for number, mutant in enumerate(every) if mutant.operator == operator]
    survivors = tuple(every[number].where for number in numbers if number in survived)
    return MutantsTested(operator=operator, killed=len(numbers) - len(survivors), survivors=survivors)

"""Labels of a series that some PromQL matchers select, and others do not.

The catalog and authors declare matchers, such as `status=~"5.."`. A scene needs a series for them. Each candidate is
checked, so an example is right or there is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice, product

__all__ = ["example", "matchers_in"]

_MATCHER = re.compile(r'(?<![a-zA-Z0-9_])([a-zA-Z_][a-zA-Z0-9_]*)(=~|!~|!=|=)"((?:[^"\\\n]|\\.)*)"')

_MOST = 20_000
"""The combinations of values to try."""

Matcher = tuple[str, str, str]


def example(inside: Iterable[str], outside: Iterable[str] = ()) -> dict[str, str] | None:
    """Labels that all matchers `inside` select and none of those `outside` does. An empty text selects everything."""
    found = _example(tuple(inside), tuple(outside))
    return {**found} if found is not None else None


@lru_cache(maxsize=256)  # the same few metrics are in every scene of a service
def _example(inside: tuple[str, ...], outside: tuple[str, ...]) -> dict[str, str] | None:
    wanted, unwanted = [matchers_in(text) for text in inside], [matchers_in(text) for text in outside]
    values: dict[str, list[str]] = {}
    for name, operator, value in (matcher for group in (*wanted, *unwanted) for matcher in group):
        values.setdefault(name, []).extend(_candidates(operator, value))
    for name, found in values.items():
        plain = "200" if any(re.fullmatch("[1-5][0-9.]{2}", each) for each in found) else "other"
        values[name] = list(dict.fromkeys((*found, plain, "")))
    for chosen in islice(product(*values.values()), _MOST):
        labels = dict(zip(values, chosen, strict=True))
        if all(_selects(group, labels) for group in wanted) and not any(_selects(group, labels) for group in unwanted):
            return {name: value for name, value in labels.items() if value}
    return None


def matchers_in(text: str) -> list[Matcher]:
    """The label, operator, and value of each matcher."""
    return [(name, operator, re.sub(r"\\(.)", r"\1", value)) for name, operator, value in _MATCHER.findall(text)]


def _selects(matchers: list[Matcher], labels: dict[str, str]) -> bool:
    return all(_matches(operator, value, labels[name]) for name, operator, value in matchers)


def _matches(operator: str, value: str, given: str) -> bool:
    if operator in ("=", "!="):
        return (given == value) is (operator == "=")
    return (re.fullmatch(value, given) is not None) is (operator == "=~")


def _candidates(operator: str, value: str) -> Iterator[str]:
    if operator == "=":
        yield value
    if operator == "=~":
        yield from islice(_Expansion(value).every(), 8)
    if operator == "!~":
        yield from ()


class _Expansion:
    """Strings that a regular expression probably matches: one for each of its alternatives."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern.removeprefix("(?i)")
        self.at = 0

    def every(self) -> list[str]:
        """The alternatives up to the end, or to the end of a group."""
        found: list[str] = []
        made = [""]
        while self.at < len(self.pattern) and self.pattern[self.at] != ")":
            if self.pattern[self.at] == "|":
                self.at += 1
                found, made = found + made, [""]
                continue
            part = self._repeated(self._part())
            made = [before + after for before in made for after in part][:8]
        self.at += 1
        return found + made

    def _part(self) -> list[str]:
        char = self.pattern[self.at]
        self.at += 1
        if char == "(":
            self.at += 2 * self.pattern.startswith("?:", self.at)
            return self.every()
        if char == "[":
            end = self.pattern.find("]", self.at + 1)
            inside, self.at = self.pattern[self.at : end], end + 1
            return [inside[:1]]
        if char == "\\":
            self.at += 1
            return [self.pattern[self.at - 1 : self.at]]
        return ["0"] if char == "." else [char]

    def _repeated(self, part: list[str]) -> list[str]:
        next_ = self.pattern[self.at : self.at + 1]
        if next_ in ("*", "+", "?") and next_:
            self.at += 1
        return part

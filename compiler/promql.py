"""PromQL, composed from values with reasons. Windows and matchers are escaped here and nowhere else."""

from __future__ import annotations

import re
from typing import Any

from ..schema.units import Duration
from .because import Because, text

__all__ = ["bound", "broken", "counted", "exported", "matchers", "promql", "rate", "selector", "span", "within_quotes"]

BEFORE = "15m"
"""How far before a window a series counts as old: longer than a restart of Prometheus, or scrapes that fail."""


def promql(template: str, /, **parts: Because[Any]) -> Because[str]:
    """Compose an expression; strings between double quotes in the template are escaped."""
    quoted = {
        key: part.map(within_quotes) if isinstance(part.value, str) and f'"{{{key}}}"' in template else part
        for key, part in parts.items()
    }
    return text(template, **quoted)


def within_quotes(value: str) -> str:
    """A text as the contents of a double-quoted string of PromQL, of a series, or of a matcher of Alertmanager."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def matchers(*parts: Because[str] | None) -> Because[str]:
    """Join label matchers that are already PromQL."""
    given = {f"m{index}": part for index, part in enumerate(p for p in parts if p is not None)}
    return text(",".join(f"{{{key}}}" for key in given), **given)


def selector(series: Because[str], match: Because[str], suffix: str = "") -> Because[str]:
    """`series{matchers}`; `suffix` is what a histogram appends to its base name."""
    return text(f"{{series}}{suffix}{{{{{{match}}}}}}", series=series, match=match)


def rate(selected: Because[str], window: Because[str]) -> Because[str]:
    """`rate(selected[window])`."""
    return text("rate({selected}[{window}])", selected=selected, window=window)


def counted(selected: Because[str], window: str, born: Because[str]) -> Because[str]:
    """The events that the selected counters counted in a window, over all series; zero without any.

    `increase()` compares samples, so it never sees the value that a series is born with: the first errors of a server
    that creates the series with them. So the first value of each series that is younger than the window is added. For a
    counter that never resets, that is its minimum. A range also sees the series of pods that are gone by now, and
    before the window, it sees past the markers of failed scrapes. If Prometheus itself lacks the samples before the
    window, every event counts as recent, good ones and bad ones alike.
    """
    grown = f"(sum(increase({{series}}[{window}])) or vector(0))"
    if born.value == "start":
        return text(grown, series=selected).also(born)
    young = f"min_over_time({{series}}[{window}]) unless last_over_time({{series}}[{BEFORE}] offset {window})"
    return text(f"({grown}\n  + (sum({young}) or vector(0)))", series=selected).also(born)


def exported(template: str, namespace: Because[str], **parts: Because[Any]) -> Because[str]:
    """The highest value of a query about an object, whose series a controller exports; `{own}` is its namespace.

    The series is the controller's, so a scrape that keeps its own labels renames `namespace` to `exported_namespace`.
    """
    found = {
        label: promql(template.replace("{own}", f'{label}="{{namespace}}"'), namespace=namespace, **parts)
        for label in ("namespace", "exported_namespace")
    }
    return text("max({namespace} or {exported_namespace})", **found)


def bound(match: Because[str], model: Because[str]) -> Because[str]:
    """Replace `{model}` in a matcher from the catalog with the model's name."""
    if "{model}" not in match.value:
        return match
    return Because(match.value.replace("{model}", within_quotes(model.value)), "", (match, model))


CLOSED = {")": "(", "]": "[", "}": "{"}
LITERALS = re.compile(r"\"(?:[^\"\\\n]|\\.)*(\"?)|'(?:[^'\\\n]|\\.)*('?)|`[^`]*(`?)|#[^\n]*")
"""Strings and comments of PromQL (prometheus.io, querying basics). A group has the quote that ends a string, if any."""


def broken(query: str) -> str:
    """What is wrong with an expression that has to return an instant vector, or an empty string.

    It finds unbalanced brackets and strings, ranges that no function takes, and the variables of dashboards. Only a
    Prometheus finds the rest.
    """
    bare = LITERALS.sub(_without_content, query)
    if "$" in bare:
        return "has a variable of a dashboard, which Prometheus does not know"
    if any(quote in bare for quote in "\"'`"):
        return "has a string without an end"
    opened: list[str] = []
    for char in bare:
        if char in CLOSED.values():
            opened.append(char)
        elif char in CLOSED and (not opened or opened.pop() != CLOSED[char]):
            return f"has a `{char}` that closes nothing"
    if opened:
        return f"has a `{opened[-1]}` without an end"
    if not bare.strip():
        return "is empty"
    return "returns a range, not a vector" if bare.rstrip().endswith("]") else ""


def _without_content(literal: re.Match[str]) -> str:
    """A number in place of a string or a comment. A string without an end leaves its quote."""
    return "0" if literal.lastindex is None or literal[literal.lastindex] else literal[0][0]


def span(length: Duration, times: float = 1, least: int = 1) -> str:
    """A duration in whole minutes, at least `least`, as PromQL and the Prometheus Operator write it: `1d6h`."""
    left, parts = max(least, round(float(length.amount) * times / 60)), []
    for unit, each in (("d", 1440), ("h", 60), ("m", 1)):
        many, left = divmod(left, each)
        parts += [f"{many}{unit}"] if many else []
    return "".join(parts)

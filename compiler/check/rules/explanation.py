"""The four parts of every explanation of an id: claim, why, bad, good."""

from __future__ import annotations

import re
from inspect import cleandoc
from textwrap import dedent

from ...diagnostics import Severity
from ...record import Record

__all__ = ["Explanation", "explained"]

_PARTS = re.compile(
    r"(?P<title>[^\n]+)\.\n\nWhy: (?P<why>.+)\n\nBad:\n(?P<bad>    .+)\nGood:\n(?P<good>    .+)", re.DOTALL
)


class Explanation(Record):
    """One id in four parts."""

    title: str
    """The claim, as a noun phrase."""
    why: str
    """Why it matters in production, as one paragraph."""
    bad: str
    good: str
    severity: Severity = "error"


def explained(text: str, severity: Severity = "error") -> Explanation:
    """Parse the four parts of an explanation, such as the docstring of a rule."""
    match = _PARTS.fullmatch(cleandoc(text))
    if match is None:
        raise AssertionError(f"an explanation needs four parts: {text}")
    why = " ".join(match["why"].split())
    return Explanation(
        title=match["title"],
        why=why[0].upper() + why[1:],
        bad=dedent(match["bad"]),
        good=dedent(match["good"]),
        severity=severity,
    )

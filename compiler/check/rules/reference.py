"""Explain an id: `mlspec lint --explain`."""

from __future__ import annotations

from json import dumps
from textwrap import fill, indent

from ...words import closest
from .explanation import Explanation, explained
from .language import IDS
from .registry import RULES

__all__ = ["VERSION", "as_json", "body", "everything", "explain", "known", "no_such"]

VERSION = 1
"""The version of the JSON output; it increases when its shape changes."""


def known() -> tuple[str, ...]:
    """All ids, in order."""
    return tuple(everything())


def no_such(id: str) -> str:  # noqa: A002 - the word that diagnostics use
    """The message for an id that does not exist."""
    near = closest(id.upper(), known())
    return f"unknown diagnostic {id}" + (f"; the closest is {near}" if near else "")


def as_json(id: str) -> str:  # noqa: A002
    """`{version, explanation: {id, severity, title, why, bad, good}}`."""
    told = everything()[id]
    parts = {"severity": told.severity, "title": told.title, "why": told.why, "bad": told.bad, "good": told.good}
    return dumps({"version": VERSION, "explanation": {"id": id, **parts}}, indent=2) + "\n"


def explain(id: str) -> str:  # noqa: A002
    """The explanation of an id as plain text."""
    told = everything()[id]
    return f"{told.severity}[{id}]: {told.title}\n\n{body(told)}"


def body(told: Explanation) -> str:
    """Why a diagnostic matters, with both examples."""
    examples = "".join(
        f"\n{word}:\n\n{indent(text, '    ')}\n" for word, text in (("Bad", told.bad), ("Good", told.good))
    )
    return f"{fill(told.why, 88)}\n{examples}"


def everything() -> dict[str, Explanation]:
    """Every id with its explanation, in order."""
    return dict(sorted({**IDS, **{rule.id: explained(rule.doc, rule.severity) for rule in RULES}}.items()))

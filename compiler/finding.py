"""Diagnostics about bound values, placed where a value, a part, or a decision was written."""

from __future__ import annotations

import re

from .because import Because, Derived
from .diagnostics import Diagnostic, Edit, Fix, Label, Severity, SourceFile, Span
from .part import Part
from .tree import Node, Scalar
from .words import visible

__all__ = ["Refusal", "finding", "guess", "refusal", "where"]


class Refusal(Exception):  # noqa: N818 - an expected outcome, not a failure
    """The spec asks for something impossible; the diagnostic says what, where, and what to write instead."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


_NOWHERE = SourceFile("mlspec.yaml", "")


def where(thing: object) -> Span | None:
    """Where something was written: for a value, the nearest line that it comes from; for a part, its first line."""
    if isinstance(thing, Node):
        return thing.span
    if isinstance(thing, Derived):
        return where(thing.given)
    if isinstance(thing, Part):
        return thing.node.span if thing.node is not None else None
    if isinstance(thing, (tuple, list)):
        return next((span for span in map(where, thing) if span is not None), None)
    if isinstance(thing, Because):
        return where(thing.sources)
    return None


def finding(
    id: str,  # noqa: A002 - the name of the field in a diagnostic
    message: str,
    *at: object,
    severity: Severity = "error",
    label: str = "",
    others: tuple[tuple[object, str], ...] = (),
    note: str = "",
    help: str = "",  # noqa: A002
    fix: Fix | None = None,
) -> Diagnostic:
    """A diagnostic at the first thing in `at` that has a place in a file; `others` become secondary labels."""
    span = where(at) or Span(_NOWHERE, 0, 0, 0, 0)
    labels = tuple(
        Label(span=other, text=visible(text))
        for thing, text in others
        if (other := where(thing)) is not None and other != span
    )
    return Diagnostic(
        id=id,
        severity=severity,
        message=visible(message),
        span=span,
        label=visible(label),
        others=labels,
        note=visible(note),
        help=visible(help),
        fix=fix,
    )


_NAME = r"(?a:[A-Za-z][\w./-]*)"
"""Text that YAML reads the same way with quotes and without."""


def guess(*names: tuple[object, str]) -> Fix | None:
    """A fix that replaces each scalar with another name, or None if it cannot replace all of them.

    It keeps quotes, and skips scalars with escapes, anchors, or several lines. The closest name is a guess, so the fix
    is unsafe.
    """
    edits = tuple(edit for thing, name in names if (edit := _renamed(thing, name)) is not None)
    return Fix(edits=edits, safe=False) if len(edits) == len(names) else None


def _renamed(thing: object, name: str) -> Edit | None:
    node = next(iter(thing.sources), None) if isinstance(thing, Because) else thing
    if not isinstance(node, Scalar) or node.line != node.end_line or not re.fullmatch(_NAME, name):
        return None
    quote = 0 if node.plain else 1
    start, end = node.column + quote, node.end_column - quote
    if node.file.lines[node.line][start:end] != node.text:
        return None
    return Edit(span=Span(node.file, node.line, start, node.line, end), text=name)


def refusal(id: str, message: str, *at: object, **more: object) -> Refusal:  # noqa: A002
    """A `finding` to raise where compilation of this part cannot continue."""
    return Refusal(finding(id, message, *at, **more))  # type: ignore[arg-type]

"""Diagnostics as one JSON document. The shape is a contract: `version` grows when it changes."""

from __future__ import annotations

from collections.abc import Sequence
from json import dumps
from typing import Any

from ...compiler.diagnostics import Diagnostic, Span

__all__ = ["VERSION", "render", "span"]

VERSION = 1


def render(diagnostics: Sequence[Diagnostic]) -> str:
    """`{version, diagnostics: [{id, severity, message, span, label, others, note, help, environments}]}`."""
    return dumps({"version": VERSION, "diagnostics": [_one(diagnostic) for diagnostic in diagnostics]}, indent=2) + "\n"


def _one(diagnostic: Diagnostic) -> dict[str, Any]:
    return {
        "id": diagnostic.id,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "span": span(diagnostic.span),
        "label": diagnostic.label,
        "others": [{"span": span(label.span), "text": label.text} for label in diagnostic.others],
        "note": diagnostic.note,
        "help": diagnostic.help,
        "environments": list(diagnostic.environments),
    }


def span(where: Span) -> dict[str, Any]:
    """Lines and columns count from one, in code points; the end column is exclusive."""
    return {
        "file": where.file.name,
        "line": where.line + 1,
        "column": where.column + 1,
        "endLine": where.end_line + 1,
        "endColumn": where.end_column + 1,
    }

"""One JSON document with every detail, for custom tools.

The shape is a contract that docs/editors.md describes. `version` grows if a change would break existing readers.
"""

from __future__ import annotations

from typing import Any

from ...compiler.diagnostics import Diagnostic, Fix, Span
from .report import Report, document

__all__ = ["VERSION", "render"]

VERSION = 1


def render(report: Report) -> str:
    """`{version, diagnostics: [{id, severity, message, span, label, others, note, help, environments, fix?}]}`."""
    return document({"version": VERSION, "diagnostics": [_one(found) for found in report.found]})


def _one(found: Diagnostic) -> dict[str, Any]:
    told = {
        "id": found.id,
        "severity": found.severity,
        "message": found.message,
        "span": _span(found.span),
        "label": found.label,
        "others": [{"span": _span(label.span), "text": label.text} for label in found.others],
        "note": found.note,
        "help": found.help,
        "environments": list(found.environments),
    }
    return told if found.fix is None else {**told, "fix": _fix(found.fix)}


def _fix(fix: Fix) -> dict[str, Any]:
    """Apply all edits together. They refer to the unchanged file."""
    return {"safe": fix.safe, "edits": [{"span": _span(edit.span), "text": edit.text} for edit in fix.edits]}


def _span(where: Span) -> dict[str, Any]:
    """Lines and columns count from one, in code points; the end column is exclusive."""
    return {
        "file": where.file.name,
        "line": where.line + 1,
        "column": where.column + 1,
        "endLine": where.end_line + 1,
        "endColumn": where.end_column + 1,
    }

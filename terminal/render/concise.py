"""One line per finding, for experts and editors.

Most editors can parse `file:line:column: severity[id]: message; help`.
"""

from __future__ import annotations

from ...compiler.diagnostics import Diagnostic
from ...compiler.words import visible
from .report import Report

__all__ = ["render"]


def render(report: Report) -> str:
    """`file:line:column: severity[id]: message; help`."""
    return "".join(_one(found) for found in report.found)


def _one(found: Diagnostic) -> str:
    span = found.span
    help_ = f"; {found.help}" if found.help else ""
    place = f"{span.file.name}:{span.line + 1}:{span.column + 1}"
    return visible(f"{place}: {found.severity}[{found.id}]: {found.message}{help_}") + "\n"

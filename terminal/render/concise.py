"""Diagnostics as one line each, for editors and for people who know them."""

from __future__ import annotations

from collections.abc import Iterable

from ...compiler.diagnostics import Diagnostic

__all__ = ["render"]


def render(diagnostics: Iterable[Diagnostic]) -> str:
    """`file:line:column: severity[id]: message; help`."""
    return "".join(_one(diagnostic) for diagnostic in diagnostics)


def _one(diagnostic: Diagnostic) -> str:
    span = diagnostic.span
    help_ = f"; {diagnostic.help}" if diagnostic.help else ""
    place = f"{span.file.name}:{span.line + 1}:{span.column + 1}"
    return f"{place}: {diagnostic.severity}[{diagnostic.id}]: {diagnostic.message}{help_}\n"

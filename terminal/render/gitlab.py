"""GitLab code quality: findings in the merge request and next to the changed lines.

A JSON list. GitLab drops findings with a duplicate fingerprint, and treats a new fingerprint as a new finding. Paths
are relative to the repository root, without `./`. Source: gitlabhq/gitlabhq,
lib/gitlab/ci/reports/codequality_reports.rb and app/validators/json_schemas/codeclimate.json.
"""

from __future__ import annotations

from typing import Any

from ...compiler.diagnostics import Diagnostic
from .fingerprint import fingerprints
from .report import Report, document, sentences

__all__ = ["render"]

_SEVERITIES = {"error": "critical", "warning": "major", "info": "info"}
"""Of info, minor, major, critical and blocker."""


def render(report: Report) -> str:
    """`[{description, check_name, fingerprint, severity, location: {path, lines: {begin}}}]`."""
    found = report.ranked
    prints = fingerprints(report, found)
    return document([_one(report, one, print_) for one, print_ in zip(found, prints, strict=True)])


def _one(report: Report, found: Diagnostic, fingerprint: str) -> dict[str, Any]:
    return {
        "description": "; ".join(sentences(found)),
        "check_name": found.id,
        "fingerprint": fingerprint,
        "severity": _SEVERITIES[found.severity],
        "location": {"path": report.path(found.span.file.name), "lines": {"begin": found.span.line + 1}},
    }

"""GitHub Actions annotations: each finding on its line of the pull request.

Each line is a workflow command that the runner reads from standard output. GitHub shows ten annotations of each kind
per step, so the most severe come first, and a notice states how many are only in the log. GitHub accepts columns only
if the finding is on one line, and annotates only files in the repository. Sources: actions/runner, ActionCommand.cs
and ExecutionContext.cs; actions/toolkit, docs/problem-matchers.md; the checks API of GitHub's documentation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ...compiler.diagnostics import Diagnostic, Severity
from ...compiler.words import visible
from .report import Report, sentences

__all__ = ["render"]

SHOWN = 10
"""The number of annotations of one kind that GitHub shows per step."""

_KINDS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "notice"}


def render(report: Report) -> str:
    """`::error file=F,line=L,endLine=L,col=C,endColumn=C,title=T::message`, one line per finding."""
    return "".join(f"{line}\n" for line in _lines(report))


def _lines(report: Report) -> Iterator[str]:
    found = report.ranked
    summary = _left_out(found)
    told = [(one.severity, _command(report, one)) for one in found]
    yield from (line for severity, line in told if severity != "info")
    if summary:
        yield f"::notice title=mlspec::{_data(summary)}"  # first, because it is one of the ten notices
    yield from (line for severity, line in told if severity == "info")


def _left_out(found: list[Diagnostic]) -> str:
    """A summary of the findings that GitHub does not show. The summary is itself one of the ten notices."""
    counts = Counter(_KINDS[one.severity] for one in found)
    if max(counts.values(), default=0) <= SHOWN:
        return ""
    counts["notice"] += 1
    hidden = [(count - SHOWN, kind) for kind, count in counts.items() if count > SHOWN]
    told = " and ".join(f"{count} {kind}{'s' if count > 1 else ''}" for count, kind in hidden)
    return f"only in the log: {told}; GitHub shows {SHOWN} annotations of each kind per step"


def _command(report: Report, found: Diagnostic) -> str:
    span, path = found.span, visible(report.path(found.span.file.name))
    said = sentences(found)
    properties = {"title": found.id}
    if path.startswith("../"):
        said = [visible(f"{span!r}: {said[0]}"), *said[1:]]
    elif not span.file.text:  # an unreadable file, or a finding about a whole file
        properties = {"file": path, **properties}
    else:
        lines = {"line": span.line + 1, "endLine": span.end_line + 1}
        columns = {"col": span.column + 1, "endColumn": span.end_column + 1} if span.line == span.end_line else {}
        properties = {"file": path, **{key: str(at) for key, at in {**lines, **columns}.items()}, **properties}
    told = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{_KINDS[found.severity]} {told}::{_data(chr(10).join(said))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

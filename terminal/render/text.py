"""For people: the source as written, what is wrong, why it matters, and what to write.

Control characters never reach the terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...compiler.diagnostics import Diagnostic, SourceFile, Span
from ...compiler.words import visible
from .report import Report, note

__all__ = ["render", "snippets", "summary"]

_COLORS = {
    "error": "\x1b[1;31m",
    "warning": "\x1b[1;33m",
    "info": "\x1b[1;36m",
    "gutter": "\x1b[1;34m",
    "bold": "\x1b[1m",
}
_END = "\x1b[0m"


def render(report: Report) -> str:
    """All findings, each followed by an empty line."""
    return snippets(report.found, color=report.color) + "\n" if report.found else ""


def snippets(diagnostics: Iterable[Diagnostic], *, color: bool = False) -> str:
    """Findings with their source, separated by empty lines."""
    return "\n".join(_one(diagnostic, _Paint(color)) for diagnostic in diagnostics)


def summary(numbers: Mapping[str, int]) -> str:
    """The number of findings of each severity, in one line."""
    counts = [(numbers.get(severity, 0), severity) for severity in ("error", "warning", "info")]
    parts = [f"{count} {name}{'s' if count != 1 and name != 'info' else ''}" for count, name in counts if count]
    return ", ".join(parts) or "no findings"


class _Paint:
    def __init__(self, on: bool) -> None:
        self.on = on

    def __call__(self, style: str, text: str) -> str:
        return f"{_COLORS[style]}{text}{_END}" if self.on and text else text


def _one(diagnostic: Diagnostic, paint: _Paint) -> str:
    head = f"{diagnostic.severity}[{diagnostic.id}]"
    lines = [f"{paint(diagnostic.severity, head)}{paint('bold', f': {visible(diagnostic.message)}')}"]
    spans = [
        (diagnostic.span, diagnostic.label, True),
        *((label.span, label.text, False) for label in diagnostic.others),
    ]
    width = len(str(max(span.line for span, _, _ in spans) + 1))
    for file, marks in _by_file(spans):
        first = next(((s.line, s.column) for s, _, primary in marks if primary), (marks[0][0].line, marks[0][0].column))
        arrow = "-->" if file is diagnostic.span.file else ":::"
        if not file.text:  # it could not be read: there is nothing to show of it
            lines.append(f"{' ' * width}{paint('gutter', arrow)} {visible(file.name)}")
            continue
        lines.append(f"{' ' * width}{paint('gutter', arrow)} {visible(file.name)}:{first[0] + 1}:{first[1] + 1}")
        lines += _snippet(marks, width, diagnostic.severity, paint)
    for name, text in (("note", note(diagnostic)), ("help", diagnostic.help)):
        if text:
            lines.append(f"{' ' * width} {paint('gutter', '=')} {paint('bold', f'{name}:')} {visible(text)}")
    return "\n".join(lines) + "\n"


_Mark = tuple[Span, str, bool]


def _by_file(spans: list[_Mark]) -> list[tuple[SourceFile, list[_Mark]]]:
    files: dict[int, tuple[SourceFile, list[_Mark]]] = {}
    for mark in spans:
        files.setdefault(id(mark[0].file), (mark[0].file, []))[1].append(mark)
    return list(files.values())


def _snippet(marks: list[_Mark], width: int, severity: str, paint: _Paint) -> list[str]:
    bar = paint("gutter", "|")
    lines = [f"{' ' * width} {bar}"]
    last = None
    for number in sorted({span.line for span, _, _ in marks}):
        if last is not None and number > last + 1:
            lines.append(paint("gutter", "..."))
        last = number
        here = sorted((m for m in marks if m[0].line == number), key=lambda m: m[0].column)
        text = here[0][0].file.lines[number].rstrip("\r")
        shown, shift = _window(text, here[0][0].column)
        lines.append(f"{paint('gutter', str(number + 1).rjust(width))} {bar} {shown}".rstrip())
        for span, label, primary in here:
            lines.append(
                f"{' ' * width} {bar} {_underline(span, label, primary, text, shift, severity, paint)}".rstrip()
            )
    return lines


_ROOM = 150


def _window(text: str, column: int) -> tuple[str, int]:
    """A line that fits a terminal: very long ones are cut around what is shown. Tabs count as one column, and what a
    console would obey is not shown to it.
    """
    if len(text) <= _ROOM:
        return visible(text), 0
    start = max(0, column - _ROOM // 3)
    return f"{'…' if start else ''}{visible(text[start : start + _ROOM])}…", start - (1 if start else 0)


def _underline(span: Span, label: str, primary: bool, text: str, shift: int, severity: str, paint: _Paint) -> str:
    end = span.end_column if span.end_line == span.line else len(text)
    length = min(max(1, end - span.column), _ROOM)
    mark = ("^" if primary else "-") * length
    style = severity if primary else "gutter"
    return " " * (span.column - shift) + paint(style, f"{mark} {visible(label)}".rstrip())

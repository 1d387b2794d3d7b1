"""Findings about a spec, from any stage. Diagnostics are data: stages never print, and rendering comes last.

One cause, one message. The primary span is the smallest piece of the source that is wrong; secondary spans show the
facts that it contradicts; `note` says why it matters in production; `help` says what to write.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from .record import Record, one_line

__all__ = ["Diagnostic", "Edit", "Fix", "Label", "Severity", "SourceFile", "Span", "applied", "merged"]

Severity = Literal["error", "warning", "info"]


class SourceFile:
    """The text of one file that positions refer to. `name` is the path as users see it and would type it."""

    __slots__ = ("lines", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.lines = text.split("\n")

    def __repr__(self) -> str:
        return f"SourceFile({self.name!r})"


class Span:
    """A range in a file. Lines and columns count from zero, in code points; the end is exclusive."""

    __slots__ = ("column", "end_column", "end_line", "file", "line")

    def __init__(self, file: SourceFile, line: int, column: int, end_line: int, end_column: int) -> None:
        self.file = file
        self.line = line
        self.column = column
        self.end_line = end_line
        self.end_column = end_column

    @property
    def place(self) -> tuple[SourceFile, int, int, int, int]:
        """Where it is, as a node says it."""
        return (self.file, self.line, self.column, self.end_line, self.end_column)

    @property
    def key(self) -> tuple[str, int, int, int, int]:
        return (self.file.name, self.line, self.column, self.end_line, self.end_column)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Span) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"{self.file.name}:{self.line + 1}:{self.column + 1}"


class Label(Record):
    """A secondary span and the fact that it shows."""

    span: Span
    text: str


class Edit(Record):
    """A replacement of one piece of a file. An empty span inserts text, and an empty text deletes."""

    span: Span
    text: str


class Fix(Record):
    """Edits that resolve a finding. Tools apply all of them or none. They never overlap.

    `safe` belongs to the fix and not to each edit, because half a fix is none: a tool could not apply the safe edits
    without the unsafe ones. Safe means that the spec keeps its meaning, so a tool may apply the fix without asking. A
    guess at the author's intent is unsafe, however close: it turns an error into a spec that compiles.
    """

    edits: tuple[Edit, ...]
    safe: bool


class Diagnostic(Record):
    """One finding."""

    id: str
    severity: Severity
    message: str
    span: Span
    label: str = ""
    others: tuple[Label, ...] = ()
    note: str = ""
    help: str = ""
    environments: tuple[str, ...] = ()
    fix: Fix | None = None
    """The edits that an editor or a command can apply; `help` describes them."""

    @property
    def key(self) -> tuple[object, ...]:
        """Findings with equal keys are duplicates of each other."""
        return (self.id, self.span.key, self.message)

    def __repr__(self) -> str:
        place = repr(self.span).rpartition("/")[2]  # only the end of a long path, so that the message fits, too
        return one_line(self, f"{self.id} at {place}: {self.message}")


def applied(file: SourceFile, edits: Iterable[Edit]) -> str:
    """The text of a file after its edits. Ignores edits of other files. All spans refer to the text before."""
    starts = [0]
    for line in file.lines:
        starts.append(starts[-1] + len(line) + 1)
    text = file.text
    own = (edit for edit in edits if edit.span.file is file)
    for edit in sorted(own, key=lambda edit: edit.span.key, reverse=True):  # backward, so that offsets stay valid
        span = edit.span
        start, end = starts[span.line] + span.column, starts[span.end_line] + span.end_column
        text = text[:start] + edit.text + text[end:]
    return text


def merged(found: Iterable[Diagnostic], environments: Iterable[str] = ()) -> list[Diagnostic]:
    """Each finding once, in source order, with the environments that it applies to unless it applies to all."""
    first: dict[tuple[object, ...], Diagnostic] = {}
    for diagnostic in found:
        known = first.get(diagnostic.key)
        if known is None:
            first[diagnostic.key] = diagnostic
        elif known.environments and diagnostic.environments:
            both = dict.fromkeys((*known.environments, *diagnostic.environments))
            first[diagnostic.key] = known.but(environments=tuple(both))
        else:  # found in a file before layering, so it applies everywhere
            first[diagnostic.key] = known.but(environments=())
    everywhere = set(environments)
    once = (d.but(environments=()) if everywhere <= set(d.environments) else d for d in first.values())
    return sorted(once, key=lambda d: (*d.span.key[:3], d.id, d.message))

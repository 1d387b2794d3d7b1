"""The input of the compiler: the parsed trees of one system's files. The terminal and the API create it."""

from __future__ import annotations

from pathlib import Path

from .diagnostics import Diagnostic
from .layer import Sources
from .record import Record, one_line
from .tree import Mapping

__all__ = ["Input"]


class Input(Record):
    """One system as read: its trees, and the errors in the files themselves."""

    path: Path | None
    """The spec's file; None for standard input."""
    name: str
    """The name of the file, which appears in the header of every output file."""
    shown: str
    """The path of the file as the user typed it."""
    sources: Sources | None
    platform: str | None
    """The path of the platform file, as a user would type it."""
    nearer: tuple[str, ...] = ()
    """The paths of platform files below that one, which also apply."""
    written: tuple[tuple[str, Mapping], ...] = ()
    """The tree of every file before layering, with the type of its root."""
    found: tuple[Diagnostic, ...] = ()

    def __repr__(self) -> str:
        return one_line(self, self.shown)

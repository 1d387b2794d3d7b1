"""What the compiler is given: the trees of one system's files, as values. Who reads the files makes them."""

from __future__ import annotations

from pathlib import Path

from .diagnostics import Diagnostic
from .layer import Sources
from .record import Record, one_line
from .tree import Mapping

__all__ = ["Input"]


class Input(Record):
    """One system as it was found: its trees, and what is wrong with the files themselves."""

    path: Path | None
    """The spec's file; None for standard input."""
    name: str
    """The file's own name, which every header of the output names."""
    shown: str
    """The file as people typed it."""
    sources: Sources | None
    platform: str | None
    """The platform file that was used, as people would type it."""
    written: tuple[tuple[str, Mapping], ...] = ()
    """Every file as it was written, with the type of its root."""
    found: tuple[Diagnostic, ...] = ()

    def __repr__(self) -> str:
        return one_line(self, self.shown)

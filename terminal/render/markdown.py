"""Markdown that several reports share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ...compiler.words import escaped

__all__ = ["cell", "table"]

MARKUP = str.maketrans({one: f"\\{one}" for one in "\\`*_[]"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;", "\n": " "})


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table. A pipe in a cell would end it, so it is escaped."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def cell(said: str) -> str:
    """A text of a spec or a server as one line that Markdown prints as it is, outside of a table, too. `table` escapes
    the pipes.
    """
    return escaped(said).translate(MARKUP)

"""The design document as Markdown, with the reasons of each line.

Texts of the spec are escaped, so that none of them can become markup: GitHub Flavored Markdown, and the HTML that it
admits (github.github.com/gfm, sections 2.4, 6.1, and 6.6). Text between two backticks is code. A backtick of an author
can only change which text is code, because what is outside is escaped, and what is inside is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ...because import Because
from ...emit.dump import Lines
from ...words import escaped
from .document import DesignFact, DesignGap
from .draft import Block, Facts, Gap, Picture, Places, Section, Table, Text, fact

__all__ = ["escape", "inline", "markdown"]

FACTS = ("what", "value", "reason", "field")

_MARKUP = re.compile(r"[\\`*<>\[\]|~&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|!(?=\[)")
"""What starts markup within a line. An underscore within a word starts none."""

_START = re.compile(r"\A(#|[-+=](?=[ \-+=]|$)|\d+(?=[.)]))")
"""What starts a heading, a list, or a rule at the beginning of a line."""


def escape(text: str) -> str:
    """Text without markup, on one line."""
    line = escaped(" ".join(text.split()), keep="")
    return _MARKUP.sub(
        lambda found: "&amp;" if found[0] == "&" else "&lt;" if found[0] == "<" else f"\\{found[0]}", line
    )


def inline(text: str) -> str:
    """Text in which what is between two backticks is code."""
    parts = text.split("`")
    if len(parts) % 2 == 0 or "" in parts[1::2]:
        return escape(text)
    return "".join(_code(part) if odd % 2 else _kept(part) for odd, part in enumerate(parts))


def _kept(text: str) -> str:
    """Escaped text with the blanks at its ends, which separate it from code."""
    inner = escape(text)
    return f"{' ' * text[:1].isspace()}{inner}{' ' * (text[-1:].isspace() and bool(inner))}"


def _code(text: str) -> str:
    """Code for a cell of a table or a paragraph: a bar would end the cell even here."""
    return f"`{escaped(' '.join(text.split()), keep='').replace('|', chr(92) + '|')}`"


def _opening(text: str) -> str:
    """A paragraph that starts no heading and no list."""
    return _START.sub(lambda found: f"{found[0]}\\" if found[0].isdigit() else f"\\{found[0]}", text)


def markdown(title: str, notes: Iterable[str], sections: Iterable[Section], places: Places) -> Lines:
    """The whole document. Notes are lines below the title, as Markdown."""
    found: list[str | Because[str]] = [f"# {escape(title)}"]
    for note in notes:
        found += ["", note]
    for section in sections:
        found += ["", f"## {escape(section.title)}"]
        for block in section.blocks:
            if not isinstance(block, Picture):
                found += ["", *_block(block, places)]
    return Lines(*found)


def _block(block: Block, places: Places) -> Iterator[str | Because[str]]:
    if isinstance(block, Text):
        yield _line(_opening(inline(block.said.value)), block.said)
    elif isinstance(block, Gap):
        yield _gap(block.gap)
    elif isinstance(block, Facts):
        yield from _caption(block.caption)
        yield from _facts(block, places)
    elif isinstance(block, Table):
        yield from _caption(block.caption)
        yield from _head(block.head)
        for row in block.rows:
            cells = [cell.value if isinstance(cell, Because) else cell or "" for cell in row]
            sources = tuple(cell for cell in row if isinstance(cell, Because))
            yield _line(_row(map(inline, cells)), *sources)


def _gap(gap: DesignGap) -> str:
    what, field, why = inline(gap.what), _code(gap.field), inline(gap.why)
    if gap.compiled:
        return f"**Not declared:** {what}. Write {field}: {why}."
    return f"**Not declared:** {what}: {why}. This version of mlspec does not compile {field} yet."


def _caption(caption: str) -> Iterator[str]:
    if caption:
        yield f"**{escape(caption)}**"
        yield ""


def _head(names: Iterable[str]) -> Iterator[str]:
    names = tuple(names)
    yield _row(map(inline, names))
    yield f"|{' --- |' * len(names)}"


def _facts(block: Facts, places: Places) -> Iterator[str | Because[str]]:
    """A row for each fact; no column for reasons if none has one."""
    rows = [_fact(fact(line, places)) for line in block.lines]
    kept = [at for at in range(len(FACTS)) if any(row[at] for row in rows)]
    yield from _head(FACTS[at] for at in kept)
    for row, line in zip(rows, block.lines, strict=True):
        yield _line(_row(row[at] for at in kept), line.value)


def _fact(one: DesignFact) -> tuple[str, ...]:
    return inline(one.title), inline(one.value), inline(one.why), _code(one.field) if one.field else ""


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def _line(text: str, *sources: Because[Any]) -> str | Because[str]:
    return Because(text, "", sources) if sources else text

"""Explain YAML syntax errors.

libyaml reports two places: where it stopped, and where the thing that it was reading starts. We derive the message from
the characters at these places. libyaml's own messages are written for its developers, and change between versions.
"""

from __future__ import annotations

import re

import yaml

from .diagnostics import Diagnostic, Label, SourceFile, Span
from .row import Row

__all__ = ["mistake", "place"]


class _Said(Row):
    message: str
    help: str


_COLON = _Said("a `:` is not allowed here", "quote the value, or indent this line like the lines around it")
_START = _Said(
    "a value cannot start with this character",
    "indent with spaces, not tabs, and quote values that start with `@`, `%`, or a backtick",
)
_ITEM = _Said("a list item is not allowed here", "start the list on a new line")
_BRACKETS = _Said("this bracket or brace is not closed", "close it, or separate its items with commas")
_OPEN = _Said("this quoted string is not closed", "add the closing quote")
_ESCAPE = _Said("unknown escape sequence", "use single quotes, where a backslash is just a backslash")
_TAG = _Said("undefined YAML tag", "quote values that start with `!`")
_NAME = _Said("an anchor or an alias without a name", "quote values that start with `&` or `*`")
_BLOCK = _Said(
    "this block of text does not start on the next line",
    "write nothing after `|` or `>`, and indent the text below it with spaces",
)
_BRACKET = _Said("a closing bracket without an opening one", "remove it, or quote the value")
_COMMA = _Said("a comma without a value before it", "remove the comma, or write the value")
_LIST = _Said(
    "this line is not an item of the list above it",
    "start it with `- ` like the other items, or indent it like the block that it belongs to",
)
_AFTER = _Said("text after the end of a value", "quote the whole value, or remove the rest")
_KEY = _Said("a key without a `:`", "write `key: value`")
_INDENT = _Said(
    "the indentation of this line does not match the lines around it", "indent it like the other lines of its block"
)
_OTHER = _Said("this cannot be read as YAML", "see https://yaml.org/spec/1.2.2")
_CHARACTER = _Said("YAML does not allow this character", "remove it, or escape it inside double quotes")

_BLANK = _Said(
    "this looks like a space, but YAML does not read it as one",
    "replace it with a space; it was probably copied from a page or a chat",
)

_BLANKS = "\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000"
"""Characters that look like spaces: Unicode's space separators, and the one without a width."""

_NO_SPACE = re.compile(rf"^ *(?:- +)*(?P<indent>[{_BLANKS}])|[:-](?P<after>[{_BLANKS}])")
"""One of them where YAML needs a space: in the indentation, or after a `:` or a `-`."""

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\']|\'\')*\'', re.DOTALL)

# Keyed by the characters where libyaml stopped. The end of the line counts as a space.
_AT = (
    ((":",), _COLON),
    (("\t", "@", "`", "%"), _START),
    (("- ",), _ITEM),
    (("!",), _TAG),
    (("]", "}"), _BRACKET),
    ((",",), _COMMA),
)


def place(file: SourceFile, error: yaml.YAMLError) -> tuple[int, int]:
    """The line and column where libyaml stopped, or the start of the file if it does not say."""
    if isinstance(error, yaml.reader.ReaderError):
        before = file.text[: error.position].split("\n")
        return len(before) - 1, len(before[-1])
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return (0, 0) if mark is None else _within(file, mark)


def mistake(file: SourceFile, error: yaml.YAMLError) -> Diagnostic:
    """The diagnostic for a file that the library rejects, whatever the library says."""
    line, column = place(file, error)
    mark = getattr(error, "context_mark", None)
    begun = None if mark is None else _within(file, mark)
    blank = _blank(file, line if begun is None else begun[0], line)
    if blank is not None:
        return Diagnostic(
            id="MLS001", severity="error", message=_BLANK.message, span=_one(file, *blank), help=_BLANK.help
        )
    passage = None if begun is None else _between(file, begun, (line, column))
    unreadable = isinstance(error, yaml.reader.ReaderError)
    said = _CHARACTER if unreadable else _said(file.lines[line].rstrip("\r"), column, passage)
    others: tuple[Label, ...] = ()
    if begun is not None and begun[0] != line:
        others = (Label(span=_one(file, *begun), text="it starts here"),)
    return Diagnostic(
        id="MLS001",
        severity="error",
        message=said.message,
        span=_one(file, line, column),
        others=others,
        help=said.help,
    )


def _blank(file: SourceFile, first: int, last: int) -> tuple[int, int] | None:
    """The place of a character that only looks like a space, in the lines up to where libyaml stopped."""
    for line in range(max(0, min(first, last - 1)), last + 1):
        found = _NO_SPACE.search(file.lines[line])
        if found is not None:
            return line, found.start(found.lastgroup or 0)
    return None


def _said(line: str, column: int, passage: str | None) -> _Said:
    """Choose the message. `passage` is the text between the two places, or None if libyaml reports only one."""
    here = f"{line[column:]} "
    return (
        (_unfinished(passage, here) if passage is not None else None)
        or next((said for starts, said in _AT if here.startswith(starts)), None)
        or (_misplaced(passage, line[:column]) if passage is not None else _OTHER)
    )


def _unfinished(passage: str, here: str) -> _Said | None:
    """The message for a construct that starts with its own character and has no proper end."""
    match passage[:1] or here[:1]:
        case "'" | '"' if _QUOTED.match(passage) is None:
            return _OPEN if here == " " or here.startswith(("---", "...")) else _ESCAPE
        case "[" | "{" if passage:
            return _BRACKETS
        case "|" | ">":
            return _BLOCK
        case "&" | "*" if len(passage) == 1:
            return _NAME
        case "%" if passage:
            return _START
        case "!" if not re.search(r"\s", passage):
            return _TAG
    return None


def _misplaced(passage: str, before: str) -> _Said:
    """The message for text in a place where it is not allowed."""
    if passage.startswith("- "):
        return _LIST
    if before.strip():
        return _AFTER
    if ":" not in passage and "\n" in passage:
        return _KEY
    return _INDENT


def _within(file: SourceFile, mark: yaml.Mark) -> tuple[int, int]:
    """Clip a mark to the file: libyaml may report a line below the last one, which is the end of the last one."""
    if mark.line >= len(file.lines):
        return len(file.lines) - 1, len(file.lines[-1])
    return mark.line, min(mark.column, len(file.lines[mark.line]))


def _between(file: SourceFile, start: tuple[int, int], end: tuple[int, int]) -> str:
    lines = [*file.lines[start[0] : end[0]], file.lines[end[0]][: end[1]]]
    return "\n".join(lines)[start[1] :]


def _one(file: SourceFile, line: int, column: int) -> Span:
    return Span(file, line, column, line, column + 1)

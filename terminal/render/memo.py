"""Memos as text, Markdown, and JSON, and the changes that a setting makes to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from json import dumps
from textwrap import wrap
from typing import Any

from ...compiler.answer.memo import Area, Assumption, Headline, Memo
from ...compiler.answer.memo.change import Change
from .markdown import table

__all__ = ["changes", "changes_json", "json", "markdown", "text"]

WIDTH = 116
NARROW = 100
"""Below this width, a reason is below its value, not next to it."""

TITLE = 36
VALUE = 19
TOPIC = 9


def text(memos: Iterable[Memo], width: int = WIDTH) -> str:
    """Memos for a terminal of that many columns: ten lines, then columns for decisions, values, and reasons."""
    return "\n".join(line for memo in memos for line in _memo(memo, width))


def _memo(memo: Memo, width: int) -> Iterator[str]:
    yield from _filled(f"in {memo.environment}:", width)
    if memo.summary:
        yield ""
    for one in memo.summary:
        yield from _filled(f"  {one.topic:{TOPIC}} {one.text}", width, TOPIC + 3)
    for area in memo.areas:
        yield ""
        yield from _filled(f"  {area.title}", width, 2)
        for line in area.decisions:
            yield from _row(line.title, line.value, line.why, width)
        if area.undecided:
            yield from _filled(f"    undecided: {area.undecided}", width, 4)
    if memo.assumptions:
        yield ""
        yield "  Assumptions"
        for assumption in memo.assumptions:
            yield from _row(assumption.path, assumption.value, assumption.why, width)
    yield ""


def _filled(content: str, width: int, indent: int = 0) -> list[str]:
    """The lines of a text; all but the first are indented."""
    return wrap(content, width, subsequent_indent=" " * indent, drop_whitespace=True) or [""]


def _row(title: str, value: str, why: str, width: int = WIDTH) -> Iterator[str]:
    """The lines of one decision. A title that is too long for its column is alone on the first, and so is a value that
    is too long for its own. On a narrow terminal, the reason is below.
    """
    if len(title) > TITLE:
        yield from _filled(f"    {title}", width, 4)
        title = ""
    before, at = f"    {title:{TITLE}} ", 4 + TITLE + 1
    values = wrap(value, width - at) or [""]
    if width < NARROW:
        yield from _hung(before, values)
        yield from (f"      {line}" for line in wrap(why, width - 6))
        return
    reasons = wrap(why, width - at - VALUE - 1) or [""]
    if len(values) == 1 and len(value) <= VALUE:
        yield from _hung(f"{before}{value:{VALUE}} ", reasons)
        return
    yield from _hung(before, values)
    yield from _hung(" " * (at + VALUE + 1), reasons)


def _hung(head: str, lines: Sequence[str]) -> Iterator[str]:
    """The first line after the head, and the others below the first."""
    yield f"{head}{lines[0]}".rstrip()
    yield from (" " * len(head) + line for line in lines[1:])


def markdown(memos: Iterable[Memo]) -> str:
    """Memos for a document or a pull request, with one table per area."""
    return "\n".join(line for memo in memos for line in _markdown(memo))


def _markdown(memo: Memo) -> Iterator[str]:
    yield f"# {memo.environment}"
    if memo.summary:
        yield ""
        yield from table(("", "in short"), [(one.topic, one.text) for one in memo.summary])
    for area in memo.areas:
        yield from ("", f"## {area.title}", "")
        rows = [(line.title, line.value, line.why, f"`{line.field}`" if line.field else "") for line in area.decisions]
        yield from table(("decision", "value", "reason", "override with"), rows)
        if area.undecided:
            yield from ("", f"Undecided: {area.undecided}")
    if memo.assumptions:
        yield from ("", "## Assumptions", "")
        assumed = [(f"`{one.path}`", one.value, one.why) for one in memo.assumptions]
        yield from table(("path", "value", "reason"), assumed)
    yield ""


def json(memos: Iterable[Memo]) -> str:
    """Memos as one JSON document; `version` increases when its structure changes."""
    return dumps({"version": 1, "environments": [_document(memo) for memo in memos]}, indent=2) + "\n"


def _document(memo: Memo) -> dict[str, Any]:
    return {
        "name": memo.environment,
        "summary": [_headline(one) for one in memo.summary],
        "areas": [_area(area) for area in memo.areas],
        "assumptions": [_assumption(assumption) for assumption in memo.assumptions],
    }


def _headline(one: Headline) -> dict[str, Any]:
    cites = [{"area": cited.area, "title": cited.title, "value": cited.value} for cited in one.cites]
    return {"topic": one.topic, "text": one.text, "cites": cites}


def _area(area: Area) -> dict[str, Any]:
    lines = [
        {"title": line.title, "value": line.value, "why": line.why, "field": line.field} for line in area.decisions
    ]
    return {"title": area.title, "lines": lines, "undecided": area.undecided}


def _assumption(assumption: Assumption) -> dict[str, str]:
    return {"path": assumption.path, "value": assumption.value, "why": assumption.why}


def changes(found: Iterable[tuple[str, list[Change]]]) -> str:
    """The changed decisions, by environment: the value before and after, and the reason of the new value."""
    return "\n".join(line for environment, some in found for line in _changes(environment, some))


def _changes(environment: str, found: list[Change]) -> Iterator[str]:
    yield f"in {environment}:"
    if not found:
        yield "  no decision changes"
    area = ""
    for change in found:
        if change.area != area:
            area = change.area
            yield f"  {area}"
        yield from _row(change.title, _turn(change), change.why)


def _turn(change: Change) -> str:
    if change.before == change.after:
        return f"{change.after} (unchanged)"
    return f"{change.before or '-'} -> {change.after or '-'}"


def changes_json(found: Iterable[tuple[str, list[Change]]]) -> str:
    """The changed decisions as one JSON document."""
    environments = [
        {"name": name, "changes": [{key: getattr(change, key) for key in Change._fields} for change in some]}
        for name, some in found
    ]
    return dumps({"version": 1, "environments": environments}, indent=2) + "\n"

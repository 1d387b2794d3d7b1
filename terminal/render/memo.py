"""Memos as text, Markdown, and JSON, and the changes that a setting makes to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from json import dumps
from textwrap import wrap
from typing import Any

from ...compiler.answer.memo import Area, Assumption, Memo
from ...compiler.answer.memo.change import Change

__all__ = ["changes", "changes_json", "json", "markdown", "text"]

WIDTH = 116
TITLE = 36
VALUE = 19


def text(memos: Iterable[Memo]) -> str:
    """Memos for a terminal, with columns for decisions, values, and reasons."""
    return "\n".join(line for memo in memos for line in _memo(memo))


def _memo(memo: Memo) -> Iterator[str]:
    yield f"in {memo.environment}:"
    for area in memo.areas:
        yield ""
        yield f"  {area.title}"
        for line in area.decisions:
            yield from _row(line.title, line.value, line.why)
        if area.undecided:
            yield f"    undecided: {area.undecided}"
    if memo.assumptions:
        yield ""
        yield "  Assumptions"
        for assumption in memo.assumptions:
            yield from _row(assumption.path, assumption.value, assumption.why)
    yield ""


def _row(title: str, value: str, why: str) -> Iterator[str]:
    """The lines of one decision; a title that is too long for its column is alone on the first."""
    if len(title) > TITLE:
        yield f"    {title}"
        title = ""
    head = f"    {title:{TITLE}} {value:{VALUE}} "
    room = WIDTH - 4 - TITLE - VALUE - 2
    lines = wrap(why, room) or [""]
    if len(head) > 4 + TITLE + VALUE + 2:
        yield head.rstrip()
        head = " " * (4 + TITLE + VALUE + 2)
    yield f"{head}{lines[0]}".rstrip()
    for more in lines[1:]:
        yield " " * (4 + TITLE + VALUE + 2) + more


def markdown(memos: Iterable[Memo]) -> str:
    """Memos for a document or a pull request, with one table per area."""
    return "\n".join(line for memo in memos for line in _markdown(memo))


def _markdown(memo: Memo) -> Iterator[str]:
    yield f"# {memo.environment}"
    for area in memo.areas:
        yield from ("", f"## {area.title}", "")
        rows = [(line.title, line.value, line.why, f"`{line.field}`" if line.field else "") for line in area.decisions]
        yield from _table(("decision", "value", "reason", "override with"), rows)
        if area.undecided:
            yield from ("", f"Undecided: {area.undecided}")
    if memo.assumptions:
        yield from ("", "## Assumptions", "")
        assumed = [(f"`{one.path}`", one.value, one.why) for one in memo.assumptions]
        yield from _table(("path", "value", "reason"), assumed)
    yield ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def json(memos: Iterable[Memo]) -> str:
    """Memos as one JSON document; `version` increases when its structure changes."""
    return dumps({"version": 1, "environments": [_document(memo) for memo in memos]}, indent=2) + "\n"


def _document(memo: Memo) -> dict[str, Any]:
    return {
        "name": memo.environment,
        "areas": [_area(area) for area in memo.areas],
        "assumptions": [_assumption(assumption) for assumption in memo.assumptions],
    }


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

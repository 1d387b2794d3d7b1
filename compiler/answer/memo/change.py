"""What a change of the spec changes in a memo."""

from __future__ import annotations

from collections.abc import Iterator

from ...record import Record
from . import Memo
from .line import Line

__all__ = ["Change", "changes"]


class Change(Record):
    """One decision that is another one now, or the same by other numbers; empty before when it is new, and after when
    it is gone.
    """

    area: str
    title: str
    before: str
    after: str
    why: str


def changes(before: Memo, after: Memo) -> list[Change]:
    """Every decision whose value or reason differs, in the order of the memo."""
    return [*_changed(before, after), *_gone(before, after)]


def _changed(before: Memo, after: Memo) -> Iterator[Change]:
    was = _lines(before)
    for (area, title), line in _lines(after).items():
        old = was.get((area, title))
        if old is None or (old.text, old.why) != (line.text, line.why):
            known = old.text if old is not None else ""
            yield Change(area=area, title=title, before=known, after=line.text, why=line.why)
    undecided = {area.title: area.undecided for area in before.areas}
    for found in after.areas:
        if found.undecided and found.undecided != undecided.get(found.title):
            yield Change(area=found.title, title="cannot be decided", before="", after="", why=found.undecided)


def _gone(before: Memo, after: Memo) -> Iterator[Change]:
    now = _lines(after)
    for (area, title), line in _lines(before).items():
        if (area, title) not in now:
            yield Change(area=area, title=title, before=line.text, after="", why="nothing decides it any more")


def _lines(memo: Memo) -> dict[tuple[str, str], Line]:
    return {(area.title, line.title): line for area in memo.areas for line in area.lines}

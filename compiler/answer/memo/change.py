"""How a change to the spec changes a memo."""

from __future__ import annotations

from collections.abc import Iterator

from ...record import Record
from . import Decision, Memo

__all__ = ["Change", "changes"]


class Change(Record):
    """One decision whose value or reason changes: `before` is empty if it is new, `after` if it no longer applies."""

    area: str
    title: str
    before: str
    after: str
    why: str


def changes(before: Memo, after: Memo) -> list[Change]:
    """Every decision whose value or reason changes, in the order of the memo."""
    return [*_changed(before, after), *_gone(before, after)]


def _changed(before: Memo, after: Memo) -> Iterator[Change]:
    was = _decisions(before)
    for (area, title), decision in _decisions(after).items():
        old = was.get((area, title))
        if old is None or (old.value, old.why) != (decision.value, decision.why):
            known = old.value if old is not None else ""
            yield Change(area=area, title=title, before=known, after=decision.value, why=decision.why)
    undecided = {area.title: area.undecided for area in before.areas}
    for found in after.areas:
        if found.undecided and found.undecided != undecided.get(found.title):
            yield Change(area=found.title, title="undecided", before="", after="", why=found.undecided)


def _gone(before: Memo, after: Memo) -> Iterator[Change]:
    now = _decisions(after)
    for (area, title), decision in _decisions(before).items():
        if (area, title) not in now:
            yield Change(area=area, title=title, before=decision.value, after="", why="no longer applies")


def _decisions(memo: Memo) -> dict[tuple[str, str], Decision]:
    return {(area.title, decision.title): decision for area in memo.areas for decision in area.decisions}

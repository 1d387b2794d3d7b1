"""Memos as one HTML page that stands alone: the ten lines, the bill, and a table of decisions for each area."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ...compiler.answer.memo import Area, Assumption, CostPart, Decision, Ground, Memo
from ...compiler.answer.memo.change import Change
from ...compiler.plan.choose import count
from .bars import Bar, bars
from .page import Html, code, document, joined, listed, table, tag

__all__ = ["changed", "page"]

HEAD = ("decision", "value", "reason", "rests on", "override with")
ASSUMED = ("path", "value", "reason")
CHANGED = ("decision", "before", "after", "reason")

FEW = 3
"""How many grounds a reader sees without opening them."""

FROM_GROUNDS = "what it rests on"


def page(memos: Sequence[tuple[str, Memo]]) -> str:
    """The page of the memos, each with the name of its system."""
    body = (
        part
        for at, (name, memo) in enumerate(memos)
        for part in _memo(_titled(name, memo.environment, memos), memo, at)
    )
    return document(_title("Plan", memos), body)


def changed(found: Sequence[tuple[str, str, Sequence[Change]]]) -> str:
    """The page of what settings change, by system and environment."""
    names = [(name, changes) for name, _, changes in found]
    body = (part for name, environment, some in found for part in _changes(_titled(name, environment, names), some))
    return document(_title("Changes to the plan", names), body)


def _title(what: str, found: Iterable[tuple[str, object]]) -> str:
    return f"{what} of {', '.join(dict.fromkeys(name for name, _ in found))}"


def _titled(name: str, environment: str, found: Iterable[tuple[str, object]]) -> str:
    """An environment, after its system if there are several."""
    return environment if len({one for one, _ in found}) < 2 else f"{name}, {environment}"


def _memo(title: str, memo: Memo, at: int) -> Iterator[Html]:
    yield tag("h2", title)
    lines = (tag("div", tag("dt", one.topic), tag("dd", one.text)) for one in memo.summary)
    if memo.summary:
        yield tag("dl", *lines, class_="short")
    if memo.bill:
        yield _bill(memo.bill)
    yield _contents(title, [*(area.title for area in memo.areas), *(["Assumptions"] if memo.assumptions else [])], at)
    for number, area in enumerate(memo.areas):
        yield from _area(area, f"{_place(at, number)}")
    if memo.assumptions:
        yield tag("h3", "Assumptions", id=_place(at, len(memo.areas)))
        yield table(ASSUMED, map(_assumption, memo.assumptions), "What no file sets; write the path to replace it")


def _place(memo: int, area: int) -> str:
    return f"memo-{memo + 1}-{area + 1}"


def _contents(title: str, areas: Sequence[str], at: int) -> Html:
    links = (tag("a", area, href=f"#{_place(at, number)}") for number, area in enumerate(areas))
    return tag("nav", joined(links, "\n"), aria_label=f"Areas of {title}")


def _area(area: Area, place: str) -> Iterator[Html]:
    yield tag("h3", area.title, id=place)
    if area.decisions:
        yield table(HEAD, map(_decision, area.decisions), count(len(area.decisions), "decision"), "decisions")
    if area.undecided:
        yield tag("p", "Undecided: ", area.undecided, class_="broken")


def _decision(one: Decision) -> tuple[str, ...]:
    return one.title, one.value, one.why, _grounds(one.grounds), _override(one)


def _override(one: Decision) -> Html:
    """The field to write: the decision's own, or that of the only line that it rests on."""
    only = one.grounds[0].path if len(one.grounds) == 1 else ""
    path = one.field or only
    return code(path) if path else tag("span", FROM_GROUNDS, class_="faint")


def _grounds(grounds: Sequence[Ground]) -> Html:
    """The lines and the assumptions: all of them if they are few, or behind their number."""
    if not grounds:
        return Html()
    shown = listed(map(_ground, grounds), "grounds")
    if len(grounds) <= FEW:
        return shown
    assumed = sum(one.assumed for one in grounds)
    counted = (count(len(grounds) - assumed, "line"), count(assumed, "assumption"))
    said = ", ".join(one for one, many in zip(counted, (len(grounds) - assumed, assumed), strict=True) if many)
    return tag("details", tag("summary", said), shown)


def _ground(one: Ground) -> Html:
    path = [code(one.path), " "] if one.path else []
    where = tag("span", "assumed", class_="assumed") if one.assumed else f"({one.where})"
    return joined([*path, one.value, " ", where])


def _assumption(one: Assumption) -> tuple[str, ...]:
    return code(one.path), one.value, one.why


def _bill(parts: Sequence[CostPart]) -> Html:
    said = "; ".join(f"{part.title}: {_amounts(part)}" for part in parts)
    drawn = [
        Bar(one.title, float(one.expected), one.said(one.expected), float(one.floor), float(one.peak)) for one in parts
    ]
    return bars("Monthly cost by part", said, drawn, ("expected", "from the minimum replicas to the peak"))


def _amounts(part: CostPart) -> str:
    expected, floor, peak = (part.said(amount) for amount in (part.expected, part.floor, part.peak))
    return f"{expected}, {floor} with the minimum replicas, {peak} with those for the peak" if part.varies else expected


def _changes(title: str, found: Sequence[Change]) -> Iterator[Html]:
    yield tag("h2", title)
    if not found:
        yield tag("p", "No decision changes.")
    for area in dict.fromkeys(change.area for change in found):
        yield tag("h3", area)
        rows = ((one.title, one.before, one.after, one.why) for one in found if one.area == area)
        yield table(CHANGED, rows, "What the settings change", "changes")

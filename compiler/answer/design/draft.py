"""The document before it becomes text: blocks of values with all their reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ...because import Because, text
from ...record import Record
from ...row import Row
from ...tree import Node
from ..memo.line import Line, shown
from .document import DesignBlock, DesignChart, DesignFact, DesignFacts, DesignGap, DesignTable, DesignText

__all__ = [
    "Block", "Facts", "Gap", "Picture", "Place", "Places", "Said", "Section", "Table", "Text", "fact", "given", "just",
    "paragraph", "say", "worded",
]  # fmt: skip

Said = Because[str]
"""Words with the values that they rest on."""


class Place(Row):
    """Where a value is set."""

    path: str
    """The path in the spec."""
    where: str
    """The line: `mlspec.yaml:13`."""
    file: str
    """The file, if it is not the spec itself."""


Places = Callable[[Node], Place]
"""Finds where a node is."""


class Text(Record):
    """A paragraph."""

    said: Said

    def worded(self, _: Places) -> DesignText:
        return DesignText(text=self.said.value)


class Facts(Record):
    """Facts that belong together."""

    caption: str
    lines: tuple[Line, ...]

    def worded(self, places: Places) -> DesignFacts:
        return DesignFacts(caption=self.caption, facts=tuple(fact(line, places) for line in self.lines))


class Table(Record):
    """A table of values. A cell of None is empty."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Said | str | None, ...], ...]

    def worded(self, _: Places) -> DesignTable:
        return DesignTable(
            caption=self.caption, head=self.head, rows=tuple(tuple(map(_cell, row)) for row in self.rows)
        )


class Picture(Record):
    """A chart. What it shows is also in a table next to it, so a document without pictures lacks nothing."""

    chart: DesignChart

    def worded(self, _: Places) -> DesignChart:
        return self.chart


class Gap(Record):
    """What the spec does not declare."""

    gap: DesignGap

    def worded(self, _: Places) -> DesignGap:
        return self.gap


Block = Text | Facts | Table | Picture | Gap


class Section(Record):
    """One section."""

    key: str
    title: str
    blocks: tuple[Block, ...]


def worded(block: Block, places: Places) -> DesignBlock:
    """A block as plain text."""
    return block.worded(places)


def _cell(cell: Said | str | None) -> str:
    return "" if cell is None else cell.value if isinstance(cell, Because) else cell


def fact(line: Line, places: Places) -> DesignFact:
    """A line of the memo as a fact: its reason, or the place that sets it."""
    value = _reasoned(line.value)
    nodes = [source for source in value.sources if isinstance(source, Node)]
    if value.reason or not nodes:
        return DesignFact(title=line.title, value=line.text, why=value.reason, field=line.field or value.path)
    place = places(nodes[0])
    why = f"stated in `{place.file}`" if place.file else ""
    return DesignFact(title=line.title, value=line.text, why=why, field=place.path, where=place.where)


def _reasoned(value: Because[Any]) -> Because[Any]:
    """The value that gives the reason: itself, or what it passes on."""
    while not value.reason and value.sources and isinstance(value.sources[0], Because):
        value = value.sources[0]
    return value


def given(title: str, value: Because[Any] | None, count_of: str = "", unit: str = "", field: str = "") -> list[Line]:
    """A fact, if there is such a value."""
    return [] if value is None else [Line(title=title, value=value, count_of=count_of, unit=unit, field=field)]


def say(template: str, /, **parts: Because[Any] | None) -> Said | None:
    """A sentence about some values: `say("At {mean} on average.", mean=rate)`. None if one of them is None."""
    known = {key: value for key, value in parts.items() if value is not None}
    if len(known) < len(parts):
        return None
    return text(template, "", **{key: value.map(shown) for key, value in known.items()})


def just(value: Because[Any] | None) -> Said | None:
    """A value in words."""
    return say("{_}", _=value)


def paragraph(*sentences: Said | None) -> Iterable[Text]:
    """A paragraph of the sentences that are not None, if there are any."""
    said = [one for one in sentences if one is not None]
    if said:
        yield Text(said=Because(" ".join(one.value for one in said), "", tuple(said)))

"""Whether it was worth it: success criteria, the bill, risks, and what is still open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ...because import Because, because
from ...diagnostics import Diagnostic
from ...plan.choose import count
from ..memo import assumptions, bill
from ..memo.headlines import SEVERITIES
from ..memo.money import CostPart
from .document import DesignAmount, DesignChart, DesignGap
from .draft import Block, Gap, Picture, Said, Section, Table, paragraph, say
from .scene import Scene
from .words import conditions, gap, listed

__all__ = ["cost", "not_compiled", "open_points", "risks", "success"]

NOT_COMPILED = "MLS013"
"""The finding about a field that has no effect yet."""

MOST = 8
"""How many estimates are listed."""


def success(scene: Scene) -> Iterator[Block]:
    """What must be true, and by when."""
    if scene.system.success:
        yield conditions("", scene.system.success)
    else:
        yield gap("there is no success criterion", "success", "without one, a project neither succeeds nor ends")


def cost(scene: Scene) -> Iterator[Block]:
    """The monthly bill by part."""
    yield from paragraph(
        say("The system costs {total}.", total=scene.said("Cost", "total")),
        say("{left} of the budget is left.", left=scene.said("Cost", "headroom: unused budget")),
    )
    parts = bill(scene.plan)
    if parts:
        yield Picture(chart=_bill(parts))
    yield from scene.facts("Bill", scene.lines("Cost"))
    yield from scene.facts("Peak resource usage", scene.lines("Peak resource usage"))


def _bill(parts: Iterable[CostPart]) -> DesignChart:
    amounts = (
        DesignAmount(
            name=one.title,
            amount=float(one.expected),
            said=one.said(one.expected),
            least=float(one.floor),
            most=float(one.peak),
        )
        for one in parts
    )
    return DesignChart(title="Monthly cost by part", unit="expected", amounts=tuple(amounts))


def risks(scene: Scene) -> Iterator[Block]:
    """What lint found, and what is assumed and not measured."""
    found = sorted(
        (one for one in scene.found if one.id != NOT_COMPILED), key=lambda one: SEVERITIES.index(one.severity)
    )
    rows = tuple((_found(scene, one, one.message), one.severity, _found(scene, one, one.note), one.id) for one in found)
    if rows:
        yield Table(caption="Known risks", head=("risk", "severity", "why it matters", "rule"), rows=rows)
    values = [line.value for area in scene.areas for line in area.lines]
    known = {one.path: one for one in assumptions(values)}
    sources = {value.path: value for value in _assumed(values)}
    named = tuple(
        (f"`{path}`", Because(value, "", (sources[path],)), known[path].why) for path, value in scene.estimates[:MOST]
    )
    if named:
        head = ("measure this next", "assumed", "because")
        yield Table(caption="What is estimated, the largest effect first", head=head, rows=named)
    more = len(known) - len(named)
    text = (
        f"The plan rests on {count(more, 'more default')}: `mlspec plan` lists them with the field that replaces each."
    )
    if more:
        yield from paragraph(Because(text, "", tuple(sources.values())))


def _assumed(values: Iterable[Because[object]]) -> Iterator[Because[object]]:
    """Every default and assumption that some values depend on."""
    seen: set[int] = set()
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if value.kind in ("default", "assumed"):
            yield value
        waiting += [source for source in value.sources if isinstance(source, Because)]


def _write(one: DesignGap) -> str:
    return f"write `{one.field}`" if one.compiled else f"wait for a version of mlspec that compiles `{one.field}`"


def _found(scene: Scene, one: Diagnostic, words: str) -> Said:
    return Because(words, "", scene.nodes(one))


def not_compiled(scene: Scene, parts: Sequence[str]) -> Iterator[Block]:
    """A warning that some of what a section says does not run yet."""
    idle = [(scene.path(node), node) for one in scene.found if one.id == NOT_COMPILED for node in scene.nodes(one)[:1]]
    here = {path: node for path, node in idle if path.partition(".")[0] in parts}
    if here:
        names = listed([because(f"`{path}`", "", node) for path, node in here.items()])
        yield from paragraph(
            say("mlspec does not compile {names} yet: the plan covers it, but nothing runs it.", names=names)
        )


def open_points(scene: Scene, sections: Iterable[Section]) -> Iterator[Block]:
    """What the spec declares and this version does not compile, what is undecided, and what is not declared."""
    idle = [one for one in scene.found if one.id == NOT_COMPILED]
    if idle:
        rows = tuple((_found(scene, one, one.message), one.help) for one in idle)
        yield Table(caption="Declared, but not compiled", head=("what", "what to do"), rows=rows)
    undecided = tuple((area.title, area.undecided) for area in scene.areas if area.undecided)
    if undecided:
        yield Table(caption="Undecided", head=("what", "why"), rows=undecided)
    gaps = [(section.title, block.gap) for section in sections for block in section.blocks if isinstance(block, Gap)]
    missing = tuple((title, one.what, _write(one)) for title, one in gaps)
    if missing:
        yield Table(caption="Not declared", head=("section", "what", "what to do"), rows=missing)
    if not (idle or undecided or missing):
        yield from paragraph(Because("Nothing is open: every section is declared, compiled, and decided."))

"""What a section is written from: one environment, its decisions by area and title, and what was found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from ...because import Because
from ...diagnostics import Diagnostic
from ...pipeline import Compiled, Environment
from ...plan import Plan
from ...system import MLSystem
from ...tree import Mapping, Node, Place, lookup
from ..memo import Decided, decided, estimates
from ..memo.line import Line
from ..reasons import short
from .draft import Facts, Said
from .draft import Place as Where

__all__ = ["Scene"]


class Scene:
    """One environment of a compiled system."""

    def __init__(self, compiled: Compiled, environment: Environment) -> None:
        self.compiled = compiled
        self.environment = environment

    @property
    def plan(self) -> Plan:
        return self.environment.plan

    @property
    def system(self) -> MLSystem:
        return self.environment.system

    @cached_property
    def areas(self) -> tuple[Decided, ...]:
        """All decisions."""
        return tuple(decided(self.plan))

    @cached_property
    def _lines(self) -> dict[tuple[str, str], Line]:
        return {(area.title, line.title): line for area in self.areas for line in area.lines}

    @cached_property
    def estimates(self) -> list[tuple[str, str]]:
        """The assumptions that can be measured, with their values, those with the largest effect first."""
        return estimates(self.areas)

    @cached_property
    def found(self) -> tuple[Diagnostic, ...]:
        """The findings that apply here."""
        name = self.environment.name
        return tuple(one for one in self.compiled.timeless if not one.environments or name in one.environments)

    def lines(self, area: str, *titles: str) -> Iterator[Line]:
        """The decisions of an area with some titles, in that order; all of them if there are no titles."""
        if not titles:
            yield from (line for (own, _), line in self._lines.items() if own == area)
        yield from (line for title in titles if (line := self._lines.get((area, title))) is not None)

    def said(self, area: str, title: str) -> Said | None:
        """The value of a decision in words, with its unit."""
        line = self._lines.get((area, title))
        return None if line is None else Because(line.text, "", (line.value,))

    def facts(self, caption: str, *lines: Iterable[Line]) -> Iterator[Facts]:
        """A block of facts, if there are any."""
        every = tuple(line for some in lines for line in some)
        if every:
            yield Facts(caption=caption, lines=every)

    # Places

    def place(self, node: Node) -> Where:
        """Where a node is."""
        file = self._file(node)
        return Where(self.path(node), f"{file}:{node.line + 1}", "" if self._is_own(node) else file)

    def _file(self, node: Node) -> str:
        """The name of a file that is the same wherever the command runs: below the spec's folder, or of the catalog."""
        sources, name = self.compiled.input.sources, node.file.name
        folder, slash, _ = sources.spec.file.name.rpartition("/") if sources is not None else ("", "", "")
        if name.startswith(("catalog/", f"{folder}{slash}")):
            return name.removeprefix(f"{folder}{slash}")
        return name.rpartition("/")[2]

    def at(self, path: str) -> tuple[Node, ...]:
        """The node at a path, if a file sets it."""
        node = lookup(self.environment.layered.tree, tuple(path.split(".")))
        return () if node is None else (node,)

    def path(self, node: Node) -> str:
        """The path of any node, a mapping included."""
        path = ".".join(self._branches.get(id(node), ()))
        if path.startswith("releases.") and not self._is_own(node):
            return path  # a release file may use either form, and a promotion writes another one
        return short(self.environment.layered, path)

    def _is_own(self, node: Node) -> bool:
        sources = self.compiled.input.sources
        return sources is not None and node.file is sources.spec.file

    def nodes(self, finding: Diagnostic) -> tuple[Node, ...]:
        """The values that a finding points at."""
        spans = (finding.span, *(other.span for other in finding.others))
        return tuple(self._spans[span.place] for span in spans if span.place in self._spans)

    @cached_property
    def _branches(self) -> dict[int, tuple[str, ...]]:
        return {id(node): steps for steps, node in self._every}

    @cached_property
    def _every(self) -> tuple[tuple[tuple[str, ...], Node], ...]:
        """Every node of the spec and of what it is layered on, with its path."""
        return tuple(_walked(self.environment.layered.tree, ()))

    @cached_property
    def _spans(self) -> dict[Place, Node]:
        """Every value of the files that findings point into, by its place and by that of its key."""
        files = {one.span.file for one in self.found} | {other.span.file for one in self.found for other in one.others}
        found = {}
        for _, node in self._every:
            if node.file in files:
                found[node.span.place] = node
            if isinstance(node, Mapping):
                found |= {key.span.place: node.entries[name] for name, key in node.keys.items() if key.file in files}
        return found


def _walked(node: Node, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Node]]:
    yield path, node
    if isinstance(node, Mapping):
        for key, child in node.entries.items():
            yield from _walked(child, (*path, key))
    else:
        for index, child in enumerate(getattr(node, "items", ())):
            yield from _walked(child, (*path, str(index)))
